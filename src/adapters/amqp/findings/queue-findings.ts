import type { ConfirmChannel } from "amqplib";
import { asError } from "../../thrown.ts";
import { pause } from "../../time-limits.ts";
import type { Examined } from "./examined.ts";
import { objectionsTo, purposeOf, type QueueFacts } from "../topology/policy-rules.ts";
import { ask, type Reply } from "./question.ts";
import { askManagement, bindingExists, exchangeType, queueFacts } from "../topology/queue-facts.ts";
import type { AmqpSettings } from "../settings.ts";
import { type QueuePlan, topologyOf } from "../topology/topology.ts";

/** Are exchanges, queues and bindings there, of the right kind, with nothing harmful over them? */
export async function queueFindings(examined: Examined): Promise<void> {
  const { settings } = examined;
  const plan = topologyOf(settings);
  await managementFinding(examined);
  for (const { name } of plan.exchanges) await exchangeFinding(examined, name);
  for (const queue of plan.queues) await queueFinding(examined, queue);
  for (const binding of plan.bindings) await bindingFinding(examined, binding);
}

/** Without it nobody can see what the broker made of a queue. */
async function managementFinding({ settings, vhost, found }: Examined): Promise<void> {
  const check = "management API";
  const { management, rpcTimeoutMs } = settings;
  if (management === undefined) {
    const todo = "Set AMQP_MANAGEMENT_URL, with a user that has the tag management.";
    found.warning(
      check,
      "policies, bindings and types are not looked at: AMQP_MANAGEMENT_URL is not set",
      todo,
    );
    return;
  }
  try {
    await askManagement(
      management,
      `/api/queues/${encodeURIComponent(vhost)}?page=1&page_size=1`,
      rpcTimeoutMs,
    );
    found.ok(check, management.url);
  } catch (error) {
    const todo =
      "Check AMQP_MANAGEMENT_URL, and that its user has the tag management and a right on the vhost.";
    found.warning(check, asError(error).message, todo);
  }
}

async function exchangeFinding(examined: Examined, name: string): Promise<void> {
  const { model, settings, found, vhost } = examined;
  const check = `exchange '${name}'`;
  const reply = await ask(model, (channel) => channel.checkExchange(name), settings.rpcTimeoutMs);
  if (reply.kind === "no") return missing(examined, check, reply);
  const type = await known(() => exchangeType(settings, vhost, name));
  if (type !== null && type !== "topic") {
    const todo = "Delete it, and let the worker (or your topology) declare it as a topic exchange.";
    found.wrong(check, `it is a ${type} exchange: keys with # and * mean nothing there`, todo);
  } else found.ok(check, type === null ? "is there" : "is there, a topic exchange");
}

async function queueFinding(examined: Examined, plan: QueuePlan): Promise<void> {
  const { model, settings, found, vhost, signal } = examined;
  const check = `queue '${plan.name}'`;
  const timeoutMs = settings.rpcTimeoutMs;
  let counted = "";
  const count = async (channel: Pick<ConfirmChannel, "checkQueue">) => {
    const { messageCount, consumerCount } = await channel.checkQueue(plan.name);
    counted = `${messageCount} ready, ${consumerCount} consumers`;
  };
  const reply = await ask(model, count, timeoutMs);
  if (reply.kind === "no") return missing(examined, check, reply);
  const facts = await factsOf(settings, vhost, plan.name, signal);
  if (facts === null) {
    found.ok(check, `is there; its type, arguments and policies could not be seen; ${counted}`);
    return;
  }
  const objections = objectionsTo(plan, purposeOf(plan.name, settings.names), facts);
  const worst = objections.find(({ refused }) => refused) ?? objections[0];
  if (worst === undefined) {
    found.ok(check, `quorum, with our arguments; no policy does harm; ${counted}`);
    return;
  }
  const says = objections.map(({ message }) => message.replace(`${check}: `, "")).join("; ");
  if (worst.refused) found.wrong(check, says, TODO[worst.key]);
  else found.warning(check, says, TODO[worst.key]);
}

/** The broker's management part knows a new queue after some seconds. */
const [TRIES, PAUSE_MS] = [7, 1_000] as const;

/** What the broker made of it; null: nobody can say. */
async function factsOf(
  { management, rpcTimeoutMs }: AmqpSettings,
  vhost: string,
  queue: string,
  signal: AbortSignal,
): Promise<QueueFacts | null> {
  if (management === undefined) return null;
  for (let left = TRIES; left > 0 && !signal.aborted; left -= 1) {
    const answer = await known(() => queueFacts(management, vhost, queue, rpcTimeoutMs));
    if (answer?.kind === "facts") return answer.facts;
    if (answer?.kind !== "not-yet") return null;
    await pause(PAUSE_MS, signal);
  }
  return null;
}

const OF_A_POLICY = "Change the policy so that it does not match our queues, or without this key.";
const AGAIN =
  "Stop the workers, let it run empty, delete it, and let the worker (or config/rabbitmq-topology.example.json) declare it.";
const TODO: Readonly<Record<ReturnType<typeof objectionsTo>[number]["key"], string>> = {
  "message-ttl": OF_A_POLICY,
  expires: OF_A_POLICY,
  "max-length": OF_A_POLICY,
  "max-length-bytes": OF_A_POLICY,
  "delivery-limit": OF_A_POLICY,
  type: AGAIN,
  arguments: AGAIN,
};

async function bindingFinding(
  { settings, found, vhost }: Examined,
  { queue, exchange, key }: { queue: string; exchange: string; key: string },
): Promise<void> {
  const check = `binding of '${queue}' to '${exchange}'`;
  const there = await known(() => bindingExists(settings, vhost, { queue, exchange, key }));
  if (there === true) found.ok(check, `with the key ${key}`);
  if (there !== false) return;
  const todo = settings.declare
    ? "Start a worker: it binds the queue."
    : `Bind the queue with the key ${key}: without it every command is returned to its emitter.`;
  if (settings.declare) found.warning(check, "is not there yet", todo);
  else found.wrong(check, "is not there", todo);
}

function missing(
  { settings, found }: Examined,
  check: string,
  { code, text }: Reply & { kind: "no" },
) {
  if (code === 403) {
    found.wrong(
      check,
      `may not be looked at: ${text}`,
      "Give the user a right on it (config/rabbitmq-permissions.example).",
    );
  } else if (code !== 404) {
    found.warning(check, `could not be looked at: ${text}`, "Look who uses it, then ask again.");
  } else if (settings.declare) {
    found.warning(check, "is not there yet", "Start a worker: it declares it.");
  } else {
    found.wrong(
      check,
      "is not there",
      "Declare it (config/rabbitmq-topology.example.json): with AMQP_DECLARE=false the worker does not.",
    );
  }
}

/** Null where nobody can say: that is a finding of its own. */
async function known<T>(asked: () => Promise<T>): Promise<T | null> {
  try {
    return await asked();
  } catch {
    return null;
  }
}
