import { standsInLine } from "../core/waiting/crowd.ts";
import { type Death, isOfTheQueue } from "../core/messages/death.ts";
import { type Envelope, storedEnvelope } from "../core/state/envelope.ts";
import type { DeferMarks } from "../core/waiting/deferred.ts";
import { createAdmitUndeliverable } from "../steps/admit.ts";
import type { Delivery, Disposition } from "../steps/ports/outlet.ts";
import { readEnvelope } from "./read-envelope.ts";
import { createTakeRaw } from "./take-raw.ts";
import { createTakeUnreadable } from "./take-unreadable.ts";
import type { WorkerDeps } from "./worker-deps.ts";

/** What the broker gave up on: back on its way, or to an honest end. */
export function createTakeDead(deps: WorkerDeps) {
  const { outlet, clock, rules, journal, signal } = deps;
  const takeRaw = createTakeRaw(deps);
  const takeUnreadable = createTakeUnreadable(deps);

  async function takeDead(
    delivery: Delivery,
    kind: "command" | "step",
    marks: DeferMarks | null = null,
  ): Promise<Disposition> {
    const { death = null } = delivery;
    if (kind === "command") {
      if (isOfTheQueue(death) && death?.expirationMs === null) {
        // A policy is at work: whoever runs the broker should hear of it beside the emitter.
        const { messageId } = delivery;
        journal.trouble("the broker took a command out of its queue", { messageId, ...death });
      }
      return takeRaw(createAdmitUndeliverable(deps, death), delivery, {
        arrivedAtMs: marks?.arrivedAtMs ?? clock.nowMs(),
        redelivered: true,
        mayHaveRun: true,
        unseenUntilMs: marks?.unseenUntilMs ?? null,
        sender: marks === null ? delivery.userId : marks.sender,
      });
    }
    const read = readEnvelope(delivery.body);
    if (read.kind !== "envelope") return takeUnreadable(delivery, read);
    const { envelope } = read;
    if (isOfTheQueue(death)) return takeOverdue(envelope, death);
    const revived: Envelope = {
      ...envelope,
      revived: envelope.revived + 1,
      deaths: envelope.deaths + 1,
      dueMs: clock.nowMs(),
      unseenUntilMs: undefined,
    };
    journal.gaveUp("given-up", {
      commandId: envelope.order.commandId,
      phase: envelope.state.phase,
      deaths: revived.deaths,
    });
    const published = await outlet.publish(
      [
        {
          kind: "dead",
          messageId: `${envelope.order.commandId}/step/${envelope.step}/dead/${revived.deaths}`,
          reason: `the broker gave up on the step ${envelope.state.phase}`,
          body: storedEnvelope(envelope),
        },
        { kind: "step", envelope: revived, delayMs: rules.ladderMs[0] ?? 0 },
      ],
      signal,
    );
    return published === "confirmed" ? "ack" : "requeue";
  }

  /**
   * A policy took the step out of its queue, or the queue's own time: no fault of the step's, so it goes on as often as that
   * happens.
   */
  async function takeOverdue(envelope: Envelope, death: Death | null): Promise<Disposition> {
    const { order, state } = envelope;
    // Of those who wait, thousands at once after an outage: their queue holds nobody for long.
    if (!standsInLine(state)) {
      journal.trouble("the broker took a step out of its queue; it is put back", {
        commandId: order.commandId,
        phase: state.phase,
        queue: death?.queue,
        why: death?.reason,
      });
    }
    // In the queue of those who wait it may have been on its way through a longer wait.
    const dueMs = Math.max(envelope.dueMs, clock.nowMs());
    const revived = { ...envelope, revived: envelope.revived + 1, dueMs };
    const delayMs = rules.ladderMs[0] ?? 0;
    const published = await outlet.publish([{ kind: "step", envelope: revived, delayMs }], signal);
    return published === "confirmed" ? "ack" : "requeue";
  }

  return takeDead;
}
