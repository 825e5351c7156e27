import { z } from "zod";
import { JobId } from "../../contract/ids.ts";
import type { ServerView } from "./observations.ts";
import { openObject } from "../state/open-object.ts";
import type { Rules } from "../rules.ts";

/**
 * How a server was found, and what we may have done about it (brakes.md §8). It travels beside `before`. Absent: nobody
 * has seen the server, its state says neither on nor off, or the message is an older version's.
 */
export const Power = openObject({
  /** Did it run when it was seen first? Never taken from a server that we may have stopped. */
  was: z.enum(["on", "off"]),
  /** Saved before a stop is asked for. With `STOP_BY=cloud`: from the intent on. */
  mayHaveStopped: z.boolean(),
  /** The stop that was asked for last: until it has ended, or nobody can take it any more, it may still come true. */
  stop: openObject({
    askedAtMs: z.number(),
    /** Absent: nobody answered, or without a job. */
    jobId: JobId.optional(),
    /** An earlier stop that nobody answered: when it was asked for at the latest. */
    unansweredAtMs: z.number().optional(),
  }).optional(),
  /** We had stopped it for a try that was not made, and have started it since: its final event says so. */
  startedAgain: z.literal(true).optional(),
});
export type Power = z.infer<typeof Power>;

/** What is known of a server's power at the end: `unknown` where it could not be seen. */
export type PowerAfter = "on" | "off" | "unknown";

/** `on` or `off` as the cloud shows it; null: neither. */
export function powerOf(server: ServerView): "on" | "off" | null {
  if (server.status === "ACTIVE") return "on";
  return server.status === "SHUTOFF" ? "off" : null;
}

/** What a look adds to what is known: nothing, once we may have stopped the server. */
export function powerSeen(known: Power | undefined, server: ServerView): Power | undefined {
  if (known?.mayHaveStopped === true) return known;
  const was = powerOf(server);
  if (was === null) return known;
  return { was, mayHaveStopped: false, ...(known?.startedAgain && { startedAgain: true }) };
}

/** Before a stop is asked for: from now on the server may be off by our doing. */
export function aboutToStop(power: Power | undefined): Power | undefined {
  return power?.was === "on" ? { ...power, mayHaveStopped: true } : power;
}

/** A stop was asked for, and perhaps taken. An earlier one that nobody answered stays known: it may arrive after this one. */
export function stopAsked(power: Power | undefined, askedAtMs: number, jobId: JobId | null): Power {
  const unansweredAtMs = unansweredStopMs(power?.stop);
  const answered =
    jobId === null ? {} : { jobId, ...(unansweredAtMs === null ? {} : { unansweredAtMs }) };
  return { was: power?.was ?? "on", mayHaveStopped: true, stop: { askedAtMs, ...answered } };
}

/**
 * Another delivery of a step may have asked for a stop, at this instant at the latest: nobody knows its answer. What is
 * known of a stop with a job stays.
 */
export function otherStopPerhaps(power: Power, untilMs: number): Power {
  const { stop } = power;
  return {
    ...power,
    mayHaveStopped: true,
    stop: stop?.jobId === undefined ? { askedAtMs: untilMs } : { ...stop, unansweredAtMs: untilMs },
  };
}

/** When a stop was asked for, at the latest, of which nobody has an answer; null: there is none. */
export function unansweredStopMs(stop: Power["stop"]): number | null {
  if (stop === undefined) return null;
  return (stop.jobId === undefined ? stop.askedAtMs : stop.unansweredAtMs) ?? null;
}

/** `detail` of an event about a call of which nobody has an answer: the cloud may not have been asked at all. */
export const UNANSWERED =
  "the cloud was asked for it, perhaps: no answer is known, or the worker that asked has ended";

/** Is a start owed where the reinstall is not carried out? */
export function owesStart(power: Power | undefined, rules: Pick<Rules, "powerAfter">): boolean {
  if (power === undefined || !power.mayHaveStopped || rules.powerAfter === "untouched")
    return false;
  return power.was === "on" || rules.powerAfter === "on";
}

/** Should the server run after a reinstall that worked? */
export function shouldRun(power: Power | undefined, rules: Pick<Rules, "powerAfter">): boolean {
  switch (rules.powerAfter) {
    case "untouched":
      return false;
    case "on":
      return true;
    case "as-found":
      return power?.was === "on";
  }
}

/** `power` of an event: `after` is left out where it is not known. */
export function powerSaid({ was: before }: Power, after: PowerAfter) {
  return { before, ...(after === "unknown" ? {} : { after }) };
}

/** `STOP_BY=cloud`: once the request may have been taken, the cloud may have stopped the server for it. */
export function stoppedByCloud(
  power: Power | undefined,
  rules: Pick<Rules, "stopBy">,
): Power | undefined {
  return rules.stopBy === "cloud" ? aboutToStop(power) : power;
}

/** As a member of a state; none where nothing is known. */
export function powerMember(power: Power | undefined): { readonly power?: Power } {
  return power === undefined ? {} : { power };
}

const BY_HAND = "Look whether the server runs, and start it if it does not: it ran before.";

/** Why a server is not seen running. */
export interface WhyOff {
  /** As the cloud says it. */
  readonly said: string;
  /** What has to be put right before it can be seen, or started; absent: nothing that is known. */
  readonly remedy?: string;
}

/** `power` of the final event; where the server is not seen running, also what a person has to do. */
export function leftAs(power: Power, after: PowerAfter, why?: WhyOff) {
  if (after === "on") return powerSaid(power, after);
  const next_step = why?.remedy === undefined ? BY_HAND : `${BY_HAND} ${why.remedy}`;
  const detail = why === undefined ? {} : { detail: why.said };
  return { ...powerSaid(power, after), ...detail, next_step };
}
