import type { Envelope } from "../core/state/envelope.ts";
import type { DeferReason } from "../core/waiting/deferred.ts";
import { createComplete } from "../steps/complete/complete.ts";
import type { Work } from "../steps/complete/deferring.ts";
import { createHop, stillWaiting } from "../steps/hop.ts";
import type { Delivery, Disposition } from "../steps/ports/outlet.ts";
import { bodyOf, createRunStep } from "../steps/run-step.ts";
import { readEnvelope } from "./read-envelope.ts";
import { createTakeUnreadable } from "./take-unreadable.ts";
import type { WorkerDeps } from "./worker-deps.ts";

/** An internal message: one step of a command, or one more stay in a delay queue. */
export function createTakeStep(deps: WorkerDeps) {
  const { outlet, clock, signal } = deps;
  const runStep = createRunStep(deps);
  const hop = createHop(deps);
  const complete = createComplete(deps);
  const takeUnreadable = createTakeUnreadable(deps);

  return async function takeStep(delivery: Delivery): Promise<Disposition> {
    const read = readEnvelope(delivery.body);
    if (read.kind !== "envelope") return takeUnreadable(delivery, read);
    const { envelope } = read;
    const { order, state } = envelope;
    const shelve = async (delayMs: number, shelved: Envelope) => {
      const put = await outlet.publish([{ kind: "step", envelope: shelved, delayMs }], signal);
      return put === "confirmed" ? "confirmed" : "unconfirmed";
    };
    const takenMs = clock.monotonicMs();
    const deferred = (delayMs: number, why: DeferReason["why"]): Envelope => ({
      ...envelope,
      // It may have been claimed by a call whose answer was lost: the copy says so, and may take over.
      revived: envelope.revived + (why === "store-rebuilding" && !delivery.redelivered ? 0 : 1),
      // What the broker brings again may have been anywhere.
      ...(why === "store-away" && !delivery.redelivered
        ? stillWaiting(envelope, clock.monotonicMs() - takenMs, delayMs)
        : {}),
    });
    const work: Work = {
      order,
      from: state.phase,
      envelope,
      body: bodyOf(state),
      defer: (delayMs, { why }) => shelve(delayMs, deferred(delayMs, why)),
    };
    const hopped = await hop(envelope, delivery.redelivered);
    if (hopped.kind === "over") return complete(work, hopped.result, signal);
    if (hopped.kind === "waits") {
      // The broker's mark goes with the delivery; without it the copy would look like somebody else's step.
      const revived = envelope.revived + (delivery.redelivered ? 1 : 0);
      const waited = await shelve(hopped.delayMs, { ...envelope, ...hopped.marks, revived });
      return waited === "confirmed" ? "ack" : "requeue";
    }
    const arrival = { nonce: clock.nonce(), redelivered: delivery.redelivered };
    return complete(work, await runStep(envelope, arrival, signal), signal);
  };
}
