import { z } from "zod";
import { type EventOf, EVENTS, type ReinstallEvent } from "../contract/event-data.ts";
import { FINAL_EVENTS, type FinalEventName, type SettledAs } from "../contract/event.ts";
import type { ReinstallClientError } from "./failure.ts";

/** How a command ended, as far as its emitter is concerned. */
export type Result =
  /** By its own final event. `leader`: another command did the work, which this one had joined. */
  | {
      readonly kind: "ended";
      readonly outcome: FinalEventName;
      readonly event: ReinstallEvent;
      readonly leader: string | undefined;
    }
  /** It had ended before it was sent this time: the id was used already, with the same content. */
  | {
      readonly kind: "ended-before";
      readonly outcome: string;
      readonly event: EventOf<"duplicate">;
    }
  /** The id belongs to another command, which goes on untouched: this one was not carried out. Use another id. */
  | { readonly kind: "id-reused"; readonly event: EventOf<"rejected"> }
  /** It ended `unresolved`, and what became of it is known now. Only for who waits for that. */
  | { readonly kind: "settled"; readonly as: SettledAs; readonly event: EventOf<"settled"> };

/** What of an event must be there to tell whose it is. */
const Heard = z.looseObject({
  id: z.string(),
  data: z.looseObject({
    command_id: z.string(),
    project_id: z.string().nullish(),
    reused_command_id: z.string().optional(),
    event: z.string(),
  }),
});

/** An event of the contract out of a message; null: none, or one that only later versions know. */
export function heardEvent(content: Buffer): ReinstallEvent | null {
  try {
    return asEvent(JSON.parse(content.toString("utf8")));
  } catch {
    return null;
  }
}

/** The same of a value. What is beside the known members stays. */
export function asEvent(value: unknown): ReinstallEvent | null {
  const read = Heard.safeParse(value);
  if (!read.success || !Object.hasOwn(EVENTS, read.data.data.event)) return null;
  return value as ReinstallEvent;
}

/** The events of one command so far, and whoever waits for more. */
export interface Followed {
  readonly commandId: string;
  readonly serverId: string;
  /** In the order in which they came, each once. */
  readonly events: readonly ReinstallEvent[];
  readonly result: Result | null;
  /** After `unresolved`. */
  readonly settled: Result | null;
  /** No more will come: why. */
  readonly broken: ReinstallClientError | null;
  /** False: the event is another command's. A repeat is taken, and changes nothing. */
  take(event: ReinstallEvent): boolean;
  /** It is sent once more: what comes now may end it anew. */
  again(): void;
  breakOff(why: ReinstallClientError): void;
  /** Resolves when something has changed. Rejects with the reason of the signal. */
  changed(signal: AbortSignal | undefined): Promise<void>;
}

export function createFollowed(
  commandId: string,
  serverId: string,
  projectId: string | undefined,
): Followed {
  const seen = new Set<string>();
  const events: ReinstallEvent[] = [];
  let result: Result | null = null;
  let settled: Result | null = null;
  let broken: ReinstallClientError | null = null;
  let wake: () => void = () => undefined;
  let change = nextChange();

  function nextChange(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }
  function tell(): void {
    wake();
    change = nextChange();
  }

  return {
    commandId,
    serverId,
    events,
    get result() {
      return result;
    },
    get settled() {
      return settled;
    },
    get broken() {
      return broken;
    },
    take(event) {
      const { command_id: about, reused_command_id: reused, project_id: project } = event.data;
      if (about !== commandId && reused !== commandId) return false;
      // One id may be two commands in two projects.
      if (projectId !== undefined && project !== null && project !== projectId) return false;
      if (seen.has(event.id)) return true;
      seen.add(event.id);
      events.push(event);
      if (event.data.event === "settled") settled = settledOf(event as EventOf<"settled">);
      else result ??= resultOf(event);
      tell();
      return true;
    },
    again() {
      result = null;
      broken = null;
    },
    breakOff(why) {
      broken ??= why;
      tell();
    },
    async changed(signal) {
      signal?.throwIfAborted();
      let abort: () => void = () => undefined;
      const aborted = new Promise<void>((resolve) => {
        abort = resolve;
      });
      signal?.addEventListener("abort", abort, { once: true });
      await Promise.race([change, aborted]);
      signal?.removeEventListener("abort", abort);
      signal?.throwIfAborted();
    },
  };
}

function settledOf(event: EventOf<"settled">): Result {
  return { kind: "settled", as: event.data.as, event };
}

/** Null: more will come. The duplicate of a command that is still open ends with that. */
function resultOf(event: ReinstallEvent): Result | null {
  const { data } = event;
  if (data.event === "duplicate") {
    const { outcome } = data.original;
    const answer = event as EventOf<"duplicate">;
    return outcome === null ? null : { kind: "ended-before", outcome, event: answer };
  }
  if (data.reused_command_id !== undefined) {
    return { kind: "id-reused", event: event as EventOf<"rejected"> };
  }
  const outcome = FINAL_EVENTS.find((name) => name === data.event);
  if (outcome === undefined) return null;
  const leader = "leader" in data ? data.leader : undefined;
  return { kind: "ended", outcome, event, leader };
}
