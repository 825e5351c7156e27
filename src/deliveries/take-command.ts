import { firstSeen, type DeferMarks } from "../core/waiting/deferred.ts";
import { createAdmit } from "../steps/admit.ts";
import type { Delivery, Disposition } from "../steps/ports/outlet.ts";
import { createTakeRaw } from "./take-raw.ts";
import type { WorkerDeps } from "./worker-deps.ts";

/** A raw command: from the command queue (`marks` null), or back from a delay queue, with the marks that it got there. */
export function createTakeCommand(deps: WorkerDeps) {
  const { clock } = deps;
  const admit = createAdmit(deps);
  const takeRaw = createTakeRaw(deps);

  return function takeCommand(
    delivery: Delivery,
    marks: DeferMarks | null = null,
  ): Promise<Disposition> {
    const { redelivered } = delivery;
    const { arrivedAtMs, mayHaveRun, unseenUntilMs } = marks ?? firstSeen(clock.nowMs());
    // Read once: what is deferred is published by the worker's own user.
    const sender = marks === null ? delivery.userId : marks.sender;
    return takeRaw(admit, delivery, {
      arrivedAtMs,
      redelivered: redelivered || marks !== null,
      mayHaveRun: redelivered || mayHaveRun,
      // What the broker brings again may have been anywhere.
      unseenUntilMs: redelivered && marks === null ? null : unseenUntilMs,
      ...(marks?.taken === true ? { taken: true } : {}),
      sender,
    });
  };
}
