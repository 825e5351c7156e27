import type { ProjectId } from "../../contract/ids.ts";
import type { ServerHistory } from "../../core/brakes/disk-age.ts";
import type { BrakeVerdict, Hold } from "../../core/brakes/hold.ts";
import type { LockOwner } from "../../core/state/lock-owner.ts";
import type { Fenced, StepClaim } from "./step-claim.ts";
import type { Outbox, StoredOutcome } from "./stored-outcome.ts";
import type { StoreAway, StoreCorrupt } from "./store-trouble.ts";

/** How a raw command arrived. */
export interface CommandDelivery {
  readonly nonce: string;
  /** It may have been delivered before: by the broker's word, or because it was deferred by us. */
  readonly redelivered: boolean;
  /** It may have been taken before, at `arrivedAtMs` or since: where the store's memory is younger, that is not known. */
  readonly mayHaveRun: boolean;
  readonly arrivedAtMs: number;
  /** Nobody else can have taken it, or a copy of it, before; null: not known. */
  readonly unseenUntilMs: number | null;
  /** The hash of its content as earlier versions stored it, by ids in the case in which they were sent. */
  readonly contentAsSent?: string | undefined;
}

/** Where a command stands, for a duplicate's answer and for people. */
export interface CommandView {
  readonly phase: string;
  readonly sequence: number;
  readonly updatedAtMs: number;
  readonly outcome: string | null;
  readonly jobId: string | null;
}

/** A brake holds the command: nothing may be done to the server now (brakes.md §1). */
export interface Held {
  readonly kind: "held";
  readonly hold: Hold;
}

export type LockAnswer =
  /** `callInMs`: the call of the first look is taken, and may be made after so long; absent: none is taken. */
  | {
      readonly kind: "acquired";
      readonly token: number;
      readonly callInMs?: number;
      readonly history: ServerHistory;
    }
  /** `holder`: a command, or another service. `sameWish`: it is a command with the same content. */
  | { readonly kind: "busy"; readonly holder: LockOwner; readonly sameWish: boolean }
  | { readonly kind: "superseded"; readonly healedAtMs: number }
  | Held
  | { readonly kind: "rebuilding"; readonly untilMs: number };

export type AdmitAnswer =
  /** New, or ours to go on with; `lock` is what the server's lock said. */
  | {
      readonly kind: "claimed";
      readonly claim: StepClaim;
      readonly lock: LockAnswer;
      /** Of a dry run: what each brake says. */
      readonly verdicts: readonly BrakeVerdict[] | null;
      readonly mayHaveRun: boolean;
    }
  /** Redelivered after it was saved: publish it again. */
  | { readonly kind: "saved"; readonly outbox: Outbox }
  /**
   * Redelivered, and its final event is not confirmed yet: publish it again. `duplicate`: this copy asks elsewhere than the
   * original did, so that its sender has to get an answer as well.
   */
  | {
      readonly kind: "finished";
      readonly outcome: StoredOutcome;
      readonly published: boolean;
      readonly duplicate?: CommandView | null | undefined;
    }
  /** Redelivered, and long on its way: nothing to do, its final event will come to where this copy asks too. */
  | { readonly kind: "handed-over" }
  | Fenced
  /** A copy of a command that somebody else has, or that has ended and published that, or that asks elsewhere. */
  | { readonly kind: "duplicate"; readonly view: CommandView }
  /** Another content has this id, since then. */
  | { readonly kind: "id-reused"; readonly sinceMs: number }
  | RefusalUnconfirmed
  /** `mayHaveRun`: it may have been taken in an earlier memory. */
  | { readonly kind: "rebuilding"; readonly untilMs: number; readonly mayHaveRun: boolean }
  | StoreAway
  | StoreCorrupt;

/** A message that ends before it is admitted. */
export interface Refusal {
  /** Where it is remembered: a project of ours. */
  readonly project: ProjectId;
  /** The project that it names, where that is not ours; `-`: it names none. */
  readonly strayFrom?: ProjectId | "-" | undefined;
  /** A command id, or the alias of one that another command has (core/messages/events.ts). */
  readonly id: string;
  /** Hash of its bytes. */
  readonly contentHash: string;
  readonly outcome: StoredOutcome;
}

/** An answer to a message that was refused before it was admitted. */
export type RefuseAnswer =
  | { readonly kind: "finished"; readonly outcome: StoredOutcome; readonly first: boolean }
  /** The id belongs to another command, since then: that one's record stays untouched. */
  | { readonly kind: "id-reused"; readonly sinceMs: number }
  /** Its event must have this number: others were refused under the id. */
  | { readonly kind: "renumber"; readonly sequence: number }
  | RefusalUnconfirmed
  | { readonly kind: "rebuilding"; readonly untilMs: number }
  | StoreAway
  | StoreCorrupt;

/**
 * A message was refused under this id, and its event is not confirmed by the broker yet. It must come before any event of
 * what follows under the id: not now.
 */
interface RefusalUnconfirmed {
  readonly kind: "refusal-unconfirmed";
}
