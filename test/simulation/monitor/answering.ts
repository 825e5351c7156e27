import type { ReadyAnswer } from "../../../src/core/server/observations.ts";
import type { Readiness } from "../../../src/steps/ports/readiness.ts";
import { request } from "../network.ts";
import type { SimulatedProcess } from "../process.ts";
import type { World } from "../world.ts";

/** One ask that reached a server, or would have. */
export interface Ask {
  readonly atMs: number;
  readonly serverId: string;
  readonly answered: boolean;
}

const SILENT: ReadyAnswer = { kind: "silent", detail: "simulated" };
const ASK_TIMEOUT_MS = 3_000;

/** The servers themselves: whether they answer who asks them, and who asked. */
export class Answering {
  readonly #world: World;
  readonly #asks = new Map<string, Ask[]>();

  constructor(world: World) {
    this.#world = world;
  }

  /** What was asked for a command, the oldest first. */
  asksOf(commandId: string): readonly Ask[] {
    return this.#asks.get(commandId) ?? [];
  }

  /** As one worker asks for one command. */
  port(process: SimulatedProcess, commandId: string): Readiness {
    const world = this.#world;
    return {
      ask: (address, signal) => {
        if (signal.aborted) return Promise.resolve({ kind: "unasked" });
        const givenUp = { signal, answer: { kind: "unasked" } as const };
        return request<ReadyAnswer>(
          world,
          process,
          "ask",
          (reply) => {
            const there = world.latency();
            world.time.after(there, () => {
              const answered = this.#ask(commandId, address);
              if (answered) reply({ kind: "answered" }, world.latency());
              else reply(SILENT, Math.max(0, ASK_TIMEOUT_MS - there));
            });
          },
          givenUp,
        );
      },
    };
  }

  #ask(commandId: string, address: string): boolean {
    const { scenario, cloud, time } = this.#world;
    const plan = scenario.servers.find((one) => one.address === address);
    if (plan === undefined) throw new Error(`nobody has the address ${address}`);
    const { vm, running, exists } = cloud.server(plan.id);
    const ends = cloud.ledger.flatMap(({ serverId, outcome, endMs }) =>
      serverId === plan.id && outcome === "succeeded" && endMs !== null ? [endMs] : [],
    );
    const upSinceMs = Math.max(0, ...ends) + (plan.answersAfterMs ?? Number.POSITIVE_INFINITY);
    const answered = exists && vm === "active" && running.size === 0 && time.nowMs >= upSinceMs;
    const ask = { atMs: time.nowMs, serverId: plan.id, answered };
    this.#asks.set(commandId, [...this.asksOf(commandId), ask]);
    this.#world.trace(
      `server   ${commandId} asks ${address} -> ${answered ? "answers" : "silent"}`,
    );
    return answered;
  }
}
