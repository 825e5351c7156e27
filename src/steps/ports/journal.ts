import type { ProgressEvent } from "../../contract/event.ts";
import type { IntakeNotes } from "../../core/intake/notes.ts";
import type { Subject } from "../../core/messages/events.ts";
import type { Order } from "../../core/state/order.ts";
import type { StoredOutcome } from "./stored-outcome.ts";

/** The diary of the worker: one line for each change of state. Never asked, never waited for. */
export interface Journal {
  /** A step was stored and published: where the command stands now. */
  moved(order: Order, from: string, to: string, events: readonly ProgressEvent[]): void;
  /** A command, or a refused message, has its final outcome, published to everybody. `from` is its last phase. */
  ended(from: string, outcome: StoredOutcome, observedAtMs: number | null): void;
  /** A delivery ended without a word: a copy, a duplicate, somebody else's step. */
  dropped(commandId: string, phase: string, why: string): void;
  /** Not now: the same message comes back. */
  deferred(commandId: string, phase: string, why: string, delayMs: number): void;
  /** What is odd about an understood command: fields that nobody reads, a timestamp that cannot be. */
  noted(commandId: string, notes: IntakeNotes): void;
  /** A copy of an internal message goes to the dead queue: the broker gave it up, or nobody can read it. */
  gaveUp(reason: "given-up" | "unreadable", fields: Readonly<Record<string, unknown>>): void;
  /** A key of ours in the store holds what nobody can read, and keeps a command waiting: a person has to look at it. */
  unreadable(about: Pick<Subject, "commandId" | "serverId">, detail: string): void;
  /** An inquiry ends without a word: a person freed the server, or its time is over and the server stays locked. */
  inquiryOver(order: Order, why: "lock-gone" | "given-up"): void;
  /** Something that should not happen; `error` is the cause. */
  trouble(message: string, fields: Readonly<Record<string, unknown>>): void;
}
