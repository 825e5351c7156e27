import type { ProjectId } from "../../contract/ids.ts";
import {
  type CallBucket,
  type CallClass,
  REACH_MS,
  takeCalls,
} from "../../core/calls/call-bucket.ts";
import type { Unavailable } from "../../core/server/observations.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { CallsWished } from "../../steps/ports/cloud-api.ts";
import type { CallsTaken, RequestBudget } from "./budget.ts";

type CallsGranted = Extract<CallsTaken, { kind: "granted" }>;

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
    if (signal.aborted) return STOPPING;
    if (delayMs < NEWS_MS) return null;
    const held = await budget.take(project, { class: ofClass, calls: 0 });
    const heldMs = held.kind === "granted" ? held.delayMs : held.ms;
    if (heldMs <= 0) return null;
    if (delayMs + heldMs > REACH_MS[1]) return usedUp(heldMs);
    await clock.sleep(heldMs, signal);
    return signal.aborted ? STOPPING : null;
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

  /** Calls that this process has let go, by the clock of its own: late ones must not go out all at once. */
  const gone = new Map<ProjectId, CallBucket>();

  /** A process that stood still wakes for several waits together. Each goes no faster after the other than the rate allows. */
  async function oneByOne(
    project: ProjectId,
    { calls, pace }: { readonly calls: number; readonly pace: CallsGranted["pace"] },
    signal: AbortSignal,
  ): Promise<Unavailable | null> {
    const { bucket, taken } = takeCalls(
      gone.get(project) ?? null,
      { ...pace, heldUntilMs: 0 },
      { class: 1, calls },
      clock.monotonicMs(),
    );
    gone.set(project, bucket);
    if (taken.kind === "wait") return usedUp(taken.ms);
    if (taken.delayMs > 0) await clock.sleep(taken.delayMs, signal);
    return signal.aborted ? STOPPING : null;
  }

  return {
    async reserve(project, wished, signal) {
      const { class: ofClass, calls, takenInMs } = wished;
      const taken =
        takenInMs === undefined
          ? await budget.take(project, { class: ofClass, calls })
          : ({ kind: "taken before", delayMs: takenInMs } as const);
      if (taken.kind === "wait") {
        const { ms, spreadMs } = taken;
        // Who waits in its step needs not come back before that reaches far enough; the others do not wake together.
        const againMs =
          ofClass <= 2
            ? ms * (0.5 + clock.random() / 2)
            : ms + clock.random() * Math.min(spreadMs, REACH_MS[1]);
        return { kind: "unavailable", ...usedUp(Math.ceil(againMs)) };
      }
      const soon = await until(project, { delayMs: taken.delayMs, class: ofClass }, signal);
      const why =
        soon ??
        (taken.kind === "granted"
          ? await oneByOne(project, { calls, pace: taken.pace }, signal)
          : null);
      const spacingMs = taken.kind === "granted" ? taken.spacingMs : 0;
      return why === null
        ? { kind: "reserved", calls: reserved(calls, spacingMs) }
        : { kind: "unavailable", ...why };
    },
  };
}

/** Nothing is sent any more: no lack of calls. */
const STOPPING: Unavailable = {
  waitsFor: "cloud-unavailable",
  cloudCode: null,
  message: "the worker is stopping",
  retryAfterMs: null,
  unasked: true,
};

function usedUp(retryAfterMs: number): Unavailable {
  return {
    waitsFor: "throttled",
    cloudCode: null,
    message: "the request budget is used up",
    retryAfterMs,
    unasked: true,
  };
}
