import type { Channel } from "amqplib";
import { ChannelSupervisor } from "../connection/channel-supervisor.ts";
import type { SupervisedConnection } from "../connection/connection.ts";
import type { AmqpSettings, OnAmqpEvent } from "../settings.ts";
import { delayQueue, waitingDelayQueue, waitingQueue } from "./topology.ts";
import type { MeasuredQueue } from "../../../contract/labels.ts";
import { asError } from "../../thrown.ts";
import { within } from "../../time-limits.ts";

/** Messages that are ready in our queues, by what the queues are for; `delay`: all delay queues together. */
export type QueueLengths = Readonly<Record<MeasuredQueue, number>>;

/** Which queues are asked for, and over which connection. */
export interface QueueLengthsOptions {
  readonly connection: SupervisedConnection;
  readonly settings: AmqpSettings;
  readonly onEvent: OnAmqpEvent;
}

/**
 * Asks the broker how long our queues are: by passive declaration, which needs no right on them and changes nothing. On a
 * channel of its own, since the broker closes it when a queue is missing.
 */
export class QueueLengthsProbe {
  readonly #settings: AmqpSettings;
  readonly #supervisor: ChannelSupervisor<Channel>;

  constructor({ connection, settings, onEvent }: QueueLengthsOptions) {
    this.#settings = settings;
    const plan = {
      name: "queue lengths",
      open: (model) => model.createChannel(),
      setup: async () => undefined,
      setupTimeoutMs: settings.rpcTimeoutMs,
      onReady: () => undefined,
      onLost: () => undefined,
    } satisfies ConstructorParameters<typeof ChannelSupervisor<Channel>>[1];
    this.#supervisor = new ChannelSupervisor(connection, plan, settings, onEvent);
  }

  start(): void {
    this.#supervisor.start();
  }

  /** May come first, or twice. */
  stop(): Promise<void> {
    return this.#supervisor.stop();
  }

  /** Null: the broker is away, or a queue is missing. Answers within one question's time-out for each queue. */
  async ask(): Promise<QueueLengths | null> {
    const { channel } = this.#supervisor;
    if (channel === undefined) return null;
    const { names, delaysMs, rpcTimeoutMs } = this.#settings;
    const messagesIn = async (queue: string) => {
      const asked = channel.checkQueue(queue);
      return (await within(asked, rpcTimeoutMs, "queue.declare")).messageCount;
    };
    try {
      let delay = await messagesIn(waitingDelayQueue(names, delaysMs));
      for (const ms of delaysMs) delay += await messagesIn(delayQueue(names.delayPrefix, ms));
      return {
        commands: await messagesIn(names.commandsQueue),
        work: await messagesIn(names.workQueue),
        "work-waiting": await messagesIn(waitingQueue(names)),
        "work-dead": await messagesIn(names.workDeadQueue),
        dead: await messagesIn(names.deadQueue),
        delay,
      };
    } catch (error) {
      // Whoever consumes or publishes says what is wrong. A question without an answer holds up all that follow.
      this.#supervisor.replace(channel, asError(error).message);
      return null;
    }
  }
}
