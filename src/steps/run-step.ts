import { rungAtLeast } from "../core/waiting/backoff.ts";
import { withDebt } from "../core/state/debt.ts";
import type { Envelope } from "../core/state/envelope.ts";
import type { Rules } from "../core/rules.ts";
import type { State } from "../core/state/state.ts";
import { giveUp, MAX_DEATHS } from "./give-up.ts";
import { createInquire } from "./phases/inquire.ts";
import { createJoin } from "./phases/join.ts";
import { leavingAsFound } from "./leave-as-found.ts";
import { momentsOf } from "./moment.ts";
import type { ClaimAnswer } from "./ports/step-claim.ts";
import { createPrepare } from "./phases/prepare.ts";
import { createReady } from "./phases/ready.ts";
import { createReconcile } from "./phases/reconcile.ts";
import { createRestore } from "./phases/restore.ts";
import { createSettle } from "./phases/settle.ts";
import { type Arrival, notNow, type StepDeps, type StepResult } from "./step.ts";
import { createSubmit } from "./phases/submit.ts";
import { createWait } from "./phases/wait.ts";
import { createWatch } from "./phases/watch.ts";

type Claimed = Extract<ClaimAnswer, { kind: "claimed" }>;

/** Takes one internal message through its step: claim it, then do what its phase asks. */
export function createRunStep(deps: StepDeps) {
  const { store, clock, rules, reach } = deps;
  const moment = momentsOf(deps);
  const runPhase = createPhases(deps);
  return async function runStep(
    delivered: Envelope,
    arrival: Arrival,
    signal: AbortSignal,
  ): Promise<StepResult> {
    await reach("step:before-claim");
    const answer = await store.claim(delivered, arrival);
    await reach("step:claimed");
    if (answer.kind === "rebuilding") {
      const delayMs = rungAtLeast(answer.untilMs - clock.nowMs(), rules.ladderMs);
      return { ...answer, kind: "defer", delayMs, why: "store-rebuilding", mayHaveRun: true };
    }
    if (answer.kind !== "claimed") return unclaimed(delivered, answer, rules);
    const envelope = { ...delivered, state: withDebt(delivered.state, answer.debt) };
    const result =
      envelope.deaths >= MAX_DEATHS
        ? giveUp(
            envelope,
            answer,
            `the broker gave up on the step ${envelope.state.phase} ${envelope.deaths} times`,
            moment(),
          )
        : await runPhase(envelope, answer, arrival, signal);
    return leavingAsFound(result, { envelope, claimed: answer, arrival }, moment());
  };
}

/** What the store's answer means to a message whose step is not, or not any more, to be taken. */
export function unclaimed(
  envelope: Envelope,
  answer: Exclude<ClaimAnswer, Claimed | { kind: "rebuilding" }>,
  rules: Rules,
): StepResult {
  switch (answer.kind) {
    case "saved":
      return { kind: "repeat", outbox: answer.outbox, body: bodyOf(envelope.state) };
    case "finished":
      return answer;
    case "stale":
    case "fenced":
      return { kind: "drop", why: answer.kind };
    case "id-taken":
      // Of an inquiry nothing is lost with its record but the inquiry.
      return envelope.state.phase === "inquiry"
        ? { kind: "drop", why: "stale" }
        : { kind: "id-taken", envelope };
    case "away":
    case "corrupt":
      return notNow(answer, rules);
  }
}

function createPhases(deps: StepDeps) {
  const wait = createWait(deps);
  const join = createJoin(deps);
  const prepare = createPrepare(deps);
  const submit = createSubmit(deps);
  const reconcile = createReconcile(deps);
  const watch = createWatch(deps);
  const settle = createSettle(deps);
  const ready = createReady(deps);
  const restore = createRestore(deps);
  const inquire = createInquire(deps);
  return async (
    envelope: Envelope,
    claimed: Claimed,
    arrival: Arrival,
    signal: AbortSignal,
  ): Promise<StepResult> => {
    const { state } = envelope;
    switch (state.phase) {
      case "waiting":
        return await wait({ ...envelope, state }, claimed, arrival, signal);
      case "joined":
        return await join({ ...envelope, state }, claimed, arrival, signal);
      case "prepare":
        return await prepare({ ...envelope, state }, claimed, arrival, signal);
      case "submit":
        return await submit({ ...envelope, state }, claimed, arrival, signal);
      case "reconcile":
        return await reconcile({ ...envelope, state }, claimed, arrival, signal);
      case "watch":
        return await watch({ ...envelope, state }, claimed, arrival, signal);
      case "settle":
        return await settle({ ...envelope, state }, claimed, arrival, signal);
      case "ready":
        return await ready({ ...envelope, state }, claimed, arrival, signal);
      case "restore":
        return await restore({ ...envelope, state }, claimed, arrival, signal);
      case "inquiry":
        return await inquire({ ...envelope, state }, claimed, arrival, signal);
    }
  };
}

/** The `os-reinstall` body that a message carries, if its phase still needs one. */
export function bodyOf(state: State) {
  return "body" in state ? state.body : undefined;
}
