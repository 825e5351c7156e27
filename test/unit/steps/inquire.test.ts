import { describe, expect, it } from "vitest";
import { createComplete } from "../../../src/steps/complete/complete.ts";
import { createInquire } from "../../../src/steps/phases/inquire.ts";
import { asNext, envelope, NEW_DISK, NOW, seen, STATES } from "../core/builders.ts";
import { type Claimed, claimed, createWorld, type World } from "./fakes.ts";

const ARRIVAL = { nonce: "nonce-1", redelivered: false };
const MESSAGE = envelope(STATES.inquiry);

function inquire(world: World, claim: Partial<Claimed> = {}) {
  return createInquire(world.deps)(MESSAGE, claimed(claim), ARRIVAL, world.signal);
}

async function complete(world: World, claim: Partial<Claimed> = {}) {
  const result = await inquire(world, claim);
  const work = {
    order: MESSAGE.order,
    from: "inquiry",
    envelope: MESSAGE,
    body: undefined,
    defer: async () => "confirmed" as const,
  };
  return createComplete(world.deps)(work, result, world.signal);
}

describe("an inquiry's turn", () => {
  it("stores, publishes and acknowledges what the cloud proves, in that order", async () => {
    const world = createWorld();
    world.answers.look = () => seen({ systemDiskId: NEW_DISK });
    expect(await complete(world)).toBe("ack");
    const did = world.calls.filter((call) => /settle|publish/.test(call));
    expect(did).toEqual([
      "store.settle reinstalled",
      expect.stringContaining("publish"),
      "store.published",
    ]);
    const [event] = world.published;
    expect(event).toMatchObject({
      kind: "event",
      event: {
        id: `${MESSAGE.order.commandId}~settled/1`,
        type: "ecs.reinstall.settled.v1",
        data: { event: "settled", as: "reinstalled", evidence: "system-disk-replaced" },
      },
    });
    expect(world.diary).toContain("ended inquiry settled");
  });

  it.each(["lost", "none"] as const)("ends in silence where the lock is %s", async (lock) => {
    const world = createWorld();
    expect(await complete(world, { lock })).toBe("ack");
    expect(world.calls).toEqual(["store.endInquiry"]);
    expect(world.published).toEqual([]);
    expect(world.diary).toEqual(["inquiry over lock-gone"]);
  });

  it("ends in silence where somebody took the server while it looked", async () => {
    const world = createWorld();
    world.answers.look = () => seen({ systemDiskId: NEW_DISK });
    world.answers.settle = () => ({ kind: "lock-gone" });
    expect(await complete(world)).toBe("ack");
    expect(world.calls).toContain("store.endInquiry");
    expect(world.published).toEqual([]);
  });

  it("concludes nothing while the store's memory is young", async () => {
    const world = createWorld();
    const young = claimed();
    const claim = { ...young.claim, rebuildingUntilMs: 1 };
    const result = await inquire(world, { claim });
    if (result.kind !== "conclude") throw new Error(result.kind);
    expect(asNext(result.decision, "inquiry").state).toEqual(STATES.inquiry);
  });

  it("takes a person's word from its record into its state, and starts the server first", async () => {
    const world = createWorld();
    const word = { by: "ada", why: "seen", atMs: NOW };
    const power = { was: "on", mayHaveStopped: true } as const;
    const message = envelope({ ...STATES.inquiry, power, fenceAtMs: NOW - 1 });
    const turn = () => createInquire(world.deps)(message, claimed({ word }), ARRIVAL, world.signal);
    world.answers.look = () => seen();
    const started = await turn();
    expect(world.calls.filter((call) => call.includes("start"))).toEqual(["start"]);
    if (started.kind !== "conclude") throw new Error(started.kind);
    expect(asNext(started.decision, "inquiry").state).toMatchObject({ word, start: {} });
    world.answers.look = () => seen({ status: "ACTIVE" });
    expect(await turn()).toMatchObject({
      kind: "settled",
      settlement: { as: "not-reinstalled", data: { by: "ada", power: { after: "on" } } },
    });
  });

  it("comes back when the store does not answer", async () => {
    const world = createWorld();
    world.answers.look = () => seen({ systemDiskId: NEW_DISK });
    world.answers.settle = () => ({ kind: "away", message: "no answer" });
    expect(await complete(world)).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.diary[0]).toContain("deferred inquiry store-away");
  });
});
