import { type Envelope, storedEnvelope } from "../../../src/core/state/envelope.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { DiskId, ServerId } from "../../../src/contract/ids.ts";
import { SWEEPER, type StepClaim } from "../../../src/steps/ports/step-claim.ts";
import { RIGS, type StoreRig } from "./rig/rig.ts";
import {
  admitted,
  claimed,
  delivery,
  DISK,
  envelope,
  event,
  order,
  outcome,
  PROJECT,
  SERVER,
  SUBMIT,
} from "./rig/samples.ts";

const FIRST = { nonce: "s1", redelivered: false };
const COPY = { nonce: "s2", redelivered: false };
const AGAIN = { nonce: "s3", redelivered: true };
const SIGNED = 1_800_000_000_000;
const WAITING = {
  tries: { attempt: 1, spent: 0 },
  waitsFor: "throttled",
  sinceMs: SIGNED,
} as const;

describe.each(RIGS)("steps %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a");

  beforeEach(async () => {
    rig = await fresh();
  });

  async function submitting() {
    const { next } = await admitted(rig.store, a);
    const answer = claimed(await rig.store.claim(next, FIRST));
    return { next, claim: answer.claim, answer };
  }

  function saving(claim: StepClaim, sequence = claim.sequence) {
    const outbox = { events: [event(a, sequence, "waiting")], next: null };
    const step = { order: a, claim, state: SUBMIT, nextSequence: sequence + 1, outbox };
    return { ...step, intent: "keep", lock: "keep" } as const;
  }

  const intent = (attempt = 1, signedAtMs: number | null = SIGNED) => ({
    attempt,
    token: 1,
    signedAtMs,
    diskId: DISK,
  });

  it("gives a step to its first delivery, with the lock and the attempt as they are", async () => {
    const { answer } = await submitting();
    expect(answer).toMatchObject({
      claim: { nonce: "s1", step: 1, sequence: 2, rebuildingUntilMs: null },
      attempt: { attempt: 1, intent: null, jobId: null },
      takenOver: false,
      restored: "no",
      foreignEpoch: false,
      unseen: false,
      lock: "held",
      cancelRequest: null,
    });
  });

  it("answers the same claim the same twice", async () => {
    const { next, answer } = await submitting();
    expect(await rig.store.claim(next, FIRST)).toEqual(answer);
  });

  it("drops an unmarked copy of a step that somebody has", async () => {
    const { next } = await submitting();
    expect(await rig.store.claim(next, COPY)).toEqual({ kind: "stale" });
  });

  it("lets a redelivery take a step over, with event numbers of its own", async () => {
    const { next } = await submitting();
    expect(await rig.store.claim(next, AGAIN)).toMatchObject({
      takenOver: true,
      claim: { sequence: 18 },
    });
  });

  it("lets any message take a step over from the sweeper", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.store.claim(next, { nonce: `${SWEEPER}s0`, redelivered: true });
    expect(await rig.store.claim(next, FIRST)).toMatchObject({ takenOver: true });
  });

  it("lets a message that was put back take a step over", async () => {
    const { next } = await submitting();
    expect(await rig.store.claim({ ...next, revived: 1 }, COPY)).toMatchObject({
      takenOver: true,
    });
  });

  it("lets a message that is not due yet wait on, its step and its numbers untouched", async () => {
    const { next } = await admitted(rig.store, a);
    const hop = (redelivered: boolean) => rig.store.hop(next, { redelivered });
    const waits = { kind: "waits", atMs: expect.any(Number) };
    expect(await hop(false)).toEqual({ ...waits, mayHaveRun: false, cancelled: false });
    const by = { id: "act-1", by: "ada", reason: "sent by mistake" };
    await rig.operator.cancel(PROJECT, a.commandId, by);
    expect(await hop(true)).toEqual({ ...waits, mayHaveRun: false, cancelled: true });
    const { claim, takenOver } = claimed(await rig.store.claim(next, FIRST));
    expect({ sequence: claim.sequence, takenOver }).toEqual({ sequence: 2, takenOver: false });
    // Somebody has it: an unmarked copy that still waits is dropped, a marked one goes on.
    expect(await hop(false)).toEqual({ kind: "stale" });
    expect(await hop(true)).toEqual({ ...waits, mayHaveRun: true, cancelled: true });
    await rig.store.save(saving(claim));
    expect(await hop(true)).toEqual({ kind: "saved", outbox: saving(claim).outbox });
    expect(await hop(false)).toEqual({ kind: "stale" });
  });

  it("tells a message that waits on that its command has ended", async () => {
    const { claim, next } = await submitting();
    const finishing = { order: a, claim, outcome: outcome(a), lock: "free" } as const;
    await rig.store.finish({ ...finishing, healedAtMs: null });
    expect(await rig.store.hop({ ...next, step: 5 }, { redelivered: false })).toEqual({
      kind: "finished",
      outcome: outcome(a),
      published: false,
    });
  });

  it("saves once, and says so again", async () => {
    const { claim } = await submitting();
    expect(await rig.store.save(saving(claim))).toEqual({ kind: "saved" });
    expect(await rig.store.save(saving(claim))).toEqual({ kind: "saved" });
  });

  it("tells a redelivery of a saved step what follows, and drops an unmarked copy", async () => {
    const { next, claim } = await submitting();
    await rig.store.save(saving(claim));
    const outbox = saving(claim).outbox;
    expect(await rig.store.claim(next, AGAIN)).toEqual({ kind: "saved", outbox });
    expect(await rig.store.claim(next, COPY)).toEqual({ kind: "stale" });
  });

  it("fences whoever lost its claim out of everything", async () => {
    const { next, claim } = await submitting();
    await rig.store.claim(next, AGAIN);
    const fenced = { kind: "fenced" };
    expect(await rig.store.save(saving(claim))).toEqual(fenced);
    expect(await rig.store.acquire(a, claim, false)).toEqual(fenced);
    expect(await rig.store.takeAttempt(a, claim, 1)).toEqual(fenced);
    expect(await rig.store.recordIntent(a, claim, intent())).toEqual(fenced);
    const finishing = { order: a, claim, outcome: outcome(a), lock: "free" } as const;
    expect(await rig.store.finish({ ...finishing, healedAtMs: null })).toEqual(fenced);
  });

  it("gives the lock back with a save that releases it, and again when asked", async () => {
    const { claim, next } = await submitting();
    await rig.store.save({ ...saving(claim), lock: "release" });
    expect(await rig.lockOwner(SERVER)).toBeNull();
    const waiting = { ...next, step: 2, token: null };
    const second = claimed(await rig.store.claim(waiting, FIRST));
    expect(second.lock).toBe("none");
    expect(await rig.store.acquire(a, second.claim, false)).toMatchObject({
      kind: "acquired",
      token: 2,
    });
    expect(await rig.store.acquire(a, second.claim, false)).toMatchObject({
      kind: "acquired",
      token: 2,
    });
  });

  it("takes the next attempt once per claim", async () => {
    const { claim } = await submitting();
    const taken = { kind: "taken", attempt: 2 };
    expect(await rig.store.takeAttempt(a, claim, 1)).toEqual(taken);
    expect(await rig.store.takeAttempt(a, claim, 1)).toEqual(taken);
    expect(await rig.store.takeAttempt(a, claim, 5)).toEqual({ kind: "fenced" });
  });

  it("records an intent, says so again, and shows it to the next claim", async () => {
    const { claim, next } = await submitting();
    expect(await rig.store.recordIntent(a, claim, intent())).toEqual({ kind: "saved" });
    expect(await rig.store.recordIntent(a, claim, intent())).toEqual({ kind: "saved" });
    expect(await rig.store.claim(next, AGAIN)).toMatchObject({
      attempt: { attempt: 1, intent: { attempt: 1, signedAtMs: SIGNED, diskId: DISK } },
    });
  });

  it("records no second intent for one attempt", async () => {
    const { claim } = await submitting();
    await rig.store.recordIntent(a, claim, intent());
    expect(await rig.store.recordIntent(a, claim, intent(1, SIGNED + 1))).toEqual({
      kind: "fenced",
    });
  });

  it("records an intent without expiry", async () => {
    const { claim, next } = await submitting();
    expect(await rig.store.recordIntent(a, claim, intent(1, null))).toEqual({ kind: "saved" });
    expect(await rig.store.recordIntent(a, claim, intent(1, null))).toEqual({ kind: "saved" });
    expect(await rig.store.claim(next, AGAIN)).toMatchObject({
      attempt: { intent: { signedAtMs: null } },
    });
  });

  it("records an intent of the present attempt and token only", async () => {
    const { claim } = await submitting();
    await rig.store.takeAttempt(a, claim, 1);
    expect(await rig.store.recordIntent(a, claim, intent(1))).toEqual({ kind: "fenced" });
    expect(await rig.store.recordIntent(a, claim, { ...intent(2), token: 7 })).toEqual({
      kind: "forgotten",
    });
    expect(await rig.store.recordIntent(a, claim, intent(2))).toEqual({ kind: "saved" });
  });

  it("clears an intent that is proven not to have been carried out", async () => {
    const { claim, next } = await submitting();
    await rig.store.recordIntent(a, claim, intent());
    await rig.store.save({ ...saving(claim), intent: "clear" });
    const second = await rig.store.claim({ ...next, step: 2 }, FIRST);
    expect(second).toMatchObject({ attempt: { intent: null } });
  });

  it("finishes once: a second outcome gives back the first, and the lock is free", async () => {
    const { claim, next } = await submitting();
    const first = {
      order: a,
      claim,
      outcome: outcome(a, 2),
      lock: "free",
      healedAtMs: null,
    } as const;
    expect(await rig.store.finish(first)).toEqual({
      kind: "finished",
      outcome: outcome(a, 2),
      first: true,
    });
    expect(await rig.lockOwner(SERVER)).toBeNull();
    const again = await rig.store.finish({ ...first, outcome: outcome(a, 3) });
    expect(again).toMatchObject({ kind: "finished", outcome: outcome(a, 2) });
    expect(await rig.store.claim(next, AGAIN)).toEqual({
      kind: "finished",
      outcome: outcome(a, 2),
      published: false,
    });
    expect(await rig.store.save(saving(claim))).toEqual({ kind: "fenced" });
  });

  it("keeps what comes before the final event, and whom to reply to", async () => {
    const { claim } = await submitting();
    const full = {
      ...outcome(a, 3),
      preface: [event(a, 2, "waiting")],
      reply: { queue: "answers", correlationId: "7" },
      dead: { reason: "why", body: { what: 1 } },
    };
    await rig.store.finish({ order: a, claim, outcome: full, lock: "free", healedAtMs: null });
    expect(await rig.store.outcomeOf(PROJECT, a.commandId, SERVER)).toEqual({
      kind: "finished",
      outcome: full,
      holdsLock: false,
      settled: null,
    });
  });

  it("keeps the lock of an outcome that nobody can know, and frees none of another", async () => {
    const { claim } = await submitting();
    const keep = { order: a, claim, outcome: outcome(a), lock: "keep", healedAtMs: null } as const;
    await rig.store.finish(keep);
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
    const b = order("cmd-b");
    const second = claimed(await rig.store.admit(b, delivery("n2")));
    await rig.store.finish({
      order: b,
      claim: second.claim,
      outcome: outcome(b),
      lock: "free",
      healedAtMs: null,
    });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
  });

  it("tells joiners how a command stands", async () => {
    expect(await rig.store.outcomeOf(PROJECT, a.commandId, SERVER)).toEqual({ kind: "unheard-of" });
    const { claim } = await submitting();
    expect(await rig.store.outcomeOf(PROJECT, a.commandId, SERVER)).toEqual({
      kind: "open",
      holdsLock: true,
    });
    const done = outcome(a);
    await rig.store.finish({ order: a, claim, outcome: done, lock: "free", healedAtMs: null });
    expect(await rig.store.outcomeOf(PROJECT, a.commandId, SERVER)).toEqual({
      kind: "finished",
      outcome: done,
      holdsLock: false,
      settled: null,
    });
  });

  it("tells them whether an outcome has left the server locked", async () => {
    const { claim } = await submitting();
    const done = outcome(a);
    await rig.store.finish({ order: a, claim, outcome: done, lock: "keep", healedAtMs: null });
    expect(await rig.store.outcomeOf(PROJECT, a.commandId, SERVER)).toMatchObject({
      holdsLock: true,
      settled: null,
    });
    // It has ended: an equal wish has no result to share, and waits.
    const equal = order("cmd-b", { onBusy: "join" });
    expect(await rig.store.admit(equal, delivery("n2"))).toMatchObject({
      lock: { kind: "busy", holder: "cmd-a", sameWish: false },
    });
  });

  it("passes on that a person cancelled", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.requestCancel(a.commandId);
    expect(await rig.store.claim(next, FIRST)).toMatchObject({ cancelRequest: {} });
  });

  it("passes on who cancelled first, and why", async () => {
    const { next } = await admitted(rig.store, a);
    for (const [id, by] of [
      ["1", "ada"],
      ["2", "eve"],
    ] as const) {
      const act = { id, by, reason: `as ${by} says` };
      expect(await rig.operator.cancel(PROJECT, a.commandId, act)).toMatchObject({
        kind: "requested",
      });
    }
    const cancelRequest = { by: "ada", why: "as ada says" };
    expect(await rig.store.claim(next, FIRST)).toMatchObject({ cancelRequest });
  });

  const success = {
    durationSeconds: 90,
    verified: true,
    evidence: "job",
    volumeType: "SSD",
    disk: "replaced",
  } as const;
  it.each([
    ["to wait again", { kind: "wait", place: WAITING }, "requested"],
    [
      "for its end",
      { kind: "end", ending: { event: "failed", data: { why: "cancelled" } } },
      "too-late",
    ],
    ["after its reinstall", { kind: "succeed", success }, "too-late"],
  ] as const)(
    "takes a cancel while the server is started again only from a command that goes on: %s",
    async (_why, after, kind) => {
      const { claim, next } = await submitting();
      const power = { was: "on", mayHaveStopped: true } as const;
      const state = { phase: "restore", power, after, sinceMs: SIGNED } as const;
      const step = { ...saving(claim), state };
      const following = storedEnvelope({ ...next, step: 2, state });
      await rig.store.save({
        ...step,
        outbox: { events: [], next: { envelope: following, delayMs: 0 } },
      });
      const act = { id: "act-1", by: "ada", reason: "sent by mistake" };
      const answer = await rig.operator.cancel(PROJECT, a.commandId, act);
      expect(answer).toEqual({ kind, phase: "restore" });
      const again = await rig.store.hop({ ...next, step: 2, state }, { redelivered: false });
      expect(again).toMatchObject({ kind: "waits", cancelled: kind === "requested" });
    },
  );

  it("tells an older step that comes again what a sweeper has saved: no message stands behind that", async () => {
    const { next: first } = await admitted(rig.store, a);
    const take = async (of: Envelope, nonce: string) => {
      const { claim } = claimed(await rig.store.claim(of, { nonce, redelivered: true }));
      const following = envelope(a, { claim, token: of.token });
      const outbox = { events: [], next: { envelope: storedEnvelope(following), delayMs: 0 } };
      const saved = {
        order: a,
        claim,
        state: SUBMIT,
        outbox,
        intent: "keep",
        lock: "keep",
      } as const;
      await rig.store.save({ ...saved, nextSequence: following.sequence });
      return { following, outbox };
    };
    const again = (redelivered: boolean) => rig.store.claim(first, { nonce: "late", redelivered });
    const { following } = await take(first, "w1");
    const swept = await take(following, "sweeper:1");
    expect(await again(true)).toEqual({ kind: "saved", outbox: swept.outbox });
    expect(await again(false)).toEqual({ kind: "stale" });
    // And the command itself, if it comes again.
    const raw = () => rig.store.admit(a, delivery("raw", AGAIN));
    expect(await raw()).toEqual({ kind: "saved", outbox: swept.outbox });
    await take(swept.following, "w2");
    expect(await again(true)).toEqual({ kind: "stale" });
    expect(await raw()).toEqual({ kind: "handed-over" });
  });

  describe("has its next step taken by a sweeper, behind whom there is no message, and not saved yet", () => {
    /** The first step, and the second as the sweeper has it. */
    async function swept() {
      const { next: first, claim } = await submitting();
      const second = envelope(a, { claim, token: first.token });
      await rig.store.save(saving(claim));
      const take = async (nonce: string, redelivered: boolean) =>
        claimed(await rig.store.claim(second, { nonce, redelivered }));
      return { first, take };
    }
    const raw = () => rig.store.admit(a, delivery("raw", AGAIN));

    it("keeps the command itself, and has an older step publish what it saved", async () => {
      const { first, take } = await swept();
      expect(await raw()).toEqual({ kind: "handed-over" });
      await take("sweeper:1", true);
      expect(await raw()).toEqual({ kind: "fenced" });
      expect((await rig.store.claim(first, AGAIN)).kind).toBe("saved");
      expect((await rig.store.claim(first, COPY)).kind).toBe("fenced");
    });

    it("keeps command and older step where the store had forgotten them, until a message has that step", async () => {
      const { first, take } = await swept();
      await rig.flushAll();
      await take("sweeper:1", true);
      expect(await raw()).toEqual({ kind: "fenced" });
      expect(await rig.store.claim(first, AGAIN)).toEqual({ kind: "fenced" });
      expect(await rig.store.claim(first, COPY)).toEqual({ kind: "fenced" });
      expect(await rig.store.hop(first, { redelivered: true })).toEqual({ kind: "fenced" });
      expect((await take("w2", false)).takenOver).toBe(true);
      expect(await raw()).toEqual({ kind: "handed-over" });
      expect(await rig.store.claim(first, AGAIN)).toEqual({ kind: "stale" });
    });
  });

  it("cannot claim a step of another command under the same id", async () => {
    const { next } = await submitting();
    const other = { ...next, order: { ...a, contentHash: "another" } };
    expect(await rig.store.claim(other, COPY)).toEqual({ kind: "id-taken" });
  });

  it("says which key it cannot read", async () => {
    const { next, claim } = await submitting();
    await rig.breakKey({ server: SERVER });
    const finishing = { order: a, claim, outcome: outcome(a), lock: "free" } as const;
    expect(await rig.store.claim(next, AGAIN)).toMatchObject({ kind: "corrupt" });
    expect(await rig.store.acquire(a, claim, false)).toMatchObject({ kind: "corrupt" });
    expect(await rig.store.recordIntent(a, claim, intent())).toMatchObject({ kind: "corrupt" });
    expect(await rig.store.save(saving(claim))).toMatchObject({ kind: "corrupt" });
    expect(await rig.store.finish({ ...finishing, healedAtMs: null })).toMatchObject({
      kind: "corrupt",
    });
  });

  it("counts what reinstalls taught about disks: enough and none against it", async () => {
    expect(await rig.evidence.trust("sas")).toBe("untested");
    for (let i = 0; i < 3; i++) await rig.evidence.count("sas", "replaced");
    expect(await rig.evidence.trust("sas")).toBe("trusted");
    expect(await rig.evidence.trust(null)).toBe("untested");
    await rig.evidence.count("sas", "kept");
    expect(await rig.evidence.trust("sas")).toBe("contradicted");
  });

  it("finds open commands that do not move, one sweeper at a time", async () => {
    const { next } = await admitted(rig.store, a);
    const found = await rig.stranded.find(PROJECT, -1_000, 10);
    expect(found).toMatchObject([{ commandId: "cmd-a", order: a, outcome: null }]);
    const { body: _body, ...state } = SUBMIT as typeof SUBMIT & { body: unknown };
    expect(found[0]?.events).toEqual([event(a, 1, "waiting")]);
    expect(found[0]?.resume).toEqual({ ...next, state });
    expect(await rig.stranded.find(PROJECT, -1_000, 10)).toEqual([]);
  });

  it("finds no command that moved lately, nor one whose outcome was told", async () => {
    await admitted(rig.store, a);
    expect(await rig.stranded.find(PROJECT, 60_000, 10)).toEqual([]);
    rig = await fresh();
    const { claim } = await submitting();
    const done = outcome(a);
    await rig.store.finish({ order: a, claim, outcome: done, lock: "free", healedAtMs: null });
    await rig.store.published(PROJECT, a.commandId, 2);
    expect(await rig.stranded.find(PROJECT, -1_000, 10)).toEqual([]);
  });

  it("marks each of several outcomes that are published together, whatever is at the key of one", async () => {
    const ids = ["cmd-1", "cmd-2", "cmd-3"].map((id) => order(id).commandId);
    for (const [index, id] of ids.entries()) {
      const of = order(id, { serverId: ServerId.parse(SERVER.replace(/.$/, String(index))) });
      const { claim } = claimed(await rig.store.admit(of, delivery(`n-${id}`)));
      const ended = { outcome: outcome(of), lock: "free", healedAtMs: null } as const;
      await rig.store.finish({ order: of, claim, ...ended });
    }
    const open = async () => {
      await rig.releaseSweep();
      const found = await rig.stranded.find(PROJECT, -60_000, 10);
      return found.map(({ commandId }) => commandId).toSorted();
    };
    expect(await open()).toEqual(ids);
    const [first, second, third] = ids;
    if (first === undefined || second === undefined || third === undefined) throw new Error();
    await rig.breakKey({ command: first });
    // A number that is not that of its outcome says nothing.
    await Promise.all([
      rig.store.published(PROJECT, first, 2),
      rig.store.published(PROJECT, second, 2),
      rig.store.published(PROJECT, third, 9),
    ]);
    expect(await open()).not.toContain(second);
    expect(await open()).toContain(third);
  });

  it("goes on behind those that it has found, and begins again after the last", async () => {
    const ids = ["cmd-1", "cmd-2", "cmd-3", "cmd-4", "cmd-5"];
    for (const id of ids) await rig.store.admit(order(id), delivery(`n-${id}`));
    const page = async () => {
      await rig.releaseSweep();
      const found = await rig.stranded.find(PROJECT, -60_000, 2);
      return found.map(({ commandId }) => commandId);
    };
    const [first, second, third, again] = [await page(), await page(), await page(), await page()];
    expect([...first, ...second, ...third].toSorted()).toEqual(ids);
    expect(again).toEqual(first);
  });

  it("finds an outcome that was never told", async () => {
    const { claim } = await submitting();
    const done = outcome(a);
    await rig.store.finish({ order: a, claim, outcome: done, lock: "free", healedAtMs: null });
    expect(await rig.stranded.find(PROJECT, -1_000, 10)).toMatchObject([{ outcome: done }]);
  });

  it("puts an attempt's disk where the next claim finds it", async () => {
    const { claim, next } = await submitting();
    const disk = DiskId.parse("another disk");
    await rig.store.recordIntent(a, claim, { ...intent(), diskId: disk });
    const again = await rig.store.claim(envelope(a, { claim, token: 1 }, { ...next }), AGAIN);
    expect(again).toMatchObject({ attempt: { intent: { diskId: disk } } });
  });
});
