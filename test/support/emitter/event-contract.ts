import { isDeepStrictEqual } from "node:util";
import { EVENTS } from "../../../src/contract/event-data.ts";
import type { ProgressEvent } from "../../../src/contract/event.ts";

/**
 * What of an event is not as its schema in the contract says, in words. A member that the schema does not name is a fault
 * here: readers take it, but nobody has told them of it.
 */
export function contractFaults(event: ProgressEvent): string[] {
  const name = event.data.event;
  const schema = EVENTS[name];
  const parsed = schema.safeParse(event);
  if (!parsed.success) {
    return parsed.error.issues.map(
      ({ path, message }) => `contract: ${event.id} (${name}): ${path.join(".")}: ${message}`,
    );
  }
  return strangers(event, parsed.data, "").map(
    (path) => `contract: ${event.id} (${name}): ${path} is not in src/contract/event-data.ts`,
  );
}

/** Members of `value` that did not come out of the schema, by dotted path. */
function strangers(value: unknown, known: unknown, path: string): string[] {
  if (isDeepStrictEqual(value, known)) return [];
  if (typeof value !== "object" || value === null) return [path];
  const below = Object(known) as Record<string, unknown>;
  return Object.entries(value).flatMap(([key, member]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return key in below ? strangers(member, below[key], at) : [at];
  });
}
