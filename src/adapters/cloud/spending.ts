import type { ProjectId } from "../../contract/ids.ts";
import { type CallClass, REACH_MS } from "../../core/call-bucket.ts";
import type { Unavailable } from "../../core/observations.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { CallsWished } from "../../steps/ports/cloud-api.ts";
import type { RequestBudget } from "./budget.ts";

/** Calls that are taken. */
export interface ReservedCalls {
  /** Before each call: waits until it may be made. Null: none is left. `begunMs`: by the clock of the budget. */
  use(signal: AbortSignal): Promise<{ readonly begunMs: number } | null>;
  /** Until the next of them may be made. */
  ready(signal: AbortSignal): Promise<void>;
}

type Reserved =
  | { readonly kind: "reserved"; readonly calls: ReservedCalls }
  | ({ readonly kind: "unavailable" } & Unavailable);

/** Takes calls from the request budget, and waits for them within the step. */
export interface Spending {
  reserve(project: ProjectId, wished: CallsWished, signal: AbortSignal): Promise<Reserved>;
}

/** Who has slept longer than this asks whether the cloud has turned somebody away meanwhile. */
const NEWS_MS = 100;

export function createSpending({
  budget,
  clock,
}: {
  readonly budget: RequestBudget;
  readonly clock: Clock;
}): Spending {
  /** Sleeps until the calls may be made: null; or why they may not. */
  async function until(
    project: ProjectId,
    { delayMs, class: ofClass }: { readonly delayMs: number; readonly class: CallClass },
    signal: AbortSignal,
  ): Promise<Unavailable | null> {
    if (delayMs <= 0) return null;
    await clock.sleep(delayMs, signal);
    if (signal.aborted) return usedUp(delayMs);
    if (delayMs < NEWS_MS) return null;
    const held = await budget.take(project, { class: ofClass, calls: 0 });
    const heldMs = held.kind === "granted" ? held.delayMs : held.ms;
    if (heldMs <= 0) return null;
    if (delayMs + heldMs > REACH_MS[1]) return usedUp(heldMs);
    await clock.sleep(heldMs, signal);
    return signal.aborted ? usedUp(heldMs) : null;
  }

  function reserved(calls: number, spacingMs: number): ReservedCalls {
    let left = calls;
    let nextAt = clock.monotonicMs();
    async function ready(signal: AbortSignal): Promise<void> {
      const waitMs = left === 0 ? 0 : nextAt - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
    }
    return {
      ready,
      async use(signal) {
        if (left === 0) return null;
        await ready(signal);
        if (signal.aborted) return null;
        left -= 1;
        nextAt = clock.monotonicMs() + Math.min(spacingMs, REACH_MS[1]);
        return { begunMs: budget.nowMs() };
      },
    };
  }

  return {
    async reserve(project, wished, signal) {
      const { class: ofClass, calls } = wished;
      const taken =
        wished.takenInMs === undefined
          ? await budget.take(project, { class: ofClass, calls })
          : { kind: "granted" as const, delayMs: wished.takenInMs, spacingMs: 0 };
      if (taken.kind === "wait") {
        const { ms, spreadMs } = taken;
        // Who waits in its step needs not come back before that reaches far enough; the others do not wake together.
        const againMs =
          ofClass <= 2
            ? ms * (0.5 + clock.random() / 2)
            : ms + clock.random() * Math.min(spreadMs, REACH_MS[1]);
        return { kind: "unavailable", ...usedUp(Math.ceil(againMs)) };
      }
      const why = await until(project, { delayMs: taken.delayMs, class: ofClass }, signal);
      return why === null
        ? { kind: "reserved", calls: reserved(calls, taken.spacingMs) }
        : { kind: "unavailable", ...why };
    },
  };
}

function usedUp(retryAfterMs: number): Unavailable {
  return {
    waitsFor: "throttled",
    cloudCode: null,
    message: "the request budget is used up",
    retryAfterMs,
    unasked: true,
  };
}
