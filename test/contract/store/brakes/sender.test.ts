import { beforeEach, describe, expect, it } from "vitest";
import type { Order } from "../../../../src/core/state/order.ts";
import type { SenderRule } from "../../../../src/core/intake/senders.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { delivery } from "../rig/samples.ts";
import { ACQUIRED, asks, begins, commandOf, ends, tries } from "../rig/waiters.ts";

const SENDERS: readonly SenderRule[] = [{ user: "healer", perHour: 2 }, { user: "person" }];
const sender = "healer";
const HELD = {
  kind: "held",
  hold: { brake: "sender", verdict: "wait", limit: 2, sender, untilMs: expect.any(Number) },
};

describe.each(RIGS)("so many starts of a broker user within an hour %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    store = rig.withBrakes(NO_BRAKES, { senders: SENDERS });
  });

  const of = (n: number, more: Partial<Order> = {}) => commandOf(n, { sender, ...more });
  const lockOf = async (asked: Order) => (await asks(store, asked)).lock;

  it("are let through, and one more waits, with neither lock nor slot", async () => {
    const nowMs = Date.now();
    expect(await lockOf(of(1))).toMatchObject(ACQUIRED);
    expect(await lockOf(of(2))).toMatchObject(ACQUIRED);
    const third = await store.admit(of(3), delivery("n"));
    expect(third).toMatchObject({ lock: HELD, claim: { slot: false } });
    const lock = "lock" in third ? third.lock : null;
    const untilMs = lock?.kind === "held" && "untilMs" in lock.hold ? lock.hold.untilMs : 0;
    expect(untilMs).toBeGreaterThanOrEqual(nowMs + 3_600_000);
    expect(await rig.lockOwner(of(3).serverId)).toBeNull();
  });

  it("are those of each user by itself, whatever source a command names", async () => {
    await begins(store, of(1, { source: "a" }));
    await begins(store, of(2, { source: "b" }));
    expect(await lockOf(of(3, { source: "c" }))).toEqual(HELD);
    expect(await lockOf(of(4, { sender: "person" }))).toMatchObject(ACQUIRED);
    expect(await lockOf(commandOf(5))).toMatchObject(ACQUIRED);
  });

  it("count a command once, and go on counting when it has ended", async () => {
    const first = await begins(store, of(1));
    await store.admit(of(1), delivery("twice"));
    await store.admit(of(7, { dryRun: true }), delivery("dry"));
    await ends(store, first);
    expect(await lockOf(of(2))).toMatchObject(ACQUIRED);
    expect(await lockOf(of(3))).toEqual(HELD);
  });

  it("hold a command also that lifts the limit of its source", async () => {
    await begins(store, of(1));
    await begins(store, of(2));
    expect(await lockOf(of(3, { override: ["source"] }))).toEqual(HELD);
  });

  it("are shown to a dry run", async () => {
    await begins(store, of(1));
    await begins(store, of(2));
    const dry = await store.admit(of(8, { dryRun: true }), delivery("d"));
    expect(dry).toMatchObject({ verdicts: expect.arrayContaining([HELD.hold]) });
  });

  it("are not asked for, and not counted, where no limit is set", async () => {
    const off = rig.withBrakes(NO_BRAKES);
    for (const n of [1, 2, 3]) expect((await asks(off, of(n))).lock).toMatchObject(ACQUIRED);
    expect(await lockOf(of(4))).toMatchObject(ACQUIRED);
  });

  it("let a command go on that was accepted before senders were named, and has none", async () => {
    const before = rig.withBrakes(NO_BRAKES);
    await rig.setPause({ scope: "project", on: true, by: "ada", reason: "r" });
    const waiter = await begins(before, of(1, { sender: undefined }));
    await rig.setPause({ scope: "project", on: false, by: "ada", reason: "r" });
    expect(await tries(store, waiter)).toMatchObject({ lock: ACQUIRED });
  });
});
