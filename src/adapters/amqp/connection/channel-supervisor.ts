import type { Channel, ChannelModel } from "amqplib";
import { backoffMs } from "./backoff.ts";
import type { SupervisedConnection } from "./connection.ts";
import type { AmqpSettings, OnAmqpEvent } from "../settings.ts";
import { asError } from "../../thrown.ts";
import { manyMayListen, pause, within } from "../../time-limits.ts";

/** How a channel is opened, made useful, and given up. */
export interface ChannelPlan<C extends Channel> {
  /** For logs. */
  readonly name: string;
  open(model: ChannelModel): Promise<C>;
  /** Makes the fresh channel useful; `lose` gives it up later, e.g. when its consumer is cancelled. */
  setup(channel: C, lose: (why: Error) => void): Promise<void>;
  /** The whole of `setup`, in case one of its waits has no end of its own. */
  readonly setupTimeoutMs: number;
  onReady(channel: C): void;
  /** The channel is not to be used any more; it may still be open. What is returned is awaited before it is closed. */
  onLost(channel: C, why: Error): Promise<void> | void;
}

/**
 * One channel that is always there again: after its connection, after the broker closed it (a channel error leaves
 * the connection alone, and amqplib's recovery looks at connections only), after its consumer was cancelled, and when
 * its setup failed or hung. No failure ends the supervision.
 */
export class ChannelSupervisor<C extends Channel> {
  readonly #connection: SupervisedConnection;
  readonly #settings: AmqpSettings;
  readonly #plan: ChannelPlan<C>;
  readonly #onEvent: OnAmqpEvent;
  readonly #stopping = new AbortController();
  readonly #closing = new Set<Promise<void>>();
  #current: { readonly channel: C; readonly lose: (why: Error) => void } | undefined;
  #lastError: string | null = null;
  #leftForNewer = false;
  #running: Promise<void> | undefined;

  constructor(
    connection: SupervisedConnection,
    plan: ChannelPlan<C>,
    settings: AmqpSettings,
    onEvent: OnAmqpEvent,
  ) {
    this.#connection = connection;
    this.#plan = plan;
    this.#settings = settings;
    this.#onEvent = onEvent;
    manyMayListen(this.#stopping.signal);
  }

  /** Set up and, as far as anybody knows, alive. */
  get channel(): C | undefined {
    return this.#current?.channel;
  }

  get lastError(): string | null {
    return this.#lastError;
  }

  /**
   * There is no channel for a moment because a newer connection took the place of its own (a renewed password), and its
   * successor is being set up there: nothing is wrong. Ends with the first attempt, good or bad.
   */
  get isMovingOver(): boolean {
    const { live } = this.#connection;
    return this.#leftForNewer && live !== undefined && live.blockedBy === undefined;
  }

  start(): void {
    if (this.#stopping.signal.aborted) return;
    this.#running ??= this.#run(this.#stopping.signal);
  }

  /** Gives this channel up for a new one; nothing happens when it has been given up already. */
  replace(channel: C, why: string): void {
    if (this.#current?.channel === channel) this.#current.lose(new ReplacedError(why));
  }

  /** May come first, or twice. The connection must be stopped after its channels. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#current?.lose(new Error("stopped"));
    await this.#running;
    await Promise.all(this.#closing);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { reconnect } = this.#settings;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = performance.now();
      const why = await this.#channelOnce(signal);
      this.#leftForNewer = why instanceof ReplacedError && why.message === RENEWED;
      if (signal.aborted) return;
      this.#report(why);
      const livedMs = performance.now() - startedMs;
      // A channel that we gave up ourselves did work: others wait for its successor.
      if (why instanceof ReplacedError || livedMs > LONG_LIFE_MS) failures = 0;
      const delayMs = backoffMs(failures, reconnect) - (why instanceof ReplacedError ? livedMs : 0);
      if (delayMs > 0) await pause(delayMs, signal);
      failures += 1;
    }
  }

  /** From waiting for a connection to the end of one channel. */
  async #channelOnce(signal: AbortSignal): Promise<Error> {
    const stop = listenForStop(signal);
    try {
      return await this.#channelUntil(stop.stopped, signal);
    } finally {
      stop.forget();
    }
  }

  async #channelUntil(stopped: Promise<Error>, signal: AbortSignal): Promise<Error> {
    // Opening a channel on a blocked connection would hang, and leave one more half-open channel each time.
    const ready = () =>
      this.#connection.live !== undefined && this.#connection.live.blockedBy === undefined;
    if (!(await this.#connection.changed.until(ready, signal))) return new Error("stopped");
    const { live } = this.#connection;
    if (live === undefined) return new Error("connection lost");
    const { model } = live;
    // Of a connection that ends its channels know nothing but that they end: the broker gave the reason to it.
    const because = (why: Error) => (why instanceof ReplacedError ? why : (live.endedBy ?? why));
    const done = this.#connection.use(model);
    let channel: C;
    try {
      channel = await this.#open(model, stopped);
    } catch (error) {
      done();
      return because(asError(error));
    }
    const { lost, lose } = watch(channel);
    const failure = await Promise.race([this.#setUp(channel, lose), lost, stopped]);
    if (failure !== undefined) {
      this.#discard(channel, failure, done);
      return because(failure);
    }
    this.#current = { channel, lose };
    this.#lastError = null;
    this.#plan.onReady(channel);
    const ended = new AbortController();
    void this.#loseWhenLeft(model, lose, ended.signal);
    const why = await lost;
    ended.abort();
    this.#current = undefined;
    this.#discard(channel, why, done);
    return because(why);
  }

  async #open(model: ChannelModel, stopped: Promise<Error>): Promise<C> {
    const opening = this.#plan.open(model);
    try {
      const inTime = within(opening, this.#settings.rpcTimeoutMs, "channel.open");
      const opened = await Promise.race([inTime, stopped]);
      if (opened instanceof Error) throw opened;
      return opened;
    } catch (error) {
      // It may still come, and would keep its number for as long as the connection lives.
      opening.then(
        (late) => this.#discard(late, asError(error)),
        () => undefined,
      );
      throw error;
    }
  }

  async #setUp(channel: C, lose: (why: Error) => void): Promise<Error | undefined> {
    try {
      const what = `setting up ${this.#plan.name}`;
      await within(this.#plan.setup(channel, lose), this.#plan.setupTimeoutMs, what);
      return undefined;
    } catch (error) {
      return asError(error);
    }
  }

  /** There is another connection now, while this one still lives: whoever stayed would be cut off with it. */
  async #loseWhenLeft(
    model: ChannelModel,
    lose: (why: Error) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const isLeft = () => {
      const { live } = this.#connection;
      return live !== undefined && live.model !== model;
    };
    if (await this.#connection.changed.until(isLeft, signal)) {
      lose(new ReplacedError(RENEWED));
    }
  }

  #discard(channel: C, why: Error, done: () => void = () => undefined): void {
    const closing = this.#close(channel, why).finally(() => {
      this.#closing.delete(closing);
      done();
    });
    this.#closing.add(closing);
  }

  async #close(channel: C, why: Error): Promise<void> {
    // A late one has no listener yet, and an "error" without one is thrown.
    channel.on("error", () => undefined);
    try {
      await this.#plan.onLost(channel, why);
      // Rejects at once when it is closed already; never settles when its connection dies meanwhile.
      const timeoutMs = this.#stopping.signal.aborted
        ? STOP_TIMEOUT_MS
        : this.#settings.rpcTimeoutMs;
      await within(channel.close(), timeoutMs, "channel.close");
    } catch {
      // Gone is what was wanted.
    }
  }

  #report(why: Error): void {
    // The connection speaks for its channels, and once is enough for what stays the same.
    const known = this.#connection.live === undefined || this.#lastError === why.message;
    this.#lastError = why.message;
    const fields = { channel: this.#plan.name, error: why.message };
    this.#onEvent(known ? "debug" : "warn", "channel is away", fields);
  }
}

/** We gave the channel up for another one; it still works. */
export class ReplacedError extends Error {
  override readonly name = "ReplacedError";
}

const RENEWED = "its connection was renewed";
const LONG_LIFE_MS = 30_000;
const STOP_TIMEOUT_MS = 1_000;

/** Forgotten after each channel: a worker that runs for months goes through many. */
function listenForStop(signal: AbortSignal) {
  let stop: (why: Error) => void = () => undefined;
  const stopped = new Promise<Error>((resolve) => {
    stop = resolve;
  });
  const onAbort = () => stop(new Error("stopped"));
  signal.addEventListener("abort", onAbort);
  return { stopped, forget: () => signal.removeEventListener("abort", onAbort) };
}

function watch(channel: Channel): {
  readonly lost: Promise<Error>;
  readonly lose: (why: Error) => void;
} {
  let lose: (why: Error) => void = () => undefined;
  const lost = new Promise<Error>((resolve) => {
    lose = resolve;
  });
  let lastError: Error | undefined;
  channel.on("error", (error) => {
    lastError = error;
  });
  channel.on("close", () => lose(lastError ?? new Error("channel closed with its connection")));
  return { lost, lose };
}
