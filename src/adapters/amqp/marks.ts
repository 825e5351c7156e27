import type { DeferMarks } from "../../core/waiting/deferred.ts";
import { Origin } from "../../core/intake/origin.ts";
import type { Delivery } from "../../steps/ports/outlet.ts";

/*
 * What we write into the headers of a message that waits or is passed on, and how it is read again.
 */

/** AMQP `type` of an internal message. */
export const STEP_TYPE = "ecs.reinstall.step.v1";
/** AMQP `type` of a raw command that waits in a delay queue. */
export const ARRIVAL_TYPE = "ecs.reinstall.arrival.v1";

/** Epoch ms: when the command first arrived. */
const ARRIVED_AT = "x-ecs-arrived-at";
/** Boolean: it may have been carried out before. */
const MAY_HAVE_RUN = "x-ecs-doubt";
/** Epoch ms: nobody can have taken it, or a copy of it, before. */
const UNSEEN_UNTIL = "x-ecs-unseen-until";
/** Boolean: a delivery of ours had taken it; whoever brings it again asks for no answer of its own. */
const TAKEN = "x-ecs-taken";
/** Text: the broker user who sent it, as the command queue said. Nobody but the worker writes where this is believed. */
const SENDER = "x-ecs-sender";
/** Table: where the command comes from ({@link Origin}), for whoever reads its dead letter. */
const ORIGIN = "x-ecs-origin";
/** Number: how often an internal message was passed on by workers that do not understand it. */
const PASSES = "x-ecs-passes";

/** Headers by name, as AMQP carries them; `undefined`: no such header. */
type Headers = Readonly<Record<string, unknown>>;

/** The headers of a raw command that waits. */
export function arrivalHeaders(marks: DeferMarks, origin: Origin | undefined): Headers {
  const { arrivedAtMs, mayHaveRun, unseenUntilMs, taken, sender } = marks;
  return {
    [ARRIVED_AT]: arrivedAtMs,
    [MAY_HAVE_RUN]: mayHaveRun,
    [UNSEEN_UNTIL]: unseenUntilMs ?? undefined,
    [TAKEN]: taken === true ? true : undefined,
    // Undefined, too: what the emitter may have written there is not kept.
    [SENDER]: sender,
    [ORIGIN]:
      origin && Object.fromEntries(Object.entries(origin).filter(([, one]) => one !== undefined)),
  };
}

/** Where a command comes from that waits; empty where an earlier version of us deferred it. */
export function originMark(headers: Headers): Origin {
  return Origin.safeParse(headers[ORIGIN]).data ?? {};
}

/** What they say, once it comes back; null: it is no such message. Without the time of its arrival: now. */
export function arrivalOf({ type, headers }: Delivery): DeferMarks | null {
  if (type !== ARRIVAL_TYPE) return null;
  const instant = (header: string) => {
    const value = headers[header];
    return typeof value === "number" ? value : null;
  };
  const sender = headers[SENDER];
  return {
    arrivedAtMs: instant(ARRIVED_AT) ?? Date.now(),
    mayHaveRun: headers[MAY_HAVE_RUN] === true,
    // Without: an earlier version of us deferred it.
    unseenUntilMs: instant(UNSEEN_UNTIL),
    ...(headers[TAKEN] === true ? { taken: true } : {}),
    // Without: nobody had said it, or a version deferred it that did not ask.
    ...(typeof sender === "string" ? { sender } : {}),
  };
}

/** The headers of an internal message that is passed on for the `passes`-th time. */
export function passedOnHeaders(passes: number): Headers {
  return { [PASSES]: passes, [MAY_HAVE_RUN]: true };
}

/** A step that another worker passed on is a copy: it may have been delivered before. */
export function asPassedOn(delivery: Delivery): Delivery {
  const { headers, redelivered } = delivery;
  return {
    ...delivery,
    redelivered: redelivered || headers[MAY_HAVE_RUN] === true,
    passes: Number(headers[PASSES] ?? 0),
  };
}
