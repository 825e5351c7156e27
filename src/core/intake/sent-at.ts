/** Older than this program: no command can have been sent before. */
const EARLIEST_MS = Date.UTC(2020, 0, 1);
/** The clock of an emitter may be ahead of ours by this much. */
const AHEAD_MS = 5 * 60_000;

/** Why an AMQP `timestamp` is not believed. */
export const IMPLAUSIBLE_STAMPS = ["before-2020", "in-the-future"] as const;
export type ImplausibleStamp = (typeof IMPLAUSIBLE_STAMPS)[number];

/** When a command was sent: at its AMQP `timestamp`, where that can be, else when it arrived. */
export interface Sent {
  /** Epoch ms, never after the arrival. */
  readonly atMs: number;
  readonly by: "timestamp" | "arrival";
  readonly ignored?: ImplausibleStamp;
}

/**
 * AMQP counts whole seconds. A stamp that nobody set reads 1970; one in milliseconds or microseconds reads some far
 * future: neither says anything about the age of a command.
 */
export function sentAt(timestampMs: number | undefined, arrivedAtMs: number): Sent {
  const arrival = { atMs: arrivedAtMs, by: "arrival" } as const;
  if (timestampMs === undefined) return arrival;
  if (!(timestampMs >= EARLIEST_MS)) return { ...arrival, ignored: "before-2020" };
  if (timestampMs > arrivedAtMs + AHEAD_MS) return { ...arrival, ignored: "in-the-future" };
  return { atMs: Math.min(timestampMs, arrivedAtMs), by: "timestamp" };
}
