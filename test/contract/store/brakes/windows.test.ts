import { beforeEach, describe, expect, it } from "vitest";
import type { Order } from "../../../../src/core/state/order.ts";
import type { Closed } from "../../../../src/core/brakes/windows.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { admitted, claimed, delivery, DISK, order, SERVER } from "../rig/samples.ts";

const CLOSED: Closed = { reason: "a freeze", untilMs: 4_000_000_000_000 };
const HELD = { kind: "held", hold: { brake: "windows", verdict: "wait", ...CLOSED } };

describe.each(RIGS)("the windows of the worker that asks %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let closed: Closed | null;
  let store: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    closed = CLOSED;
    store = rig.withBrakes(NO_BRAKES, { windows: { closedAt: () => closed } });
  });

  const asks = (id: string, more: Partial<Order> = {}) =>
    store.admit(order(id, more), delivery("n"));

  it("hold a command, which takes neither lock nor slot, until they open", async () => {
    const asked = await asks("cmd-a");
    expect(asked).toMatchObject({ lock: HELD, claim: { slot: false } });
    expect(await rig.lockOwner(SERVER)).toBeNull();
    const { claim } = claimed(asked);
    expect(await store.acquire(order("cmd-a"), claim, false)).toEqual(HELD);
    closed = null;
    expect(await store.acquire(order("cmd-a"), claim, false)).toMatchObject({ kind: "acquired" });
  });

  it("that have no opening in sight say no instant", async () => {
    closed = { reason: "a freeze" };
    const { lock } = (await asks("cmd-a")) as { lock?: unknown };
    expect(lock).toEqual({
      kind: "held",
      hold: { brake: "windows", verdict: "wait", reason: "a freeze" },
    });
  });

  it("are lifted by the command that says so", async () => {
    expect(await asks("cmd-a", { override: ["windows"] })).toMatchObject({
      lock: { kind: "acquired" },
    });
  });

  it("stop nothing that has begun", async () => {
    closed = null;
    const a = order("cmd-a");
    const { next } = await admitted(store, a);
    const { claim } = claimed(await store.claim(next, { nonce: "s1", redelivered: false }));
    closed = CLOSED;
    expect(await store.mayStop(a, claim)).toEqual({ kind: "go" });
    const intent = {
      attempt: 1,
      token: next.token ?? 0,
      signedAtMs: 1_800_000_000_000,
      diskId: DISK,
    };
    expect(await store.recordIntent(a, claim, intent)).toEqual({ kind: "saved" });
  });

  it("do not let a command be the one that tries after a storm", async () => {
    const stormy = { ...NO_BRAKES, stormSame: 5, stormCooldownMs: 1 };
    await rig.setPause({ scope: "storm-failures", on: true, by: "worker", reason: "r" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const shut = rig.withBrakes(stormy, { windows: { closedAt: () => CLOSED } });
    expect(await shut.admit(order("cmd-a"), delivery("n"))).toMatchObject({ lock: HELD });
    const open = rig.withBrakes(stormy);
    expect(await open.admit(order("cmd-b"), delivery("n"))).toMatchObject({
      lock: { kind: "acquired" },
    });
  });

  it("are shown to a dry run", async () => {
    expect(await asks("cmd-a", { dryRun: true })).toMatchObject({
      verdicts: expect.arrayContaining([HELD.hold]),
    });
  });
});
