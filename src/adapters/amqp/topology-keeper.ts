import type { Channel } from "amqplib";
import type { SupervisedConnection } from "./connection.ts";
import type { AmqpSettings, OnAmqpEvent } from "./settings.ts";
import {
  establishTopology,
  type TopologyOutcome,
  type TopologyProblem,
} from "./topology-declaration.ts";
import { asError, within } from "./waiting.ts";

export interface TopologyKeeperOptions {
  readonly connection: SupervisedConnection;
  readonly settings: AmqpSettings;
  readonly onEvent: OnAmqpEvent;
  /** Called once, before anything is consumed, with what the first success found. Waited for as long as for the broker. */
  readonly onFirstReady: (report: { readonly createdFresh: boolean }) => Promise<void> | void;
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
  #asking: Promise<TopologyOutcome> | undefined;
  #told = false;
  /** Said once, not with every attempt. */
  #complaint: string | null = null;

  constructor(options: TopologyKeeperOptions) {
    this.#options = options;
  }

  /** What a person has to see to. Null: nothing known, or not asked for so long that it may be mended. */
  get problem(): TopologyProblem | null {
    const known = this.#known;
    if (known?.outcome.kind !== "refused" || performance.now() >= known.untilMs) return null;
    return known.outcome.problem;
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
  doubt(): void {
    if (this.#known?.outcome.kind === "ready") this.#known = undefined;
  }

  async #ask(on: { createChannel(): Promise<Channel> }): Promise<TopologyOutcome> {
    const { settings, onEvent, onFirstReady } = this.#options;
    const openChannel = async () => {
      const channel = await within(on.createChannel(), settings.rpcTimeoutMs, "channel.open");
      // The failed question rejects with it as well.
      channel.on("error", () => undefined);
      return channel;
    };
    const outcome = await establishTopology(openChannel, settings);
    if (outcome.kind === "refused") {
      if (this.#complaint !== outcome.problem.message)
        onEvent("error", "broker topology is not usable", { ...outcome.problem });
      this.#complaint = outcome.problem.message;
      this.#known = { on, outcome, untilMs: performance.now() + settings.reconnect.maxMs };
      return outcome;
    }
    this.#complaint = null;
    const { createdFresh } = outcome;
    onEvent("info", "broker topology is ready", { createdFresh, declared: settings.declare });
    if (!this.#told) {
      this.#told = true;
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
