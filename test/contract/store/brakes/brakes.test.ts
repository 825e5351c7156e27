import { beforeEach, describe, expect, it } from "vitest";
import type { PauseScope } from "../../../../src/contract/brakes.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { admitted, claimed, delivery, DISK, order, PROJECT, SERVER } from "../rig/samples.ts";

const FIRST = { nonce: "s1", redelivered: false };
const INTENT = { attempt: 1, token: 1, signedAtMs: 1_800_000_000_000, diskId: DISK };
const COVERING: PauseScope[] = ["everything", "project", `server:${SERVER}`, "group:web"];
const held = (scope: string) => ({
  kind: "held",
  hold: {
    brake: "pause",
    verdict: "wait",
    scope,
    by: "ada",
    reason: "maintenance",
    sinceMs: expect.any(Number),
  },
});

describe.each(RIGS)("the gate %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a", { group: "web" });

  beforeEach(async () => {
    rig = await fresh();
  });

  const pause = (scope: PauseScope, on = true) =>
    rig.setPause({ scope, on, by: "ada", reason: "maintenance" });

  async function submitting() {
    const { next } = await admitted(rig.store, a);
    return claimed(await rig.store.claim(next, FIRST)).claim;
  }

  it.each(COVERING)("gives no lock under a pause of %s", async (scope) => {
    await pause(scope);
    expect(await rig.store.admit(a, delivery("n1"))).toMatchObject({ lock: held(scope) });
    expect(await rig.lockOwner(SERVER)).toBeNull();
  });

  it.each(COVERING)("records no intent, and lets no server be stopped, under %s", async (scope) => {
    const claim = await submitting();
    expect(await rig.store.mayStop(a, claim)).toEqual({ kind: "go" });
    await pause(scope);
    expect(await rig.store.mayStop(a, claim)).toEqual(held(scope));
    expect(await rig.store.recordIntent(a, claim, INTENT)).toEqual(held(scope));
    await pause(scope, false);
    expect(await rig.store.recordIntent(a, claim, INTENT)).toEqual({ kind: "saved" });
  });

  it("says that an intent is recorded, whatever was paused since: its request may be out", async () => {
    const claim = await submitting();
    await rig.store.recordIntent(a, claim, INTENT);
    await pause("project");
    expect(await rig.store.recordIntent(a, claim, INTENT)).toEqual({ kind: "saved" });
  });

  it("does not hold what a pause does not cover", async () => {
    await pause("group:db");
    await pause("server:4f4b3dfa-eb70-47cf-a60a-000000000009");
    const claim = await submitting();
    expect(await rig.store.mayStop(a, claim)).toEqual({ kind: "go" });
    expect(await rig.store.recordIntent(a, claim, INTENT)).toEqual({ kind: "saved" });
  });

  it("tells a dry run what each brake says, and what the lock says beside", async () => {
    const dry = order("cmd-dry", { group: "web", dryRun: true });
    const told = await rig.store.admit(dry, delivery("n1"));
    expect(told).toMatchObject({ lock: { kind: "acquired" } });
    if (told.kind !== "claimed") throw new Error(told.kind);
    expect(told.verdicts?.map(({ verdict }) => verdict)).toEqual(Array(12).fill("go"));
    await pause("project");
    const again = order("cmd-dry-2", { group: "web", dryRun: true });
    expect(await rig.store.admit(again, delivery("n2"))).toMatchObject({
      lock: { kind: "acquired" },
      verdicts: [
        held("project").hold,
        { brake: "protected", verdict: "go" },
        { brake: "storm-failures", verdict: "go" },
        { brake: "storm-asks", verdict: "go" },
        { brake: "quarantine", verdict: "go" },
        { brake: "approval", verdict: "go" },
        { brake: "windows", verdict: "go" },
        { brake: "cooldown", verdict: "go" },
        { brake: "source", verdict: "go" },
        { brake: "sender", verdict: "go" },
        { brake: "group-cap", verdict: "go" },
        { brake: "cap", verdict: "go" },
      ],
    });
  });

  it("holds a waiter that asks for the lock", async () => {
    const claim = await submitting();
    await pause("project");
    expect(await rig.store.acquire(a, claim, false)).toEqual(held("project"));
  });

  it("honours the worker's own pause by configuration", async () => {
    const store = rig.withBrakes({ ...NO_BRAKES, pausedByConfiguration: true });
    expect(await store.admit(a, delivery("n1"))).toMatchObject({
      lock: { kind: "held", hold: { brake: "pause", scope: "configuration" } },
    });
  });

  it("answers a step that is nobody's any more, not the brake", async () => {
    const claim = await submitting();
    await pause("project");
    const lost = { ...claim, nonce: "another" };
    expect(await rig.store.mayStop(a, lost)).toEqual({ kind: "fenced" });
    await rig.flushAll();
    expect(await rig.store.mayStop(a, claim)).toEqual({ kind: "forgotten" });
  });

  describe("kept pauses", () => {
    const keep = (remembered: [PauseScope, boolean, number][] = []) =>
      rig.pauses.keep(
        PROJECT,
        new Map(
          remembered.map(([scope, on, atMs]) => [scope, { on, atMs, by: "bob", reason: "r" }]),
        ),
      );
    const standing = async () => {
      const answer = await keep();
      if (answer.kind !== "kept") throw new Error(answer.kind);
      return [...answer.pauses].map(([scope, { on }]) => [scope, on]);
    };

    it("are put back into a store that forgot them", async () => {
      await pause("project");
      const known = await keep();
      await rig.flushAll();
      if (known.kind !== "kept") throw new Error(known.kind);
      expect(await rig.pauses.keep(PROJECT, known.pauses)).toMatchObject({ putBack: 1 });
      expect(await rig.store.admit(a, delivery("n1"))).toMatchObject({ lock: held("project") });
    });

    it("are those of the newest entry of each scope, lifted ones included", async () => {
      await pause("project");
      await pause("project", false);
      // A worker that slept since before remembers the pause as standing.
      expect(await keep([["project", true, 1_000]])).toMatchObject({ putBack: 0 });
      expect(await standing()).toEqual([["project", false]]);
      const future = Date.now() + 60_000;
      expect(await keep([["project", true, future]])).toMatchObject({ putBack: 1 });
      expect(await standing()).toEqual([["project", true]]);
    });

    it("are forgotten when they were lifted long ago", async () => {
      const longAgo = Date.now() - 31 * 86_400_000;
      await keep([["project", false, longAgo]]);
      expect(await standing()).toEqual([]);
      await keep([["project", true, longAgo]]);
      expect(await standing()).toEqual([["project", true]]);
    });

    it("never go back in time when a person sets them, whatever the clock does", async () => {
      const future = Date.now() + 60_000;
      await keep([["project", true, future]]);
      expect(await pause("project", false)).toEqual({
        kind: "set",
        atMs: future + 1,
        wasOn: true,
      });
    });

    it("are told as they stood before", async () => {
      expect(await pause("project")).toMatchObject({ wasOn: false });
      expect(await pause("project")).toMatchObject({ wasOn: true });
      expect(await pause("project", false)).toMatchObject({ wasOn: true });
      expect(await pause("project", false)).toMatchObject({ wasOn: false });
    });
  });
});
