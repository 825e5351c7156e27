import { beforeEach, describe, expect, it } from "vitest";
import type { MemorySeen, RememberedMemory } from "../../../../src/core/store-memory.ts";
import { HOLD_MS, RIGS, type StoreRig } from "../rig/rig.ts";
import { admitted, claimed, delivery, order, outcome, PROJECT, SERVER } from "../rig/samples.ts";

describe.each(RIGS)("the memory that a worker watches %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a");

  beforeEach(async () => {
    rig = await fresh();
  });

  async function look(remembered: RememberedMemory | null = null) {
    const answer = await rig.memory.look(PROJECT, remembered);
    if (answer.kind !== "seen") throw new Error(answer.kind);
    return answer;
  }

  /** A server whose command ended unresolved, and the memory that knows it. */
  async function unresolved(): Promise<MemorySeen> {
    const { next } = await admitted(rig.store, a);
    const { claim } = claimed(await rig.store.claim(next, { nonce: "u", redelivered: false }));
    const base = outcome(a);
    const ended = {
      ...base,
      event: { ...base.event, data: { ...base.event.data, event: "unresolved" as const } },
    };
    await rig.store.finish({ order: a, claim, outcome: ended, lock: "keep", healedAtMs: null });
    return (await look()).memory;
  }

  it("has a name that stays until it is emptied, and begins no epoch", async () => {
    const first = await look();
    expect(first.memory).toMatchObject({ epoch: null, open: false, commands: 0 });
    const again = await look(first.memory);
    expect(again.memory.origin).toBe(first.memory.origin);
    await admitted(rig.store, a);
    const begun = await look(again.memory);
    expect(begun.memory).toMatchObject({ origin: first.memory.origin, open: true, commands: 1 });
    expect(begun.memory.epoch).not.toBeNull();
  });

  it("is another one when the store was emptied, also twice before anything moved", async () => {
    const { memory } = await look();
    await rig.flushAll();
    const second = await look(memory);
    expect(second.memory.origin).not.toBe(memory.origin);
    await rig.flushAll();
    expect((await look(second.memory)).memory.origin).not.toBe(second.memory.origin);
  });

  it("keeps its name when the server is restarted, which shows in the run", async () => {
    await admitted(rig.store, a);
    const { memory } = await look();
    await rig.restart();
    const later = await look(memory);
    expect(later.memory).toMatchObject({ origin: memory.origin, open: false });
    expect(later.memory.run).not.toBe(memory.run);
  });

  it("lists servers that stay locked after unresolved, and those of other services that were met", async () => {
    const seen = await unresolved();
    expect([...seen.unresolved]).toEqual([
      [SERVER, { owner: "cmd-a", token: 1, sinceMs: expect.any(Number) }],
    ]);
    await rig.freeLock(SERVER);
    await rig.lockFor(SERVER, "the resizer");
    await rig.store.admit(order("cmd-b"), delivery("b"));
    const { memory } = await look();
    expect(memory.unresolved.size).toBe(0);
    expect([...memory.others]).toEqual([[SERVER, "the resizer"]]);
  });

  it("gets the lock of an unresolved server back after it was emptied, before anybody can have it", async () => {
    const seen = await unresolved();
    await rig.flushAll();
    expect([...(await look(seen)).putBack]).toEqual([[SERVER, "cmd-a"]]);
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
    // A second worker finds it there.
    expect((await look(seen)).putBack.size).toBe(0);
    const b = claimed(await rig.store.admit(order("cmd-b"), delivery("b")));
    expect(b.lock).toMatchObject({ kind: "busy", holder: "cmd-a" });
    // Fencing numbers go on from there.
    await rig.freeLock(SERVER);
    expect(await rig.store.acquire(order("cmd-b"), b.claim, false)).toMatchObject({
      kind: "acquired",
      token: 2,
    });
  });

  it("gets it back during the hold, and not when locks are given again", async () => {
    const seen = await unresolved();
    await rig.flushAll();
    await rig.withHold(HOLD_MS).admit(order("cmd-b"), delivery("b"));
    expect((await look(seen)).putBack.size).toBe(1);

    await rig.flushAll();
    await rig.withHold(0).admit(order("cmd-b"), delivery("b2"));
    await rig.freeLock(SERVER);
    // Who slept through the hold may remember a lock that a person has freed since.
    expect((await look(seen)).putBack.size).toBe(0);
    expect(await rig.lockOwner(SERVER)).toBeNull();
  });

  it("takes nobody's lock away, and does not put back what was freed in the same memory", async () => {
    const seen = await unresolved();
    await rig.freeLock(SERVER);
    expect((await look(seen)).putBack.size).toBe(0);
    expect(await rig.lockOwner(SERVER)).toBeNull();
    await rig.flushAll();
    await rig.lockFor(SERVER, "the resizer");
    expect((await look(seen)).putBack.size).toBe(0);
    expect(await rig.lockOwner(SERVER)).toBe("the resizer");
  });
});
