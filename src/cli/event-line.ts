import { COMMON_MEMBERS, type ProgressEvent } from "../contract/event.ts";

/** An event for people: when, what, and what it adds. */
export function eventLine({ time, data }: ProgressEvent): string {
  const more = Object.entries(data)
    .filter(([key, value]) => !COMMON_MEMBERS.has(key) && value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [time, data.event, ...more].join(" ");
}
