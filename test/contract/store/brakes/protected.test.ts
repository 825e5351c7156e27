import { beforeEach, describe, expect, it } from "vitest";
import { protectionOf } from "../../../../src/contract/brakes.ts";
import { ServerId } from "../../../../src/contract/ids.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { admitted, claimed, delivery, DISK, order, PROJECT, SERVER } from "../rig/samples.ts";

const FIRST = { nonce: "s1", redelivered: false };
const INTENT = { attempt: 1, token: 1, signedAtMs: 1_800_000_000_000, diskId: DISK };
const OTHER = ServerId.parse("4f4b3dfa-eb70-47cf-a60a-000000000009");
const BY_ADA = { by: "ada", reason: "the database" };
const HELD = {
  kind: "held",
  hold: {
    brake: "protected",
    verdict: "no",
    scope: "operator",
    ...BY_ADA,
    sinceMs: expect.any(Number),
  },
};

describe.each(RIGS)("a protected server %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a");

  beforeEach(async () => {
    rig = await fresh();
  });

  const protect = (on = true, server = SERVER) =>
    rig.setPause({ scope: protectionOf(server), on, ...BY_ADA });

  async function submitting() {
    const { next } = await admitted(rig.store, a);
    return claimed(await rig.store.claim(next, FIRST)).claim;
  }

  it("is not admitted to, and its lock is not given", async () => {
    await protect();
    expect(await rig.store.admit(a, delivery("n1"))).toMatchObject({ lock: HELD });
    expect(await rig.lockOwner(SERVER)).toBeNull();
  });

  it("is not stopped, and no intent is recorded, once it is protected", async () => {
    const claim = await submitting();
    await protect();
    expect(await rig.store.mayStop(a, claim)).toEqual(HELD);
    expect(await rig.store.recordIntent(a, claim, INTENT)).toEqual(HELD);
    await protect(false);
    expect(await rig.store.recordIntent(a, claim, INTENT)).toEqual({ kind: "saved" });
  });

  it("is given to no waiter, and what the waiter held is given back", async () => {
    const claim = await submitting();
    await protect();
    expect(await rig.store.acquire(a, claim, false)).toEqual(HELD);
    expect(await rig.lockOwner(SERVER)).toBeNull();
  });

  it("is protected from a reinstall that names the brake in override, too: nobody may lift it", async () => {
    await protect();
    const asked = await rig.store.admit(order("cmd-b", { override: ["windows"] }), delivery("n1"));
    expect(asked).toMatchObject({ lock: HELD });
  });

  it("leaves every other server alone", async () => {
    await protect(true, OTHER);
    expect(await rig.store.mayStop(a, await submitting())).toEqual({ kind: "go" });
  });

  it("may be protected by the worker's own configuration, which nobody lifts", async () => {
    await protect(false);
    const store = rig.withBrakes({ ...NO_BRAKES, protected: [OTHER, SERVER] });
    expect(await store.admit(a, delivery("n1"))).toMatchObject({
      lock: {
        kind: "held",
        hold: { brake: "protected", verdict: "no", scope: "configuration" },
      },
    });
  });

  it("is kept by the workers like a pause", async () => {
    await protect();
    const known = await rig.pauses.keep(PROJECT, new Map());
    await rig.flushAll();
    if (known.kind !== "kept") throw new Error(known.kind);
    expect([...known.pauses.keys()]).toEqual([protectionOf(SERVER)]);
    expect(await rig.pauses.keep(PROJECT, known.pauses)).toMatchObject({ putBack: 1 });
    expect(await rig.store.admit(a, delivery("n1"))).toMatchObject({ lock: HELD });
  });
});
