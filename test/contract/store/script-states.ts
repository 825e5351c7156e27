import type { Envelope } from "../../../src/core/envelope.ts";
import type { State } from "../../../src/core/state.ts";
import type { StepClaim } from "../../../src/steps/ports/step-claim.ts";
import {
  admitted,
  claimed,
  DISK,
  envelope,
  event,
  order,
  outcome,
  PROJECT,
  SUBMIT,
} from "./samples.ts";
import type { TwoUsers } from "./two-users.ts";

/** A state that a script finds. */
export interface Ready {
  /** Of the step that is in hand. */
  readonly claim: StepClaim;
  /** The message of that step. */
  readonly message: Envelope;
}

/** The only command of these tests. */
export const COMMAND = order("cmd-a");
const id = COMMAND.commandId;
export const FIRST = { nonce: "s1", redelivered: false };
export const AGAIN = { nonce: "s2", redelivered: true };
export const INTENT = { attempt: 1, token: 1, signedAtMs: 1_800_000_000_000, diskId: DISK };
export const BY = { by: "who", reason: "why" };

const NO_CLAIM: StepClaim = {
  nonce: "",
  step: 0,
  sequence: 1,
  epoch: "epoch",
  atMs: 0,
  rebuildingUntilMs: null,
};
export const NOTHING: Ready = {
  claim: NO_CLAIM,
  message: envelope(COMMAND, { claim: NO_CLAIM, token: 1 }),
};

/** Of a message with that hash. */
export const refusal = (contentHash: string, sequence: number) => ({
  project: PROJECT,
  id,
  contentHash,
  outcome: outcome(COMMAND, sequence),
});

/** So many other messages were refused under the id, and that is confirmed. */
export async function refused({ whole }: TwoUsers, count = 1): Promise<Ready> {
  for (let number = 1; number <= count; number++) {
    await whole.store.refuse(refusal(`bytes ${number}`, number));
    await whole.store.told(PROJECT, id, number);
  }
  return NOTHING;
}

/** Admitted, and its next step claimed. */
export async function submitting({ whole }: TwoUsers): Promise<Ready> {
  const { next: message } = await admitted(whole.store, COMMAND);
  const { claim } = claimed(await whole.store.claim(message, FIRST));
  return { claim, message };
}

/** Its intent is recorded. */
export async function intended(users: TwoUsers): Promise<Ready> {
  const ready = await submitting(users);
  await users.whole.store.recordIntent(COMMAND, ready.claim, INTENT);
  return ready;
}

/** The same, and Redis was emptied then. */
export async function forgotten(users: TwoUsers): Promise<Ready> {
  const ready = await submitting(users);
  await users.redis.flushAll();
  return ready;
}

/** Of the step in hand. */
export const saveOf = (claim: StepClaim) => ({
  order: COMMAND,
  claim,
  state: SUBMIT,
  nextSequence: claim.sequence + 1,
  outbox: { events: [event(COMMAND, claim.sequence, "waiting")], next: null },
  intent: "keep" as const,
  lock: "keep" as const,
});

/** The command waits from now on: lock and intent are given up. */
export const givingBack = (claim: StepClaim) => ({
  ...saveOf(claim),
  state: { phase: "waiting" } as State,
  intent: "clear" as const,
  lock: "release" as const,
});

/** With success. */
export const finishing = (claim: StepClaim) => ({
  order: COMMAND,
  claim,
  outcome: outcome(COMMAND),
  lock: "free" as const,
  healedAtMs: Date.now(),
});
