import type { Channel } from "amqplib";
import type { SupervisedConnection } from "../connection/connection.ts";
import type { AmqpSettings, OnAmqpEvent } from "../settings.ts";
import {
  establishTopology,
  type QueueState,
  queueStates,
  type TopologyOutcome,
  type TopologyProblem,
} from "./topology-declaration.ts";
import { asError } from "../../thrown.ts";
import { manyMayListen, pause, within } from "../../time-limits.ts";

/** Over which connection the topology is kept, and who is informed that it is there. */
export interface TopologyKeeperOptions {
  readonly connection: SupervisedConnection;
  readonly settings: AmqpSettings;
  readonly onEvent: OnAmqpEvent;
  /** Called once, before anything is consumed, with what the first success found. Waited for as long as for the broker. */
  readonly onFirstReady: (report: { readonly createdFresh: boolean }) => Promise<void> | void;
  /** Called for each queue that a look has found, with when the look began (`performance.now()`). */
  readonly onLooked: (queue: string, state: QueueState, askedMs: number) => void;
}

/**
 * Sees to it that the topology is there: once for each connection, and again when something shows that a piece of it
 * is missing.
 */
export class TopologyKeeper {
  readonly #options: TopologyKeeperOptions;
  #known:
    | { readonly on: object; readonly outcome: TopologyOutcome; readonly untilMs: number }
    | undefined;
  #readyOn: object | undefined;
  #asking: Promise<TopologyOutcome> | undefined;
  #announced = false;
  /** Said once, not with every attempt. */
  #complaint: string | null = null;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: TopologyKeeperOptions) {
    this.#options = options;
    manyMayListen(this.#stopping.signal);
  }

  /**
   * From now on looks every minute whether the queues are still there: a policy (`expires`) deletes idle ones, and
   * nobody consumes the delay queues. To be declared again is also a use, which keeps them. How each stands is also
   * what shows a consumer that hears nothing.
   */
  start(): void {
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run(this.#stopping.signal);
  }

  /** May come first, or twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** What a person has to see to, as it was when last asked. Null: nothing known. */
  get problem(): TopologyProblem | null {
    const known = this.#known;
    return known?.outcome.kind === "refused" ? known.outcome.problem : null;
  }

  /** Resolves when everything is there; rejects when it is not, or nobody can say. */
  async ensure(): Promise<void> {
    const live = this.#options.connection.live;
    if (live === undefined) throw new Error("no connection to declare the topology on");
    const known = this.#known;
    const outcome =
      known !== undefined && known.on === live.model && performance.now() < known.untilMs
        ? known.outcome
        : await (this.#asking ??= this.#ask(live.model).finally(() => {
            this.#asking = undefined;
          }));
    if (outcome.kind === "refused") throw new Error(outcome.problem.message);
  }

  /** Something of it was found missing. A refusal stays known for its time: nobody declares in a loop. */
  forget(): void {
    if (this.#known?.outcome.kind === "ready") this.#known = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { settings } = this.#options;
    while (!signal.aborted) {
      // The cause of a refusal may be removed at any time.
      const waitMs = this.#known?.outcome.kind === "refused" ? settings.reconnect.maxMs : Infinity;
      await pause(Math.min(settings.policyCheckMs, waitMs), signal);
      if (signal.aborted) return;
      await this.#lookAgain();
    }
  }

  async #lookAgain(): Promise<void> {
    const { connection, settings, onEvent, onLooked } = this.#options;
    const known = this.#known;
    const { live } = connection;
    // Nothing is known on this connection: whoever consumes asks.
    if (live === undefined || known?.on !== live.model) return;
    try {
      const askedMs = performance.now();
      const states = await queueStates(() => this.#openOn(live.model), settings);
      const missing: string[] = [];
      for (const [queue, state] of states) {
        if (state === null) missing.push(queue);
        else onLooked(queue, state, askedMs);
      }
      if (missing.length > 0 && known.outcome.kind === "ready") {
        onEvent("error", "queues are gone; they are declared again", { queues: missing });
      }
      if (this.#known === known && known.outcome.kind === "ready") this.#known = undefined;
      await this.ensure();
    } catch {
      // Said by `ensure`; a lost connection speaks for itself.
    }
  }

  async #openOn(on: { createChannel(): Promise<Channel> }): Promise<Channel> {
    const { rpcTimeoutMs } = this.#options.settings;
    const channel = await within(on.createChannel(), rpcTimeoutMs, "channel.open");
    // The failed question rejects with it as well.
    channel.on("error", () => undefined);
    return channel;
  }

  async #ask(on: { createChannel(): Promise<Channel> }): Promise<TopologyOutcome> {
    const { settings, onEvent, onFirstReady } = this.#options;
    const outcome = await establishTopology(() => this.#openOn(on), settings);
    if (outcome.kind === "refused") {
      if (this.#complaint !== outcome.problem.message)
        onEvent("error", "broker topology is not usable", { ...outcome.problem });
      this.#complaint = outcome.problem.message;
      this.#known = { on, outcome, untilMs: performance.now() + settings.reconnect.maxMs };
      return outcome;
    }
    this.#complaint = null;
    const { createdFresh } = outcome;
    const first = this.#known?.on !== on && this.#readyOn !== on;
    this.#readyOn = on;
    onEvent(first ? "info" : "debug", "broker topology is ready", {
      createdFresh,
      declared: settings.declare,
    });
    if (!this.#announced) {
      this.#announced = true;
      try {
        const listening = Promise.resolve(onFirstReady({ createdFresh }));
        await within(listening, settings.rpcTimeoutMs, "topology listener");
      } catch (error) {
        onEvent("error", "topology listener failed", { error: asError(error).message });
      }
    }
    this.#known = { on, outcome, untilMs: Number.POSITIVE_INFINITY };
    return outcome;
  }
}
