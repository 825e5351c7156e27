import type { CommandId, DiskId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { KnownAge } from "../../core/brakes/disk-age.ts";
import type { Envelope } from "../../core/state/envelope.ts";
import type { BrakeVerdict } from "../../core/brakes/hold.ts";
import type { Order } from "../../core/state/order.ts";
import type {
  AdmitAnswer,
  CommandDelivery,
  Held,
  LockAnswer,
  Refusal,
  RefuseAnswer,
} from "./admission.ts";
import type { ClaimAnswer, HopAnswer, StepClaim } from "./step-claim.ts";
import type {
  FinishAnswer,
  SaveAnswer,
  SettleAnswer,
  StepFinish,
  StepSave,
  StepSettle,
} from "./step-record.ts";
import type { StoredOutcome } from "./stored-outcome.ts";
import type { StoreAway, StoreCorrupt } from "./store-trouble.ts";

/** Redis: exclusivity, and a view for people. Every method gives the same answer when run twice; `away` means "may have happened". */
export interface ReinstallStore {
  /**
   * Step 0 in one script: dedup by id and content, superseded, lock and slot. `mayHaveRun` in the answer: the command
   * was delivered before, and a store that forgot cannot say whether it was carried out.
   */
  admit(order: Order, delivery: CommandDelivery): Promise<AdmitAnswer>;
  /**
   * Remembers a refused message by the hash of its bytes, so that a repeat gets the same answer under the same id. The id is
   * not used up by it: a message that was corrected may be admitted, with the event numbers that follow.
   */
  refuse(refusal: Refusal): Promise<RefuseAnswer>;
  /** Claims a later step for this delivery; puts record, lock, slot and place in line back when the store forgot them. */
  claim(
    envelope: Envelope,
    delivery: { readonly nonce: string; readonly redelivered: boolean },
  ): Promise<ClaimAnswer>;
  /**
   * For a message that has come before its time and waits on: puts everything back as a claim does, and leaves
   * the step to the delivery that comes when it is due.
   */
  hop(envelope: Envelope, delivery: { readonly redelivered: boolean }): Promise<HopAnswer>;
  /**
   * Asks for the server's lock and a slot within a claimed step: both are given, or neither. Having both already is
   * `acquired`. `mayHaveRun`: the command may have been carried out, in a memory that is lost; it keeps a lock that is its own.
   */
  acquire(
    order: Order,
    claim: StepClaim,
    mayHaveRun: boolean,
  ): Promise<LockAnswer | Exclude<SaveAnswer, { kind: "saved" }>>;
  /**
   * Keeps what the age of its system disk says of a server that the store has no history of, and asks for lock and slot once
   * more, as `acquire` does: who may not start any more has neither. Of a dry run: what each brake says now.
   */
  noteDisk(
    order: Order,
    claim: StepClaim,
    age: KnownAge,
  ): Promise<
    | {
        readonly kind: "noted";
        readonly lock: LockAnswer;
        readonly verdicts: readonly BrakeVerdict[] | null;
      }
    | Exclude<SaveAnswer, { kind: "saved" }>
  >;
  /** Asked right before a server is stopped: may it be, or does a brake hold the command? Changes nothing. */
  mayStop(
    order: Order,
    claim: StepClaim,
  ): Promise<{ readonly kind: "go" } | Held | Exclude<SaveAnswer, { kind: "saved" }>>;
  /** Asked right before a server is started: is its lock, with this token, still the command's? Changes nothing. */
  mayStart(
    order: Order,
    claim: StepClaim,
    held: { readonly token: number; readonly phase: "restore" | "inquiry" },
  ): Promise<{ readonly kind: "go" } | Exclude<SaveAnswer, { kind: "saved" }>>;
  /** Takes the next attempt number, which fences off whoever holds `held`. */
  takeAttempt(
    order: Order,
    claim: StepClaim,
    held: number,
  ): Promise<
    { readonly kind: "taken"; readonly attempt: number } | Exclude<SaveAnswer, { kind: "saved" }>
  >;
  /**
   * The last gate before the POST: compare-and-set on owner, token, attempt, claim and epoch, no brake that stops,
   * and a slot (one that is free, where the command has none). `saved` means that this very intent is recorded (a lost reply is read back); `held` that none is.
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
  published(project: ProjectId, id: string, sequence: number): Promise<void>;
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
    | { readonly kind: "open"; readonly holdsLock: boolean }
    | { readonly kind: "unheard-of" }
    | StoreAway
    | StoreCorrupt
  >;
}
