import { beforeEach, describe, expect, it } from "vitest";
import { ProjectId } from "../../../src/contract/ids.ts";
import { rejected, toProgressEvent } from "../../../src/core/messages/events.ts";
import type { StoredOutcome } from "../../../src/steps/ports/stored-outcome.ts";
import { HOLD_MS, RIGS, type StoreRig } from "./rig/rig.ts";
import {
  admitted,
  claimed,
  delivery,
  order,
  outcome,
  PROJECT,
  REDELIVERED,
} from "./rig/samples.ts";

const ELSEWHERE = ProjectId.parse("fedcba9876543210fedcba9876543210");

describe.each(RIGS)("refusals %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  const a = order("cmd-a");
  const id = a.commandId;

  beforeEach(async () => {
    rig = await fresh();
  });

  const refusal = (sequence: number): StoredOutcome => {
    const problem = { path: "server_id", code: "missing", message: "is needed" };
    const event = toProgressEvent(
      "test",
      a,
      { sequence, atMs: 1_800_000_000_000 },
      rejected([problem]),
    );
    return { event, reply: null, dead: null };
  };
  const refuse = (contentHash: string, sequence: number, store = rig.store) =>
    store.refuse({ project: PROJECT, id, contentHash, outcome: refusal(sequence) });
  const told = (sequence: number) => rig.store.published(PROJECT, id, sequence);
  /** Refused, and its event confirmed. */
  async function refusedAndTold(contentHash: string, sequence: number) {
    expect(await refuse(contentHash, sequence)).toMatchObject({ kind: "finished", first: true });
    await told(sequence);
  }

  it("are told the same to each copy of the message", async () => {
    const first = { kind: "finished", outcome: refusal(1), first: true };
    expect(await refuse("bytes", 1)).toEqual(first);
    const again = { ...first, first: false };
    expect(await refuse("bytes", 1)).toEqual(again);
    await told(1);
    expect(await refuse("bytes", 9)).toEqual(again);
  });

  it("of several messages under one id have numbers that follow, and each is remembered", async () => {
    await refusedAndTold("one", 1);
    expect(await refuse("two", 1)).toEqual({ kind: "renumber", sequence: 2 });
    await refusedAndTold("two", 2);
    await refusedAndTold("three", 3);
    for (const [number, bytes] of ["one", "two", "three"].entries()) {
      expect(await refuse(bytes, 1)).toEqual({
        kind: "finished",
        outcome: refusal(number + 1),
        first: false,
      });
    }
  });

  it("are remembered up to a limit, and numbered beyond it", async () => {
    for (let number = 1; number <= 40; number++) await refusedAndTold(`bytes ${number}`, number);
    expect(await refuse("bytes 39", 41)).toMatchObject({ kind: "finished", first: false });
    expect(await refuse("bytes 1", 1)).toEqual({ kind: "renumber", sequence: 41 });
  });

  it("do not use up their id: what is mended is admitted, with the numbers that follow", async () => {
    await refusedAndTold("one", 1);
    await refusedAndTold("two", 2);
    const answer = await rig.store.admit(a, delivery("n1"));
    expect(answer).toMatchObject({
      kind: "claimed",
      mayHaveRun: false,
      claim: { sequence: 3 },
      lock: { kind: "acquired" },
    });
    expect(await rig.store.admit(a, delivery("n1"))).toEqual(answer);
    expect(await rig.expires(id)).toBe(false);
  });

  it("let a redelivered copy of what was mended go on where it stands", async () => {
    await refusedAndTold("one", 1);
    expect(await rig.store.admit(a, delivery("n1", REDELIVERED))).toMatchObject({
      kind: "claimed",
      claim: { sequence: 2 },
    });
    expect(await rig.store.admit(a, delivery("n2"))).toMatchObject({ kind: "duplicate" });
  });

  it("come before whatever follows under their id", async () => {
    await refuse("one", 1);
    const waits = { kind: "refusal-unconfirmed" };
    expect(await rig.store.admit(a, delivery("n1"))).toEqual(waits);
    expect(await refuse("two", 2)).toEqual(waits);
    await told(1);
    expect(await refuse("two", 2)).toMatchObject({ kind: "finished", first: true });
    await told(1);
    expect(await rig.store.admit(a, delivery("n1"))).toEqual(waits);
  });

  it("are of a misused id once a command has it, whatever was refused under it before", async () => {
    await refusedAndTold("one", 1);
    const { next } = await admitted(rig.store, a);
    for (const bytes of ["one", "two", a.contentHash]) {
      expect(await refuse(bytes, 1)).toMatchObject({
        kind: "id-reused",
        sinceMs: expect.any(Number),
      });
    }
    // Told late by a worker that stood still: it is not the command's own end.
    await told(1);
    const claim = await rig.store.claim(next, { nonce: "s1", redelivered: false });
    expect(claim).toMatchObject({ kind: "claimed", restored: "no" });
  });

  it("that are told late do not pass for the end of the command that followed", async () => {
    await refusedAndTold("one", 1);
    const { claim } = claimed(await rig.store.admit(a, delivery("n1")));
    const done = outcome(a, claim.sequence);
    await rig.store.finish({ order: a, claim, outcome: done, lock: "free", healedAtMs: null });
    await told(1);
    expect(await rig.store.admit(a, delivery("n2", REDELIVERED))).toMatchObject({
      kind: "finished",
      published: false,
    });
    await told(claim.sequence);
    expect(await rig.store.admit(a, delivery("n2", REDELIVERED))).toMatchObject({
      kind: "duplicate",
    });
  });

  it("do not take the id from a command that the store had forgotten", async () => {
    const { next } = await admitted(rig.store, a);
    await rig.flushAll();
    await refuse("one", 1);
    const answer = claimed(await rig.store.claim(next, { nonce: "s1", redelivered: false }));
    expect(answer).toMatchObject({ restored: "absent", lock: "held" });
    expect(answer.claim.sequence).toBeGreaterThan(1_000_000);
    expect(await rig.expires(id)).toBe(false);
    expect(await refuse("one", 1)).toMatchObject({ kind: "id-reused" });
  });

  it("for a project that is not ours are kept apart from our commands", async () => {
    const stray = (strayFrom: ProjectId | "-", sequence: number) =>
      rig.store.refuse({
        project: PROJECT,
        strayFrom,
        id,
        contentHash: "bytes",
        outcome: refusal(sequence),
      });
    expect(await stray("-", 1)).toMatchObject({ kind: "finished", first: true });
    expect(await stray(ELSEWHERE, 1)).toMatchObject({ kind: "finished", first: true });
    expect(await stray("-", 1)).toMatchObject({ kind: "finished", first: false });
    expect(await rig.store.admit(a, delivery("n1"))).toMatchObject({ claim: { sequence: 1 } });
    expect(await stray("-", 1)).toMatchObject({ kind: "finished", first: false });
    expect(await rig.stranded.find(PROJECT, -60_000, 10)).toMatchObject([{ order: a }]);
  });

  it("are found by the sweeper until they are told", async () => {
    await refuse("one", 1);
    const found = () => rig.withHold(0) && rig.stranded.find(PROJECT, -60_000, 10);
    expect(await found()).toMatchObject([{ commandId: id, outcome: refusal(1) }]);
  });

  it("wait while the memory is young, or where nobody can read it", async () => {
    const young = rig.withHold(HOLD_MS);
    expect(await refuse("bytes", 1, young)).toMatchObject({ kind: "rebuilding" });
    await rig.breakKey({ command: id });
    expect(await refuse("bytes", 1)).toMatchObject({ kind: "corrupt" });
    await rig.breakKey("epoch");
    expect(await refuse("bytes", 1)).toMatchObject({ kind: "corrupt" });
  });
});
