import { enteredMs } from "../core/state/phases.ts";
import type { Order } from "../core/state/order.ts";
import type { Phase } from "../core/state/state.ts";
import type { ClaimAnswer, StepClaim } from "../steps/ports/step-claim.ts";
import type { Held } from "../steps/ports/admission.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { StepOutcome } from "../contract/labels.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { StoreWatch } from "./watched-store.ts";

/** What a claimed step began with, to be measured when it is saved. */
interface Begun {
  readonly phase: Phase | "admit";
  readonly startedMs: number;
  /** When the command entered this phase, epoch ms. */
  readonly enteredMs: number;
}

/** Where it counts, and by which clock. */
export interface MeteredStoreDeps {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** How long a success settles: from its end one knows its beginning. */
  readonly settleMs: number;
}

/** Counts steps, phases and attempts by what is claimed and saved. */
export function storeMeter({ metrics, clock, settleMs }: MeteredStoreDeps): StoreWatch {
  // Keyed by the claim itself: a step that is never saved is forgotten with it.
  const begun = new WeakMap<StepClaim, Begun>();

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

  function noticeHold(answer: { readonly kind: string } | Held, { projectId }: Order): void {
    if ("hold" in answer) metrics.brakeDecision(answer.hold.brake, answer.hold.verdict, projectId);
  }

  return {
    seen: {
      admit(answer, order) {
        if (answer.kind === "claimed") {
          begin(answer.claim, "admit", order.receivedAtMs);
          noticeHold(answer.lock, order);
        } else metrics.stepEnded("admit", unclaimed(answer.kind), 0);
      },
      claim(answer, envelope) {
        const { phase } = envelope.state;
        if (answer.kind === "claimed") {
          begin(answer.claim, phase, enteredMs(envelope.state, settleMs));
        } else metrics.stepEnded(phase, unclaimed(answer.kind), 0);
      },
      hop(answer, envelope) {
        if (answer.kind !== "waits") {
          metrics.stepEnded(envelope.state.phase, unclaimed(answer.kind), 0);
        }
      },
      acquire: noticeHold,
      noteDisk(answer, order) {
        if (answer.kind === "noted") noticeHold(answer.lock, order);
      },
      mayStop: noticeHold,
      recordIntent(answer, order, _claim, intent) {
        noticeHold(answer, order);
        if (answer.kind === "saved" && intent.attempt > 1) metrics.retried(order.projectId);
      },
      save(answer, step) {
        const from = begun.get(step.claim)?.phase;
        end(step.claim, stored(answer.kind, "next"), from !== step.state.phase);
      },
      finish(answer, step) {
        end(step.claim, stored(answer.kind, "final"), answer.kind === "finished");
      },
    },
  };
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
    case "rebuilding":
      return "store-rebuilding";
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
