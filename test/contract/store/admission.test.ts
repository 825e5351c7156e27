import { beforeEach, describe, expect, it } from "vitest";
import { RIGS, HOLD_MS, type StoreRig } from "./rig/rig.ts";
import type { Order } from "../../../src/core/state/order.ts";
import {
  admitted,
  claimed,
  delivery,
  handedOver,
  order,
  outcome,
  PROJECT,
  REDELIVERED,
  SERVER,
} from "./rig/samples.ts";

describe.each(RIGS)("admission %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a");
  const b = order("cmd-b");

  beforeEach(async () => {
    rig = await fresh();
  });

  it("gives a new command its server's lock and the first event numbers", async () => {
    const answer = await rig.store.admit(a, delivery("n1"));
    expect(answer).toMatchObject({
      kind: "claimed",
      mayHaveRun: false,
      lock: { kind: "acquired", token: 1 },
      claim: { nonce: "n1", step: 0, sequence: 1, rebuildingUntilMs: null },
    });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
  });

  it("answers the same delivery the same twice", async () => {
    const first = await rig.store.admit(a, delivery("n1"));
    expect(await rig.store.admit(a, delivery("n1"))).toEqual(first);
  });

  it("gives a redelivery fresh numbers and the same lock", async () => {
    await rig.store.admit(a, delivery("n1"));
    expect(await rig.store.admit(a, delivery("n2", REDELIVERED))).toMatchObject({
      kind: "claimed",
      lock: { kind: "acquired", token: 1 },
      claim: { sequence: 17 },
    });
  });

  it("tells a second copy that it is a duplicate, and of what", async () => {
    await admitted(rig.store, a);
    expect(await rig.store.admit(a, delivery("n2"))).toMatchObject({
      kind: "duplicate",
      view: { phase: "submit", sequence: 2, outcome: null, jobId: null },
    });
  });

  it("tells a redelivery that was saved what follows from it", async () => {
    const { saving } = await admitted(rig.store, a);
    expect(await rig.store.admit(a, delivery("n2", REDELIVERED))).toEqual({
      kind: "saved",
      outbox: saving.outbox,
    });
  });

  it("tells a redelivery that went on that it is handed over", async () => {
    const { next } = await admitted(rig.store, a);
    const { claim } = claimed(await rig.store.claim(next, { nonce: "s1", redelivered: false }));
    const outbox = { events: [], next: null };
    const saving = { order: a, claim, state: next.state, nextSequence: 9, outbox } as const;
    await rig.store.save({ ...saving, intent: "keep", lock: "keep" });
    expect(await rig.store.admit(a, delivery("n2", REDELIVERED))).toEqual({ kind: "handed-over" });
  });

  it("tells a redelivery of a finished command its outcome until that was told; then it is a duplicate", async () => {
    const { claim } = claimed(await rig.store.admit(a, delivery("n1")));
    const done = outcome(a);
    await rig.store.finish({ order: a, claim, outcome: done, lock: "free", healedAtMs: null });
    const again = () => rig.store.admit(a, delivery("n2", REDELIVERED));
    expect(await again()).toEqual({
      kind: "finished",
      outcome: done,
      published: false,
      duplicate: null,
    });
    await rig.store.published(PROJECT, a.commandId, 2);
    const duplicate = { kind: "duplicate", view: { phase: "done", outcome: "succeeded" } };
    expect(await again()).toMatchObject(duplicate);
    expect(await again()).toEqual(await again());
  });

  describe("a redelivered copy that asks elsewhere than the original did", () => {
    const asking = (queue: string, correlationId?: string) => ({
      ...a,
      replyTo: { queue, ...(correlationId === undefined ? {} : { correlationId }) },
    });
    const original = asking("answers", "c-1");
    const copies = [asking("answers", "c-2"), asking("others", "c-1"), asking("answers"), a];
    const again = (copy: Order, nonce = "n2") =>
      rig.store.admit(copy, delivery(nonce, REDELIVERED));

    it("is a duplicate of a command that goes on", async () => {
      await admitted(rig.store, original);
      for (const copy of copies) {
        expect(await again(copy)).toMatchObject({ kind: "duplicate", view: { phase: "submit" } });
      }
      expect(await again(original)).toMatchObject({ kind: "saved" });
    });

    it("is a duplicate beside the final event that is not confirmed yet", async () => {
      const { claim } = claimed(await rig.store.admit(original, delivery("n1")));
      const done = outcome(a);
      const finishing = { order: original, claim, outcome: done, healedAtMs: null };
      await rig.store.finish({ ...finishing, lock: "free" });
      for (const copy of copies) {
        const view = { phase: "done", outcome: "succeeded" };
        expect(await again(copy)).toMatchObject({ kind: "finished", duplicate: view });
      }
      expect(await again(original)).toMatchObject({ kind: "finished", duplicate: null });
    });

    it("goes on in its stead where the original was never saved, and then is the original", async () => {
      await rig.store.admit(original, delivery("n1"));
      const copy = asking("others");
      await handedOver(rig.store, copy, await again(copy));
      expect(await again(copy, "n3")).toMatchObject({ kind: "saved" });
      expect(await again(original, "n3")).toMatchObject({ kind: "duplicate" });
    });
  });

  it("refuses the id with another content, since the same instant each time", async () => {
    await rig.store.admit(a, delivery("n1"));
    const other = { ...a, contentHash: "another" };
    const first = await rig.store.admit(other, delivery("n2"));
    expect(first).toMatchObject({ kind: "id-reused", sinceMs: expect.any(Number) });
    expect(await rig.store.admit(other, delivery("n3", REDELIVERED))).toEqual(first);
  });

  it("knows a content that an earlier version stored by its ids as they were sent, and goes on with it", async () => {
    const asSent = { ...a, contentHash: "as sent" };
    const copy = delivery("n2", { ...REDELIVERED, contentAsSent: "as sent" });
    await rig.store.admit(asSent, delivery("n1"));
    expect(await rig.store.admit(a, { ...copy, redelivered: false })).toMatchObject({
      kind: "duplicate",
    });
    const { next } = await handedOver(rig.store, a, await rig.store.admit(a, copy));
    expect(await rig.store.claim(next, { nonce: "n3", redelivered: false })).toMatchObject({
      kind: "claimed",
    });
    expect(await rig.store.admit({ ...a, contentHash: "another" }, copy)).toMatchObject({
      kind: "id-reused",
    });
  });

  it("tells the second command who holds the server and whether it wishes the same", async () => {
    await rig.store.admit(a, delivery("n1"));
    expect(await rig.store.admit(b, delivery("n2"))).toMatchObject({
      lock: { kind: "busy", holder: "cmd-a", sameWish: true },
    });
    expect(await rig.store.admit(order("cmd-c", { wishHash: "x" }), delivery("n3"))).toMatchObject({
      lock: { kind: "busy", sameWish: false },
    });
  });

  it.each([
    ["ops/resizer-7f9c", "ops/resizer-7f9c"],
    ["snapshot/42", "snapshot/42"],
    ["équipe de nuit ☾", "équipe de nuit ☾"],
    ["a\nb", "a\\u{a}b"],
    ["x".repeat(300), `${"x".repeat(199)}…`],
    ["", "(unnamed)"],
  ])(
    "names another service that holds the server, whatever it calls itself: %j",
    async (owner, shown) => {
      await rig.lockFor(SERVER, owner);
      const busy = { kind: "busy", holder: shown, sameWish: false };
      const { lock, claim } = claimed(await rig.store.admit(a, delivery("n1")));
      expect(lock).toEqual(busy);
      expect(await rig.store.acquire(a, claim, false)).toEqual(busy);
      const dry = order("cmd-dry", { dryRun: true });
      expect(await rig.store.admit(dry, delivery("n2"))).toMatchObject({ lock: busy });
      expect(await rig.lockOwner(SERVER)).toBe(owner);
    },
  );

  it("waits for a holder whose record nobody can read", async () => {
    await rig.store.admit(a, delivery("n1"));
    await rig.breakKey({ command: a.commandId });
    expect(await rig.store.admit(b, delivery("n2"))).toMatchObject({
      lock: { kind: "busy", holder: "cmd-a" },
    });
  });

  it("lets a dry run look at the lock without taking it", async () => {
    const dry = order("cmd-dry", { dryRun: true });
    expect(await rig.store.admit(dry, delivery("n1"))).toMatchObject({
      lock: { kind: "acquired" },
    });
    expect(await rig.lockOwner(SERVER)).toBeNull();
  });

  it("supersedes what was seen before the last success", async () => {
    const { claim } = claimed(await rig.store.admit(a, delivery("n1")));
    const done = outcome(a);
    await rig.store.finish({ order: a, claim, outcome: done, lock: "free", healedAtMs: 5_000 });
    const old = order("cmd-old", { observedAtMs: 4_999 });
    expect(await rig.store.admit(old, delivery("n2"))).toMatchObject({
      lock: { kind: "superseded", healedAtMs: 5_000 },
    });
    const later = order("cmd-later", { observedAtMs: 5_000 });
    expect(await rig.store.admit(later, delivery("n3"))).toMatchObject({
      lock: { kind: "acquired" },
    });
  });

  it.each([-62_135_596_800_000, -1, 0, 1])(
    "supersedes nothing on a server without history, however early the fault: %i",
    async (observedAtMs) => {
      const early = order("cmd-early", { observedAtMs });
      const { claim, lock } = claimed(await rig.store.admit(early, delivery("n1")));
      expect(lock).toMatchObject({ kind: "acquired" });
      expect(await rig.store.acquire(early, claim, false)).toMatchObject({ kind: "acquired" });
    },
  );

  it("admits nobody while its memory is young", async () => {
    const store = rig.withHold(HOLD_MS);
    expect(await store.admit(a, delivery("n1"))).toMatchObject({
      kind: "rebuilding",
      untilMs: expect.any(Number),
      mayHaveRun: false,
    });
  });

  it("doubts a redelivery that came before its memory was settled, and numbers it afresh", async () => {
    const before = delivery("n1", { ...REDELIVERED, arrivedAtMs: Date.now() - 60_000 });
    const answer = claimed(await rig.store.admit(a, before));
    expect(answer.mayHaveRun).toBe(true);
    expect(answer.claim.sequence).toBeGreaterThan(1_000_000);
  });

  it.each([
    ["as long as nobody can have taken a copy", 60_000, false],
    ["when a copy may have been taken before its memory began", -60_000, true],
  ])("trusts what was put aside %s", async (_when, unseenMs, mayHaveRun) => {
    const deferred = { redelivered: true, unseenUntilMs: Date.now() + unseenMs };
    const young = await rig.withHold(HOLD_MS).admit(a, delivery("n1", deferred));
    expect(young).toMatchObject({ kind: "rebuilding", mayHaveRun });
    await rig.flushAll();
    const answer = claimed(await rig.store.admit(a, delivery("n2", deferred)));
    expect(answer.mayHaveRun).toBe(mayHaveRun);
    if (mayHaveRun) expect(answer.claim.sequence).toBeGreaterThan(1_000_000);
    else expect(answer.claim.sequence).toBe(1);
  });

  it("has whoever takes over doubt like the one before", async () => {
    const before = delivery("n1", { ...REDELIVERED, arrivedAtMs: Date.now() - 60_000 });
    const first = claimed(await rig.store.admit(a, before));
    expect(claimed(await rig.store.admit(a, before))).toEqual(first);
    expect(claimed(await rig.store.admit(a, delivery("n2", REDELIVERED))).mayHaveRun).toBe(true);
  });

  it.each([{ command: a.commandId }, { server: SERVER }, "epoch" as const])(
    "says which key it cannot read: %j",
    async (key) => {
      await rig.breakKey(key);
      expect(await rig.store.admit(a, delivery("n1"))).toMatchObject({ kind: "corrupt" });
    },
  );
});
