import { z } from "zod";
import { CheckMember } from "../contract/event-members.ts";
import { COMMON_MEMBERS, type ProgressEvent } from "../contract/event.ts";
import type { OperatorEvent } from "../contract/operator-event.ts";

/** An event for people: when, what, and what it adds. */
export function eventLine({ time, data }: ProgressEvent): string {
  return shown([time, data.event, ...added(data, COMMON_MEMBERS)]);
}

/** The same among those of other commands: whose it is, too. */
export function watchLine({ time, data }: ProgressEvent): string {
  const { command_id, server_id, event } = data;
  return shown([time, command_id, server_id ?? "-", event, ...added(data, COMMON_MEMBERS)]);
}

/** What a person did by hand, in the same form. */
export function operatorLine({ time, data }: OperatorEvent): string {
  const { command_id = "-", server_id = "-", action } = data;
  return shown([time, command_id, server_id, `operator.${action}`, ...added(data, ABOUT)]);
}

const ABOUT: ReadonlySet<string> = new Set(["action", "command_id", "server_id", "project_id"]);

function added(data: object, without: ReadonlySet<string>): readonly string[] {
  return Object.entries(data)
    .filter(([key, value]) => !without.has(key) && value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${key === "checks" ? checked(value) : textOf(value)}`);
}

const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** Those of a dry run: how many pass, and what each other one found. */
function checked(value: unknown): string {
  const checks = z.array(CheckMember).safeParse(value).data;
  if (checks === undefined) return textOf(value);
  const others = checks.filter(({ verdict }) => verdict !== "pass");
  const found = others.map(
    ({ check, verdict, detail }) =>
      `${check} ${verdict}${detail === undefined ? "" : `: ${detail}`}`,
  );
  return [`${checks.length - others.length} pass`, ...found].join(", ");
}

/** What emitters and people wrote goes to a terminal: control characters must not. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?");
}

const shown = (parts: readonly string[]) => printable(parts.join(" "));
