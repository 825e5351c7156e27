import type { ProgressEvent, SettledAs } from "../../contract/event.ts";
import { toProgressEvent } from "../messages/events.ts";
import type { Order } from "../state/order.ts";
import { leftAs, type Power } from "../server/power.ts";

/** What a person says became of an `unresolved` command. */
export interface PersonsWord {
  readonly as: SettledAs;
  readonly by: string;
  readonly why: string;
  /** When, epoch ms. */
  readonly atMs: number;
}

/**
 * The `settled` event for a person's word (contract §3). A person does not wait for a start: where the server was stopped
 * for a reinstall that was not made, the event says what is left to do.
 */
export function settledByPerson(
  unresolved: ProgressEvent,
  order: Order,
  power: Power | undefined,
  { as, by, why, atMs }: PersonsWord,
): {
  readonly event: ProgressEvent;
  readonly healedAtMs: number | null;
  readonly oursToStart: boolean;
} {
  const oursToStart = as === "not-reinstalled" && power?.was === "on" && power.mayHaveStopped;
  const data = {
    as,
    evidence: "person",
    by,
    why,
    ...(oursToStart && power !== undefined ? { power: leftAs(power, "unknown") } : {}),
  };
  const event = toProgressEvent(
    "",
    order,
    { sequence: 1, atMs },
    { event: "settled" as const, data },
  );
  const { source } = unresolved;
  return {
    event: { ...event, id: `${order.commandId}~settled/1`, source },
    // When it was carried out is not known; faults that were seen since it was given up are not taken for healed by it.
    healedAtMs: as === "reinstalled" ? Date.parse(unresolved.time) : null,
    oursToStart,
  };
}
