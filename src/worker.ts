import type { DeferMarks } from "./core/waiting/deferred.ts";
import { createTakeCommand } from "./deliveries/take-command.ts";
import { createTakeDead } from "./deliveries/take-dead.ts";
import { createTakeStep } from "./deliveries/take-step.ts";
import type { WorkerDeps } from "./deliveries/worker-deps.ts";
import type { Delivery, Disposition } from "./steps/ports/outlet.ts";

/** One worker: a delivery goes in, and what the broker is answered about it comes out. Holds no state between deliveries. */
export interface Worker {
  /** `marks`: those that it got when it was deferred; null when it comes from the command queue. */
  takeCommand(delivery: Delivery, marks?: DeferMarks | null): Promise<Disposition>;
  takeStep(delivery: Delivery): Promise<Disposition>;
  /** What the broker gave up on: back on its way, or to an honest end. */
  takeDead(
    delivery: Delivery,
    kind: "command" | "step",
    marks?: DeferMarks | null,
  ): Promise<Disposition>;
}

export function createWorker(deps: WorkerDeps): Worker {
  return {
    takeCommand: createTakeCommand(deps),
    takeStep: createTakeStep(deps),
    takeDead: createTakeDead(deps),
  };
}
