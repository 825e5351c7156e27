import { beforeEach, describe, expect, it } from "vitest";
import { type Envelope, INQUIRY_SUFFIX } from "../../../src/core/state/envelope.ts";
import { toProgressEvent } from "../../../src/core/messages/events.ts";
import type { State } from "../../../src/core/state/state.ts";
import { HOLD_MS, RIGS, type StoreRig } from "./rig/rig.ts";
import {
  admitted,
  claimed,
  delivery,
  DISK,
  envelope,
  order,
  outcome,
  PROJECT,
  SERVER,
} from "./rig/samples.ts";

const FIRST = { nonce: "i1", redelivered: false };
const INQUIRY: State = {
  phase: "inquiry",
  before: { systemDiskId: DISK, status: "SHUTOFF", atMs: 0 },
  fenceAtMs: 0,
  why: "no-answer",
  sinceMs: 0,
  untilMs: 1,
};

describe.each(RIGS)("an inquiry %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a");

  beforeEach(async () => {
    rig = await fresh();
  });

  /** A command that ended unresolved, and the first message of its inquiry. */
  async function unresolved() {
    const { next, token } = await admitted(rig.store, a);
    const { claim } = claimed(await rig.store.claim(next, FIRST));
    const first: Envelope = envelope(
      a,
      { claim: { ...claim, step: 0, sequence: 0 }, token },
      { v: 2, state: INQUIRY },
    );
    const ended = { ...outcome(a), inquiry: { envelope: first, delayMs: 1_000 } };
    const answer = await rig.store.finish({
      order: a,
      claim,
      outcome: ended,
      lock: "keep",
      healedAtMs: null,
    });
    return { first, token, answer };
  }

  function settling(token: number | null, as: "reinstalled" | "not-reinstalled" = "reinstalled") {
    const draft = { event: "settled" as const, data: { as } };
    const event = toProgressEvent("test", a, { sequence: 1, atMs: 1_800_000_000_000 }, draft);
    const settled = { ...event, id: "cmd-a~settled/1" };
    return {
      order: a,
      token,
      as,
      outcome: { event: settled, reply: null, dead: null },
      healedAtMs: as === "reinstalled" ? 5_000 : null,
    };
  }

  it("comes back with the outcome, as often as that is repeated", async () => {
    const { answer, first } = await unresolved();
    expect(answer).toMatchObject({ kind: "finished", outcome: { inquiry: { delayMs: 1_000 } } });
    expect(claimed(await rig.store.claim(first, FIRST))).toMatchObject({
      lock: "held",
      restored: "no",
      claim: { step: 1 },
    });
  });

  it("takes its steps beside its command, which stays ended", async () => {
    const { first } = await unresolved();
    const { claim } = claimed(await rig.store.claim(first, FIRST));
    const saved = await rig.store.save({
      order: a,
      claim,
      state: INQUIRY,
      nextSequence: 2,
      outbox: { events: [], next: { envelope: first, delayMs: 0 } },
      intent: "keep",
      lock: "keep",
    });
    expect(saved).toEqual({ kind: "saved" });
    expect(await rig.store.claim(first, { nonce: "copy", redelivered: false })).toEqual({
      kind: "stale",
    });
    expect(await rig.store.outcomeOf(PROJECT, a.commandId, SERVER)).toMatchObject({
      kind: "finished",
      holdsLock: true,
      settled: null,
    });
  });

  it("settles once: the server is free, joiners learn what it was, the first word counts", async () => {
    const { token } = await unresolved();
    expect(await rig.store.settle(settling(token))).toMatchObject({ kind: "settled", first: true });
    expect(await rig.lockOwner(SERVER)).toBeNull();
    expect(await rig.store.settle(settling(token, "not-reinstalled"))).toMatchObject({
      kind: "settled",
      first: false,
      outcome: { event: { data: { as: "reinstalled" } } },
    });
    expect(await rig.store.outcomeOf(PROJECT, a.commandId, SERVER)).toMatchObject({
      holdsLock: false,
      settled: { as: "reinstalled" },
    });
    const old = order("cmd-old", { observedAtMs: 4_999 });
    expect(await rig.store.admit(old, delivery("n2"))).toMatchObject({
      lock: { kind: "superseded" },
    });
  });

  it("is put back with its lock into a store that forgot it", async () => {
    const { first } = await unresolved();
    await rig.flushAll();
    const store = rig.withHold(HOLD_MS);
    expect(await store.hop(first, { redelivered: false })).toMatchObject({ kind: "waits" });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
    expect(claimed(await rig.store.claim(first, FIRST))).toMatchObject({ lock: "held" });
  });

  it("leaves a server alone that a person has freed", async () => {
    const { first, token } = await unresolved();
    await rig.freeLock(SERVER);
    expect(claimed(await rig.store.claim(first, FIRST))).toMatchObject({ lock: "lost" });
    expect(await rig.lockOwner(SERVER)).toBeNull();
    expect(await rig.store.settle(settling(token))).toEqual({ kind: "lock-gone" });
  });

  it("leaves a server alone that another command has now, or the same one anew", async () => {
    const { first, token } = await unresolved();
    await rig.freeLock(SERVER);
    const b = order("cmd-b");
    await rig.store.admit(b, delivery("n2"));
    expect(claimed(await rig.store.claim(first, FIRST))).toMatchObject({ lock: "lost" });
    expect(await rig.store.settle(settling(token))).toEqual({ kind: "lock-gone" });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-b");
  });

  it("leaves a server alone whose command is under way again", async () => {
    const { first, token } = await unresolved();
    await rig.flushAll();
    await rig.store.hop(first, { redelivered: false });
    await rig.store.admit(a, delivery("n9"));
    expect(await rig.store.settle(settling(token))).toEqual({ kind: "lock-gone" });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
  });

  it("is over for every copy of its message: none puts back a lock that a person freed", async () => {
    const { first, token } = await unresolved();
    await rig.freeLock(SERVER);
    expect(await rig.store.endInquiry(a)).toEqual({ kind: "saved" });
    expect(await rig.store.claim(first, FIRST)).toEqual({ kind: "stale" });
    expect(await rig.store.hop(first, { redelivered: true })).toEqual({ kind: "stale" });
    expect(await rig.lockOwner(SERVER)).toBeNull();
    expect(await rig.store.settle(settling(token))).toEqual({ kind: "lock-gone" });
  });

  it("does not end once it is settled: its event is still to be published", async () => {
    const { token } = await unresolved();
    await rig.store.settle(settling(token));
    expect(await rig.store.endInquiry(a)).toEqual({ kind: "saved" });
    expect(await rig.store.settle(settling(token))).toMatchObject({ first: false });
  });

  it("leaves its command in doubt when that is published again and nobody remembers it", async () => {
    const { first } = await unresolved();
    await rig.flushAll();
    await rig.store.hop(first, { redelivered: false });
    expect(await rig.store.admit(a, delivery("n9"))).toMatchObject({
      kind: "claimed",
      mayHaveRun: true,
      lock: { kind: "acquired" },
    });
  });

  it("is confirmed like any outcome", async () => {
    const { token } = await unresolved();
    await rig.store.settle(settling(token));
    const id = `cmd-a${INQUIRY_SUFFIX}`;
    expect((await rig.stranded.find(PROJECT, -1, 10)).map(({ commandId }) => commandId)).toContain(
      id,
    );
    await rig.store.published(PROJECT, id, 1);
  });

  const BY_HAND = { by: "ada", reason: "seen", command: "cmd-a", as: "reinstalled" };

  const byHand = (token: number | null, as?: "reinstalled" | "not-reinstalled", id = "act-1") =>
    rig.settleByHand(settling(token, as), { ...BY_HAND, action: "resolve", id });

  async function noted(): Promise<readonly string[]> {
    const taken = await rig.audit.take(PROJECT, 1_000);
    return taken.kind === "taken" ? taken.entries.map(({ id }) => id) : [];
  }

  it("is ended by a person's word, noted once, as often as that is said", async () => {
    const { token, first } = await unresolved();
    expect(await byHand(token)).toMatchObject({ kind: "settled", first: true });
    expect(await byHand(token)).toMatchObject({ kind: "settled", first: true });
    expect(await byHand(token, "not-reinstalled", "act-2")).toMatchObject({ first: false });
    expect(await rig.lockOwner(SERVER)).toBeNull();
    expect(await noted()).toEqual(["act-1"]);
    expect(await rig.store.claim(first, FIRST)).toMatchObject({ kind: "finished" });
  });

  it("lets the cloud's proof stand when a person speaks later, and notes nothing", async () => {
    const { token } = await unresolved();
    await rig.store.settle(settling(token));
    expect(await byHand(token, "not-reinstalled")).toMatchObject({ kind: "settled", first: false });
    expect(await noted()).toEqual([]);
  });

  it("is settled by a person after it has given up", async () => {
    const { token } = await unresolved();
    await rig.store.endInquiry(a);
    expect(await rig.store.settle(settling(token))).toEqual({ kind: "lock-gone" });
    expect(await byHand(null)).toMatchObject({ kind: "settled", first: true });
    expect(await rig.lockOwner(SERVER)).toBeNull();
  });

  it("takes no person's word while the memory is young, or new and unseen", async () => {
    const { first } = await unresolved();
    await rig.flushAll();
    const store = rig.withHold(HOLD_MS);
    await store.hop(first, { redelivered: false });
    expect(await byHand(null)).toMatchObject({ kind: "rebuilding" });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-a");
    await rig.restart();
    expect(await byHand(null)).toMatchObject({ kind: "rebuilding" });
    expect(await noted()).toEqual([]);
  });

  it("leaves a server alone that another command has now, whatever a person says", async () => {
    const { token } = await unresolved();
    await rig.freeLock(SERVER);
    await rig.store.admit(order("cmd-b"), delivery("n2"));
    expect(await byHand(token)).toEqual({ kind: "lock-gone" });
    expect(await byHand(null)).toEqual({ kind: "lock-gone" });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-b");
  });
});
