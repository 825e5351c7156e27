import type { StoredOutcome } from "../../../../src/steps/ports/stored-outcome.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { type Envelope, ENVELOPE_VERSION } from "../../../../src/core/state/envelope.ts";
import { toProgressEvent } from "../../../../src/core/messages/events.ts";
import type { State } from "../../../../src/core/state/state.ts";
import type { StepClaim } from "../../../../src/steps/ports/step-claim.ts";
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
export const COMMAND = order("cmd-a", { sender: "sender" });
const id = COMMAND.commandId;
export const FIRST = { nonce: "s1", redelivered: false };
export const AGAIN = { nonce: "s2", redelivered: true };
export const INTENT = { attempt: 1, token: 1, signedAtMs: 1_800_000_000_000, diskId: DISK };
export const BY = { by: "who", reason: "why" };

const INQUIRY: State = {
  phase: "inquiry",
  before: { systemDiskId: DISK, status: "SHUTOFF", atMs: 0 },
  fenceAtMs: 0,
  why: "no-answer",
  sinceMs: 0,
  untilMs: 1,
};

const NO_CLAIM: StepClaim = {
  nonce: "",
  step: 0,
  sequence: 1,
  epoch: "epoch",
  atMs: 0,
  arrivedMs: 0,
  slot: false,
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
    await whole.store.published(PROJECT, id, number);
  }
  return NOTHING;
}

/** Admitted, and its next step claimed. */
export async function submitting({ whole }: TwoUsers): Promise<Ready> {
  const { next: message } = await admitted(whole.store, COMMAND);
  const { claim } = claimed(await whole.store.claim(message, FIRST));
  return { claim, message };
}

/** The same, and the step has found what another command owes its server. */
export async function owing(users: TwoUsers): Promise<Ready> {
  const { message } = await submitting(users);
  const debt = JSON.stringify({ was: "on", mayHaveStopped: true });
  await users.whole.client.set(keysOf(PROJECT).debt(COMMAND.serverId), debt);
  const { claim } = claimed(await users.whole.store.claim(message, AGAIN));
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

/** The first message of the inquiry that the step in hand leaves behind. */
export const firstOfInquiry = (claim: StepClaim): Envelope =>
  envelope(
    COMMAND,
    { claim: { ...claim, step: 0, sequence: 0 }, token: 1 },
    { v: ENVELOPE_VERSION, dueMs: 0, state: INQUIRY },
  );

/** Nobody knows what became of it: its server stays locked. */
export const leavingInquiry = (claim: StepClaim) => ({
  ...finishing(claim),
  outcome: {
    ...outcome(COMMAND),
    inquiry: { envelope: firstOfInquiry(claim), delayMs: 1_000 },
  },
  lock: "keep" as const,
  healedAtMs: null,
});

/** The same has happened; the message is the first of its inquiry. */
export async function unresolved(users: TwoUsers): Promise<Ready> {
  const { claim } = await intended(users);
  await users.whole.store.finish(leavingInquiry(claim));
  return { claim, message: firstOfInquiry(claim) };
}

/** The same as a person finds it: ended `unresolved`, the fence passed long ago. */
export async function unresolvedBy(
  users: TwoUsers,
  inquiry: object,
  kept: Pick<StoredOutcome, "fenceAtMs"> = {},
): Promise<Ready> {
  const { claim } = await intended(users);
  const leaving = leavingInquiry(claim);
  const message = firstOfInquiry(claim);
  const first = { ...message, state: { ...INQUIRY, ...inquiry } };
  await users.whole.store.finish({
    ...leaving,
    outcome: {
      ...leaving.outcome,
      event: event(COMMAND, 2, "unresolved"),
      inquiry: { envelope: first, delayMs: 1_000 },
      ...kept,
    },
  });
  return { claim, message: first };
}

export function settling(as: "reinstalled" | "not-reinstalled") {
  const draft = { event: "settled" as const, data: { as } };
  const mark = { sequence: 1, atMs: 1_800_000_000_000 };
  const settled = toProgressEvent("test", COMMAND, mark, draft);
  return {
    order: COMMAND,
    token: 1,
    as,
    outcome: { event: { ...settled, id: `${id}~settled/1` }, reply: null, dead: null },
    healedAtMs: as === "reinstalled" ? 1_800_000_000_000 : null,
  };
}
