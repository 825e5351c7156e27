import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { Client } from "undici";
import { deadline } from "../../time-limits.ts";
import { wireOver } from "./wire.ts";

/** An open connection to an origin, TLS included. Nothing of a request has gone over it. */
export interface Connection {
  /** What requests are written to: `raw` itself, or TLS over it. */
  readonly stream: Socket;
  /** The TCP socket: the only one that can be *reset*. */
  readonly raw: Socket;
}

export interface ConnectOptions {
  readonly connectMs: number;
  /** Certificates to trust *instead of* Node's own, as PEM text; asked for each connection. */
  readonly caPem?: (() => string) | undefined;
  /** `raw` may be reset at any moment, under TLS too. */
  readonly resettable?: boolean;
  /** The proxy for an origin, with its credentials; null: go directly. */
  readonly proxyOf?: ProxyOf | undefined;
}

export type ProxyOf = (origin: URL) => URL | null;

/** `proxy`: whatever failed between us and the proxy, its own TLS and its answer to CONNECT included. */
type Stage = "name" | "tcp" | "proxy" | "tls";

/** There is no connection, so nothing can have been sent. The message says what failed, and at which proxy. */
class NotConnected extends Error {
  override readonly name = "NotConnected";

  constructor(stage: Stage, proxy: URL | null, message: string, cause?: unknown) {
    const through = proxy === null ? "" : throughProxy(proxy);
    super(
      stage === "proxy" && proxy !== null
        ? `proxy ${proxy.origin}: ${message}`
        : `${stage}: ${message}${through}`,
      { cause },
    );
  }
}

/** For messages about what went wrong beyond a proxy. Names it without its credentials. */
export function throughProxy(proxy: URL): string {
  return ` (through the proxy ${proxy.origin})`;
}

export type Connect = (origin: URL, signal: AbortSignal) => Promise<Connection>;

/** Name, TCP, proxy and TLS within one time limit. Rejects with {@link NotConnected} and leaves nothing open. */
export function createConnect(options: ConnectOptions): Connect {
  return async function connect(origin, signal) {
    const limit = deadline(options.connectMs, signal);
    const opened: Socket[] = [];
    const proxy = options.proxyOf?.(origin) ?? null;
    let stage: Stage = proxy === null ? "name" : "proxy";
    const enter = (next: Stage) => {
      if (proxy === null || next === "tls") stage = next;
    };
    try {
      const over = options.resettable === true ? wireOver : (socket: Socket) => socket;
      const tls = { opened, caPem: options.caPem };
      const raw = await openTcp(proxy ?? origin, opened, enter, limit.signal);
      let stream = raw;
      if (proxy !== null) {
        if (proxy.protocol === "https:") {
          stream = await openTls(proxy, over(stream), tls, limit.signal);
        }
        stream = await openTunnel(origin, proxy, stream, limit.signal);
      }
      if (origin.protocol === "https:") {
        enter("tls");
        stream = await openTls(origin, over(stream), tls, limit.signal);
      }
      return { stream, raw };
    } catch (error) {
      for (const socket of opened) socket.destroy();
      if (limit.timedOut()) {
        throw new NotConnected(stage, proxy, `no connection within ${options.connectMs} ms`, error);
      }
      const why = signal.aborted ? "aborted while connecting" : reason(error);
      throw new NotConnected(stage, proxy, why, error);
    } finally {
      limit.clear();
    }
  };
}

async function openTcp(
  target: URL,
  opened: Socket[],
  enter: (stage: Stage) => void,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connectTcp({ host: bareHost(target), port: portOf(target), noDelay: true });
  opened.push(socket);
  socket.once("lookup", (error: Error | null) => {
    if (error === null) enter("tcp");
  });
  if (isIP(bareHost(target)) !== 0) enter("tcp");
  await happens(socket, "connect", signal);
  return socket;
}

async function openTls(
  target: URL,
  over: Duplex,
  { opened, caPem }: { readonly opened: Socket[]; readonly caPem: (() => string) | undefined },
  signal: AbortSignal,
): Promise<Socket> {
  const host = bareHost(target);
  const socket = connectTls({
    socket: over,
    host,
    // A server name that is an address is against the rules (RFC 6066 §3); `host` is verified all the same.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(caPem === undefined ? {} : { ca: caPem() }),
    // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
  });
  opened.push(socket);
  await happens(socket, "secureConnect", signal);
  return socket;
}

/** Every origin goes through CONNECT, `http:` too: a proxy that forwards requests may repeat or keep them. */
async function openTunnel(
  origin: URL,
  proxy: URL,
  over: Socket,
  signal: AbortSignal,
): Promise<Socket> {
  let handedOver = false;
  const client = new Client(proxy.origin, {
    allowH2: false,
    connect(_target, callback) {
      // A second time means that the first was lost: undici would ask for ever.
      if (handedOver) return callback(new Error("the proxy closed the connection"), null);
      handedOver = true;
      queueMicrotask(() => callback(null, over));
    },
  });
  const authority = `${origin.hostname}:${portOf(origin)}`;
  const { socket, statusCode } = await client.connect({
    path: authority,
    headers: {
      host: authority,
      ...(proxy.username === "" ? {} : { "proxy-authorization": basic(proxy) }),
    },
    signal,
  });
  if (statusCode < 200 || statusCode > 299) {
    const hint = statusCode === 407 ? ": it wants other credentials" : "";
    throw new Error(`it refused CONNECT to ${authority} with ${statusCode}${hint}`);
  }
  return socket as Socket;
}

async function happens(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: unknown) => {
      socket.off(event, onEvent).off("error", settle).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      // Errors after this belong to whoever uses the socket; without any listener they would end the process.
      socket.on("error", () => {});
      if (error === undefined) resolve();
      else reject(error);
    };
    const onEvent = () => settle();
    const onClose = () => settle(new Error("closed by the other side"));
    const onAbort = () => settle(signal.reason);
    socket.on(event, onEvent).on("error", settle).on("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function basic(proxy: URL): string {
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === "https:" ? 443 : 80));
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return reason(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
