import type { OsReinstall } from "../contract/os-reinstall.ts";
import { rungAtLeast } from "../core/waiting/backoff.ts";
import type { Candidate } from "../core/candidate.ts";
import { towardsProof } from "../core/towards.ts";
import { type Death, endOfDead } from "../core/messages/death.ts";
import { type Decision, final } from "../core/decision.ts";
import type { EventDraft } from "../core/messages/events.ts";
import { type IntakeNotes, notesData } from "../core/intake/notes.ts";
import { tooEarly } from "../core/brakes/not-before.ts";
import type { Order } from "../core/state/order.ts";
import { plannedFrom } from "../core/decisions/plan.ts";
import { userDataObjection } from "../core/server/server-fitness.ts";
import { afterLock, firstLook, lookAtDisk, lookAtImage } from "./after-lock.ts";
import type { AdmitAnswer, CommandDelivery } from "./ports/admission.ts";
import { momentsOf } from "./moment.ts";
import { notNow, type StepDeps, type StepResult } from "./step.ts";

/** With what the emitter should know though it stops nothing: what was ignored, and `USER_DATA_CHECK=lax`. */
function accepted({ order, body, notes }: Understood, decision: Decision): EventDraft {
  const objection = userDataObjection(null, body);
  const found = decision.kind === "next" ? decision.warnings : undefined;
  const warnings = found ?? (objection === null ? [] : [objection]);
  return {
    event: "accepted",
    data: {
      ...notesData(notes),
      ...(order.override === undefined ? {} : { override: order.override }),
      ...(warnings.length === 0 ? {} : { warnings }),
    },
  };
}

/** How a raw command arrived, and what is to be said about it when it is accepted. */
export interface TakenDelivery extends CommandDelivery {
  readonly notes?: IntakeNotes;
}

interface Understood {
  readonly order: Order;
  readonly body: OsReinstall;
  readonly notes: IntakeNotes | undefined;
}

/** What to do with a command that is ours now. */
type DecideClaimed = (
  deps: StepDeps,
  understood: Understood,
  claimed: Extract<AdmitAnswer, { kind: "claimed" }>,
  signal: AbortSignal,
) => Promise<StepResult>;

/** Step 0: a command that was understood becomes ours, in one script, and gets its first look at the server. */
export function createAdmit(deps: StepDeps, decide: DecideClaimed = decideClaimed) {
  const { store, rules, reach } = deps;
  return async function admit(
    order: Order,
    body: OsReinstall,
    delivery: TakenDelivery,
    signal: AbortSignal,
  ): Promise<StepResult> {
    await reach("admit:before-claim");
    const { notes, ...arrived } = delivery;
    const answer = await store.admit(order, arrived);
    await reach("admit:claimed");
    switch (answer.kind) {
      case "claimed":
        return await decide(deps, { order, body, notes }, answer, signal);
      case "saved":
        return { kind: "repeat", outbox: answer.outbox, body };
      case "finished":
      case "duplicate":
      case "id-reused":
        return answer;
      case "handed-over":
      case "fenced":
        return { kind: "drop", why: answer.kind };
      case "rebuilding":
        return {
          kind: "defer",
          delayMs: rungAtLeast(answer.untilMs - deps.clock.nowMs(), rules.ladderMs),
          why: "store-rebuilding",
          untilMs: answer.untilMs,
          mayHaveRun: answer.mayHaveRun,
        };
      case "refusal-unconfirmed":
        return { kind: "defer", delayMs: rules.ladderMs[0] ?? 0, why: answer.kind };
      case "away":
      case "corrupt":
        return notNow(answer, rules);
    }
  };
}

/**
 * For a delivery that had taken its command before, and lost it to another: it is no second publish of the command, so
 * nobody waits for an answer to it. What the other could not publish is published all the same.
 */
export function withoutAnswerOfItsOwn(result: StepResult): StepResult {
  if (result.kind === "duplicate") return { kind: "drop", why: "handed-over" };
  return result.kind === "finished" ? { ...result, duplicate: null } : result;
}

async function decideClaimed(
  deps: StepDeps,
  understood: Understood,
  { claim, lock, verdicts, mayHaveRun }: Extract<AdmitAnswer, { kind: "claimed" }>,
  signal: AbortSignal,
): Promise<StepResult> {
  const { order, body, notes } = understood;
  const moment = momentsOf(deps);
  const tries = { attempt: 1, spent: 0 };
  const { waitingCommands } = claim;
  const candidate: Candidate = { order, body, tries, waiting: null, mayHaveRun, waitingCommands };
  const token = lock.kind === "acquired" && !order.dryRun ? lock.token : null;
  if (order.dryRun) {
    const look = await firstLook(deps.cloud, order, {}, signal);
    const image = await lookAtImage(deps.cloud, order, look, signal);
    const diskAge = await lookAtDisk(deps, { candidate, claim, lock }, look, signal);
    if (diskAge?.kind === "trouble") return notNow(diskAge.answer, deps.rules);
    const said = diskAge?.said ?? { lock, verdicts };
    const asked = { lock: said.lock, verdicts: said.verdicts ?? [] };
    const planned = plannedFrom(candidate, asked, { look, image, disk: diskAge }, moment());
    return { kind: "conclude", claim, decision: noted(planned, notes), token };
  }
  const decision =
    tooEarly(candidate, moment()) ??
    (lock.kind === "acquired" && mayHaveRun
      ? towardsProof(candidate, moment())
      : await afterLock(deps, { candidate, claim, lock }, signal));
  if (decision.kind === "trouble") return notNow(decision.answer, deps.rules);
  return {
    kind: "conclude",
    claim,
    token,
    ...(decision.kind === "next"
      ? { decision: { ...decision, events: [accepted(understood, decision), ...decision.events] } }
      : {
          decision,
          preface: decision.draft.event === "failed" ? [accepted(understood, decision)] : [],
        }),
  };
}

/** A dry run is not accepted: its plan says what there is to say about the message. */
function noted(decision: Decision, notes: IntakeNotes | undefined): Decision {
  if (decision.kind !== "final") return decision;
  const { draft } = decision;
  return { ...decision, draft: { ...draft, data: { ...draft.data, ...notesData(notes) } } };
}

/**
 * Step 0 for a command that the broker gave up on: it is carried no further, unless it was on its way before
 * or may have been.
 */
export function createAdmitUndeliverable(deps: StepDeps, death: Death | null) {
  return createAdmit(deps, async (_deps, understood, claimed, signal) => {
    const { order } = understood;
    // Whoever holds the lock: "nothing was done" is not said where it is not known.
    if (claimed.mayHaveRun && !order.dryRun)
      return decideClaimed(deps, understood, claimed, signal);
    const { claim, lock } = claimed;
    const token = lock.kind === "acquired" && !order.dryRun ? lock.token : null;
    const decision = final(endOfDead(death, deps.clock.nowMs()));
    return { kind: "conclude", claim, token, decision };
  });
}
