import type { ProgressEvent } from "../../contract/event.ts";

/** What follows from a saved step, kept so that a redelivery repeats it word for word. Holds no secret. */
export interface Outbox {
  readonly events: readonly ProgressEvent[];
  /** The next message without its `os-reinstall` body: a redelivered copy has its own. Null after a final outcome. */
  readonly next: { readonly envelope: unknown; readonly delayMs: number } | null;
}

/** A final outcome as it is stored: what a repeat of it says, and what joiners repeat. */
export interface StoredOutcome {
  /** Published before it, for nothing may follow it. */
  readonly preface?: readonly ProgressEvent[] | undefined;
  readonly event: ProgressEvent;
  readonly reply: { readonly queue: string; readonly correlationId?: string | undefined } | null;
  /** A sanitised copy for the dead queue, when this outcome deserves one. */
  readonly dead: { readonly reason: string; readonly body: unknown } | null;
  /** Of an `unresolved`: before this instant its request may still take effect, epoch ms; null: for ever. */
  readonly fenceAtMs?: number | null | undefined;
  /** The first message of the inquiry that an `unresolved` leaves behind: published with the event, and repeated with it. */
  readonly inquiry?: { readonly envelope: unknown; readonly delayMs: number } | undefined;
}
