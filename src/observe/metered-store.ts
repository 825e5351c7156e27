import type { Phase, State } from "../core/state.ts";
import type {
  ClaimAnswer,
  Held,
  ReinstallStore,
  StepClaim,
} from "../steps/ports/reinstall-store.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { StepOutcome } from "../contract/labels.ts";
import type { Metrics } from "./metrics.ts";

/** What a claimed step began with, to be measured when it is saved. */
interface Begun {
  readonly phase: Phase | "admit";
  readonly startedMs: number;
  /** When the command came into this phase, epoch ms. */
  readonly enteredMs: number;
}

export interface MeteredStoreDeps {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** How long a success settles: from its end one can tell its beginning. */
  readonly settleMs: number;
}

/** The store as it is, counting steps, phases and attempts by what is claimed and saved. */
export function meteredStore(
  store: ReinstallStore,
  { metrics, clock, settleMs }: MeteredStoreDeps,
): ReinstallStore {
  // Keyed by the claim itself: a step that is never saved is forgotten with it.
  const begun = new WeakMap<StepClaim, Begun>();
  const epochs = new Map<string, string>();

  function begin(claim: StepClaim, phase: Begun["phase"], enteredMs: number): void {
    begun.set(claim, { phase, startedMs: clock.monotonicMs(), enteredMs });
  }

  function end(claim: StepClaim, outcome: StepOutcome, leaves: boolean): void {
    const begin = begun.get(claim);
    if (begin === undefined) return;
    const { phase, startedMs, enteredMs } = begin;
    metrics.stepEnded(phase, outcome, (clock.monotonicMs() - startedMs) / 1000);
    if (leaves) metrics.phaseEnded(phase, (clock.nowMs() - enteredMs) / 1000);
  }

  function noticeHold<A extends { readonly kind: string } | Held>(answer: A): A {
    if ("hold" in answer) metrics.brakeDecision(answer.hold.brake, "wait");
    return answer;
  }

  function noticeEpoch(project: string, { epoch }: StepClaim, emptied: boolean): void {
    const before = epochs.get(project);
    epochs.set(project, epoch);
    if (before === epoch) return;
    metrics.epochChanged(before === undefined ? "first" : emptied ? "emptied" : "restarted");
  }

  return {
    ...store,
    async admit(order, delivery) {
      const answer = await store.admit(order, delivery);
      if (answer.kind === "claimed") {
        noticeEpoch(order.projectId, answer.claim, false);
        begin(answer.claim, "admit", order.receivedAtMs);
        noticeHold(answer.lock);
      } else if (answer.kind === "rebuilding") metrics.stepEnded("admit", "store-rebuilding", 0);
      else metrics.stepEnded("admit", unclaimed(answer.kind), 0);
      return answer;
    },
    async claim(envelope, delivery) {
      const answer = await store.claim(envelope, delivery);
      const { phase } = envelope.state;
      if (answer.kind === "claimed") {
        noticeEpoch(envelope.order.projectId, answer.claim, answer.restored === "absent");
        begin(answer.claim, phase, enteredMs(envelope.state, settleMs));
      } else metrics.stepEnded(phase, unclaimed(answer.kind), 0);
      return answer;
    },
    async hop(envelope, delivery) {
      const answer = await store.hop(envelope, delivery);
      if (answer.kind !== "waits") {
        metrics.stepEnded(envelope.state.phase, unclaimed(answer.kind), 0);
      }
      return answer;
    },
    async acquire(order, claim) {
      return noticeHold(await store.acquire(order, claim));
    },
    async mayStop(order, claim) {
      return noticeHold(await store.mayStop(order, claim));
    },
    async recordIntent(order, claim, intent) {
      const answer = noticeHold(await store.recordIntent(order, claim, intent));
      if (answer.kind === "saved" && intent.attempt > 1) metrics.retried();
      return answer;
    },
    async save(step) {
      const answer = await store.save(step);
      const from = begun.get(step.claim)?.phase;
      end(step.claim, stored(answer.kind, "next"), from !== step.state.phase);
      return answer;
    },
    async finish(step) {
      const answer = await store.finish(step);
      end(step.claim, stored(answer.kind, "final"), answer.kind === "finished");
      return answer;
    },
  };
}

function enteredMs(state: State, settleMs: number): number {
  switch (state.phase) {
    case "waiting":
    case "joined":
    case "prepare":
    case "reconcile":
      return state.sinceMs;
    case "submit":
      return state.before.atMs;
    case "watch":
      return state.acceptedAtMs;
    case "settle":
      return state.untilMs - settleMs;
  }
}

type Unclaimed =
  | Exclude<ClaimAnswer["kind"], "claimed">
  | "handed-over"
  | "refusal-unconfirmed"
  | "duplicate"
  | "id-reused";

function unclaimed(kind: Unclaimed): StepOutcome {
  switch (kind) {
    case "saved":
      return "repeat";
    case "away":
      return "store-away";
    default:
      return kind;
  }
}

function stored(
  kind: "saved" | "finished" | "fenced" | "forgotten" | "away" | "corrupt",
  done: "next" | "final",
): StepOutcome {
  switch (kind) {
    case "saved":
    case "finished":
      return done;
    case "forgotten":
      return "again";
    case "away":
      return "store-away";
    case "fenced":
    case "corrupt":
      return kind;
  }
}
