import type { ProjectId } from "../contract/ids.ts";
import type { OsReinstall } from "../contract/os-reinstall.ts";
import { towardsProof } from "../core/towards.ts";
import { final } from "../core/decision.ts";
import { type Envelope, isLaterVersion, restoreEnvelope } from "../core/state/envelope.ts";
import { failed } from "../core/messages/events.ts";
import { withDebt } from "../core/state/debt.ts";
import type { Order } from "../core/state/order.ts";
import { giveUp } from "./give-up.ts";
import type { createComplete } from "./complete/complete.ts";
import type { Work } from "./complete/deferring.ts";
import { leavingAsFound } from "./leave-as-found.ts";
import { outcomeMessages } from "./complete/messages.ts";
import { momentsOf } from "./moment.ts";
import type { Outlet } from "./ports/outlet.ts";
import type { Stranded, StrandedCommands } from "./ports/stranded-commands.ts";
import { SWEEPER } from "./ports/step-claim.ts";
import type { StepDeps } from "./step.ts";

export interface SweepDeps extends StepDeps {
  readonly outlet: Outlet;
  readonly stranded: Pick<StrandedCommands, "find">;
  readonly complete: ReturnType<typeof createComplete>;
  readonly projects: readonly ProjectId[];
  /** A command without a step for this long, beside the time that the work queues are behind, is taken for lost. */
  readonly sweepAfterMs: number;
  /** How far behind the work queues are, one after the other (`WorkLag`), ms. */
  readonly behindMs: () => number;
  /** Called with what became of each command: put back on its way, ended, or found to move after all. */
  readonly onSwept?: (result: Swept, commandId: string, project: ProjectId) => void;
}

/**
 * Put back on its way; ended; found to move after all; or nobody can help it: its record cannot be read, or its end cannot be
 * published.
 */
export type Swept = "revived" | "ended" | "moving" | "stuck";

const BATCH = 100;
const LOST = "its message was lost";
const FIRST_TRY = { attempt: 1, spent: 0 };
const NOTHING_SENT = failed({
  class: "internal",
  cloudCode: null,
  message: LOST,
  retryable: true,
  nextStep: "Nothing was sent to the cloud. Send a new command.",
});

/**
 * Stands in for a body that is lost with its message. It is never sent: what needs a body cannot go on, and
 * is ended.
 */
const LOST_BODY: OsReinstall = { userid: "lost" };

/**
 * Puts open commands that nobody moves any more back on their way from their records, or ends them
 * honestly (design §6). It covers what a broker may lose; a message that turns up later finds its step taken.
 * Returns how many it put back or ended.
 *
 * What is still in a work queue is not lost. Such a queue gives its messages in the order in which they entered it: while those
 * that are taken now have lain there for ten minutes, what entered it within ten minutes is still behind them, however long
 * ago its step was saved. So that time is added to `sweepAfterMs`. A message that was really lost is in no queue: its command is swept
 * once the queue has reached what entered it later, or is worked off.
 */
export function createSweep(deps: SweepDeps) {
  const { outlet, stranded, store, clock, complete } = deps;
  const moment = momentsOf(deps);

  async function resume(envelope: Envelope, signal: AbortSignal): Promise<void> {
    const revived = {
      ...envelope,
      revived: envelope.revived + 1,
      dueMs: clock.nowMs(),
      // The message that it stands for may still be taken.
      unseenUntilMs: undefined,
    };
    await outlet.publish([{ kind: "step", envelope: revived, delayMs: 0 }], signal);
  }

  async function endLost(envelope: Envelope, signal: AbortSignal): Promise<Swept> {
    const nonce = `${SWEEPER}${clock.nonce()}`;
    const answer = await store.claim(envelope, { nonce, redelivered: true });
    if (answer.kind !== "claimed") return answer.kind === "corrupt" ? "stuck" : "moving";
    const owing = { ...envelope, state: withDebt(envelope.state, answer.debt) };
    const taken = { envelope: owing, claimed: answer, arrival: { redelivered: true } };
    const result = leavingAsFound(giveUp(owing, answer, LOST, moment()), taken, moment());
    await complete(workOf(envelope.order, envelope), result, signal);
    return "ended";
  }

  async function endUnadmitted(order: Order, signal: AbortSignal): Promise<Swept> {
    const answer = await store.admit(order, {
      nonce: clock.nonce(),
      redelivered: true,
      // Its record is gone meanwhile? Then nobody knows.
      mayHaveRun: true,
      arrivedAtMs: order.receivedAtMs,
      unseenUntilMs: null,
    });
    if (answer.kind !== "claimed") return answer.kind === "corrupt" ? "stuck" : "moving";
    const { claim, lock, mayHaveRun } = answer;
    const token = lock.kind === "acquired" && !order.dryRun ? lock.token : null;
    const decision = mayHaveRun
      ? towardsProof({ order, tries: FIRST_TRY, waiting: null }, moment())
      : final(NOTHING_SENT);
    await complete(workOf(order, null), { kind: "conclude", claim, token, decision }, signal);
    return "ended";
  }

  async function sweepOne(
    one: Stranded,
    project: ProjectId,
    unmovedMs: number,
    signal: AbortSignal,
  ): Promise<Swept> {
    if (one.outcome !== null) {
      const published = await outlet.publish(outcomeMessages(one.outcome), signal);
      if (published !== "confirmed") return "stuck";
      await store.published(project, one.commandId, one.outcome.event.data.sequence);
      return "ended";
    }
    if (one.resume === null) {
      return one.order === null ? "stuck" : await endUnadmitted(one.order, signal);
    }
    const whole = restoreEnvelope(one.resume, undefined);
    const envelope = whole ?? restoreEnvelope(one.resume, LOST_BODY);
    if (envelope === null) return isLaterVersion(one.resume) ? "moving" : "stuck";
    // A long wait that the cloud asked for is no loss.
    if (envelope.dueMs + unmovedMs > clock.nowMs()) return "moving";
    // Whoever saved that step may still publish it: what follows must not be published first.
    const saved = (one.events ?? []).map((event) => ({ kind: "event" as const, event }));
    if (saved.length > 0 && (await outlet.publish(saved, signal)) !== "confirmed") return "moving";
    if (whole === null) {
      return await endLost(envelope, signal);
    }
    await resume(whole, signal);
    return "revived";
  }

  return async function sweep(signal: AbortSignal): Promise<number> {
    let touched = 0;
    const unmovedMs = deps.sweepAfterMs + deps.behindMs();
    for (const project of deps.projects) {
      const found = await stranded.find(project, unmovedMs, BATCH);
      for (const one of found) {
        if (signal.aborted) return touched;
        // On a line of its own: an optional call does not evaluate its arguments when nobody listens.
        const result = await sweepOne(one, project, unmovedMs, signal);
        deps.onSwept?.(result, one.commandId, project);
        if (result === "revived" || result === "ended") touched++;
      }
    }
    return touched;
  };

  function workOf(order: Order, envelope: Envelope | null): Work {
    return {
      order,
      from: "sweep",
      envelope,
      body: undefined,
      defer: async () => "confirmed",
    };
  }
}
