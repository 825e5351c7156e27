import { createConclusion, type ConclusionDeps } from "./conclusion.ts";
import { createDeferring, type Work } from "./deferring.ts";
import { createDuplicates } from "./duplicates.ts";
import { createEndings } from "./endings.ts";
import type { Disposition, Outlet } from "../ports/outlet.ts";
import { createPublishing } from "./publishing.ts";
import type { StepResult } from "../step.ts";

export interface CompleteDeps extends ConclusionDeps {
  readonly outlet: Outlet;
}

/**
 * Store, publish, acknowledge: in that order, for every result of a step. A delivery is acknowledged only when what
 * follows from it is durable.
 */
export function createComplete(deps: CompleteDeps) {
  const { journal } = deps;
  const deferring = createDeferring(deps);
  const publishing = createPublishing(deps, deferring);
  const concluded = createConclusion(deps, deferring, publishing);
  const duplicates = createDuplicates(deps, deferring, publishing);
  const endings = createEndings(deps, deferring, publishing);

  return async function complete(
    work: Work,
    result: StepResult,
    signal: AbortSignal,
  ): Promise<Disposition> {
    switch (result.kind) {
      case "conclude":
        return concluded(work, result, signal);
      case "repeat":
        return duplicates.repeated(work, result, signal);
      case "finished":
        return duplicates.finished(work, result, signal);
      case "duplicate":
        return duplicates.duplicate(work, result, signal);
      case "id-reused":
        return duplicates.idReused(work, result, signal);
      case "drop":
        if (result.why === "fenced") return deferring.fenced(work);
        journal.dropped(work.order.commandId, work.from, result.why);
        return "ack";
      case "defer":
        return deferring.deferred(work, result.delayMs, result);
      case "again":
        return deferring.again(signal);
      case "corrupt":
        return deferring.unreadable(work, result.message);
      case "id-taken":
        return endings.displaced(work, result.envelope, signal);
      case "settled":
      case "inquiry-over":
        return endings.inquiryEnded(work, result, signal);
    }
  };
}
