import { inquiryDelay } from "../../core/decisions/decide-inquiry.ts";
import { startThenWait } from "../../core/decisions/leave-as-found.ts";
import { type Final, firstHopMs, type Next, next } from "../../core/decision.ts";
import { ENVELOPE_VERSION, type Envelope, storedEnvelope } from "../../core/state/envelope.ts";
import { toProgressEvent } from "../../core/messages/events.ts";
import { isInWork } from "../../core/waiting/line.ts";
import type { Moment } from "../../core/moment.ts";
import { owesStart, powerMember } from "../../core/server/power.ts";
import type { Order } from "../../core/state/order.ts";
import { unseenUntil } from "../../core/waiting/deferred.ts";
import type { Rules } from "../../core/rules.ts";
import type { Clock, ReachPoint } from "../ports/clock.ts";
import type { DiskEvidence } from "../ports/disk-evidence.ts";
import { stormEndOf } from "../../core/brakes/storm.ts";
import type { FinishAnswer, SaveAnswer } from "../ports/step-record.ts";
import type { Outbox, StoredOutcome } from "../ports/stored-outcome.ts";
import type { ReinstallStore } from "../ports/reinstall-store.ts";
import type { StepClaim } from "../ports/step-claim.ts";
import type { Outgoing } from "../ports/outlet.ts";
import { outcomeMessages } from "./messages.ts";
import type { StepResult } from "../step.ts";

export interface FinishDeps {
  readonly store: ReinstallStore;
  readonly evidence: DiskEvidence;
  readonly clock: Clock;
  readonly region: string;
  readonly rules: Rules;
  readonly reach: ReachPoint;
}

/** What is to be published once a step is stored; or why it is not. */
export type Stored =
  | {
      readonly kind: "publish";
      readonly messages: readonly Outgoing[];
      readonly ends: StoredOutcome | null;
    }
  | Exclude<SaveAnswer | FinishAnswer, { kind: "saved" } | { kind: "finished" }>;

type Concluded = Extract<StepResult, { kind: "conclude" }>;

/** Saves a step's decision, and so fixes, word for word, what will be published about it. */
export function createFinish(deps: FinishDeps) {
  const { store, clock, region, reach } = deps;

  async function saveNext(order: Order, result: Concluded, decision: Next): Promise<Stored> {
    const { claim } = result;
    const nowMs = clock.nowMs();
    const envelope = nextEnvelope(order, result, decision, { nowMs, rules: deps.rules });
    const events = decision.events.map((draft, index) =>
      toProgressEvent(region, order, { sequence: claim.sequence + index, atMs: nowMs }, draft),
    );
    const delayMs = firstHopMs(decision, deps.rules.ladderMs);
    const outbox: Outbox = { events, next: { envelope: storedEnvelope(envelope), delayMs } };
    const answer = await store.save({
      order,
      claim,
      state: decision.state,
      nextSequence: envelope.sequence,
      outbox,
      intent: decision.intent,
      lock: decision.lock,
    });
    await reach("step:saved");
    if (answer.kind !== "saved") return answer;
    return {
      kind: "publish",
      ends: null,
      messages: [
        ...events.map((event) => ({ kind: "event" as const, event })),
        { kind: "step", envelope, delayMs },
      ],
    };
  }

  async function saveFinal(order: Order, result: Concluded, decision: Final): Promise<Stored> {
    const { claim } = result;
    const nowMs = clock.nowMs();
    const preface = (result.preface ?? []).map((draft, index) =>
      toProgressEvent(region, order, { sequence: claim.sequence + index, atMs: nowMs }, draft),
    );
    const sequence = claim.sequence + preface.length;
    const event = toProgressEvent(region, order, { sequence, atMs: nowMs }, decision.draft);
    // A contradiction is counted before the outcome: losing one would leave a false proof in force.
    if (decision.sample?.disk === "kept") {
      const counted = await deps.evidence.count(decision.sample.volumeType, "kept");
      if (counted === "away") return { kind: "away", message: "a contradiction was not counted" };
    }
    const answer = await store.finish({
      order,
      claim,
      outcome: storedOutcome(order, {
        preface,
        event,
        decision,
        inquiry: inquiryOf(order, result, nowMs),
      }),
      lock: decision.lock,
      intent: decision.intent,
      storm: stormEndOf(decision.draft, decision.emittersFault),
      healedAtMs: decision.healedAtMs,
      owes: decision.owes,
    });
    await reach("step:finished");
    if (answer.kind !== "finished") return answer;
    if (answer.first && decision.sample?.disk === "replaced") {
      // One that is lost only delays the trust.
      await deps.evidence.count(decision.sample.volumeType, "replaced");
    }
    return {
      kind: "publish",
      ends: answer.outcome,
      messages: outcomeMessages(answer.outcome),
    };
  }

  /** The first message of an inquiry, where the server stays locked because nobody knows what happened to it. */
  function inquiryOf(order: Order, result: Concluded, nowMs: number): StoredOutcome["inquiry"] {
    const { unresolvedWatchMs, ladderMs } = deps.rules;
    const seed = result.decision.kind === "final" ? result.decision.inquiry : null;
    if (seed === null || result.token === null || unresolvedWatchMs === 0) return undefined;
    const untilMs = nowMs + unresolvedWatchMs;
    const state = { phase: "inquiry" as const, ...seed, sinceMs: nowMs, untilMs };
    const delayMs = inquiryDelay(0, ladderMs);
    const { epoch, atMs } = result.claim;
    const first = {
      claim: { ...result.claim, step: 0, sequence: 1, epoch, atMs },
      token: result.token,
    };
    const began = { state, delayMs, events: [], lock: "keep" as const };
    return { envelope: nextEnvelope(order, first, began, { nowMs, rules: deps.rules }), delayMs };
  }

  return {
    store(order: Order, result: Concluded): Promise<Stored> {
      return result.decision.kind === "next"
        ? saveNext(order, result, result.decision)
        : saveFinal(order, result, result.decision);
    },
  };
}

/** The message that carries a command into its next step. */
export function nextEnvelope(
  order: Order,
  { claim, token }: { readonly claim: StepClaim; readonly token: number | null },
  decision: Pick<Next, "state" | "delayMs" | "isPunctual" | "events" | "lock">,
  { nowMs, rules }: Pick<Moment, "nowMs" | "rules">,
): Envelope {
  const longestMs = rules.ladderMs.at(-1) ?? 0;
  const firstMs = Math.min(firstHopMs(decision, rules.ladderMs), longestMs);
  return {
    v: ENVELOPE_VERSION,
    order,
    step: claim.step + 1,
    sequence: claim.sequence + decision.events.length,
    epoch: claim.epoch,
    dueMs: nowMs + decision.delayMs,
    // Of a longer wait only the first hop is sure: our clocks are not the store's.
    unseenUntilMs: unseenUntil(claim.atMs, firstMs),
    token: decision.lock === "release" ? null : token,
    slot: claim.slot && isInWork(decision.state),
    placeMs: claim.arrivedMs,
    revived: 0,
    deaths: 0,
    state: decision.state,
  };
}

/** How a command goes on whose submission could not be saved: its message alone carries what became of it. */
export function unsavedNext(
  { state }: Envelope,
  { decision }: Concluded,
  { nowMs, rules }: Pick<Moment, "nowMs" | "rules">,
): Next {
  const reached = decision.kind === "next" ? decision.state : null;
  if (decision.kind === "next" && decision.state.phase !== "submit") {
    if (reached?.phase !== "watch") return { ...decision, events: [] };
    // `submitted` is owed: it goes out as soon as there is a store to number it.
    const { isPunctual: _until, ...soon } = decision;
    const delayMs = rules.ladderMs[0] ?? 0;
    return { ...soon, delayMs, events: [], state: { ...reached, announced: false } };
  }
  if (state.phase !== "submit") throw new Error(`nothing is submitted in ${state.phase}`);
  const { body, before, power } = state;
  // Nothing was done. After a sure refusal it may come to the line again and be refused again; where it stayed there, another
  // delivery of the same step may have saved a lower attempt, and the store would refuse the next one for ever.
  const tries =
    reached?.phase === "submit"
      ? reached.tries
      : { ...state.tries, attempt: state.tries.attempt + 1 };
  const waiting = {
    phase: "waiting",
    body,
    tries,
    waitsFor: "store-rebuilding",
    before,
    ...powerMember(power),
    sinceMs: nowMs,
  } as const;
  const delayMs = rules.ladderMs.at(-1) ?? 0;
  return power !== undefined && owesStart(power, rules)
    ? startThenWait(power, { state: waiting, delayMs }, { nowMs })
    : next(waiting, delayMs);
}

function storedOutcome(
  order: Order,
  ended: {
    readonly preface: readonly StoredOutcome["event"][];
    readonly event: StoredOutcome["event"];
    readonly decision: Final;
    readonly inquiry: StoredOutcome["inquiry"];
  },
): StoredOutcome {
  const { preface, event, inquiry } = ended;
  const { deadReason } = ended.decision.draft;
  const left = ended.decision.inquiry;
  return {
    ...(preface.length === 0 ? {} : { preface }),
    event,
    reply: order.replyTo ?? null,
    dead: deadReason === undefined ? null : { reason: deadReason, body: { order, event } },
    ...(left === null ? {} : { fenceAtMs: left.fenceAtMs }),
    ...(inquiry === undefined ? {} : { inquiry }),
  };
}
