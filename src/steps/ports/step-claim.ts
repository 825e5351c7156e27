import type { Debt } from "../../core/state/debt.ts";
import type { CancelRequest } from "../../core/endings.ts";
import type { DiskId, JobId } from "../../contract/ids.ts";
import type { Word } from "../../core/state/state.ts";
import type { Outbox, StoredOutcome } from "./stored-outcome.ts";
import type { StoreAway, StoreCorrupt } from "./store-trouble.ts";

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
  /** When its command first arrived, by the store's clock, epoch ms: its place in every line. */
  readonly arrivedMs: number;
  /** So many commands of the project wait, this one included if it does; absent: nobody has asked. */
  readonly waitingCommands?: number | undefined;
  /** The command has a slot of its project. */
  readonly slot: boolean;
  /** What another command owes the server, as it is stored; this step takes it over. Absent: nothing. */
  readonly debt?: string | undefined;
  /** Is the store's memory so young that no new lock is given and nothing may be submitted? Until when. */
  readonly rebuildingUntilMs: number | null;
}

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

/**
 * A sweeper has the command's next step and has not saved it yet: there is no message behind it, so this one may be the last
 * and is not acknowledged before what follows it is known.
 */
export interface Fenced {
  readonly kind: "fenced";
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
      /** {@link StepClaim.debt}, read. */
      readonly debt?: Debt | undefined;
      /** Null: nobody has asked for its end. */
      readonly cancelRequest: CancelRequest | null;
      /** Of an inquiry: what a person has said of its command. Absent: nothing. */
      readonly word?: Word | undefined;
    }
  | { readonly kind: "saved"; readonly outbox: Outbox }
  | { readonly kind: "finished"; readonly outcome: StoredOutcome; readonly published: boolean }
  /** A copy of a step that somebody else has: drop it, publish nothing. */
  | { readonly kind: "stale" }
  | Fenced
  /**
   * The store's memory is young until then (epoch ms), and does not know whether this command went further: a later message of
   * it may still come. Record and lock are put back, the step stays unclaimed.
   */
  | { readonly kind: "rebuilding"; readonly untilMs: number }
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
      /** A person has cancelled the command. */
      readonly cancelled: boolean;
    }
  | Exclude<ClaimAnswer, { kind: "claimed" | "rebuilding" }>;
