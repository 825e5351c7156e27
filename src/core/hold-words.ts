import { liftOf } from "../contract/brakes.ts";
import { describeCap } from "./cap-hold.ts";
import type { BrakeVerdict, Hold, Slows } from "./gate.ts";
import { describeClosed } from "./windows.ts";

/** In one sentence; null: it says go, and there is no more to say. */
export function describeVerdict(said: BrakeVerdict): string | null {
  if (said.verdict !== "go") return describeHold(said);
  if (said.overridden === true) return "lifted by the command's override";
  return said.by === undefined ? null : `approved${setBy(said)}`;
}

/** In one sentence, for events, dry runs and people. */
export function describeHold(hold: Hold | Slows): string {
  switch (hold.brake) {
    case "pause":
      return hold.scope === "configuration"
        ? "reinstalls are paused by the worker's configuration"
        : `reinstalls are paused (${hold.scope})${setBy(hold)}`;
    case "protected":
      return describeProtection(hold);
    case "storm-failures": {
      const next =
        hold.untilMs === undefined
          ? `waits for ${hold.probe} to end`
          : `one command goes after ${instant(hold.untilMs)}`;
      return `stopped since ${instant(hold.sinceMs)}: ${hold.reason}; ${next}, or: ${liftOf(hold.brake)}`;
    }
    case "storm-asks":
      return `one reinstall at a time since ${instant(hold.sinceMs)}: ${hold.reason}; to lift: ${liftOf(hold.brake)}`;
    case "cooldown":
      return `the server was reinstalled by ${hold.command} until ${instant(hold.endedMs)}: not again before ${instant(hold.untilMs)}`;
    case "quarantine": {
      const { reinstalls, limit, windowMs } = hold;
      return `the server was reinstalled ${reinstalls.length} times within ${windowMs / 1000} s (at most ${limit}), last by ${reinstalls.at(-1)?.command}`;
    }
    case "approval":
      return `a person must approve it (${hold.scope}): ecs-reinstall approve ${hold.command} --reason …`;
    case "source": {
      const whose = hold.source === undefined ? "no source" : `the source ${hold.source}`;
      return `commands with ${whose} have started ${hold.limit} reinstalls within an hour, as many as may: not before ${instant(hold.untilMs)}`;
    }
    case "sender":
      return `commands of the broker user ${hold.sender} have started ${hold.limit} reinstalls within an hour, as many as may: not before ${instant(hold.untilMs)}`;
    case "windows":
      return describeClosed(hold);
    case "cap":
      return describeCap("project", hold);
    case "group-cap":
      return describeCap("group", hold);
    case "not-before":
      return `not before ${instant(hold.untilMs)}`;
  }
}

function describeProtection(hold: Extract<Hold, { brake: "protected" }>): string {
  switch (hold.scope) {
    case "configuration":
      return "the server is protected by the worker's configuration";
    case "operator":
      return `the server is protected${setBy(hold)}`;
    case "cloud mark":
      return `the server is protected by its mark in the cloud: ${hold.reason}`;
  }
}

function setBy({ by, sinceMs, reason }: SetBy): string {
  const who = by === undefined ? "" : ` by ${by}`;
  const since = sinceMs === undefined ? "" : ` since ${instant(sinceMs)}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `${who}${since}${why}`;
}

type SetBy = Partial<Pick<Extract<Hold, { brake: "pause" }>, "by" | "sinceMs" | "reason">>;

/** As events carry it. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}
