import { beforeEach, describe, expect, it } from "vitest";
import type { State } from "../../../../src/core/state/state.ts";
import type { StormEnd } from "../../../../src/core/brakes/storm.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { claimed, delivery, event } from "../rig/samples.ts";
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

const FAILS_OTHERWISE: StormEnd = { result: "failure", cause: "unresolved" };
const BY_ADA = { by: "ada", reason: "the image is fixed" };

describe.each(RIGS)("a storm of failures %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;
  /** Asks a store whose cooldown is over by now. */
  let later: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    store = rig.withBrakes(RULES);
    later = rig.withBrakes({ ...RULES, stormCooldownMs: 0 });
  });

  const resume = async () => {
    const lifted = await rig.setPause({ scope: "storm-failures", on: false, ...BY_ADA });
    // What follows is younger than the lifting by a millisecond at least.
    await new Promise((resolve) => setTimeout(resolve, 5));
    return lifted;
  };

  async function storm(asked = store, name = "bad"): Promise<void> {
    for (const n of [1, 2, 3]) await ends(asked, `${name}-${n}`, FAILS);
  }

  it("is told after so many failures in a row, with the most frequent cause", async () => {
    await ends(store, "bad-1", FAILS_OTHERWISE);
    await ends(store, "bad-2", FAILS);
    expect(await asks(store, "still-goes")).toMatchObject(GOES);
    await ends(store, "bad-3", FAILS);
    const reason = "3 reinstalls in a row failed, most often: job-failed Ecs.0319";
    expect(await asks(store, "held")).toMatchObject({
      lock: { ...HELD, hold: { ...HELD.hold, reason, untilMs: expect.any(Number) } },
    });
  });

  it("is told by the share of failures, when successes come between", async () => {
    for (let one = 0; one < 5; one++) {
      await ends(store, `good-${one}`, SUCCEEDS);
      await ends(store, `bad-${one}`, FAILS);
    }
    const reason = "5 of the last 10 reinstalls failed, most often: job-failed Ecs.0319";
    expect(await asks(store, "held")).toMatchObject({ lock: { hold: { reason } } });
  });

  it("does not count what sent nothing, what the emitter did, and what ended twice", async () => {
    const joined = wish("joined");
    const { claim } = await atTheLine(store, joined);
    await finish(store, joined, claim, FAILS);
    const refused = wish("refused");
    const second = await atTheLine(store, refused);
    await second.record();
    await finish(store, refused, second.claim, FAILS, "clear");
    await ends(store, "wrong-key", null);
    const twice = wish("twice");
    const third = await atTheLine(store, twice);
    await third.record();
    for (let times = 0; times < 3; times++) await finish(store, twice, third.claim, FAILS);
    expect(await asks(store, "goes")).toMatchObject(GOES);
  });

  it("also stops what is about to be stopped, and what is about to be sent", async () => {
    const one = wish("under-way");
    const { claim, record } = await atTheLine(store, one);
    await storm();
    expect(await store.mayStop(one, claim)).toMatchObject(HELD);
    expect(await record()).toMatchObject(HELD);
    await resume();
    expect(await record()).toEqual({ kind: "saved" });
  });

  it("lets one command go after the cooldown, and holds all others until it ends", async () => {
    await storm(later);
    const probe = wish("probe");
    const { claim, record } = await atTheLine(later, probe);
    const other = await asks(later, "other");
    expect(other).toMatchObject({ lock: { ...HELD, hold: { ...HELD.hold, probe: "probe" } } });
    expect(await later.mayStop(probe, claim)).toEqual({ kind: "go" });
    expect(await record()).toEqual({ kind: "saved" });
    await finish(later, probe, claim, SUCCEEDS);
    expect(await asks(later, "next")).toMatchObject(GOES);
  });

  it("goes on when the probe fails, and takes the next one after its cooldown", async () => {
    await storm(later);
    await ends(later, "fails-too", FAILS);
    // The record says 2 x 0 ms: whoever asks now is the next probe.
    expect(await asks(later, "next")).toMatchObject(GOES);
  });

  it("takes the next probe when one ends without a proof, or waits again", async () => {
    await storm(later);
    const first = wish("first");
    const { claim } = await atTheLine(later, first);
    expect(await asks(later, "held")).toMatchObject({ lock: HELD });
    await finish(later, first, claim, null);
    const second = wish("second");
    const step = claimed(await later.admit(second, delivery("n"))).claim;
    expect(await asks(later, "held-too")).toMatchObject({ lock: HELD });
    await later.save({
      order: second,
      claim: step,
      state: { phase: "waiting" } as State,
      nextSequence: step.sequence + 1,
      outbox: { events: [event(second, step.sequence, "waiting")], next: null },
      intent: "keep",
      lock: "release",
    });
    expect(await asks(later, "third")).toMatchObject(GOES);
  });

  it("is lifted by a person at once, and the count begins anew", async () => {
    await storm();
    expect(await resume()).toMatchObject({ kind: "set", wasOn: true });
    await ends(store, "bad-4", FAILS);
    await ends(store, "bad-5", FAILS);
    expect(await asks(store, "goes")).toMatchObject(GOES);
    await ends(store, "bad-6", FAILS);
    expect(await asks(store, "held")).toMatchObject({ lock: HELD });
  });

  it("stays lifted by a person, whatever the probe comes to that goes on meanwhile", async () => {
    const capped = rig.withBrakes({ ...RULES, maxRunning: 5, stormCooldownMs: 0 });
    for (const [end, id] of [
      [SUCCEEDS, "works"],
      [FAILS, "fails"],
      [null, "proves-nothing"],
    ] as const) {
      await storm(capped, id);
      const probe = wish(id);
      const { claim, record } = await atTheLine(capped, probe);
      expect(await record()).toEqual({ kind: "saved" });
      await resume();
      await finish(capped, probe, claim, end);
      for (const n of [1, 2, 3]) {
        const one = wish(`${id}-then-${n}`);
        const asked = claimed(await capped.admit(one, delivery("n")));
        expect(asked).toMatchObject(GOES);
        await finish(capped, one, asked.claim, null);
      }
    }
  });

  it("counts the end of a probe whose request is younger than its lifting", async () => {
    await storm(later);
    const { claim, record, one } = await atTheLine(later, wish("probe"));
    await resume();
    expect(await record()).toEqual({ kind: "saved" });
    await finish(later, one, claim, FAILS);
    await ends(store, "bad-4", FAILS);
    expect(await asks(store, "goes")).toMatchObject(GOES);
    await ends(store, "bad-5", FAILS);
    expect(await asks(store, "held")).toMatchObject({ lock: HELD });
  });

  it("does not count a failure whose request is older than the last opening", async () => {
    const old = [wish("old-1"), wish("old-2"), wish("old-3")];
    const lines = [];
    for (const one of old) {
      const line = await atTheLine(store, one);
      await line.record();
      lines.push({ one, claim: line.claim });
    }
    await resume();
    for (const { one, claim } of lines) await finish(store, one, claim, FAILS);
    expect(await asks(store, "goes")).toMatchObject(GOES);
  });

  it("holds nothing where both limits are off", async () => {
    await storm();
    expect(await asks(rig.store, "goes")).toMatchObject(GOES);
  });
});
