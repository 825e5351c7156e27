import { ServerId } from "../../../../src/contract/ids.ts";
import { expect } from "vitest";
import type { Order } from "../../../../src/core/state/order.ts";
import type { StormEnd } from "../../../../src/core/brakes/storm.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../src/steps/ports/step-claim.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { admitted, claimed, delivery, DISK, order, outcome } from "../rig/samples.ts";

export const RULES = { ...NO_BRAKES, stormSame: 3, stormShare: 0.5, stormCooldownMs: 600_000 };
export const FAILS: StormEnd = { result: "failure", cause: "job-failed Ecs.0319" };
export const SUCCEEDS: StormEnd = { result: "success", cause: "" };
export const GOES = { lock: { kind: "acquired" } };
export const HELD = { kind: "held", hold: { brake: "storm-failures", verdict: "wait" } };

let number = 0;
/** Each for a server of its own. */
export function wish(id: string, more: Partial<Order> = {}): Order {
  number += 1;
  const serverId = ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-${String(number).padStart(12, "0")}`);
  return order(id, { serverId, onBusy: "join", ...more });
}

/** A new command of that name asks. */
export const asks = (store: ReinstallStore, id: string) => store.admit(wish(id), delivery("n"));

/** A command up to the claim of its `submit`. */
export async function atTheLine(store: ReinstallStore, one: Order) {
  const { next } = await admitted(store, one);
  const { claim } = claimed(await store.claim(next, { nonce: "s1", redelivered: false }));
  const intent = {
    attempt: 1,
    token: next.token ?? 0,
    signedAtMs: 1_800_000_000_000,
    diskId: DISK,
  };
  return { one, claim, record: () => store.recordIntent(one, claim, intent) };
}

/** Ends a command at that claim. */
export function finish(
  store: ReinstallStore,
  one: Order,
  claim: StepClaim,
  storm: StormEnd | null,
  intent: "keep" | "clear" = "keep",
) {
  const end = { order: one, claim, outcome: outcome(one), lock: "free", healedAtMs: null } as const;
  return store.finish({ ...end, storm, intent });
}

/** A whole command: its intent is recorded, and it ends so. */
export async function ends(
  store: ReinstallStore,
  id: string,
  storm: StormEnd | null,
): Promise<void> {
  const one = wish(id);
  const { claim, record } = await atTheLine(store, one);
  expect(await record()).toEqual({ kind: "saved" });
  expect(await finish(store, one, claim, storm)).toMatchObject({ kind: "finished", first: true });
}
