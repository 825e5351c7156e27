import { setTimeout } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { SWEEPER } from "../../../../src/steps/ports/step-claim.ts";
import { HOLD_MS, RIGS, type StoreRig } from "../rig/rig.ts";
import {
  admitted,
  claimed,
  delivery,
  DISK,
  event,
  order,
  outcome,
  REDELIVERED,
  SERVER,
  SUBMIT,
  untaken,
  WATCH,
} from "../rig/samples.ts";
import { saved } from "../rig/waiters.ts";

const FIRST = { nonce: "s1", redelivered: false };
const COPY = { nonce: "s2", redelivered: false };
const AGAIN = { nonce: "s3", redelivered: true };

describe.each(RIGS)("losses of memory %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a");
  const b = order("cmd-b");

  beforeEach(async () => {
    rig = await fresh();
  });

  it("puts record and lock back from the message after it was emptied", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const answer = claimed(await rig.store.claim(next, FIRST));
    expect(answer).toMatchObject({
      restored: "absent",
      foreignEpoch: true,
      lock: "held",
      takenOver: false,
    });
    expect(answer.claim.sequence).toBeGreaterThan(1_000_000);
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
    expect(await rig.store.admit(b, delivery("n2"))).toMatchObject({
      lock: { kind: "busy", holder: "cmd-a" },
    });
  });

  it("puts record and lock back for a message that only waits on, and leaves its step to be claimed", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const waits = { kind: "waits", mayHaveRun: true };
    expect(await rig.store.hop(next, { redelivered: false })).toMatchObject(waits);
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
    expect(await rig.store.hop(next, { redelivered: false })).toMatchObject(waits);
    // Due at last: what was not known at the hop is not known now.
    const answer = claimed(await rig.store.claim(next, FIRST));
    expect(answer).toMatchObject({ restored: "absent", foreignEpoch: true, takenOver: false });
    expect(answer.claim.sequence).toBeGreaterThan(1_000_000);
  });

  it.each([
    ["later than this memory began: it was not carried out", 60_000, true],
    ["before this memory began: it may have been", -60_000, false],
    ["at a time that nobody knows: it may have been", undefined, false],
  ])("says of a message that could be taken %s", async (_when, afterMs, unseen) => {
    const { next, claim } = await admitted(rig.store, a);
    await rig.flushAll();
    const untilMs = afterMs === undefined ? {} : { unseenUntilMs: claim.atMs + afterMs };
    const waiting = { ...next, ...untilMs };
    expect(await rig.store.hop(waiting, { redelivered: false })).toMatchObject({
      kind: "waits",
      mayHaveRun: !unseen,
    });
    expect(await rig.store.claim(waiting, FIRST)).toMatchObject({ restored: "absent", unseen });
    // Whoever takes it over knows the same.
    expect(await rig.store.claim(waiting, AGAIN)).toMatchObject({ restored: "absent", unseen });
  });

  it("tells the time by its own clock", async () => {
    const { claim, next } = await admitted(rig.store, a);
    expect(Math.abs(claim.atMs - Date.now())).toBeLessThan(10_000);
    const second = claimed(await rig.store.claim(next, FIRST));
    expect(second.claim.atMs).toBeGreaterThanOrEqual(claim.atMs);
  });

  it("lets nobody save an older step over what a hop put back", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const { claim } = claimed(await rig.store.claim(next, FIRST));
    const later = { ...next, step: 4, sequence: 40 };
    expect(await rig.store.hop(later, { redelivered: false })).toMatchObject({ kind: "waits" });
    const outbox = { events: [], next: null };
    const saving = { order: a, claim, state: SUBMIT, nextSequence: 6, outbox } as const;
    expect(await rig.store.save({ ...saving, intent: "keep", lock: "keep" })).toEqual({
      kind: "fenced",
    });
    expect(await rig.store.hop(next, { redelivered: false })).toEqual({ kind: "stale" });
  });

  it("gives no new lock while its memory is young, and says until when", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const store = rig.withHold(HOLD_MS);
    const answer = claimed(await store.claim(untaken({ ...next, token: null }), FIRST));
    expect(answer.claim.rebuildingUntilMs).toBeGreaterThan(Date.now());
    expect(await store.acquire(a, answer.claim, false)).toMatchObject({ kind: "rebuilding" });
    expect(await store.admit(b, delivery("n2"))).toMatchObject({ kind: "rebuilding" });
  });

  it.each([
    ["its own, put aside since", { redelivered: true, unseenUntilMs: Date.now() + 600_000 }, false],
    ["another, which may have gone on", { ...REDELIVERED, arrivedAtMs: 0 }, true],
  ])(
    "takes a command over that an earlier memory had not saved: %s",
    async (_whose, came, mayHaveRun) => {
      await rig.store.admit(a, delivery("n1"));
      await rig.restart();
      const young = rig.withHold(HOLD_MS);
      expect(await young.admit(a, delivery("n2", came))).toMatchObject({
        kind: "rebuilding",
        mayHaveRun,
      });
      await rig.restart();
      const answer = claimed(await rig.store.admit(a, delivery("n3", came)));
      expect(answer.mayHaveRun).toBe(mayHaveRun);
      expect(answer.claim.sequence).toBeGreaterThan(1_000_000);
    },
  );

  it("notices another run of the server although everything is there", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.restart();
    expect(await rig.withHold(HOLD_MS).claim(untaken(next), FIRST)).toMatchObject({
      restored: "no",
      foreignEpoch: true,
      lock: "held",
      claim: { rebuildingUntilMs: expect.any(Number) },
    });
  });

  it("keeps one epoch as long as it remembers", async () => {
    const first = claimed(await rig.store.admit(a, delivery("n1")));
    const second = claimed(await rig.store.admit(b, delivery("n2")));
    expect(second.claim.epoch).toBe(first.claim.epoch);
  });

  it("records no intent on ground that has moved", async () => {
    const { next } = await admitted(rig.store, a);
    const { claim } = claimed(await rig.store.claim(next, FIRST));
    await rig.restart();
    const intent = { attempt: 1, token: 1, signedAtMs: 1, diskId: DISK };
    expect(await rig.store.recordIntent(a, claim, intent)).toEqual({ kind: "forgotten" });
  });

  it("says forgotten, not fenced, to a claim that is gone with the memory", async () => {
    const { next } = await admitted(rig.store, a);
    const { claim } = claimed(await rig.store.claim(next, FIRST));
    await rig.flushAll();
    // Somebody brings the message before: the record is there again, with another claim.
    const other = claimed(await rig.store.admit(a, delivery("n9", REDELIVERED)));
    expect(other.claim.step).toBe(0);
    const forgotten = { kind: "forgotten" };
    const outbox = { events: [event(a, 5, "waiting")], next: null };
    const saving = { order: a, claim, state: SUBMIT, nextSequence: 6, outbox } as const;
    const finishing = { order: a, claim, outcome: outcome(a), lock: "free" } as const;
    expect(await rig.store.save({ ...saving, intent: "keep", lock: "keep" })).toEqual(forgotten);
    expect(await rig.store.acquire(a, claim, false)).toEqual(forgotten);
    expect(await rig.store.takeAttempt(a, claim, 1)).toEqual(forgotten);
    expect(await rig.store.finish({ ...finishing, healedAtMs: null })).toEqual(forgotten);
  });

  it("says forgotten when there is no record at all", async () => {
    const { next } = await admitted(rig.store, a);
    const { claim } = claimed(await rig.store.claim(next, FIRST));
    await rig.flushAll();
    const forgotten = { kind: "forgotten" };
    expect(await rig.store.acquire(a, claim, false)).toEqual(forgotten);
    expect(await rig.store.takeAttempt(a, claim, 1)).toEqual(forgotten);
    const finishing = { order: a, claim, outcome: outcome(a), lock: "free" } as const;
    expect(await rig.store.finish({ ...finishing, healedAtMs: null })).toEqual(forgotten);
  });

  it("takes the later of two messages for what happened last", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    await rig.store.claim(next, FIRST);
    const later = { ...next, step: 4, sequence: 40 };
    expect(await rig.store.claim(later, COPY)).toMatchObject({
      restored: "absent",
      claim: { step: 4 },
    });
    expect(await rig.store.claim(next, AGAIN)).toEqual({ kind: "stale" });
  });

  it("lets an old copy take no step while its memory is young, so that the later message is not dropped", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const young = rig.withHold(HOLD_MS);
    const rebuilding = { kind: "rebuilding", untilMs: expect.any(Number) };
    for (const delivered of [FIRST, COPY, AGAIN]) {
      expect(await young.claim(next, delivered)).toEqual(rebuilding);
    }
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
    const later = { ...next, step: 3, sequence: 40, state: WATCH };
    expect(await young.claim(later, FIRST)).toMatchObject({ kind: "claimed", lock: "held" });
    expect(await young.claim(next, AGAIN)).toEqual({ kind: "stale" });
  });

  it("lets a sweeper take it, behind which there is no message that could come back", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const nonce = `${SWEEPER}1`;
    const answer = await rig.withHold(HOLD_MS).claim(next, { nonce, redelivered: true });
    expect(answer).toMatchObject({ kind: "claimed", restored: "absent" });
  });

  it("lets it take its step once the memory is old enough, and says that it may have been taken before", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const soon = rig.withHold(300);
    expect(await soon.claim(next, FIRST)).toMatchObject({ kind: "rebuilding" });
    await setTimeout(400);
    expect(await soon.claim(next, COPY)).toMatchObject({
      kind: "claimed",
      restored: "absent",
      foreignEpoch: true,
      takenOver: false,
    });
  });

  it("does not take what another old copy has put back for a memory of its own", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const { claim } = claimed(await rig.store.claim(next, FIRST));
    await saved(rig.store, a, { claim, token: 1, state: SUBMIT });
    const second = { ...next, step: next.step + 1 };
    expect(await rig.store.claim(second, COPY)).toMatchObject({ restored: "absent" });
    // Whoever takes it over knows the same.
    expect(await rig.store.claim(second, AGAIN)).toMatchObject({ restored: "absent" });
    expect(
      await rig.store.hop({ ...next, step: next.step + 4 }, { redelivered: false }),
    ).toMatchObject({
      kind: "waits",
      mayHaveRun: true,
    });
  });

  it("knows what was written in its own time, whoever put the record back", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const { claim } = claimed(await rig.store.claim(next, FIRST));
    const own = await saved(rig.store, a, { claim, token: 1, state: SUBMIT });
    expect(await rig.store.claim(own, COPY)).toMatchObject({
      restored: "no",
      foreignEpoch: false,
    });
  });

  it("drops an earlier message once a later one has put the record back", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    await rig.store.claim({ ...next, step: 2 }, FIRST);
    expect(await rig.store.claim(next, AGAIN)).toEqual({ kind: "stale" });
  });

  it("has a raw command handed over once its first step has put the record back", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    await rig.store.claim(next, FIRST);
    expect(await rig.store.admit(a, delivery("n2", REDELIVERED))).toEqual({ kind: "handed-over" });
  });

  it("tells a command whose lock went to another that it is lost", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    await rig.store.admit(b, delivery("n2"));
    expect(await rig.store.claim(next, FIRST)).toMatchObject({ restored: "absent", lock: "lost" });
  });

  it("never gives a token twice, even to one that only messages remember", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    const { claim } = claimed(await rig.store.claim({ ...next, token: 7 }, FIRST));
    const finishing = { order: a, claim, outcome: outcome(a), lock: "free" } as const;
    await rig.store.finish({ ...finishing, healedAtMs: null });
    expect(await rig.store.admit(b, delivery("n2"))).toMatchObject({
      lock: { kind: "acquired", token: 8 },
    });
  });
});
