import { askedFor, waitFor } from "../../core/waiting/waiting.ts";
import type { Decision } from "../../core/decision.ts";
import type { Envelope } from "../../core/state/envelope.ts";
import { heldBy } from "../../core/brakes/gate.ts";
import type { In } from "../../core/state/state.ts";
import {
  afterSubmission,
  bodyToSend,
  candidateOf,
  lastLook,
  withoutCalls,
} from "../../core/decisions/decide-submit.ts";
import { expired } from "../../core/endings.ts";
import { jobKind } from "../../core/calls/likely-end.ts";
import { towardsReconcile } from "../../core/towards.ts";
import type { ClaimAnswer } from "../ports/step-claim.ts";
import type { SignedReinstall } from "../ports/cloud-api.ts";
import type { Submission } from "../../core/server/observations.ts";
import { momentsOf } from "../moment.ts";
import {
  type Arrival,
  conclude,
  notNow,
  type PhaseStep,
  type StepDeps,
  type StepResult,
  stoodStill,
  withCalls,
} from "../step.ts";

type Claimed = Extract<ClaimAnswer, { kind: "claimed" }>;
type Attempt =
  | { readonly kind: "ours"; readonly state: In<"submit"> }
  | { readonly kind: "not-ours"; readonly result: StepResult };

const LOOK_AND_POST = { class: 1, calls: 2 } as const;

/** `submit`: the only dangerous line (design §4), from top to bottom. */
export function createSubmit(deps: StepDeps): PhaseStep<"submit"> {
  const { store, outlet, clock, rules, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, arrival, signal) => {
    const { order } = envelope;
    const claim = claimed.claim;

    // 1. The attempt: ours by claim, or fenced off from whoever held it before, or perhaps used already.
    const attempt = await takeAttempt(deps, envelope, claimed, arrival);
    if (attempt.kind === "not-ours") return attempt.result;
    const { state } = attempt;
    const wait = (
      waitsFor: In<"waiting">["waitsFor"],
      detail: string,
      asked: ReturnType<typeof askedFor> = { atLeastMs: null, heldBack: undefined },
    ) =>
      conclude(
        claimed,
        envelope,
        waitFor(candidateOf(order, state), waitsFor, moment(), {
          detail,
          before: state.before,
          ...asked,
        }),
      );
    const token = envelope.token;
    if (claimed.lock !== "held" || token === null) return wait("server-busy", "the lock was lost");
    if (claim.rebuildingUntilMs !== null) return wait("store-rebuilding", "the store is young");
    await reach("submit:attempt-claimed");

    const likelyEnd = await deps.durations.likelyEnd(order.projectId, jobKind(state.before));
    // Both calls are taken here, and waited for here: nothing stands between look and POST.
    const { cancelRequest } = claimed;
    const reserved = await withCalls(deps.cloud, order.projectId, LOOK_AND_POST, signal);
    if (reserved.kind === "unavailable") {
      const asked = { unavailable: reserved, cancelRequest };
      return conclude(claimed, envelope, withoutCalls(order, state, asked, moment()));
    }
    const { cloud } = reserved;

    // 2. Look again: the disk that was seen before is the If-Match of this request.
    const look = await cloud.look(order.projectId, order.serverId, signal);
    await reach("submit:looked");
    const objection = lastLook(order, state, { look, cancelRequest }, moment());
    if (objection !== null) return conclude(claimed, envelope, objection);
    if (outlet.isBlocked()) return { kind: "again" };

    // 3. Sign now, once: from here the fence counts.
    const body = bodyToSend(state.body, rules);
    const signing = await cloud.sign(order.projectId, order.serverId, body, signal);
    if (signing.kind === "unavailable") {
      return wait(signing.waitsFor, signing.message, askedFor(signing));
    }
    const { request } = signing;
    const signedAt = clock.monotonicMs();
    await reach("submit:signed");
    // Below one call a second the cloud lets look and POST through only apart from each other.
    if (clock.nowMs() >= order.expiresAtMs) return conclude(claimed, envelope, expired(order));

    // 4. The intent: after a crash the only sign that the disk may be gone.
    const recorded = await store.recordIntent(order, claim, {
      attempt: state.tries.attempt,
      token,
      signedAtMs: request.signedAtMs,
      diskId: state.before.systemDiskId,
    });
    if (recorded.kind === "held") {
      const held = candidateOf(order, state);
      return conclude(claimed, envelope, heldBy(held, recorded.hold, moment(), state.before));
    }
    if (recorded.kind !== "saved") return notNow(recorded, rules);
    await reach("submit:intent-recorded");

    // 5 and 6. A last glance at what may have changed while we were away, then one POST.
    const outcome = await sendOnce(deps, request, signedAt, signal);
    await reach("submit:answered");

    // 7. What became of it.
    const { signedAtMs } = request;
    const decision = afterSubmission(
      order,
      state,
      { outcome, signedAtMs },
      { ...moment(), likelyEnd },
    );
    // Recorded with a slot, whether the message had one or not.
    const withSlot = { ...claim, slot: true };
    return { kind: "conclude", claim: withSlot, decision, token, submitted: true };
  };
}

async function sendOnce(
  deps: StepDeps,
  request: SignedReinstall,
  signedAt: number,
  signal: AbortSignal,
): Promise<Submission> {
  const notSent = (message: string): Submission => ({
    kind: "not-sent",
    waitsFor: "cloud-unavailable",
    cloudCode: null,
    message,
    retryAfterMs: null,
  });
  if (signal.aborted) return notSent("the worker is stopping");
  if (deps.outlet.isBlocked()) return notSent("the broker takes no messages now");
  if (stoodStill(deps, signedAt)) {
    return notSent("the signature grew old before the request could be sent");
  }
  return await request.send(signal);
}

/**
 * A first delivery holds the attempt that its message names. A redelivered one, or a copy, takes the next
 * number if nothing was intended for this one *and* that absence proves something: the message was written
 * in the store's present memory. Anything else may have been sent, and what may have been sent is not sent again.
 */
async function takeAttempt(
  deps: StepDeps,
  envelope: Envelope & { readonly state: In<"submit"> },
  claimed: Claimed,
  arrival: Arrival,
): Promise<Attempt> {
  const { store, rules } = deps;
  const moment = momentsOf(deps);
  const { state, order } = envelope;
  const { attempt, intent } = claimed.attempt;
  const held = Math.max(attempt, state.tries.attempt);
  const reconcile = (decision: Decision): Attempt => ({
    kind: "not-ours",
    result: conclude(claimed, envelope, decision),
  });
  if (claimed.foreignEpoch || claimed.restored !== "no") {
    return reconcile(towardsReconcile(state, undefined, "store-forgot", moment()));
  }
  if (intent !== null && intent.attempt >= state.tries.attempt) {
    const before = { ...state.before, systemDiskId: intent.diskId };
    // The number that may have been used may be higher than the message's own: the next one must be higher still.
    const tries = { ...state.tries, attempt: held };
    const unproven = { ...state, before, tries };
    return reconcile(towardsReconcile(unproven, intent.signedAtMs, "redelivered", moment()));
  }
  const first = !arrival.redelivered && envelope.revived === 0 && !claimed.takenOver;
  if (first && attempt === state.tries.attempt) return { kind: "ours", state };
  const taken = await store.takeAttempt(order, claimed.claim, held);
  if (taken.kind !== "taken") return { kind: "not-ours", result: notNow(taken, rules) };
  return {
    kind: "ours",
    state: { ...state, tries: { ...state.tries, attempt: taken.attempt } },
  };
}
