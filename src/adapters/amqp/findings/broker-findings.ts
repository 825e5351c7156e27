import type { ChannelModel } from "amqplib";
import { MAX_COMMAND_BYTES } from "../../../contract/command.ts";
import { type Finding, type Findings, findingsOf } from "../../../contract/finding.ts";
import { asError } from "../../thrown.ts";
import { manyMayListen, within } from "../../time-limits.ts";
import type { Examined } from "./examined.ts";
import { userOf } from "../connection/log-in.ts";
import { messageSizeLimit } from "../message-size.ts";
import { nodeOf, openModel } from "../connection/opening.ts";
import { vhostOf } from "../connection/opening-refusal.ts";
import { queueFindings } from "./queue-findings.ts";
import { rightFindings } from "./right-findings.ts";
import { senderFindings } from "./sender-findings.ts";
import type { AmqpSettings } from "../settings.ts";
import { tagFindings } from "./tag-findings.ts";

/**
 * Looks at the broker as the worker would use it, over a connection of its own, and changes nothing: no message reaches a
 * queue, nothing is declared that is not there. Never rejects.
 *
 * @param about `namesSenders`: broker users decide what a command may ask for
 * @param signal ends it; what was found until then is given
 */
export async function brokerFindings(
  settings: AmqpSettings,
  about: { readonly namesSenders: boolean },
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const found = findingsOf("rabbitmq");
  const { access } = settings;
  const now = { ...settings, ...access?.() };
  const socket = new AbortController();
  const cut = () => socket.abort();
  manyMayListen(signal);
  signal.addEventListener("abort", cut, { once: true });
  if (signal.aborted) cut();
  try {
    const model = await connected(now, found, socket.signal);
    return model === null ? found.all : await examinedBy(model, { now, found, signal }, about);
  } finally {
    signal.removeEventListener("abort", cut);
    // A broker that has fallen silent would keep the program, or a worker's socket, for ever.
    cut();
  }
}

async function examinedBy(
  model: ChannelModel,
  { now, found, signal }: Pick<Examined, "found" | "signal"> & { readonly now: AmqpSettings },
  about: { readonly namesSenders: boolean },
): Promise<readonly Finding[]> {
  const url = now.urls[0] ?? "amqp://";
  const user = userOf(url) ?? "guest";
  const examined: Examined = { model, settings: now, user, vhost: vhostOf(url), found, signal };
  try {
    versionFinding(examined);
    await queueFindings(examined);
    await rightFindings(examined);
    await sizeFinding(examined);
    await tagFindings(examined);
    if (about.namesSenders) await senderFindings(examined);
  } catch (error) {
    const todo = "Look at the broker's log and its load, then ask again.";
    found.wrong("answers", `the broker stopped answering: ${asError(error).message}`, todo);
  } finally {
    await within(model.close(), now.rpcTimeoutMs, "connection.close").catch(() => undefined);
  }
  return found.all;
}

/** To the first that answers; each that does not is a finding. */
async function connected(
  settings: AmqpSettings,
  found: Findings,
  signal: AbortSignal,
): Promise<ChannelModel | null> {
  let model: ChannelModel | null = null;
  for (const url of settings.urls) {
    const check = `connection to ${nodeOf(url)}`;
    try {
      const one = await openModel("ecs-reinstall-doctor", url, settings, signal);
      // What ends it is what the next question hears.
      one.on("error", () => undefined);
      found.ok(check, `vhost '${vhostOf(url)}', user '${userOf(url) ?? "guest"}'`);
      if (model === null) model = one;
      else
        await within(one.close(), settings.rpcTimeoutMs, "connection.close").catch(() => undefined);
    } catch (error) {
      const todo =
        "Check address, vhost, user and password (AMQP_URL or AMQP_HOST and its neighbours).";
      const says = asError(error).message;
      // The nodes of one cluster stand for each other.
      if (settings.urls.length > 1) found.warning(check, says, todo);
      else found.wrong(check, says, todo);
    }
  }
  if (model === null && settings.urls.length > 1) {
    found.wrong("connection", "no broker of AMQP_URL can be used", "See each of them above.");
  }
  return model;
}

const OLDEST = [3, 10] as const;

function versionFinding({ model, found }: Examined): void {
  const { serverProperties } = model.connection as {
    readonly serverProperties?: Readonly<Record<string, unknown>>;
  };
  const said = serverProperties?.["version"];
  const version = typeof said === "string" ? said : "unknown";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const tooOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (tooOld) {
    found.wrong(
      "version",
      `RabbitMQ ${version}`,
      "Upgrade to RabbitMQ 4: 3.10 is the oldest that is tested.",
    );
  } else {
    found.ok("version", `RabbitMQ ${version}${major < 4 ? " (tested; 4 is recommended)" : ""}`);
  }
}

/** A step carries its command, and what it has learnt of it. */
const LONGEST_MESSAGE_BYTES = 2 * MAX_COMMAND_BYTES;

async function sizeFinding({ model, settings, found }: Examined): Promise<void> {
  const check = "max_message_size";
  const nowhere = `${settings.names.workQueue}.probe`;
  try {
    const limit = await messageSizeLimit(model, nowhere, settings.rpcTimeoutMs);
    if (limit === null) {
      const todo =
        "Set max_message_size = 1048576 in rabbitmq.conf: each message is read whole before it is judged.";
      found.warning(check, "the broker takes messages of several MiB", todo);
    } else if (limit < LONGEST_MESSAGE_BYTES) {
      const todo = `Set it to at least ${LONGEST_MESSAGE_BYTES} (1048576 is enough): long commands are refused.`;
      found.wrong(check, `the broker takes no more than ${limit} bytes`, todo);
    } else found.ok(check, `${limit} bytes`);
  } catch (error) {
    const todo =
      "Give the user the right to write to the default exchange (amq.default), then ask again.";
    found.warning(check, `could not be asked: ${asError(error).message}`, todo);
  }
}
