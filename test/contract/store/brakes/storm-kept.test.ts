import { beforeEach, describe, expect, it } from "vitest";
import type { SwitchName } from "../../../../src/contract/brakes.ts";
import type { RememberedSwitch } from "../../../../src/core/brakes/remembered-switch.ts";
import type { Pauses } from "../../../../src/steps/ports/pauses.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { HOLD_MS, RIGS, type StoreRig } from "../rig/rig.ts";
import { admitted, claimed, PROJECT, untaken } from "../rig/samples.ts";
import {
  asks,
  atTheLine,
  ends,
  FAILS,
  finish,
  GOES,
  HELD,
  RULES,
  SUCCEEDS,
  wish,
} from "./storms.ts";

const NO_COOLDOWN = { ...RULES, stormCooldownMs: 0 };
const FIRST = { nonce: "s1", redelivered: false };
const NAME = "storm-failures" satisfies SwitchName;
const HOUR_AGO = Date.now() - 3_600_000;
const CLOSED: RememberedSwitch = { on: true, atMs: HOUR_AGO, by: "worker", reason: "three failed" };
const OPENED: RememberedSwitch = { ...CLOSED, on: false, reason: "probe succeeded" };

const known = (entry: RememberedSwitch): Pauses => new Map([[NAME, entry]]);

describe.each(RIGS)("a storm of failures that the store forgot %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;
  /** Asks a store whose cooldown is over by now, unless the storm itself says how long it is. */
  let later: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    store = rig.withBrakes(RULES);
    later = rig.withBrakes(NO_COOLDOWN);
  });

  async function storm(asked: ReinstallStore): Promise<void> {
    for (const id of ["bad-1", "bad-2", "bad-3"]) await ends(asked, id, FAILS);
  }

  async function keep(remembered: Pauses = new Map()) {
    const answer = await rig.pauses.keep(PROJECT, remembered);
    if (answer.kind !== "kept") throw new Error(answer.kind);
    const { pauses, putBack } = answer;
    return { pauses, putBack, entry: pauses.get(NAME), storm: pauses.get(NAME)?.storm };
  }

  it("goes on with its own cooldown when a worker puts it back", async () => {
    await storm(store);
    const before = await asks(store, "held");
    const { pauses } = await keep();
    await rig.flushAll();
    expect(await keep(pauses)).toMatchObject({ putBack: 1, pauses });
    expect(before).toMatchObject({ lock: { hold: { untilMs: expect.any(Number) } } });
    if (!("lock" in before)) throw new Error("not held");
    expect(await asks(later, "held-too")).toMatchObject({ lock: before.lock });
    expect(await keep(pauses)).toMatchObject({ putBack: 0 });
  });

  it("goes on with as many slots as were open again", async () => {
    const progress = { changedMs: HOUR_AGO, probeAtMs: HOUR_AGO, level: 1, levelBy: "probe" };
    await keep(known({ ...OPENED, storm: progress }));
    await ends(later, "second", SUCCEEDS);
    const { pauses, storm: at } = await keep();
    expect(at).toMatchObject({ level: 2, levelBy: "second" });
    await rig.flushAll();
    expect(await keep(pauses)).toMatchObject({ putBack: 1, pauses });
    const third = wish("third");
    const { claim, record } = await atTheLine(later, third);
    expect(await asks(later, "fourth")).toMatchObject(GOES);
    expect(await asks(later, "fifth")).toMatchObject({
      lock: { kind: "held", hold: { brake: "cap", cap: 2 } },
    });
    await record();
    await finish(later, third, claim, SUCCEEDS);
    expect(await keep()).toMatchObject({ storm: { level: 4, levelBy: "third" } });
  });

  it("closes for twice its cooldown when a reinstall of its opening fails", async () => {
    const progress = { changedMs: HOUR_AGO, probeAtMs: HOUR_AGO, cooldownMs: 40_000, level: 1 };
    await keep(known({ ...OPENED, storm: progress }));
    await ends(store, "bad", FAILS);
    expect(await keep()).toMatchObject({ entry: { on: true }, storm: { cooldownMs: 80_000 } });
  });

  it("keeps its probe, whose record may not be back yet, for as long as the memory is young", async () => {
    const other = await admitted(later, wish("other"));
    await rig.flushAll();
    const progress = { changedMs: HOUR_AGO, probeAtMs: HOUR_AGO, probe: "probe" };
    await keep(known({ ...CLOSED, storm: progress }));
    const young = rig.withBrakes(NO_COOLDOWN, { holdMs: HOLD_MS });
    const { claim } = claimed(await young.claim(untaken(other.next), FIRST));
    const { order } = other.next;
    expect(await young.mayStop(order, claim)).toMatchObject({
      ...HELD,
      hold: { ...HELD.hold, probe: "probe" },
    });
    await rig.restart();
    // Another memory, open at once: who has not come back by now holds nobody.
    expect(await asks(later, "next")).toMatchObject(GOES);
  });

  it("is as the worker knew it that read it last, whoever comes first", async () => {
    const older = { changedMs: 200, probeAtMs: 100, cooldownMs: 1_000, level: 2, levelBy: "b" };
    const newer = { changedMs: 300, probeAtMs: 50, probe: "stale" };
    const [past, last] = [older, newer].map((one) => known({ ...OPENED, storm: one }));
    if (!past || !last) throw new Error("two are remembered");
    const merged = { changedMs: 300, probeAtMs: 100 };
    for (const [first, second] of [
      [past, last],
      [last, past],
    ] as const) {
      await rig.flushAll();
      expect(await keep(first)).toMatchObject({ putBack: 1 });
      expect(await keep(second)).toMatchObject({ putBack: 1 });
      expect((await keep()).storm).toEqual(merged);
      for (const again of [past, last]) expect(await keep(again)).toMatchObject({ putBack: 0 });
    }
  });

  it("keeps what has changed in the store since", async () => {
    await storm(later);
    const { pauses } = await keep();
    await ends(later, "fails-too", FAILS);
    const { storm: at } = await keep();
    expect(await keep(pauses)).toMatchObject({ putBack: 0, storm: at });
    expect(at?.changedMs).toBeGreaterThan(pauses.get(NAME)?.storm?.changedMs ?? Infinity);
  });

  it("is completed where a worker that knows only the switch came first; the probe since then stays", async () => {
    await keep(known(CLOSED));
    expect(await asks(later, "since")).toMatchObject(GOES);
    const progress = { changedMs: HOUR_AGO + 1, probeAtMs: HOUR_AGO + 2, probe: "before" };
    const own = { ...progress, cooldownMs: 1_200_000, closedAtMs: HOUR_AGO + 1 };
    expect(await keep(known({ ...CLOSED, storm: own }))).toMatchObject({
      putBack: 1,
      storm: { cooldownMs: 1_200_000, closedAtMs: HOUR_AGO + 1, probe: "since" },
    });
  });

  it("does not bring back what belonged to an older switch", async () => {
    await rig.setPause({ scope: NAME, on: false, by: "ada", reason: "the image is fixed" });
    const progress = { changedMs: HOUR_AGO, probeAtMs: HOUR_AGO, cooldownMs: 7_200_000 };
    const { putBack, storm: at } = await keep(known({ ...CLOSED, storm: progress }));
    expect({ putBack, at }).toEqual({ putBack: 0, at: undefined });
    expect(await asks(store, "goes")).toMatchObject(GOES);
  });
});
