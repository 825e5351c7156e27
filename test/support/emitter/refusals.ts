import type { ProgressEvent } from "../../../src/contract/event.ts";

/** Codes of `rejected` of commands that were admitted first. */
const AFTER_ADMISSION: ReadonlySet<unknown> = new Set([
  "server-busy",
  "server-running",
  "undeliverable",
]);

/** Does it say that a message was refused before it was admitted? That ends the message; its id may be used again. */
export function isRefusal({ data }: ProgressEvent): boolean {
  const problems = data["problems"];
  if (data.event !== "rejected" || !Array.isArray(problems) || "leader" in data) return false;
  return !(problems as { code: unknown }[]).some(({ code }) => AFTER_ADMISSION.has(code));
}
