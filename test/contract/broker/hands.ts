import type { DeferMarks } from "../../../src/core/waiting/deferred.ts";
import type { Delivery, Disposition } from "../../../src/steps/ports/outlet.ts";
import type { Worker } from "../../../src/worker.ts";

/** One delivery, as the worker was handed it. */
export interface Brought {
  readonly as: "command" | "step" | "dead command" | "dead step";
  /** Its message id. */
  readonly id: string;
  readonly delivery: Delivery;
  readonly marksWhenDeferred: DeferMarks | null;
  readonly atMs: number;
  /** Tells the broker. The second word about a delivery is not heard. */
  settle(disposition: Disposition): void;
}

/** A worker that carries nothing out: the test says what becomes of each delivery. */
export interface Hands {
  readonly worker: Worker;
  /** Everything that came, in its order. */
  readonly brought: readonly Brought[];
  /** What came and is not settled. */
  inHand(): readonly Brought[];
  ids(): readonly string[];
  has(id: string, times?: number): boolean;
  /** The delivery of this message, the last when it came more than once. */
  of(id: string): Brought;
}

export type Answer = (brought: Brought) => Disposition | undefined;

export function createHands(nowMs: () => number, answer?: Answer): Hands {
  const brought: Brought[] = [];
  const settled = new Set<Brought>();
  const take = (
    as: Brought["as"],
    delivery: Delivery,
    marksWhenDeferred: DeferMarks | null = null,
  ) =>
    new Promise<Disposition>((resolve) => {
      const one: Brought = {
        as,
        id: delivery.messageId ?? "",
        delivery,
        marksWhenDeferred,
        atMs: nowMs(),
        settle(disposition) {
          settled.add(one);
          resolve(disposition);
        },
      };
      brought.push(one);
      const disposition = answer?.(one);
      if (disposition !== undefined) one.settle(disposition);
    });
  const timesOf = (id: string) => brought.filter((one) => one.id === id).length;
  return {
    brought,
    worker: {
      takeCommand: (delivery, marksWhenDeferred) => take("command", delivery, marksWhenDeferred),
      takeStep: (delivery) => take("step", delivery),
      takeDead: (delivery, kind, marksWhenDeferred) =>
        take(`dead ${kind}`, delivery, marksWhenDeferred),
    },
    inHand: () => brought.filter((one) => !settled.has(one)),
    ids: () => brought.map(({ id }) => id),
    has: (id, times = 1) => timesOf(id) >= times,
    of(id) {
      const last = brought.findLast((one) => one.id === id);
      if (last === undefined) throw new Error(`${id} did not come`);
      return last;
    },
  };
}
