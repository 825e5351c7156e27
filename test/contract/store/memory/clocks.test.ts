import { describe, expect, it } from "vitest";
import { inStoreTime } from "../../../../src/adapters/redis/in-store-time.ts";
import { RIGS } from "../rig/rig.ts";
import { delivery, order } from "../rig/samples.ts";

/*
 * A worker whose clock is not Redis's. A command was put aside, and nobody can have taken it before a certain instant;
 * Redis has forgotten everything since: that may have been a second copy.
 */

const AHEAD_MS = 40_000;

describe.each(RIGS)("the store %s and a clock that is ahead", (_name, rigs) => {
  const newRig = rigs();
  const at = (offsetMs: number) => ({ offsetMs: () => offsetMs, maxOffsetMs: 60_000 });

  it("doubts a command that its memory may have forgotten, however far ahead the worker is", async () => {
    const rig = await newRig();
    // By our clock, ten seconds ago; the memory begins with the first script, which is now.
    const unseenUntilMs = Date.now() + AHEAD_MS - 10_000;
    const came = { ...delivery("a"), redelivered: true, arrivedAtMs: unseenUntilMs, unseenUntilMs };
    const store = inStoreTime(rig.store, at(AHEAD_MS));
    expect(await store.admit(order("ahead"), came)).toMatchObject({
      kind: "claimed",
      mayHaveRun: true,
    });
  });

  it("does not doubt what came after its memory began, however far behind the worker is", async () => {
    const rig = await newRig();
    const store = inStoreTime(rig.store, at(-AHEAD_MS));
    await store.admit(order("first"), delivery("a"));
    const unseenUntilMs = Date.now() - AHEAD_MS + 5_000;
    const came = { ...delivery("b"), arrivedAtMs: unseenUntilMs, unseenUntilMs };
    expect(await store.admit(order("behind"), came)).toMatchObject({
      kind: "claimed",
      mayHaveRun: false,
    });
  });

  it("says in the worker's time until when it is being rebuilt", async () => {
    const rig = await newRig();
    const store = inStoreTime(rig.withHold(60_000), at(AHEAD_MS));
    const answer = await store.admit(order("early"), delivery("a"));
    expect(answer.kind).toBe("rebuilding");
    if (answer.kind !== "rebuilding") return;
    expect(answer.untilMs - Date.now()).toBeGreaterThan(AHEAD_MS + 50_000);
    expect(answer.untilMs - Date.now()).toBeLessThan(AHEAD_MS + 61_000);
  });

  it("takes nothing in from a worker that is too far off", async () => {
    const rig = await newRig();
    const store = inStoreTime(rig.store, at(60_001));
    expect(await store.admit(order("off"), delivery("a"))).toMatchObject({
      kind: "away",
      message: "our clock is 60.0 s off Redis's",
    });
    const back = inStoreTime(rig.store, at(0));
    expect(await back.admit(order("off"), delivery("a"))).toMatchObject({ kind: "claimed" });
  });
});
