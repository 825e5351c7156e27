import type { ProgressEvent } from "../../../../src/contract/event.ts";
import { CommandId, DiskId, JobId, ProjectId, ServerId } from "../../../../src/contract/ids.ts";
import {
  ENVELOPE_VERSION,
  type Envelope,
  storedEnvelope,
} from "../../../../src/core/state/envelope.ts";
import { toProgressEvent } from "../../../../src/core/messages/events.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { In, State } from "../../../../src/core/state/state.ts";
import type { AdmitAnswer, CommandDelivery } from "../../../../src/steps/ports/admission.ts";
import type { ClaimAnswer, StepClaim } from "../../../../src/steps/ports/step-claim.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import type { StoredOutcome } from "../../../../src/steps/ports/stored-outcome.ts";

export const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
export const SERVER = ServerId.parse("4f4b3dfa-eb70-47cf-a60a-998a53bd598a");
export const DISK = DiskId.parse("disk-1");

export function order(id: string, more: Partial<Order> = {}): Order {
  return {
    commandId: CommandId.parse(id),
    projectId: PROJECT,
    serverId: SERVER,
    contentHash: `content of ${id}`,
    wishHash: "wish",
    onBusy: "wait",
    dryRun: false,
    expiresAtMs: Date.now() + 3_600_000,
    receivedAtMs: Date.now(),
    ...more,
  };
}

export function delivery(nonce: string, more: Partial<CommandDelivery> = {}): CommandDelivery {
  return {
    nonce,
    redelivered: false,
    mayHaveRun: false,
    arrivedAtMs: Date.now(),
    unseenUntilMs: null,
    ...more,
  };
}

export const REDELIVERED = { redelivered: true, mayHaveRun: true } as const;

export const SUBMIT: State = {
  phase: "submit",
  body: { userid: "user" },
  tries: { attempt: 1, spent: 0 },
  before: { systemDiskId: DISK, status: "SHUTOFF", atMs: 0 },
};

export const WATCH: In<"watch"> = {
  phase: "watch",
  tries: { attempt: 1, spent: 1 },
  jobId: JobId.parse("ff80808288d41e1b018990260955686a"),
  before: { systemDiskId: DISK, status: "SHUTOFF", atMs: 0 },
  acceptedAtMs: 1_800_000_000_000,
  deadlineMs: 1_900_000_000_000,
  announced: true,
  successes: 0,
  missing: 0,
};

export function envelope(
  of: Order,
  { claim, token }: { claim: StepClaim; token: number | null },
  more: Partial<Envelope> = {},
): Envelope {
  return {
    v: ENVELOPE_VERSION,
    order: of,
    step: claim.step + 1,
    sequence: claim.sequence + 1,
    epoch: claim.epoch,
    dueMs: Date.now(),
    token,
    revived: 0,
    deaths: 0,
    state: SUBMIT,
    ...more,
  };
}

export function event(
  of: Order,
  sequence: number,
  name: "succeeded" | "waiting" | "unresolved",
): ProgressEvent {
  return toProgressEvent(
    "test",
    of,
    { sequence, atMs: 1_800_000_000_000 },
    { event: name, data: {} },
  );
}

export function outcome(of: Order, sequence = 2): StoredOutcome {
  return { event: event(of, sequence, "succeeded"), reply: null, dead: null };
}

export type Claimed<A> = Extract<A, { kind: "claimed" }>;

/** The same message, which nobody can have taken before now: a copy of it has not been anywhere. */
export function untaken(message: Envelope): Envelope {
  return { ...message, unseenUntilMs: Date.now() + 600_000 };
}

/** The answer, which must be `claimed`. */
export function claimed<A extends AdmitAnswer | ClaimAnswer>(answer: A): Claimed<A> {
  if (answer.kind !== "claimed") throw new Error(`not claimed: ${JSON.stringify(answer)}`);
  return answer as Claimed<A>;
}

/** Admits a command and saves its first step, so that `next` is its `submit` message. */
export async function admitted(
  store: ReinstallStore,
  of: Order,
  nonce = `first of ${of.commandId}`,
) {
  return handedOver(store, of, await store.admit(of, delivery(nonce)));
}

/** Saves the first step of a command with this answer to its admission. */
export async function handedOver(store: ReinstallStore, of: Order, answer: AdmitAnswer) {
  const { claim, lock } = claimed(answer);
  const token = lock.kind === "acquired" ? lock.token : null;
  const next = envelope(of, { claim, token });
  const saving = {
    order: of,
    claim,
    state: next.state,
    nextSequence: next.sequence,
    outbox: {
      events: [event(of, claim.sequence, "waiting")],
      next: { envelope: storedEnvelope(next), delayMs: 0 },
    },
    intent: "keep",
    lock: "keep",
  } as const;
  const saved = await store.save(saving);
  return { claim, lock, token, next, saving, saved };
}
