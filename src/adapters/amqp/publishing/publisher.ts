import type { ConfirmChannel } from "amqplib";
import type { Changes } from "../changes.ts";
import { ChannelSupervisor } from "../connection/channel-supervisor.ts";
import { ConfirmLane, type LaneOutcome, type Publication } from "./confirm-lane.ts";
import type { SupervisedConnection } from "../connection/connection.ts";
import { probePublication } from "./publications.ts";
import type { AmqpSettings, OnAmqpEvent } from "../settings.ts";
import { manyMayListen, pause, unlessLate, withDeadline } from "../../time-limits.ts";

/**
 * `refused`: the broker said no (a full queue, a lost leader). `unconfirmed`: nobody knows. After either the same
 * message, under the same id, may be published again: it goes over another channel.
 */
export type PublishOutcome = "confirmed" | "returned" | "refused" | "unconfirmed";

/** Over which connection is published, and who hears of a missing exchange. */
export interface PublisherOptions {
  /** For logs. */
  readonly name?: string;
  /** Not shared with consumers: the broker stops reading a connection that publishes during an alarm, acks included. */
  readonly connection: SupervisedConnection;
  readonly settings: AmqpSettings;
  readonly onEvent: OnAmqpEvent;
  /** The broker closed the channel with 404: an exchange is gone. */
  readonly onMissing: () => void;
}

/** Publishes with confirms, over one channel at a time; a channel that once failed a message gets no other. */
export class Publisher {
  readonly #connection: SupervisedConnection;
  readonly #settings: AmqpSettings;
  readonly #onMissing: () => void;
  readonly #supervisor: ChannelSupervisor<ConfirmChannel>;
  readonly #stopping = new AbortController();
  /** The connection's changes; also notified of lanes that come and go, their buffers, and free slots. */
  readonly #changed: Changes;
  /** Every lane that is not closed yet: retired ones still get their confirms. */
  readonly #lanes = new Map<ConfirmChannel, ConfirmLane>();
  #lane: ConfirmLane | undefined;
  #pending = 0;
  #probing: Promise<void> | undefined;

  constructor({ name = "publisher", connection, settings, onEvent, onMissing }: PublisherOptions) {
    this.#connection = connection;
    this.#settings = settings;
    this.#onMissing = onMissing;
    this.#changed = connection.changed;
    manyMayListen(this.#stopping.signal);
    const plan = {
      name,
      open: (model) => model.createConfirmChannel(),
      setup: (channel) => this.#setUp(channel),
      setupTimeoutMs: settings.rpcTimeoutMs,
      onReady: (channel) => this.#use(channel),
      onLost: (channel, why) => this.#retire(channel, why),
    } satisfies ConstructorParameters<typeof ChannelSupervisor<ConfirmChannel>>[1];
    this.#supervisor = new ChannelSupervisor(connection, plan, settings, onEvent);
  }

  start(): void {
    if (this.#stopping.signal.aborted) return;
    this.#supervisor.start();
    this.#probing ??= this.#probeWhenIdle(this.#stopping.signal);
  }

  /** Publishes under way get a moment for their confirms. May come first, or twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#supervisor.stop();
    await this.#probing;
  }

  /** Does the broker, as far as anybody knows, take no messages now? */
  isBlocked(): boolean {
    if (this.#lane === undefined || this.#lane.ended) return true;
    return this.#connection.live?.blockedBy !== undefined;
  }

  get lastError(): string | null {
    return this.#supervisor.lastError;
  }

  /** Blocked for the moment in which it moves over to a newer connection: what is published waits that long. */
  get isMovingOver(): boolean {
    return this.#supervisor.isMovingOver;
  }

  /**
   * Publishes once: persistent, mandatory. Takes at most the confirm time-out for its turn and as long again for the
   * answer; an aborted signal ends both. Rejects for what AMQP cannot carry (e.g. 64 KiB of headers).
   */
  async publish(publication: Publication, signal: AbortSignal): Promise<PublishOutcome> {
    const lane = await this.#takeTurn(signal);
    if (lane === undefined) return "unconfirmed";
    try {
      return await this.#sendOver(lane, publication, this.#settings.confirmTimeoutMs, signal);
    } finally {
      this.#pending -= 1;
      this.#changed.notify();
    }
  }

  async #takeTurn(signal: AbortSignal): Promise<ConfirmLane | undefined> {
    const { confirmTimeoutMs, maxPendingConfirms } = this.#settings;
    let lane: ConfirmLane | undefined;
    const take = () => {
      if (this.isBlocked() || this.#lane?.full === true) return false;
      if (this.#pending >= maxPendingConfirms) return false;
      this.#pending += 1;
      lane = this.#lane;
      return true;
    };
    if (signal.aborted || take()) return lane;
    await withDeadline(signal, confirmTimeoutMs, (deadline) => this.#changed.until(take, deadline));
    return lane;
  }

  async #sendOver(
    lane: ConfirmLane,
    publication: Publication,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<PublishOutcome> {
    const outcome = await unlessLate(lane.send(publication), timeoutMs, signal);
    return this.#judge(lane, outcome ?? (signal.aborted ? "lost" : "silent"));
  }

  #judge(lane: ConfirmLane, outcome: LaneOutcome | "silent"): PublishOutcome {
    switch (outcome) {
      case "confirmed":
      case "returned":
        return outcome;
      case "nacked":
        // A 3.10 channel whose first publish met a lost leader says no to everything that follows.
        this.#supervisor.replace(lane.channel, "the broker refused a message");
        return "refused";
      case "silent":
        this.#supervisor.replace(lane.channel, "no confirm in time");
        return "unconfirmed";
      case "lost":
        return "unconfirmed";
    }
  }

  /*
   * A broker with an alarm says `connection.blocked` only to a connection that publishes (3.10), and a cluster without
   * a majority says nothing at all. So a channel counts as ours only after it took a message, and while nothing else is
   * published it is asked again from time to time: the answer of `isBlocked` is never much older than that.
   */
  async #setUp(channel: ConfirmChannel): Promise<void> {
    const lane = new ConfirmLane(channel, this.#changed);
    this.#lanes.set(channel, lane);
    const outcome = await lane.send(probePublication(this.#settings));
    if (outcome === "nacked" || outcome === "lost") throw new Error(`probe message: ${outcome}`);
  }

  async #probeWhenIdle(signal: AbortSignal): Promise<void> {
    const { probeIntervalMs, rpcTimeoutMs } = this.#settings;
    while (!signal.aborted) {
      await pause(probeIntervalMs, signal);
      const lane = this.#lane;
      if (lane === undefined || signal.aborted || this.isBlocked()) continue;
      if (performance.now() - lane.lastConfirmMs < probeIntervalMs) continue;
      await this.#sendOver(lane, probePublication(this.#settings), rpcTimeoutMs, signal);
    }
  }

  #use(channel: ConfirmChannel): void {
    this.#lane = this.#lanes.get(channel);
    this.#changed.notify();
  }

  /** Takes no more messages; closed when the last one is answered. */
  async #retire(channel: ConfirmChannel, why: Error): Promise<void> {
    if ((why as { code?: unknown }).code === 404) this.#onMissing();
    const lane = this.#lanes.get(channel);
    if (lane === undefined) return;
    if (this.#lane === lane) this.#lane = undefined;
    this.#changed.notify();
    const graceMs = this.#stopping.signal.aborted ? STOP_GRACE_MS : this.#settings.confirmTimeoutMs;
    await withDeadline(NEVER, graceMs, (deadline) =>
      this.#changed.until(() => lane.ended || lane.pending === 0, deadline),
    );
    this.#lanes.delete(channel);
  }
}

const STOP_GRACE_MS = 1_000;
const NEVER = new AbortController().signal;
