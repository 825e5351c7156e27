import { beforeEach, describe, expect, it } from "vitest";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { HOLD_MS, RIGS, type StoreRig } from "../rig/rig.ts";
import { claimed, delivery, untaken } from "../rig/samples.ts";
import {
  ACQUIRED,
  asks,
  begins,
  commandOf,
  ends,
  FIRST,
  held,
  intentOf,
  saved,
  tries,
  waitingFor,
} from "../rig/waiters.ts";

const WEB = { group: "web" };

describe.each(RIGS)("slots %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;
  const [a, b, c] = [commandOf(1), commandOf(2), commandOf(3)];
  const capped = (maxRunning: number) => rig.withBrakes({ ...NO_BRAKES, maxRunning });

  beforeEach(async () => {
    rig = await fresh();
    store = capped(1);
  });

  it("are given with the lock, or neither is", async () => {
    expect(await asks(store, a)).toMatchObject({ lock: ACQUIRED, claim: { slot: true } });
    expect(await asks(store, b)).toMatchObject({
      lock: held("cap", { ahead: 0, cap: 1, running: 1 }),
      claim: { slot: false },
    });
    expect(await rig.lockOwner(b.serverId)).toBeNull();
  });

  it.each(["free", "keep"] as const)("are freed by the final event, lock: %s", async (lock) => {
    const first = await begins(store, a);
    const second = await begins(store, b);
    await ends(store, first, lock);
    expect(await tries(store, second)).toMatchObject({ lock: ACQUIRED });
    expect(await rig.lockOwner(a.serverId)).toBe(lock === "keep" ? a.commandId : null);
  });

  it("are given back, with the lock, by who goes back to waiting", async () => {
    const first = await asks(store, a);
    await saved(store, a, { ...first, state: waitingFor("server-unstable") });
    expect(await rig.lockOwner(a.serverId)).toBeNull();
    expect(await asks(store, b)).toMatchObject({ lock: ACQUIRED });
  });

  it("are not taken away by a lower cap, and nothing new starts under it", async () => {
    const first = await begins(capped(2), a);
    await begins(capped(2), b);
    expect(await asks(store, c)).toMatchObject({ lock: held("cap", { cap: 1, running: 2 }) });
    const { claim } = claimed(await store.claim(first.next, FIRST));
    expect(await store.recordIntent(a, claim, intentOf(first.token))).toEqual({ kind: "saved" });
  });

  it("are taken at the intent by who has none, or it waits", async () => {
    // As an older worker writes it.
    const { slot: _none, placeMs: _unknown, ...old } = (await begins(store, a)).next;
    await rig.flushAll();
    const first = claimed(await store.claim(old, FIRST));
    expect(first.claim.slot).toBe(false);
    const second = await begins(store, b);
    const intent = intentOf(old.token);
    expect(await store.recordIntent(a, first.claim, intent)).toMatchObject(held("cap"));
    await ends(store, second);
    expect(await store.recordIntent(a, first.claim, intent)).toEqual({ kind: "saved" });
    expect(await asks(store, c)).toMatchObject({ lock: held("cap") });
  });

  it("come back with the messages after the store was emptied, more than the cap too", async () => {
    const [first, second] = [await begins(capped(2), a), await begins(capped(2), b)];
    await rig.flushAll();
    for (const { next } of [first, second]) {
      expect(claimed(await store.claim(next, FIRST)).claim.slot).toBe(true);
    }
    expect(await asks(store, c)).toMatchObject({ lock: held("cap", { cap: 1, running: 2 }) });
  });

  it("come back with a message that only waits on", async () => {
    const first = await begins(store, a);
    await rig.flushAll();
    expect(await store.hop(first.next, { redelivered: false })).toMatchObject({ kind: "waits" });
    expect(await asks(store, b)).toMatchObject({ lock: held("cap") });
  });

  it("are not given while the store's memory is young", async () => {
    await begins(store, a);
    const waits = await begins(store, b);
    await rig.flushAll();
    expect(
      await tries(rig.withHold(HOLD_MS), { ...waits, next: untaken(waits.next) }),
    ).toMatchObject({
      lock: { kind: "rebuilding" },
    });
  });

  it("of commands that have ended, or are gone, are taken when none is free", async () => {
    await ends(store, await begins(store, a));
    await rig.leaveSlot(a.commandId);
    await begins(store, b);
    expect(await rig.lockOwner(b.serverId)).toBe(b.commandId);
    await rig.leaveSlot(commandOf(9).commandId);
    // Of `b`, which is in work, nobody takes the slot.
    expect(await asks(store, c)).toMatchObject({ lock: held("cap", { running: 1 }) });
  });

  it("are counted for each group, beside the project", async () => {
    const both = rig.withBrakes({ ...NO_BRAKES, maxRunning: 10, maxRunningPerGroup: 1 });
    await begins(both, commandOf(1, WEB));
    expect(await asks(both, commandOf(2, WEB))).toMatchObject({
      lock: held("group-cap", { cap: 1, running: 1, ahead: 0 }),
    });
    expect(await asks(both, commandOf(3, { group: "db" }))).toMatchObject({ lock: ACQUIRED });
    expect(await asks(both, commandOf(4))).toMatchObject({ lock: ACQUIRED });
  });

  it("are taken by no dry run, which is told of the cap", async () => {
    const dry = { dryRun: true };
    expect(await store.admit(commandOf(9, dry), delivery("n"))).toMatchObject({ lock: ACQUIRED });
    await begins(store, a);
    expect(await store.admit(commandOf(8, dry), delivery("n"))).toMatchObject({
      lock: ACQUIRED,
      verdicts: expect.arrayContaining([
        { brake: "cap", verdict: "wait", ahead: 0, cap: 1, running: 1 },
      ]) as unknown,
    });
  });
});
