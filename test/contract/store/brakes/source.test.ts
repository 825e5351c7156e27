import { beforeEach, describe, expect, it } from "vitest";
import type { BrakeRules } from "../../../../src/core/brakes/brake-rules.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { eventually } from "../../../support/eventually.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { claimed, delivery, order } from "../rig/samples.ts";
import { ACQUIRED, asks, begins, commandOf, ends, tries } from "../rig/waiters.ts";

const HOUR_MS = 3_600_000;
const RULES: BrakeRules = { ...NO_BRAKES, perSourcePerHour: 2 };
const source = "node-healer";
const HELD = {
  kind: "held",
  hold: { brake: "source", verdict: "wait", limit: 2, source, untilMs: expect.any(Number) },
};

describe.each(RIGS)("so many starts of a source within an hour %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    store = rig.withBrakes(RULES);
  });

  const of = (n: number, more: Partial<Order> = {}) => commandOf(n, { source, ...more });
  const lockOf = async (asked: Order) => (await asks(store, asked)).lock;
  const startedAt = (n: number, agoMs: number) =>
    rig.leaveStart(source, of(n).commandId, Date.now() - agoMs);
  const untilOf = async (asked: Order) => {
    const lock = await lockOf(asked);
    return lock.kind === "held" && lock.hold.brake === "source" ? lock.hold.untilMs : null;
  };

  it("are let through, and one more waits, with neither lock nor slot", async () => {
    expect(await lockOf(of(1))).toMatchObject(ACQUIRED);
    expect(await lockOf(of(2))).toMatchObject(ACQUIRED);
    const third = await store.admit(of(3), delivery("n"));
    expect(third).toMatchObject({ lock: HELD, claim: { slot: false } });
    expect(await rig.lockOwner(of(3).serverId)).toBeNull();
  });

  it("are those of each source by itself, and together of commands that have none", async () => {
    await begins(store, of(1));
    await begins(store, of(2));
    expect(await lockOf(of(3, { source: "another" }))).toMatchObject(ACQUIRED);
    expect(await lockOf(commandOf(4))).toMatchObject(ACQUIRED);
    expect(await lockOf(commandOf(5))).toMatchObject(ACQUIRED);
    const { source: _none, ...hold } = HELD.hold;
    expect(await lockOf(commandOf(6))).toEqual({ ...HELD, hold });
  });

  it("end when they are an hour old: the oldest that counts says until when", async () => {
    const nowMs = Date.now();
    await startedAt(1, HOUR_MS - 60_000);
    await startedAt(2, 1_000);
    const untilMs = await untilOf(of(3));
    expect(untilMs).toBeGreaterThanOrEqual(nowMs + 60_000);
    expect(untilMs).toBeLessThan(nowMs + 70_000);
  });

  it("that are an hour old do not count, and one that becomes it frees its place", async () => {
    await startedAt(1, HOUR_MS);
    await startedAt(2, HOUR_MS + 5_000);
    await startedAt(3, HOUR_MS - 300);
    await startedAt(4, 1_000);
    const waiter = await begins(store, of(5));
    expect(waiter.lock).toEqual(HELD);
    let turn = 0;
    await eventually(
      async () => {
        turn += 1;
        const { claim, lock } = await tries(store, waiter, `s${turn}`);
        expect(lock, String(claim.step)).toMatchObject(ACQUIRED);
      },
      { what: "the hour is over" },
    );
  });

  it("may be more than the limit, where that was lowered: the wait is as long", async () => {
    const nowMs = Date.now();
    for (const [n, minutes] of [50, 40, 30, 20].entries()) await startedAt(n, minutes * 60_000);
    const untilMs = await untilOf(of(9));
    expect(untilMs).toBeGreaterThanOrEqual(nowMs + 30 * 60_000);
    expect(untilMs).toBeLessThan(nowMs + 31 * 60_000);
  });

  it("count a command once, however often it starts, and let it start again", async () => {
    const first = await asks(store, of(1));
    const again = delivery(first.claim.nonce, { redelivered: true });
    expect(claimed(await store.admit(of(1), again)).lock).toMatchObject(ACQUIRED);
    expect(await store.acquire(of(1), first.claim, false)).toMatchObject(ACQUIRED);
    await begins(store, of(2));
    expect(await lockOf(of(3))).toEqual(HELD);
    expect(await store.acquire(of(1), first.claim, false)).toMatchObject(ACQUIRED);
  });

  it("are no duplicates, no joiners, no dry runs, and nobody whom another brake holds", async () => {
    await begins(store, of(1, { onBusy: "join" }));
    expect(await store.admit(of(1, { onBusy: "join" }), delivery("twice"))).toMatchObject({
      kind: "duplicate",
    });
    const joiner = of(1, { commandId: order("joins").commandId, onBusy: "join" });
    expect(await lockOf(joiner)).toMatchObject({ kind: "busy", sameWish: true });
    await store.admit(of(7, { dryRun: true }), delivery("dry"));
    await rig.setPause({ scope: "group:web", on: true, by: "ada", reason: "r" });
    expect(await lockOf(of(8, { group: "web" }))).toMatchObject({ hold: { brake: "pause" } });
    expect(await lockOf(of(2))).toMatchObject(ACQUIRED);
    expect(await lockOf(of(3))).toEqual(HELD);
  });

  it("hold a joiner only when it goes by itself", async () => {
    const leader = await begins(store, of(1, { onBusy: "join" }));
    await begins(store, of(2));
    const joiner = of(1, { commandId: order("joins").commandId, onBusy: "join" });
    const { claim, lock } = await asks(store, joiner);
    expect(lock).toMatchObject({ kind: "busy", sameWish: true });
    await ends(store, leader);
    expect(await store.acquire(joiner, claim, false)).toEqual(HELD);
  });

  it("do not end with the command: what counts is that it started", async () => {
    await ends(store, await begins(store, of(1)));
    await ends(store, await begins(store, of(2)));
    expect(await lockOf(of(3))).toEqual(HELD);
  });

  it("do not hold a command that lifts the brake, which counts all the same", async () => {
    await begins(store, of(1));
    await begins(store, of(2, { override: ["source"] }));
    expect(await lockOf(of(3, { override: ["source"] }))).toMatchObject(ACQUIRED);
    expect(await lockOf(of(4))).toEqual(HELD);
  });

  it("are shown to a dry run", async () => {
    await begins(store, of(1));
    const before = await store.admit(of(7, { dryRun: true }), delivery("d1"));
    expect(before).toMatchObject({
      verdicts: expect.arrayContaining([{ brake: "source", verdict: "go" }]),
    });
    await begins(store, of(2));
    const dry = of(8, { dryRun: true });
    expect(await store.admit(dry, delivery("d2"))).toMatchObject({
      verdicts: expect.arrayContaining([HELD.hold]),
    });
  });

  it("are not asked for, and not counted, where the limit is 0", async () => {
    const off = rig.withBrakes(NO_BRAKES);
    for (const n of [1, 2, 3]) expect((await asks(off, of(n))).lock).toMatchObject(ACQUIRED);
    expect(await lockOf(of(4))).toMatchObject(ACQUIRED);
  });
});
