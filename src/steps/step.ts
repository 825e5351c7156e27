import type { ProjectId } from "../contract/ids.ts";
import type { OsReinstall } from "../contract/os-reinstall.ts";
import type { Settlement } from "../core/decisions/decide-inquiry.ts";
import type { Decision } from "../core/decision.ts";
import type { Envelope } from "../core/state/envelope.ts";
import type { EventDraft } from "../core/messages/events.ts";
import type { DeferReason } from "../core/waiting/deferred.ts";
import type { Rules } from "../core/rules.ts";
import type { Phase, State } from "../core/state/state.ts";
import type { ClaimAnswer, StepClaim } from "./ports/step-claim.ts";
import type { CommandView } from "./ports/admission.ts";
import type { Outbox, StoredOutcome } from "./ports/stored-outcome.ts";
import type { ReinstallStore } from "./ports/reinstall-store.ts";
import type { Clock, ReachPoint } from "./ports/clock.ts";
import type { PowerCall, CallsWished, CloudApi, Reserving } from "./ports/cloud-api.ts";
import type { DiskEvidence } from "./ports/disk-evidence.ts";
import type { Readiness } from "./ports/readiness.ts";
import type { JobDurations } from "./ports/job-durations.ts";
import type { Outlet } from "./ports/outlet.ts";
import type { ServerLists } from "./ports/server-lists.ts";

/** What every step leans on. */
export interface StepDeps {
  readonly cloud: CloudApi;
  readonly store: ReinstallStore;
  readonly evidence: DiskEvidence;
  /** Absent: reinstalled servers are not asked whether they answer. */
  readonly readiness?: Readiness | undefined;
  readonly durations: JobDurations;
  /** Absent: each poll asks for its own job. */
  readonly lists?: ServerLists | undefined;
  readonly outlet: Pick<Outlet, "isBlocked">;
  readonly clock: Clock;
  readonly rules: Rules;
  readonly reach: ReachPoint;
}

/** How a delivery arrived: `nonce` is the delivery's own, `redelivered` what the broker says of it. */
export interface Arrival {
  readonly nonce: string;
  readonly redelivered: boolean;
}

/** What a step has come to, and so what is stored, published and acknowledged. */
export type StepResult =
  /** A decision within a claimed step: save it, publish it, acknowledge. */
  | {
      readonly kind: "conclude";
      readonly claim: StepClaim;
      readonly decision: Decision;
      /** Fencing token of the lock that the command holds now; null: none. */
      readonly token: number | null;
      /** Published with a final decision, before it; those of a next state are part of the decision. */
      readonly preface?: readonly EventDraft[];
      /** The POST is out: its outcome must reach the next message even if it cannot be saved. */
      readonly submitted?: true;
    }
  /** The step was saved by an earlier delivery: publish again what follows from it. */
  | { readonly kind: "repeat"; readonly outbox: Outbox; readonly body: OsReinstall | undefined }
  /** The command has its outcome: publish it again, unless it is known to be published. */
  | {
      readonly kind: "finished";
      readonly outcome: StoredOutcome;
      readonly published: boolean;
      readonly duplicate?: CommandView | null | undefined;
    }
  | { readonly kind: "duplicate"; readonly view: CommandView }
  | { readonly kind: "id-reused"; readonly sinceMs: number }
  /** Somebody else has it: acknowledge, publish nothing. */
  | { readonly kind: "drop"; readonly why: "stale" | "fenced" | "handed-over" }
  /** Not now: the same message comes back after a while. */
  | ({ readonly kind: "defer"; readonly delayMs: number } & DeferReason)
  /** The ground has moved under this step: let the broker deliver it again. */
  | { readonly kind: "again" }
  | { readonly kind: "corrupt"; readonly message: string }
  /** It is known what became of an `unresolved` command: store it, free the server, publish it. */
  | {
      readonly kind: "settled";
      readonly settlement: Settlement;
      readonly token: number | null;
    }
  /** An inquiry ends without a word. */
  | { readonly kind: "inquiry-over"; readonly why: "lock-gone" | "given-up" }
  /** Another command has this one's id in the store. */
  | { readonly kind: "id-taken"; readonly envelope: Envelope };

/** One phase's step: a look and a decision within a step that is claimed. */
export type PhaseStep<P extends Phase> = (
  envelope: Envelope & { readonly state: Extract<State, { phase: P }> },
  claimed: Extract<ClaimAnswer, { kind: "claimed" }>,
  arrival: Arrival,
  signal: AbortSignal,
) => Promise<StepResult>;

/** The cloud with so many calls that are taken together; unavailable: not one of them was made. */
export async function withCalls(
  cloud: CloudApi,
  project: ProjectId,
  wished: CallsWished,
  signal: AbortSignal,
): Promise<Reserving> {
  const counted = await cloud.reserve?.(project, wished, signal);
  return (
    counted ?? {
      kind: "reserved",
      cloud,
      ready: async () => {},
    }
  );
}

/**
 * Did this worker stand still since then, by the monotonic clock, for so long that what it was allowed may not hold any more? Asked
 * right before each call that changes a server: by now another worker may have gone on.
 */
export function stoodStill(
  { clock, rules }: Pick<StepDeps, "clock" | "rules">,
  sinceMs: number,
): boolean {
  return clock.monotonicMs() - sinceMs > rules.signatureMaxAgeMs;
}

/** A call that turns a server off or on is not sent by a worker that has stood still since it was allowed. */
export function unlessStoodStill(
  deps: Pick<StepDeps, "clock" | "rules">,
  sinceMs: number,
  signal: AbortSignal,
): PowerCall {
  return { signal, mayBegin: () => !stoodStill(deps, sinceMs) };
}

/** Concludes with a decision; the command keeps the lock that its message arrived with. */
export function conclude(
  claimed: Extract<ClaimAnswer, { kind: "claimed" }>,
  envelope: Envelope,
  decision: Decision,
  token: number | null = claimed.lock === "held" ? envelope.token : null,
): Extract<StepResult, { kind: "conclude" }> {
  return { kind: "conclude", claim: claimed.claim, decision, token };
}

/**
 * The store had no record, and does not know whether a copy of this message was carried out before it forgot: unless its
 * present memory began before anybody can have taken one.
 */
export function copyMayHaveRun(claimed: Extract<ClaimAnswer, { kind: "claimed" }>): boolean {
  return claimed.foreignEpoch && claimed.restored === "absent" && !claimed.unseen;
}

/** A step that was claimed, by the delivery that took it. */
export interface Taken {
  readonly envelope: Envelope;
  readonly claimed: Extract<ClaimAnswer, { kind: "claimed" }>;
  readonly arrival: Pick<Arrival, "redelivered">;
}

/** No other delivery can have taken this step. */
export function isFirst({ envelope, claimed, arrival }: Taken): boolean {
  return (
    !arrival.redelivered &&
    envelope.revived === 0 &&
    !claimed.takenOver &&
    claimed.restored === "no"
  );
}

/** The same conclusion, with an event before all others; null: without one. */
export function publishingFirst(
  result: Extract<StepResult, { kind: "conclude" }>,
  draft: EventDraft | null,
): StepResult {
  if (draft === null) return result;
  const { decision, preface = [] } = result;
  return decision.kind === "next"
    ? { ...result, decision: { ...decision, events: [draft, ...decision.events] } }
    : { ...result, preface: [draft, ...preface] };
}

/** What a store's answer other than success means for the step that asked. */
export function notNow(
  answer:
    | { readonly kind: "fenced" }
    | { readonly kind: "forgotten" }
    | { readonly kind: "away" }
    | { readonly kind: "corrupt"; readonly message: string },
  rules: Rules,
): StepResult {
  switch (answer.kind) {
    case "fenced":
      return { kind: "drop", why: "fenced" };
    case "forgotten":
      return { kind: "again" };
    case "away":
      return { kind: "defer", delayMs: rules.ladderMs[0] ?? 0, why: "store-away" };
    case "corrupt":
      return answer;
  }
}
