import type { ProgressEvent, SettledAs } from "../../contract/event.ts";
import type { CommandId, DiskId, JobId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { Envelope } from "../../core/envelope.ts";
import type { Hold } from "../../core/gate.ts";
import type { LockOwner } from "../../core/lock-owner.ts";
import type { Order } from "../../core/order.ts";
import type { State } from "../../core/state.ts";

/** The store could not be asked, or did not answer in time: what was asked may have happened. */
export interface StoreAway {
  readonly kind: "away";
  readonly message: string;
}

/** Keys of ours hold what we cannot read (wrong type, later version). */
export interface StoreCorrupt {
  readonly kind: "corrupt";
  readonly message: string;
}

/** Begins the nonce of a claim that no message stands behind: any message of that step may take it over. */
export const SWEEPER = "sweeper:";

/** A step that is ours: until another delivery claims it, only this nonce can save. */
export interface StepClaim {
  readonly nonce: string;
  readonly step: number;
  /** First event number that is ours; {@link SEQUENCE_BLOCK} numbers are reserved. */
  readonly sequence: number;
  readonly epoch: string;
  /** When it was claimed, by the store's clock, epoch ms: what this step writes cannot be taken before. */
  readonly atMs: number;
  /** Is the store's memory so young that no new lock is given and nothing may be submitted? Until when. */
  readonly rebuildingUntilMs: number | null;
}

/** What follows from a saved step, kept so that a redelivery repeats it word for word. Holds no secret. */
export interface Outbox {
  readonly events: readonly ProgressEvent[];
  /** The next message without its `os-reinstall` body: a redelivered copy has its own. Null after a final outcome. */
  readonly next: { readonly envelope: unknown; readonly delayMs: number } | null;
}

/** A final outcome as it is stored: what a repeat of it says, and what joiners are told. */
export interface StoredOutcome {
  /** Told before it, for nothing may follow it. */
  readonly preface?: readonly ProgressEvent[] | undefined;
  readonly event: ProgressEvent;
  readonly reply: { readonly queue: string; readonly correlationId?: string | undefined } | null;
  /** A sanitised copy for the dead queue, when this outcome deserves one. */
  readonly dead: { readonly reason: string; readonly body: unknown } | null;
  /** The first message of the inquiry that an `unresolved` leaves behind: published with the event, and repeated with it. */
  readonly inquiry?: { readonly envelope: unknown; readonly delayMs: number } | undefined;
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
  | { readonly kind: "acquired"; readonly token: number }
  /** `holder`: a command, or another service. `sameWish`: it is a command that wishes the same. */
  | { readonly kind: "busy"; readonly holder: LockOwner; readonly sameWish: boolean }
  | { readonly kind: "superseded"; readonly healedAtMs: number }
  | Held
  | { readonly kind: "rebuilding"; readonly untilMs: number };

/**
 * A message was refused under this id, and its event is not confirmed by the broker yet. It must come before any event of
 * what follows under the id: not now.
 */
interface RefusalUnconfirmed {
  readonly kind: "refusal-unconfirmed";
}

export type AdmitAnswer =
  /** New, or ours to go on with; `lock` is what the server's lock said. */
  | {
      readonly kind: "claimed";
      readonly claim: StepClaim;
      readonly lock: LockAnswer;
      readonly doubt: boolean;
    }
  /** Redelivered after it was saved: tell it again. */
  | { readonly kind: "saved"; readonly outbox: Outbox }
  /**
   * Redelivered, and its final event is not confirmed yet: tell it again. `duplicate`: this copy asks elsewhere than the
   * original did, so that its sender has to be told as well.
   */
  | {
      readonly kind: "finished";
      readonly outcome: StoredOutcome;
      readonly told: boolean;
      readonly duplicate?: CommandView | null | undefined;
    }
  /** Redelivered, and long on its way: nothing to do, its final event will come to where this copy asks too. */
  | { readonly kind: "handed-over" }
  /** A copy of a command that somebody else has, or that has ended and told it, or that asks elsewhere. */
  | { readonly kind: "duplicate"; readonly view: CommandView }
  /** Another content has this id, since then. */
  | { readonly kind: "id-reused"; readonly sinceMs: number }
  | RefusalUnconfirmed
  /** `doubt`: it may have been taken in an earlier memory. */
  | { readonly kind: "rebuilding"; readonly untilMs: number; readonly doubt: boolean }
  | StoreAway
  | StoreCorrupt;

/** How the attempt stands in the store when a `submit` step is claimed (design §4.1). */
interface AttemptView {
  /** The highest number that anybody has taken. */
  readonly attempt: number;
  readonly intent: {
    readonly attempt: number;
    /** Null: authentication without expiry. */
    readonly signedAtMs: number | null;
    readonly diskId: DiskId;
  } | null;
  readonly jobId: JobId | null;
}

export type ClaimAnswer =
  | {
      readonly kind: "claimed";
      readonly claim: StepClaim;
      readonly attempt: AttemptView;
      /** Another delivery had claimed this step and did not finish it. */
      readonly takenOver: boolean;
      /** The store had no record, or an older one: it was put back from the message. */
      readonly restored: "no" | "behind" | "absent";
      /** The message was written in an earlier memory of the store: absence proves nothing. */
      readonly foreignEpoch: boolean;
      /** The present memory began before anybody can have taken the message: what it does not know was not done. */
      readonly unseen: boolean;
      readonly lock: "held" | "lost" | "none";
      readonly cancelRequested: boolean;
    }
  | { readonly kind: "saved"; readonly outbox: Outbox }
  | { readonly kind: "finished"; readonly outcome: StoredOutcome; readonly told: boolean }
  /** A copy of a step that somebody else has: drop it, publish nothing. */
  | { readonly kind: "stale" }
  /** While nobody remembered this command, another one was admitted under its id. */
  | { readonly kind: "id-taken" }
  | StoreAway
  | StoreCorrupt;

/** Where a message stands that is not due yet. */
export type HopAnswer =
  | {
      /** It waits on; its record and lock are there. */
      readonly kind: "waits";
      /** The store's clock, epoch ms. */
      readonly atMs: number;
      /** A copy of the message has been taken, or may have been before the store forgot. */
      readonly mayHaveRun: boolean;
    }
  | Exclude<ClaimAnswer, { kind: "claimed" }>;

export type SaveAnswer =
  | { readonly kind: "saved" }
  /** Another delivery has the step now: publish nothing. */
  | { readonly kind: "fenced" }
  /** The store has no record any more: claim again, which puts it back. */
  | { readonly kind: "forgotten" }
  | StoreAway
  | StoreCorrupt;

export interface StepSave {
  readonly order: Order;
  readonly claim: StepClaim;
  readonly state: State;
  readonly nextSequence: number;
  readonly outbox: Outbox;
  readonly intent: "keep" | "clear";
  /** `release`: the lock is given back (if it is ours) because the command only waits now. */
  readonly lock: "keep" | "release";
}

export interface StepFinish {
  readonly order: Order;
  readonly claim: StepClaim;
  readonly outcome: StoredOutcome;
  /** `keep`: nobody knows what runs on that server; a person frees it. */
  readonly lock: "free" | "keep";
  /** Set on success: from now on older `observed_at` are superseded. */
  readonly healedAtMs: number | null;
}

export type FinishAnswer =
  | { readonly kind: "finished"; readonly outcome: StoredOutcome; readonly first: boolean }
  | Exclude<SaveAnswer, { kind: "saved" }>;

/** What became of a command that ended `unresolved`. */
export interface StepSettle {
  readonly order: Order;
  /** Of the lock that it left behind: the lock of anybody else stays. */
  readonly token: number | null;
  readonly as: SettledAs;
  /** The `settled` event. */
  readonly outcome: StoredOutcome;
  /** As in {@link StepFinish}. */
  readonly healedAtMs: number | null;
}

export type SettleAnswer =
  /** `first` false: somebody else settled it before, and said this. */
  | { readonly kind: "settled"; readonly outcome: StoredOutcome; readonly first: boolean }
  /** The server is no longer this command's: there is nothing to settle. */
  | { readonly kind: "lock-gone" }
  | StoreAway
  | StoreCorrupt;

/** How a raw command came. */
export interface CommandDelivery {
  readonly nonce: string;
  /** It may have been delivered before: by the broker's word, or because it was put aside by us. */
  readonly redelivered: boolean;
  /** It may have been taken before, at `arrivedAtMs` or since: where the store's memory is younger, that cannot be told. */
  readonly doubt: boolean;
  readonly arrivedAtMs: number;
  /** Nobody else can have taken it, or a copy of it, before; null: not known. */
  readonly unseenUntilMs: number | null;
}

/** A message that ends before it is admitted. */
export interface Refusal {
  /** Where it is remembered: a project of ours. */
  readonly project: ProjectId;
  /** The project that it names, where that is not ours; `-`: it names none. */
  readonly strayFrom?: ProjectId | "-" | undefined;
  /** A command id, or the alias of one that another command has (core/events.ts). */
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

/** Redis: exclusivity, and a view for people. Every method gives the same answer when run twice; `away` means "may have happened". */
export interface ReinstallStore {
  /**
   * Step 0 in one script: dedup by id and content, superseded, lock. `doubt` in the answer: the command
   * was delivered before, and a store that forgot cannot say whether it was carried out.
   */
  admit(order: Order, delivery: CommandDelivery): Promise<AdmitAnswer>;
  /**
   * Remembers a refused message by the hash of its bytes, so that a repeat is told the same under the same id. The id is
   * not used up by it: a message that was mended may be admitted, with the event numbers that follow.
   */
  refuse(refusal: Refusal): Promise<RefuseAnswer>;
  /** Claims a later step for this delivery; puts record and lock back when the store forgot them. */
  claim(
    envelope: Envelope,
    delivery: { readonly nonce: string; readonly redelivered: boolean },
  ): Promise<ClaimAnswer>;
  /**
   * For a message that has come before its time and waits on: puts record and lock back as a claim does, and leaves
   * the step to the delivery that comes when it is due.
   */
  hop(envelope: Envelope, delivery: { readonly redelivered: boolean }): Promise<HopAnswer>;
  /** Asks for the server's lock within a claimed step. Owning it already is `acquired`. */
  acquire(
    order: Order,
    claim: StepClaim,
  ): Promise<LockAnswer | Exclude<SaveAnswer, { kind: "saved" }>>;
  /** Asked right before a server is stopped: may it be, or does a brake hold the command? Changes nothing. */
  mayStop(
    order: Order,
    claim: StepClaim,
  ): Promise<{ readonly kind: "go" } | Held | Exclude<SaveAnswer, { kind: "saved" }>>;
  /** Takes the next attempt number, which fences off whoever holds `held`. */
  takeAttempt(
    order: Order,
    claim: StepClaim,
    held: number,
  ): Promise<
    { readonly kind: "taken"; readonly attempt: number } | Exclude<SaveAnswer, { kind: "saved" }>
  >;
  /**
   * The last gate before the POST: compare-and-set on owner, token, attempt, claim and epoch, and no brake that
   * stops. `saved` means that this very intent is recorded (a lost reply is read back); `held` that none is.
   */
  recordIntent(
    order: Order,
    claim: StepClaim,
    intent: {
      readonly attempt: number;
      readonly token: number;
      readonly signedAtMs: number | null;
      readonly diskId: DiskId;
    },
  ): Promise<SaveAnswer | Held>;
  save(step: StepSave): Promise<SaveAnswer>;
  /** Outcome + final event stored + lock freed, in one script. A second call gives back what the first stored. */
  finish(step: StepFinish): Promise<FinishAnswer>;
  /** Stores what became of an `unresolved` command, frees its server and marks its record: one script, the first one wins. */
  settle(step: StepSettle): Promise<SettleAnswer>;
  /** Forgets an inquiry that has nothing left to find out. The server's lock stays as it is. */
  endInquiry(order: Order): Promise<{ readonly kind: "saved" } | StoreAway | StoreCorrupt>;
  /** The final event, of that number, is confirmed by the broker: nothing is left to do for this command. */
  told(project: ProjectId, id: string, sequence: number): Promise<void>;
  /** The outcome of another command, for its joiners, and whether it still holds that server's lock. */
  outcomeOf(
    project: ProjectId,
    command: CommandId,
    server: ServerId,
  ): Promise<
    | {
        readonly kind: "finished";
        readonly outcome: StoredOutcome;
        readonly holdsLock: boolean;
        /** What became of it after it ended `unresolved`: the `data` of its `settled` event; null: not known yet. */
        readonly settled: Readonly<Record<string, unknown>> | null;
      }
    | { readonly kind: "open" }
    | { readonly kind: "unheard-of" }
    | StoreAway
    | StoreCorrupt
  >;
}
