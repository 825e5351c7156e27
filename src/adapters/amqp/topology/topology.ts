import { longestOf } from "../../../core/waiting/crowd.ts";
import type { AmqpNames, AmqpSettings } from "../settings.ts";

interface ExchangePlan {
  readonly name: string;
}

/** A queue as it is declared; all are durable quorum queues. */
export interface QueuePlan {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number>>;
  /** No other program touches it: its absence means that nothing can be in flight. */
  readonly internal: boolean;
}

/** Everything that is declared, in this order. */
export interface TopologyPlan {
  readonly exchanges: readonly ExchangePlan[];
  readonly queues: readonly QueuePlan[];
  readonly bindings: readonly {
    readonly queue: string;
    readonly exchange: string;
    readonly key: string;
  }[];
}

/**
 * The queues and exchanges of the contract. No path leads from a queue back to itself without a publish of ours:
 * RabbitMQ silently drops a message that goes round such a circle without being rejected.
 */
export function topologyOf({ names, delaysMs }: AmqpSettings): TopologyPlan {
  const quorum = { "x-queue-type": "quorum" };
  const longestMs = longestOf(delaysMs);
  return {
    exchanges: [{ name: names.commandsExchange }, { name: names.eventsExchange }],
    queues: [
      { name: names.deadQueue, internal: false, arguments: { ...quorum, ...UNLIMITED } },
      { name: names.workDeadQueue, internal: true, arguments: { ...quorum, ...UNLIMITED } },
      {
        name: names.workQueue,
        internal: true,
        arguments: { ...quorum, "x-delivery-limit": 1_000, ...deadLetteredTo(names.workDeadQueue) },
      },
      {
        name: waitingQueue(names),
        internal: true,
        arguments: {
          ...quorum,
          "x-delivery-limit": 1_000,
          "x-message-ttl": WAITING_TTL_MS,
          ...deadLetteredTo(names.workDeadQueue),
        },
      },
      ...delaysMs.map((delayMs) => ({
        name: delayQueue(names.delayPrefix, delayMs),
        internal: true,
        arguments: { ...quorum, "x-message-ttl": delayMs, ...deadLetteredTo(names.workQueue) },
      })),
      {
        name: waitingDelayQueue(names, delaysMs),
        internal: true,
        arguments: {
          ...quorum,
          "x-message-ttl": longestMs,
          ...deadLetteredTo(waitingQueue(names)),
        },
      },
      {
        name: names.commandsQueue,
        internal: false,
        arguments: { ...quorum, "x-delivery-limit": 100, ...deadLetteredTo(names.workDeadQueue) },
      },
    ],
    bindings: [{ queue: names.commandsQueue, exchange: names.commandsExchange, key: "#" }],
  };
}

/**
 * Commands that wait in a crowd have a work queue of their own: thousands of them in the same queue would stand before the
 * steps of those in work.
 */
export function waitingQueue({ workQueue }: Pick<AmqpNames, "workQueue">): string {
  return `${workQueue}.waiting`;
}

/** The delay queue before it, of the longest delay. */
export function waitingDelayQueue(
  { delayPrefix }: Pick<AmqpNames, "delayPrefix">,
  delaysMs: readonly number[],
): string {
  return `${delayPrefix}waiting.${longestOf(delaysMs)}`;
}

/** The name of the delay queue for a delay in ms. */
export function delayQueue(prefix: string, delayMs: number): string {
  return `${prefix}${delayMs}`;
}

/*
 * A number, because RabbitMQ 4 drops a message after 20 deliveries where nothing is said and there is nowhere to
 * dead-letter it, and because 3.10 does not know -1.
 */
const UNLIMITED = { "x-delivery-limit": 1_000_000 };

/**
 * An older version does not consume that queue. What lies there for so long goes to `work.dead`, and from there every version puts it
 * back on its way. Less than the sweeper waits (five minutes by default): it would end such commands, whose bodies only their messages
 * have.
 */
const WAITING_TTL_MS = 150_000;

/** Through the default exchange, whose bindings nobody can remove; confirmed by the target before it leaves here. */
function deadLetteredTo(queue: string) {
  return {
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": queue,
    "x-dead-letter-strategy": "at-least-once",
    // at-least-once works with this overflow only: with any other the broker quietly does it at most once.
    "x-overflow": "reject-publish",
  };
}
