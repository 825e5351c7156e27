import type { ProgressEvent } from "../contract/event.ts";

/** Members of `data` that a line says otherwise, or not at all. */
const SAID = new Set([
  "command_id",
  "project_id",
  "server_id",
  "event",
  "sequence",
  "source",
  "reason",
]);

/** An event for people: when, what, and what it adds. */
export function eventLine({ time, data }: ProgressEvent): string {
  const more = Object.entries(data)
    .filter(([key, value]) => !SAID.has(key) && value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [time, data.event, ...more].join(" ");
}
