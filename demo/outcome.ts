import { FINAL_EVENTS, type ProgressEvent } from "../src/contract/event.ts";

export type EventData = ProgressEvent["data"];

export function isFinal({ event }: EventData): boolean {
  return (FINAL_EVENTS as readonly string[]).includes(event);
}

/** A final event in two or three words: `succeeded (by disk)`, `failed: job-failed`. */
export function outcomeOf(data: EventData): string {
  const detail = detailOf(data);
  return detail === null ? data.event : `${data.event}${detail}`;
}

function detailOf(data: EventData): string | null {
  switch (data.event) {
    case "succeeded":
      if (data["leader"] !== undefined) return " (joined)";
      return data["evidence"] === "system-disk-replaced" ? " (by disk)" : null;
    case "failed":
      return `: ${text(data["class"])}`;
    case "rejected":
      return `: ${firstProblem(data["problems"])}`;
    case "planned":
      return `: ${text(data["would"])}`;
    default:
      return null;
  }
}

/** What an event says, in half a line. */
export function stateOf(data: EventData): string {
  switch (data.event) {
    case "waiting":
      return `waiting: ${text(data["holder"] ?? data["waits_for"])}`;
    case "joined":
      return `joined ${text(data["leader"])}`;
    case "submitted":
      return "the job has begun";
    case "progress":
      return `the job runs, ${Number(data["elapsed_seconds"]).toFixed(0)} s`;
    default:
      return isFinal(data) ? outcomeOf(data) : data.event;
  }
}

function firstProblem(problems: unknown): string {
  const [first] = Array.isArray(problems) ? (problems as { code?: unknown }[]) : [];
  return text(first?.code);
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `${value}` : "?";
}
