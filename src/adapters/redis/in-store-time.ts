import type { Outlet } from "../../steps/ports/outlet.ts";
import type { ReinstallStore } from "../../steps/ports/reinstall-store.ts";

/** Our clock against Redis's. */
export interface StoreClock {
  /** The one that we go by, minus Redis's, ms; null: not compared yet, or not lately. */
  readonly offsetMs: () => number | null;
  /** The same of this machine's own clock, where that is another. */
  readonly machineOffsetMs?: () => number | null;
  /** Further apart than this, nothing new is taken in. */
  readonly maxOffsetMs: number;
}

/**
 * The store for a worker whose clock is not Redis's. How old a command is decides whether Redis may have forgotten it,
 * and Redis decides by its own clock: so instants go there in Redis's time, and come back in ours. A worker that is ahead
 * would make every command younger than it is.
 */
export function inStoreTime(store: ReinstallStore, clock: StoreClock): ReinstallStore {
  const offset = rememberedOffset(clock);
  const back = <T extends { readonly kind: string }>(answer: T): T =>
    answer.kind === "rebuilding" && "untilMs" in answer && typeof answer.untilMs === "number"
      ? { ...answer, untilMs: Math.ceil(answer.untilMs + offset()) }
      : answer;
  return {
    ...store,
    async admit(order, delivery) {
      const offsetMs = offset();
      const machineMs = clock.machineOffsetMs?.() ?? offsetMs;
      if (Math.abs(machineMs) > clock.maxOffsetMs) {
        const seconds = (machineMs / 1000).toFixed(1);
        return { kind: "away", message: `our clock is ${seconds} s off Redis's` };
      }
      return back(await store.admit(order, { ...delivery, ...moved(delivery, -offsetMs) }));
    },
    async claim(envelope, delivery) {
      const answer = back(await store.claim(envelope, delivery));
      if (answer.kind !== "claimed" || answer.claim.rebuildingUntilMs === null) return answer;
      const rebuildingUntilMs = Math.ceil(answer.claim.rebuildingUntilMs + offset());
      return { ...answer, claim: { ...answer.claim, rebuildingUntilMs } };
    },
    async refuse(...asked) {
      return back(await store.refuse(...asked));
    },
  };
}

/** What is deferred carries instants to whichever worker takes it next: in Redis's time, which all have in common. */
export function marksInStoreTime(outlet: Outlet, clock: StoreClock): Outlet {
  const offset = rememberedOffset(clock);
  return {
    ...outlet,
    republishArrival: (raw, marks, signal) =>
      outlet.republishArrival(raw, { ...marks, ...moved(marks, -offset()) }, signal),
  };
}

/** The other end of {@link marksInStoreTime}: what comes back is in our time again. */
export function takenInOurTime<
  Arrival extends Instants,
  W extends {
    takeCommand(delivery: never, arrival?: Arrival | null): unknown;
    takeDead(delivery: never, kind: "command" | "step", arrival?: Arrival | null): unknown;
  },
>(worker: W, clock: StoreClock): W {
  const offset = rememberedOffset(clock);
  const ours = (arrival: Arrival | null | undefined) =>
    arrival && { ...arrival, ...moved(arrival, offset()) };
  return {
    ...worker,
    takeCommand: (delivery: never, arrival?: Arrival | null) =>
      worker.takeCommand(delivery, ours(arrival)),
    takeDead: (delivery: never, kind: "command" | "step", arrival?: Arrival | null) =>
      worker.takeDead(delivery, kind, ours(arrival)),
  };
}

interface Instants {
  readonly arrivedAtMs: number;
  readonly unseenUntilMs: number | null;
}

/** Rounded down: a command may be taken for older than it is, never for younger. */
function moved({ arrivedAtMs, unseenUntilMs }: Instants, byMs: number): Instants {
  return {
    arrivedAtMs: Math.floor(arrivedAtMs + byMs),
    unseenUntilMs: unseenUntilMs === null ? null : Math.floor(unseenUntilMs + byMs),
  };
}

/** The last offset that was seen; 0 before the first. A Redis that is away has not changed its clock. */
function rememberedOffset({ offsetMs }: StoreClock): () => number {
  let last = 0;
  return () => {
    last = offsetMs() ?? last;
    return last;
  };
}
