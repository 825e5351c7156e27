import { type Channel, type ConsumeMessage, IllegalOperationError } from "amqplib";
import { backoffMs } from "./connection/backoff.ts";
import { Changes } from "./changes.ts";
import { ChannelSupervisor, ReplacedError } from "./connection/channel-supervisor.ts";
import type { SupervisedConnection } from "./connection/connection.ts";
import { type Delivery, type DeliveryHandler, type Disposition, deliveryOf } from "./delivery.ts";
import type { AmqpSettings, OnAmqpEvent } from "./settings.ts";
import type { QueueState } from "./topology/topology-declaration.ts";
import { asError } from "../thrown.ts";
import { manyMayListen, pause, withDeadline, within } from "../time-limits.ts";

/** What is consumed, over which connection, and who takes the deliveries. */
export interface QueueConsumerOptions {
  readonly queue: string;
  readonly prefetch: number;
  readonly connection: SupervisedConnection;
  readonly settings: AmqpSettings;
  readonly handler: DeliveryHandler;
  readonly onEvent: OnAmqpEvent;
  /** Rejects while the queue cannot be expected to be there. */
  readonly ensureTopology: () => Promise<void>;
  /** The queue, or something of it, was found missing. */
  readonly onMissing: () => void;
}

/** How one consumer stands, from memory. */
export interface ConsumerStatus {
  readonly queue: string;
  readonly consuming: boolean;
  readonly inFlight: number;
  readonly lastError: string | null;
}

/** Hands a queue's deliveries to a handler and settles them with the broker as it says. */
export class QueueConsumer {
  readonly #options: QueueConsumerOptions;
  readonly #supervisor: ChannelSupervisor<Channel>;
  readonly #stopping = new AbortController();
  /** Nobody waits for what is in hand any more. */
  readonly #closing = new AbortController();
  readonly #changed = new Changes();
  /** Of channels that may still be delivered to. */
  readonly #tags = new Map<Channel, string>();
  /** Deliveries in hand, by the channel that brought them. */
  readonly #inHand = new Map<Channel, number>();
  #settledMs = Number.NEGATIVE_INFINITY;
  /** When the broker last showed that it has the consumer: confirmed it, or gave it a message (`performance.now()`). */
  #heardMs = Number.POSITIVE_INFINITY;
  /** Since when looks have found messages in the queue, and nothing was given to us. */
  #deafMs: number | undefined;

  constructor(options: QueueConsumerOptions) {
    const { queue, connection, settings, onEvent, onMissing } = options;
    this.#options = options;
    manyMayListen(this.#stopping.signal);
    manyMayListen(this.#closing.signal);
    const plan = {
      name: `consumer of ${queue}`,
      open: (model) => model.createChannel(),
      setup: (channel, lose) => this.#consume(channel, lose),
      // Besides its own questions it may have to wait for the whole topology.
      setupTimeoutMs: 4 * settings.rpcTimeoutMs,
      onReady: () => onEvent("info", "consuming", { queue }),
      onLost: async (channel, why) => {
        if (why instanceof CancelledError || (why as { code?: unknown }).code === 404) onMissing();
        if (why instanceof ReplacedError) await this.#finishOn(channel);
        this.#tags.delete(channel);
      },
    } satisfies ConstructorParameters<typeof ChannelSupervisor<Channel>>[1];
    this.#supervisor = new ChannelSupervisor(connection, plan, settings, onEvent);
  }

  get queue(): string {
    return this.#options.queue;
  }

  start(): void {
    if (!this.#stopping.signal.aborted) this.#supervisor.start();
  }

  /**
   * Takes no more deliveries, waits for the handlers until the signal is aborted, and leaves the rest to be
   * redelivered. May come first, or twice.
   */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort();
    manyMayListen(signal);
    const { channel } = this.#supervisor;
    if (channel !== undefined) await this.#cancel(channel);
    await this.#changed.until(() => this.#inHand.size === 0, signal);
    this.#closing.abort();
    if (channel !== undefined) await this.#flushAcks(channel);
    await this.#supervisor.stop();
  }

  status(): ConsumerStatus {
    const { channel, isMovingOver } = this.#supervisor;
    return {
      queue: this.#options.queue,
      consuming: (channel !== undefined || isMovingOver) && !this.#stopping.signal.aborted,
      inFlight: [...this.#inHand.values()].reduce((sum, count) => sum + count, 0),
      lastError: this.#supervisor.lastError,
    };
  }

  /**
   * With what the broker says of the queue, asked at that time (`performance.now()`): a consumer that the broker does not know,
   * or does not give anything, looks like one that has nothing to do. A work queue was seen so on 3.10 after it had been deleted
   * and declared again: 100 messages, a channel without a fault, and no delivery for a minute.
   */
  compare({ messages, consumers }: QueueState, askedMs: number): void {
    const { channel } = this.#supervisor;
    const { queue, settings, onEvent } = this.#options;
    if (channel === undefined || this.#stopping.signal.aborted || askedMs < this.#heardMs) {
      this.#deafMs = undefined;
      return;
    }
    const isGivenNothing = messages > 0 && this.#inHand.size === 0;
    this.#deafMs = isGivenNothing ? (this.#deafMs ?? askedMs) : undefined;
    const deafForMs = askedMs - (this.#deafMs ?? askedMs);
    if (consumers > 0 && deafForMs < DEAF_AFTER * settings.rpcTimeoutMs) return;
    const why = consumers === 0 ? "the broker does not know it" : "it is given nothing";
    onEvent("error", "consumer is lost; the queue is consumed again", { queue, why, messages });
    this.#supervisor.replace(channel, `the consumer of ${queue} was lost: ${why}`);
  }

  async #consume(channel: Channel, lose: (why: Error) => void): Promise<void> {
    const { queue, prefetch, settings, ensureTopology } = this.#options;
    await ensureTopology();
    await within(channel.prefetch(prefetch), settings.rpcTimeoutMs, "basic.qos");
    // The channel opened while we stop: it must not take anything any more.
    if (this.#stopping.signal.aborted) return;
    const take = (message: ConsumeMessage | null) => {
      if (message === null)
        lose(new CancelledError(`the broker cancelled the consumer of ${queue}`));
      else void this.#take(channel, message);
    };
    // 3.10 may never answer: a quorum queue that has lost its leader for good.
    const consuming = channel.consume(queue, take, { noAck: false });
    const { consumerTag } = await within(consuming, settings.rpcTimeoutMs, "basic.consume");
    this.#tags.set(channel, consumerTag);
    this.#heardMs = performance.now();
  }

  /** The channel works, but another one takes its place: what it brought is finished and settled on it. */
  async #finishOn(channel: Channel): Promise<void> {
    await this.#cancel(channel);
    let closed = false;
    channel.on("close", () => {
      closed = true;
      this.#changed.notify();
    });
    await withDeadline(this.#closing.signal, FINISH_TIMEOUT_MS, (deadline) =>
      this.#changed.until(() => closed || !this.#inHand.has(channel), deadline),
    );
    await this.#flushAcks(channel);
  }

  /** Never rejects: nobody is there to hear it. */
  async #take(channel: Channel, message: ConsumeMessage): Promise<void> {
    if (this.#stopping.signal.aborted) {
      this.#settle(channel, message, (live) => live.nack(message, false, true));
      return;
    }
    this.#heardMs = performance.now();
    this.#inHand.set(channel, (this.#inHand.get(channel) ?? 0) + 1);
    const delivery = deliveryOf(this.#options.queue, message);
    // What settles the message needs its number only; tens of MiB are not to be kept for that.
    message.content = NO_CONTENT;
    if (delivery.bytes > delivery.body.length) this.#reportLength(delivery);
    try {
      const disposition = await this.#options.handler(delivery);
      if (disposition === "requeue" || disposition === "retry")
        await this.#waitBeforePuttingBack(delivery);
      this.#settle(channel, message, (live) => answer(live, message, disposition));
    } catch (error) {
      this.#reportBug(delivery, asError(error));
      await this.#waitBeforePuttingBack(delivery);
      // The handler is wrong, or the message is poison.
      this.#settle(channel, message, (live) => answer(live, message, "retry"));
    } finally {
      const left = (this.#inHand.get(channel) ?? 1) - 1;
      if (left > 0) this.#inHand.set(channel, left);
      else this.#inHand.delete(channel);
      this.#changed.notify();
    }
  }

  /**
   * The queue gives back at once what it got back. Without a pause a fault of a few seconds would use up the delivery
   * limit (3.10 counts a nack as well), and the broker would give up on a message that nothing is wrong with.
   */
  async #waitBeforePuttingBack({ deliveryCount }: Delivery): Promise<void> {
    const delayMs = backoffMs(deliveryCount, this.#options.settings.reconnect);
    await pause(delayMs, this.#stopping.signal);
  }

  #reportLength({ queue, messageId, bytes, body }: Delivery): void {
    const fields = { queue, messageId, bytes, keptBytes: body.length };
    this.#options.onEvent("warn", "message is far too long; set max_message_size", fields);
  }

  #reportBug({ queue, messageId }: Delivery, { message, stack }: Error): void {
    const fields = { queue, messageId, error: message, stack };
    this.#options.onEvent("error", "delivery handler failed", fields);
  }

  /** On the channel that brought it, or not at all: on another one its number would mean another delivery. */
  #settle(channel: Channel, message: ConsumeMessage, say: (live: Channel) => void): void {
    try {
      say(channel);
      this.#settledMs = performance.now();
    } catch (error) {
      if (!(error instanceof IllegalOperationError)) throw error;
      const { queue, onEvent } = this.#options;
      const messageId: unknown = message.properties.messageId;
      onEvent("info", "delivery outlived its channel, it will come again", { queue, messageId });
    }
  }

  async #cancel(channel: Channel): Promise<void> {
    const tag = this.#tags.get(channel);
    if (tag === undefined) return;
    this.#tags.delete(channel);
    try {
      await within(channel.cancel(tag), STOP_RPC_TIMEOUT_MS, "basic.cancel");
    } catch {
      // Gone is what was wanted.
    }
  }

  /**
   * The broker hands a quorum queue 32 acks at a time and keeps the rest in the channel until the queue has dealt with
   * them; closing the channel loses those. Of 200 acks sent at once 166 were lost without a round trip, often as many
   * with one, none with five (3.10). What is lost all the same comes again, which is harmless.
   */
  async #flushAcks(channel: Channel): Promise<void> {
    if (performance.now() - this.#settledMs > FLUSH_AFTER_MS) return;
    try {
      for (let round = 0; round < FLUSH_ROUNDS; round += 1) {
        const asking = channel.prefetch(this.#options.prefetch);
        await within(asking, STOP_RPC_TIMEOUT_MS, "basic.qos");
        await pause(FLUSH_PAUSE_MS, NEVER);
      }
    } catch {
      // No answer, or no channel any more: then there is nothing to be saved.
    }
  }
}

class CancelledError extends Error {
  override readonly name = "CancelledError";
}

/** Stopping must not take as long as a broker may take to answer. */
const STOP_RPC_TIMEOUT_MS = 1_000;
/** Longer than any step in hand takes. */
const FINISH_TIMEOUT_MS = 55_000;
/** Of questions to the broker that time out. Until then it may be at work on an election. */
const DEAF_AFTER = 4;
/** Older ones have long reached their queue. */
const FLUSH_AFTER_MS = 2_000;
const FLUSH_ROUNDS = 4;
const FLUSH_PAUSE_MS = 25;
const NO_CONTENT = Buffer.alloc(0);
const NEVER = new AbortController().signal;

/** How a delivery is settled with the broker. */
function answer(channel: Channel, message: ConsumeMessage, disposition: Disposition): void {
  switch (disposition) {
    case "ack":
      return channel.ack(message);
    case "requeue":
      return channel.nack(message, false, true);
    case "retry":
      // From RabbitMQ 4.3 on a nack is not counted, and the delivery limit is what ends this.
      return channel.reject(message, true);
  }
}
