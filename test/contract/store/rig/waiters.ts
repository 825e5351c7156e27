import { ServerId } from "../../../../src/contract/ids.ts";
import { type Envelope, storedEnvelope } from "../../../../src/core/state/envelope.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { In, State } from "../../../../src/core/state/state.ts";
import type { LockAnswer } from "../../../../src/steps/ports/admission.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../src/steps/ports/step-claim.ts";
import { claimed, delivery, DISK, envelope, order, outcome, SUBMIT } from "./samples.ts";

export const FIRST = { nonce: "s1", redelivered: false };
export const ACQUIRED = { kind: "acquired" };
const LONG_MS = 10_000;

/** A command for a server of its own. */
export function commandOf(n: number, more: Partial<Order> = {}): Order {
  const serverId = ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-${String(n).padStart(12, "0")}`);
  return order(`cmd-${n}`, { serverId, ...more });
}

/** What the answer of a cap matches. */
export const held = (brake: "cap" | "group-cap", more: object = {}) => ({
  kind: "held",
  hold: { brake, verdict: "wait", ...more },
});

export const waitingFor = (waitsFor: In<"waiting">["waitsFor"]): State => ({
  phase: "waiting",
  body: { userid: "user" },
  tries: { attempt: 1, spent: 0 },
  waitsFor,
  sinceMs: 0,
});

export const intentOf = (token: number | null) => ({
  attempt: 1,
  token: token ?? 0,
  signedAtMs: 1_800_000_000_000,
  diskId: DISK,
});

/** A command, and the message of its next step. */
export interface Begun {
  readonly of: Order;
  readonly next: Envelope;
}

/** Saves what a step has come to; answers its message. */
export async function saved(
  store: ReinstallStore,
  of: Order,
  step: { claim: StepClaim; token: number | null; state: State; delayMs?: number | undefined },
): Promise<Envelope> {
  const { claim, state, delayMs = LONG_MS } = step;
  const waits = state.phase === "waiting" || state.phase === "joined";
  const token = waits ? null : step.token;
  const next = envelope(
    of,
    { claim, token },
    { v: 2, state, slot: claim.slot && !waits, placeMs: claim.arrivedMs },
  );
  await store.save({
    order: of,
    claim,
    state,
    nextSequence: next.sequence,
    outbox: { events: [], next: { envelope: storedEnvelope(next), delayMs } },
    intent: "keep",
    lock: waits ? "release" : "keep",
  });
  return next;
}

/** A new command asks; answers what it was told, and its claim. */
export async function asks(store: ReinstallStore, of: Order) {
  const { claim, lock } = claimed(await store.admit(of, delivery(`n of ${of.commandId}`)));
  return { of, claim, lock, token: lock.kind === "acquired" ? lock.token : null };
}

function reasonOf(lock: LockAnswer): In<"waiting">["waitsFor"] {
  return lock.kind === "held" ? lock.hold.brake : "server-busy";
}

/** The same, and it goes on: to `submit`, or to wait for what holds it. */
export async function begins(store: ReinstallStore, of: Order, delayMs?: number) {
  const asked = await asks(store, of);
  const state = asked.lock.kind === "acquired" ? SUBMIT : waitingFor(reasonOf(asked.lock));
  return { ...asked, next: await saved(store, of, { ...asked, state, delayMs }) };
}

/** A waiting command tries again. */
export async function tries(store: ReinstallStore, { of, next }: Begun, nonce = "s1") {
  const { claim } = claimed(await store.claim(next, { nonce, redelivered: nonce !== "s1" }));
  return { claim, lock: await store.acquire(of, claim, false) };
}

/** A command in work ends. */
export async function ends(
  store: ReinstallStore,
  { of, next }: Begun,
  lock: "free" | "keep" = "free",
): Promise<void> {
  const { claim } = claimed(await store.claim(next, FIRST));
  await store.finish({ order: of, claim, outcome: outcome(of, 20), lock, healedAtMs: null });
}
