import type { Writable } from "node:stream";
import { type ChannelModel, connect, credentials } from "amqplib";
import { connectionFault, isOpeningRefused, openingFault } from "./connection-fault.ts";
import { cutDeepHeaders } from "./deep-headers.ts";
import { logIn, userOf } from "./log-in.ts";
import { askOpeningRefusal } from "./opening-refusal.ts";
import type { AmqpAccess, AmqpSettings } from "../settings.ts";
import { oneWriteATurn } from "../../one-write-a-turn.ts";
import { asError } from "../../thrown.ts";
import { within } from "../../time-limits.ts";

/**
 * One attempt to connect; rejects with an error that says what to look at.
 *
 * @param signal destroys the socket: amqplib gives no other way to it
 */
export async function openModel(
  name: string,
  url: string,
  settings: Pick<AmqpSettings, "connectTimeoutMs" | "rpcTimeoutMs" | "heartbeatSeconds" | "tls">,
  signal: AbortSignal,
): Promise<ChannelModel> {
  const { connectTimeoutMs, rpcTimeoutMs, heartbeatSeconds, tls } = settings;
  const options = { ...socketOptions(name, tls, signal), ...logIn(url) };
  const what = `connecting to ${nodeOf(url)}`;
  try {
    const connecting = connect(withHeartbeat(url, heartbeatSeconds), options);
    const model = await within(connecting, connectTimeoutMs, what);
    oneWriteATurn(socketOf(model));
    cutDeepHeaders(model);
    return model;
  } catch (thrown) {
    const error = asError(thrown);
    if (!isOpeningRefused(error)) throw new Error(connectionFault(error, url), { cause: thrown });
    const plain = options.credentials ?? credentials.plain("guest", "guest");
    const asking = askOpeningRefusal(url, plain.response(), options);
    const refusal = await within(asking, rpcTimeoutMs, what).catch(() => null);
    throw new Error(openingFault(url, userOf(url), refusal), { cause: thrown });
  }
}

/** What the connection writes to: its type does not name it. */
function socketOf({ connection }: ChannelModel): Writable {
  return (connection as unknown as { readonly stream: Writable }).stream;
}

/** For logs: host and vhost, no user, no password. */
export function nodeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "(not a URL)";
  }
}

function withHeartbeat(url: string, heartbeatSeconds: number): string {
  const parsed = new URL(url);
  parsed.searchParams.set("heartbeat", String(heartbeatSeconds));
  return parsed.href;
}

function socketOptions(name: string, tls: AmqpAccess["tls"], signal: AbortSignal) {
  return {
    signal,
    noDelay: true,
    keepAlive: true,
    keepAliveDelay: 30_000,
    // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
    rejectUnauthorized: true,
    clientProperties: { connection_name: name },
    ...(tls?.caPem === undefined ? {} : { ca: tls.caPem }),
    ...(tls?.certPem === undefined ? {} : { cert: tls.certPem }),
    ...(tls?.keyPem === undefined ? {} : { key: tls.keyPem }),
    ...(tls?.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
    ...(tls?.servername === undefined ? {} : { servername: tls.servername }),
  };
}
