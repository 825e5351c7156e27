import type { MeasuredQueue, PolicyKey } from "../../../contract/labels.ts";
import type { AmqpNames } from "../settings.ts";
import { type QueuePlan, waitingQueue } from "./topology.ts";

/** What the broker made of a queue, as its management API shows it. */
export interface QueueFacts {
  /** `quorum`, `classic`, `stream`. */
  readonly type: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly policy: string | null;
  readonly operatorPolicy: string | null;
  /** Policy and operator policy together; the queue's own arguments are not in it. */
  readonly effective: Readonly<Record<string, unknown>>;
}

/** Something that lies over a queue and does harm. */
export interface PolicyObjection {
  readonly queue: string;
  readonly purpose: MeasuredQueue;
  /** As policies write it: `message-ttl`; `type` and `arguments` are the queue's own. */
  readonly key: PolicyKey;
  /** The worker is not ready while it lies there. */
  readonly refused: boolean;
  readonly message: string;
}

/** What a queue of ours is for, by its name; any other name is one of the delay queues. */
export function purposeOf(queue: string, names: AmqpNames): MeasuredQueue {
  if (queue === names.commandsQueue) return "commands";
  if (queue === names.workQueue) return "work";
  if (queue === waitingQueue(names)) return "work-waiting";
  if (queue === names.workDeadQueue) return "work-dead";
  return queue === names.deadQueue ? "dead" : "delay";
}

/**
 * Where an argument of ours stands against a policy, the argument wins for texts (dead-lettering, overflow), and the
 * lower one for numbers: so no argument keeps a queue from a shorter time or length, and this has to be looked at.
 * The same in RabbitMQ 3.10 and 4.
 */
export function objectionsTo(
  plan: QueuePlan,
  purpose: MeasuredQueue,
  facts: QueueFacts,
): PolicyObjection[] {
  const { effective } = facts;
  const by = [
    facts.policy === null ? null : `policy '${facts.policy}'`,
    facts.operatorPolicy === null ? null : `operator policy '${facts.operatorPolicy}'`,
  ].filter((one) => one !== null);
  const source = by.length === 0 ? "a policy" : by.join(" with ");
  const found: PolicyObjection[] = [];
  const object = (key: PolicyKey, what: string, refused: boolean) => {
    const message = `queue '${plan.name}': ${what}`;
    found.push({ queue: plan.name, purpose, key, refused, message });
  };
  const lay = (key: PolicyKey, harm: string, refused: boolean) => {
    object(key, `${source} sets ${key}=${String(effective[key])}: ${harm}`, refused);
  };
  const ours = purpose !== "dead";
  const isWork = purpose === "work" || purpose === "work-waiting";
  if (isLower(effective["message-ttl"], plan.arguments["x-message-ttl"])) {
    lay("message-ttl", HARM_OF_TTL[purpose], ours && !PUTS_BACK.includes(purpose));
  }
  if (effective["expires"] !== undefined) {
    lay("expires", "the queue is deleted with what is in it when it is idle", ours);
  }
  for (const key of ["max-length", "max-length-bytes"] as const) {
    if (effective[key] === undefined) continue;
    // With reject-publish nothing is lost: the publisher learns of it.
    const drops = plan.arguments["x-overflow"] === undefined;
    const harm = drops
      ? "a full queue drops its oldest messages"
      : "a full queue takes no more messages";
    lay(key, harm, drops ? ours : isWork);
  }
  if (givesUpSooner(effective["delivery-limit"], plan.arguments["x-delivery-limit"])) {
    lay("delivery-limit", HARM_OF_LIMIT[purpose], purpose === "work-dead");
  }
  if (facts.type !== "quorum") {
    object("type", `it is a ${facts.type} queue, which may lose what it confirmed`, ours);
  }
  const other = differentArgument(plan, facts.arguments);
  if (other !== null) {
    object("arguments", `its ${other} is not what the worker declares`, ours);
  }
  return found;
}

/** Nothing of theirs is lost before its time: it only comes sooner. */
const PUTS_BACK: readonly MeasuredQueue[] = ["delay", "work-waiting"];

const HARM_OF_TTL: Readonly<Record<MeasuredQueue, string>> = {
  commands: "commands that wait for a worker expire",
  work: "steps of commands under way expire",
  "work-waiting": "commands that wait in a crowd stand before the steps of those in work",
  "work-dead": "what the broker gave up on is dropped, unheard of",
  dead: "dead letters are dropped before people see them",
  delay: "delays are shorter than configured",
};

const GIVEN_UP_EARLY = "messages are given up early";
const HARM_OF_LIMIT: Readonly<Record<MeasuredQueue, string>> = {
  commands: GIVEN_UP_EARLY,
  work: GIVEN_UP_EARLY,
  "work-waiting": GIVEN_UP_EARLY,
  "work-dead": "what is delivered so often is dropped",
  dead: "dead letters that people have looked at so often are dropped",
  delay: GIVEN_UP_EARLY,
};

/** Only where the worker declares a queue that exists does the broker compare them itself. */
function differentArgument(plan: QueuePlan, has: Readonly<Record<string, unknown>>): string | null {
  const differs = ([name, value]: [string, unknown]) =>
    name !== "x-queue-type" && has[name] !== value;
  return Object.entries(plan.arguments).find(differs)?.[0] ?? null;
}

function isLower(value: unknown, own: unknown): boolean {
  if (typeof value !== "number") return false;
  return typeof own !== "number" || value < own;
}

/** Below 0 is without a limit: RabbitMQ 4 then keeps the one that the queue was declared with. */
function givesUpSooner(limit: unknown, own: unknown): boolean {
  return isLower(limit, own) && Number(limit) >= 0;
}
