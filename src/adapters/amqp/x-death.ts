import type { Death } from "../../core/messages/death.ts";
import type { Delivery } from "../../steps/ports/outlet.ts";

/** The latest death of a message: the broker puts it first. Null: it says none that can be read. */
export function deathOf(headers: Readonly<Record<string, unknown>>): Death | null {
  const deaths = headers["x-death"];
  const latest: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  if (typeof latest !== "object" || latest === null) return null;
  const { reason, queue, time, "original-expiration": expiration } = latest as ByName;
  if (typeof reason !== "string" || typeof queue !== "string") return null;
  return { reason, queue, atMs: secondsAsMs(time), expirationMs: milliseconds(expiration) };
}

/** The queue that the broker took the message out of last, as it says itself. */
export function queueOfDeath({ headers }: Delivery): unknown {
  const deaths = headers["x-death"];
  return Array.isArray(deaths) ? deaths[0]?.queue : undefined;
}

type ByName = Readonly<Record<string, unknown>>;

/** amqplib gives a timestamp in a table as `{ "!": "timestamp", value: seconds }`. */
function secondsAsMs(time: unknown): number | null {
  const seconds = typeof time === "object" && time !== null ? (time as ByName)["value"] : time;
  if (typeof seconds !== "number" || !(seconds > 0 && seconds < MAX_SECONDS)) return null;
  return seconds * 1_000;
}

function milliseconds(text: unknown): number | null {
  return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** The year 9999. */
export const MAX_SECONDS = 253_402_300_800;
