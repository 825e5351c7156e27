import { marksWhenDeferred, type DeferMarks } from "../core/waiting/deferred.ts";
import { readCommand } from "../core/intake/intake.ts";
import { sentAt } from "../core/intake/sent-at.ts";
import { type createAdmit, withoutAnswerOfItsOwn } from "../steps/admit.ts";
import { createComplete } from "../steps/complete/complete.ts";
import type { Work } from "../steps/complete/deferring.ts";
import type { CommandDelivery } from "../steps/ports/admission.ts";
import type { Delivery, Disposition } from "../steps/ports/outlet.ts";
import { createTurnAway } from "./turn-away.ts";
import type { WorkerDeps } from "./worker-deps.ts";

/** How a raw command arrived: what the store is asked with, whether a delivery of ours had taken it, and who sent it. */
export type RawArrival = Omit<CommandDelivery, "nonce" | "contentAsSent"> &
  Pick<DeferMarks, "taken" | "sender">;

/** Takes one raw command through `step`, which admits it: read it, refuse it or admit it, carry that out. */
export function createTakeRaw(deps: WorkerDeps) {
  const { outlet, clock, rules, journal, signal, projects } = deps;
  const intakeRules = { projects, ...deps.intake };
  const complete = createComplete(deps);
  const turnAway = createTurnAway(deps);

  return async function takeRaw(
    step: ReturnType<typeof createAdmit>,
    delivery: Delivery,
    arrived: RawArrival,
  ): Promise<Disposition> {
    const { arrivedAtMs, sender } = arrived;
    const defer: Work["defer"] = (delayMs, why) => {
      const atMostMs = Math.min(delayMs, rules.ladderMs.at(-1) ?? 0);
      const marks = marksWhenDeferred(arrived, why, atMostMs, clock.nowMs());
      return outlet.republishArrival(delivery, { delayMs, ...marks }, signal);
    };
    const intake = readCommand({ ...delivery, sender }, arrivedAtMs, intakeRules);
    if (intake.kind === "refused") return turnAway(intake, defer);
    const { order, body, notes, contentAsSent } = intake;
    journal.noted(order.commandId, notes);
    // Published is before arrived: the broker may have held it for longer than the store remembers.
    const { atMs: sinceMs } = sentAt(delivery.timestampMs, arrivedAtMs);
    const { taken = false, sender: _inTheOrder, ...delivered } = arrived;
    const arrival = {
      ...delivered,
      nonce: clock.nonce(),
      arrivedAtMs: sinceMs,
      notes,
      contentAsSent,
    };
    const result = await step(order, body, arrival, signal);
    const answer = taken ? withoutAnswerOfItsOwn(result) : result;
    return complete({ order, body, from: "admit", envelope: null, defer }, answer, signal);
  };
}
