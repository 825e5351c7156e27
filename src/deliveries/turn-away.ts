import { rungAtLeast } from "../core/waiting/backoff.ts";
import type { Intake } from "../core/intake/intake.ts";
import type { DeferReason } from "../core/waiting/deferred.ts";
import type { Work } from "../steps/complete/deferring.ts";
import type { Disposition } from "../steps/ports/outlet.ts";
import { createRefuse } from "../steps/refuse.ts";
import type { WorkerDeps } from "./worker-deps.ts";

/** A message that is no command, or one that is not allowed: it is refused, once, and its sender gets the reason. */
export function createTurnAway(deps: WorkerDeps) {
  const { outlet, rules, journal, signal, store } = deps;
  const refuse = createRefuse(deps);

  return async function turnAway(
    intake: Extract<Intake, { kind: "refused" }>,
    defer: Work["defer"],
  ): Promise<Disposition> {
    const refused = await refuse(intake);
    const { commandId } = intake.subject;
    const deferred = async (why: DeferReason): Promise<Disposition> => {
      const delayMs = rungAtLeast(rules.ladderMs[0] ?? 0, rules.ladderMs);
      journal.deferred(commandId, "refused", why.why, delayMs);
      return (await defer(delayMs, why)) === "confirmed" ? "ack" : "requeue";
    };
    if (refused.kind === "defer") {
      const { detail } = refused;
      if (detail !== undefined) journal.unreadable(intake.subject, detail);
      return deferred(refused);
    }
    const published = await outlet.publish(refused.messages, signal);
    if (published === "refused") return deferred({ why: "queue-full" });
    if (published === "unconfirmed") return "requeue";
    if (refused.kind === "misuse") {
      journal.dropped(commandId, "refused", "id-reused");
      return "ack";
    }
    const { home, outcome } = refused;
    if (home !== null) await store.published(home, commandId, outcome.event.data.sequence);
    journal.ended("refused", outcome, null);
    return "ack";
  };
}
