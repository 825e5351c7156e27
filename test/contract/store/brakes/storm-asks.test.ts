import { beforeEach, describe, expect, it } from "vitest";
import type { Order } from "../../../../src/core/state/order.ts";
import type { BrakeRules } from "../../../../src/core/brakes/brake-rules.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { eventually } from "../../../support/eventually.ts";
import { HOLD_MS, RIGS, type StoreRig } from "../rig/rig.ts";
import { claimed, delivery, order, outcome, PROJECT, untaken } from "../rig/samples.ts";
import { ACQUIRED, asks, begins, commandOf, ends, FIRST, held, tries } from "../rig/waiters.ts";

const WINDOW_MS = 300_000;
/** Four servers are a storm; it is over when fewer than two of its commands wait. */
const RULES: BrakeRules = {
  ...NO_BRAKES,
  maxRunning: 2,
  stormAsks: 4,
  stormAsksWindowMs: WINDOW_MS,
};
const WHY = "4 different servers were asked for within 300 s";
const SLOW = held("cap", { cap: 1, loweredBy: "storm-asks", because: WHY });
const AT_FULL = held("cap", { cap: 2 });
const BY_ADA = { on: false, by: "ada", reason: "a planned refresh" } as const;

describe.each(RIGS)("a storm of asks %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;
  /** The same store, for whom the window has passed. */
  let later: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    store = rig.withBrakes(RULES);
    later = rig.withBrakes({ ...RULES, stormAsksWindowMs: 0 });
  });

  /** What the fifth command for a server of its own is answered; those before are in work or wait. */
  const lockOf = async (of: Order) => (await asks(store, of)).lock;
  const askedAt = async (of: Order, arrivedAtMs: number) =>
    claimed(await store.admit(of, delivery(`n of ${of.commandId}`, { arrivedAtMs }))).lock;
  const stands = async () => {
    const kept = await rig.pauses.keep(PROJECT, new Map());
    return kept.kind === "kept" && kept.pauses.get("storm-asks")?.on === true;
  };

  /** Two in work, and `waiters` who wait; with two the storm has begun. */
  async function queue(waiters = 2) {
    const all = [];
    for (let n = 0; n < 2 + waiters; n++) all.push(await begins(store, commandOf(n)));
    return all;
  }

  it("begins with so many different servers, and leaves one slot; says why", async () => {
    const [first, second, third] = await queue(1);
    expect([first?.lock, second?.lock]).toMatchObject([ACQUIRED, ACQUIRED]);
    expect(third?.lock).toMatchObject(AT_FULL);
    expect(third?.lock).not.toHaveProperty("hold.loweredBy");
    expect(await lockOf(commandOf(3))).toMatchObject(SLOW);
    expect(await stands()).toBe(true);
  });

  it("lets the line go on one by one", async () => {
    const [first, second, third] = await queue(4);
    if (!first || !second || !third) throw new Error("no queue");
    await ends(store, first);
    expect(await tries(store, third)).toMatchObject({ lock: SLOW });
    await ends(store, second);
    expect(await tries(store, third, "s2")).toMatchObject({ lock: ACQUIRED });
  });

  it("counts a server once, and no duplicate, no joiner, no dry run", async () => {
    await queue(1);
    await asks(store, commandOf(0, { commandId: order("again").commandId }));
    expect(await store.admit(commandOf(1), delivery("twice"))).toMatchObject({ kind: "duplicate" });
    await asks(store, commandOf(1, { commandId: order("joins").commandId, onBusy: "join" }));
    const planned = await store.admit(commandOf(7, { dryRun: true }), delivery("dry"));
    expect(planned).toMatchObject({ kind: "claimed" });
    expect(await stands()).toBe(false);
    await asks(store, commandOf(3));
    expect(await stands()).toBe(true);
  });

  it("counts nobody who may never start", async () => {
    await queue(1);
    const protectedOne = commandOf(3);
    const scope = `protected:${protectedOne.serverId}` as const;
    await rig.setPause({ ...BY_ADA, scope, on: true });
    expect(await lockOf(protectedOne)).toMatchObject({ hold: { brake: "protected" } });
    expect(await stands()).toBe(false);
  });

  it("counts who is held, and who may not begin yet", async () => {
    await rig.setPause({ ...BY_ADA, scope: "project", on: true });
    for (let n = 0; n < 3; n++) await begins(store, commandOf(n));
    await begins(store, commandOf(3, { notBeforeMs: Date.now() + 3_600_000 }));
    expect(await stands()).toBe(true);
  });

  it("is no backlog: the messages say when they were sent", async () => {
    const nowMs = Date.now();
    for (let n = 0; n < 8; n++) await askedAt(commandOf(n), nowMs - n * (WINDOW_MS / 3));
    expect(await stands()).toBe(false);
  });

  it("is found however late its messages come, and in whatever order", async () => {
    const beganMs = Date.now() - 36_000_000;
    for (const at of [WINDOW_MS - 1, 2 * WINDOW_MS, 0, 10_000]) {
      await askedAt(commandOf(at), beganMs + at);
    }
    expect(await stands()).toBe(false);
    await askedAt(commandOf(20_000), beganMs + 20_000);
    expect(await stands()).toBe(true);
  });

  it("is over when fewer than half of its number wait: by an end", async () => {
    const [, , third, fourth] = await queue();
    if (!third || !fourth) throw new Error("no queue");
    expect(await stands()).toBe(true);
    await ends(later, third);
    expect(await stands()).toBe(false);
  });

  it("stands for its window however few wait: a large cap leaves nobody who does", async () => {
    store = rig.withBrakes({ ...RULES, maxRunning: 50 });
    for (let n = 0; n < 3; n++) {
      expect(await begins(store, commandOf(n))).toMatchObject({ lock: ACQUIRED });
    }
    const fourth = await begins(store, commandOf(3));
    expect(fourth).toMatchObject({ lock: SLOW });
    expect(await tries(store, fourth)).toMatchObject({ lock: SLOW });
    for (const n of [4, 5]) expect(await lockOf(commandOf(n))).toMatchObject(SLOW);
  });

  it("is over when fewer than half of its number wait: by the next who asks", async () => {
    const [first, second, third, fourth] = await queue();
    if (!first || !second || !third || !fourth) throw new Error("no queue");
    await ends(store, first);
    await ends(store, second);
    expect(await tries(later, third)).toMatchObject({ lock: ACQUIRED });
    // One waits. What was asked for before does not count again.
    expect(await tries(later, fourth)).toMatchObject({ lock: ACQUIRED });
    await lockOf(commandOf(9));
    expect(await stands()).toBe(false);
  });

  it("is over when fewer than half of its number wait: by a worker that looks at the pauses, where no command is left", async () => {
    const pauses = rig.pausesWith(RULES);
    const afterWindow = rig.pausesWith({ ...RULES, stormAsksWindowMs: 0 });
    const all = await queue();
    const standing = async (by: typeof pauses) => {
      const kept = await by.keep(PROJECT, new Map());
      if (kept.kind !== "kept") throw new Error(kept.kind);
      return kept.pauses.get("storm-asks")?.on;
    };
    // Within its window, and while as many wait.
    expect(await standing(pauses)).toBe(true);
    expect(await standing(afterWindow)).toBe(true);
    // In their window they end no storm, and then there is nobody who could.
    for (const one of all) await ends(store, one);
    expect(await standing(pauses)).toBe(true);
    expect(await standing(afterWindow)).toBe(false);
    expect(await stands()).toBe(false);
  });

  it("goes on while commands that it brought wait for whatever", async () => {
    const [first, second] = await queue();
    if (!first || !second) throw new Error("no queue");
    await rig.setPause({ ...BY_ADA, scope: "project", on: true });
    await ends(later, first);
    await ends(later, second);
    await lockOf(commandOf(9));
    expect(await stands()).toBe(true);
  });

  it("is lifted by a person, and counts from zero", async () => {
    await queue(4);
    expect(await rig.setPause({ ...BY_ADA, scope: "storm-asks" })).toMatchObject({ wasOn: true });
    for (const n of [10, 11, 12]) expect(await lockOf(commandOf(n))).toMatchObject(AT_FULL);
    expect(await lockOf(commandOf(13))).toMatchObject(SLOW);
  });

  it("stays off for as long as a person says", async () => {
    await rig.setPause({ ...BY_ADA, scope: "storm-asks", forMs: 3_600_000 });
    await queue(4);
    expect(await stands()).toBe(false);
    const set = await rig.setPause({ ...BY_ADA, scope: "storm-asks", forMs: 1 });
    if (set.kind !== "set") throw new Error(set.kind);
    await eventually(() => Date.now() > set.atMs + 10, { intervalMs: 5 });
    for (const n of [10, 11, 12]) await lockOf(commandOf(n));
    expect(await stands()).toBe(false);
    await lockOf(commandOf(13));
    expect(await stands()).toBe(true);
  });

  it("is put back by a worker that knew it, and goes on with those who come back", async () => {
    const [first, , third, fourth] = await queue();
    if (!first || !third || !fourth) throw new Error("no queue");
    const kept = await rig.pauses.keep(PROJECT, new Map());
    if (kept.kind !== "kept") throw new Error("not kept");
    await rig.flushAll();
    const young = rig.withHold(HOLD_MS);
    await young.hop(first.next, { redelivered: false });
    await young.hop(third.next, { redelivered: false });
    expect(await rig.pauses.keep(PROJECT, kept.pauses)).toMatchObject({ putBack: 1 });
    await young.hop(fourth.next, { redelivered: false });
    await rig.restart();
    await lockOf(commandOf(9));
    expect(await tries(store, third)).toMatchObject({ lock: SLOW });
  });

  it("is not over because the memory is young", async () => {
    const [, , third] = await queue();
    if (!third) throw new Error("no queue");
    const kept = await rig.pauses.keep(PROJECT, new Map());
    if (kept.kind !== "kept") throw new Error("not kept");
    await rig.flushAll();
    const young = rig.withBrakes(RULES, { holdMs: HOLD_MS });
    await rig.pauses.keep(PROJECT, kept.pauses);
    const { claim } = claimed(await young.claim(untaken(third.next), FIRST));
    const one = { order: third.of, claim, lock: "free", healedAtMs: null } as const;
    await young.finish({ ...one, outcome: outcome(third.of, 20) });
    expect(await stands()).toBe(true);
  });

  it("is what a dry run is told, as long as so many wait", async () => {
    let plans = 50;
    const verdict = async () => {
      const dry = await store.admit(commandOf((plans += 1), { dryRun: true }), delivery("d"));
      if (dry.kind !== "claimed") throw new Error(dry.kind);
      return dry.verdicts?.find(({ brake }) => brake === "storm-asks");
    };
    const [, , third] = await queue();
    if (!third) throw new Error("no queue");
    expect(await verdict()).toMatchObject({ verdict: "wait", reason: WHY });
    await rig.setPause({ ...BY_ADA, scope: "storm-asks" });
    expect(await verdict()).toEqual({ brake: "storm-asks", verdict: "go" });
  });

  it("is off where its number is 0", async () => {
    store = rig.withBrakes({ ...RULES, stormAsks: 0 });
    await queue(6);
    expect(await stands()).toBe(false);
  });
});
