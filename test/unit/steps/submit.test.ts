import { describe, expect, it } from "vitest";
import { DiskId } from "../../../src/contract/ids.ts";
import type { Envelope } from "../../../src/core/state/envelope.ts";
import type { Rules } from "../../../src/core/rules.ts";
import { createSubmit } from "../../../src/steps/phases/submit.ts";
import {
  asFinal,
  asNext,
  BEFORE,
  BODY,
  DISK,
  envelope,
  JOB,
  MINUTE,
  NEW_DISK,
  NOW,
  order,
  PAUSED,
  REFUSED,
  refusal,
  SECOND,
  seen,
  state,
  UNREADABLE,
} from "../core/builders.ts";
import { AWAY, CLAIM, type Claimed, claimed, createWorld, type World } from "./fakes.ts";

const LINE = state("submit", { body: { ...BODY, mode: "withStopServer" } });
const INTENT = { attempt: 1, signedAtMs: NOW - MINUTE, diskId: DISK };

interface Given {
  readonly claim?: Partial<Claimed>;
  readonly redelivered?: boolean;
  readonly envelope?: Partial<Envelope>;
  readonly line?: typeof LINE;
}

function submit(world: World, given: Given = {}) {
  return createSubmit(world.deps)(
    envelope(given.line ?? LINE, given.envelope),
    claimed(given.claim),
    { nonce: "nonce-1", redelivered: given.redelivered ?? false },
    world.signal,
  );
}

/** What the step concluded; anything else fails the test. */
async function decided(world: World, given: Given = {}) {
  const result = await submit(world, given);
  if (result.kind !== "conclude") throw new Error(`expected a conclusion, got ${result.kind}`);
  return result;
}

const accepting = (rules: Partial<Rules> = {}) => {
  const world = createWorld(rules);
  world.answers.submission = () => ({ kind: "accepted", jobId: JOB });
  return world;
};

describe("a submit that goes well", () => {
  it("looks, signs, records the intent, and sends, in that order, once each", async () => {
    const world = accepting();
    await decided(world);
    expect(world.calls).toEqual([
      "look",
      `sign ${JSON.stringify(BODY)}`,
      "store.recordIntent",
      "send",
    ]);
    expect(world.reached).toEqual([
      "submit:attempt-claimed",
      "submit:looked",
      "submit:signed",
      "submit:intent-recorded",
      "submit:answered",
    ]);
  });

  it("records what it is about to do: number, token, signing time, disk", async () => {
    const world = accepting();
    await decided(world);
    expect(world.intents).toEqual([{ attempt: 1, token: 7, signedAtMs: NOW, diskId: DISK }]);
  });

  it("concludes with the job, the lock, and the mark that the POST is out", async () => {
    const result = await decided(accepting());
    expect(result).toMatchObject({ claim: CLAIM, token: 7, submitted: true });
    expect(asNext(result.decision, "watch").state).toMatchObject({ jobId: JOB, acceptedAtMs: NOW });
  });

  it("puts the fence at the signing time, not at the answer's", async () => {
    const world = createWorld();
    world.answers.submission = () => {
      world.clock.pass(20 * SECOND);
      return { kind: "unknown", message: "no answer" };
    };
    const { decision } = await decided(world);
    expect(asNext(decision, "reconcile").state).toMatchObject({
      fenceAtMs: NOW + 18 * MINUTE,
      sinceMs: NOW + 20 * SECOND,
      tries: { attempt: 1, spent: 1 },
    });
  });

  it("has failed when the cloud refuses for good", async () => {
    const world = createWorld();
    world.answers.submission = () => ({ kind: "refused", refusal: refusal() });
    const { decision, submitted } = await decided(world);
    asFinal(decision, "failed");
    expect(submitted).toBe(true);
  });
});

describe("a job that was accepted", () => {
  it("is polled first when jobs of its kind are likely to end", async () => {
    const world = accepting();
    const kinds: string[] = [];
    world.answers.likelyEnd = (kind) => {
      kinds.push(kind);
      return { fromMs: 80 * SECOND, toMs: 80 * SECOND };
    };
    const windows = state("submit", { before: { ...BEFORE, osType: "windows" } });
    const { decision } = await decided(world, { line: windows });
    expect(decision).toMatchObject({ delayMs: 81_800, isPunctual: true });
    expect(kinds).toEqual(["SSD/windows/off"]);
  });
});

describe("nothing is sent", () => {
  const nothingSent = (world: World) => {
    expect(world.sent).toEqual([]);
    expect(world.calls).not.toContain("send");
  };

  it.each([
    ["refused: another has the step", { kind: "fenced" }, { kind: "drop", why: "fenced" }],
    ["forgotten", { kind: "forgotten" }, { kind: "again" }],
    ["away", AWAY, { kind: "defer", delayMs: 2_000, why: "store-away" }],
    ["unreadable", { kind: "corrupt", message: "m" }, { kind: "corrupt", message: "m" }],
  ] as const)("when the intent is %s", async (_, answer, expected) => {
    const world = accepting();
    world.answers.recordIntent = () => answer;
    expect(await submit(world)).toEqual(expected);
    nothingSent(world);
  });

  it("when a brake holds the command at the last gate: it goes back to waiting", async () => {
    const world = accepting();
    world.answers.recordIntent = () => PAUSED;
    const { decision } = await decided(world);
    const { state: waiting, intent } = asNext(decision, "waiting");
    expect(waiting).toMatchObject({ waitsFor: "pause", tries: { attempt: 1, spent: 0 } });
    expect(waiting.before).toEqual(LINE.before);
    expect(intent).toBe("keep");
    nothingSent(world);
  });

  it("and nothing signed while the broker takes no messages", async () => {
    const world = accepting();
    world.answers.isBlocked = () => true;
    expect(await submit(world)).toEqual({ kind: "again" });
    nothingSent(world);
    expect(world.calls).toEqual(["look"]);
  });

  it("when the broker stops taking messages at the last moment", async () => {
    const world = accepting();
    world.onReach = (label) => {
      if (label === "submit:intent-recorded") world.answers.isBlocked = () => true;
    };
    const decision = asNext((await decided(world)).decision, "waiting");
    expect(decision.intent).toBe("clear");
    expect(decision.state).toMatchObject({
      waitsFor: "cloud-unavailable",
      tries: { attempt: 2, spent: 0 },
    });
    nothingSent(world);
  });

  it("when the worker is told to stop at the last moment", async () => {
    const world = accepting();
    world.onReach = (label) => {
      if (label === "submit:intent-recorded") world.stopping.abort();
    };
    expect(asNext((await decided(world)).decision, "waiting").intent).toBe("clear");
    nothingSent(world);
  });

  it("when the signature is older than the limit, by the clock that never jumps", async () => {
    const world = accepting();
    world.onReach = (label) => {
      if (label !== "submit:intent-recorded") return;
      world.clock.pass(30 * SECOND + 1);
      world.clock.jumpTo(NOW);
    };
    expect(asNext((await decided(world)).decision, "waiting").events[0]?.data).toMatchObject({
      detail: "the signature grew old before the request could be sent",
    });
    nothingSent(world);
  });

  it("unless the signature is just young enough", async () => {
    const world = accepting();
    world.onReach = (label) => {
      if (label !== "submit:intent-recorded") return;
      world.clock.pass(30 * SECOND);
      world.clock.jumpTo(NOW + 60 * MINUTE);
    };
    await decided(world);
    expect(world.sent).toHaveLength(1);
  });

  it("when the clocks differ by more than a minute", async () => {
    const world = accepting();
    world.answers.look = () => seen({ cloudTimeMs: NOW + 61 * SECOND });
    const decision = asNext((await decided(world)).decision, "waiting");
    expect(decision.state.waitsFor).toBe("clock-skew");
    nothingSent(world);
    expect(world.calls).toEqual(["look"]);
  });

  it.each([
    ["its disk is another one", seen({ systemDiskId: NEW_DISK }), "superseded"],
    ["it is locked", seen({ locked: true }), "failed"],
    ["it cannot be shown", REFUSED, "failed"],
  ])("when the server is not what it was: %s", async (_, look, event) => {
    const world = accepting();
    world.answers.look = () => look;
    asFinal((await decided(world)).decision, event);
    nothingSent(world);
  });

  it.each([
    ["it cannot be read", UNREADABLE],
    ["something runs on it", seen({ taskState: "powering-on" })],
    ["it was started again", seen({ status: "ACTIVE" })],
  ])("when the server is not ready: %s", async (_, look) => {
    const world = accepting();
    world.answers.look = () => look;
    asNext((await decided(world)).decision, "waiting");
    nothingSent(world);
  });

  it("when a person has cancelled it, or it is too late", async () => {
    const cancelled = accepting();
    asFinal((await decided(cancelled, { claim: { cancelRequest: {} } })).decision, "cancelled");
    nothingSent(cancelled);
    const late = accepting();
    const given = { envelope: { order: order({ expiresAtMs: NOW }) } };
    asFinal((await decided(late, given)).decision, "expired");
    nothingSent(late);
  });

  it.each<[string, Given]>([
    ["was lost", { claim: { lock: "lost" } }],
    ["is not there", { claim: { lock: "none" } }],
    ["has no token", { envelope: { token: null } }],
  ])("and nobody looked at when the lock %s", async (_, given) => {
    const world = accepting();
    const decision = asNext((await decided(world, given)).decision, "waiting");
    expect(decision.state).toMatchObject({ waitsFor: "server-busy", before: BEFORE });
    expect(world.calls).toEqual([]);
  });

  it("while the store is young", async () => {
    const world = accepting();
    const claim = { claim: { ...CLAIM, rebuildingUntilMs: NOW + MINUTE } };
    const decision = asNext((await decided(world, { claim })).decision, "waiting");
    expect(decision.state).toMatchObject({ waitsFor: "store-rebuilding", before: BEFORE });
    expect(world.calls).toEqual([]);
  });

  it("when the request cannot be signed", async () => {
    const world = accepting();
    world.answers.signing = () => ({
      ...UNREADABLE,
      kind: "unavailable",
      waitsFor: "throttled",
      retryAfterMs: 9_000,
    });
    const decision = asNext((await decided(world)).decision, "waiting");
    expect(decision).toMatchObject({ delayMs: 10_000, state: { waitsFor: "throttled" } });
    expect(decision.state.tries).toEqual({ attempt: 1, spent: 0 });
    nothingSent(world);
    expect(world.calls).not.toContain("store.recordIntent");
  });
});

describe("a submit that may have been here before", () => {
  it.each<[string, Given]>([
    ["was redelivered", { redelivered: true }],
    ["was put back by us", { envelope: { revived: 1 } }],
    ["was taken over", { claim: { takenOver: true } }],
  ])("takes the next number when it %s and left no intent", async (_, given) => {
    const world = accepting();
    const { decision } = await decided(world, given);
    expect(world.calls[0]).toBe("store.takeAttempt 1");
    expect(world.intents).toEqual([{ attempt: 2, token: 7, signedAtMs: NOW, diskId: DISK }]);
    expect(asNext(decision, "watch").state.tries).toEqual({ attempt: 2, spent: 1 });
    expect(world.sent).toHaveLength(1);
  });

  it("takes the number after the highest, even at its first delivery", async () => {
    const world = accepting();
    world.answers.takeAttempt = () => ({ kind: "taken", attempt: 5 });
    await decided(world, { claim: { attempt: { attempt: 4, intent: null, jobId: null } } });
    expect(world.calls[0]).toBe("store.takeAttempt 4");
    expect(world.intents).toMatchObject([{ attempt: 5 }]);
  });

  it.each([
    ["fenced off", { kind: "fenced" }, { kind: "drop", why: "fenced" }],
    ["forgotten", { kind: "forgotten" }, { kind: "again" }],
    ["away", AWAY, { kind: "defer", delayMs: 2_000, why: "store-away" }],
  ] as const)("does nothing when the number cannot be taken: %s", async (_, answer, expected) => {
    const world = accepting();
    world.answers.takeAttempt = () => answer;
    expect(await submit(world, { redelivered: true })).toEqual(expected);
    expect(world.calls).toEqual(["store.takeAttempt 1"]);
  });

  it.each([true, false])(
    "only looks for proof when it left an intent (redelivered: %s)",
    async (redelivered) => {
      const world = accepting();
      const attempt = { attempt: 1, intent: INTENT, jobId: null };
      const { decision, submitted } = await decided(world, { redelivered, claim: { attempt } });
      expect(asNext(decision, "reconcile").state).toMatchObject({
        fenceAtMs: NOW - MINUTE + 18 * MINUTE,
        tries: { attempt: 1, spent: 1 },
        why: "redelivered",
      });
      expect(submitted).toBeUndefined();
      expect(world.calls).toEqual([]);
    },
  );

  it("compares with the disk of the intent, under the number of the intent", async () => {
    const diskId = DiskId.parse("disk-of-the-intent");
    const intent = { attempt: 3, signedAtMs: NOW, diskId };
    const attempt = { attempt: 3, intent, jobId: null };
    const { decision } = await decided(accepting(), { redelivered: true, claim: { attempt } });
    expect(asNext(decision, "reconcile").state).toMatchObject({
      before: { systemDiskId: diskId },
      // The next POST must carry a higher number than any before it.
      tries: { attempt: 3, spent: 1 },
    });
  });

  it("has no fence where the signature has no end", async () => {
    const attempt = { attempt: 1, intent: { ...INTENT, signedAtMs: null }, jobId: null };
    const { decision } = await decided(accepting(), { redelivered: true, claim: { attempt } });
    expect(asNext(decision, "reconcile").state.fenceAtMs).toBeNull();
  });

  it("is not held up by the intent of an attempt before its own", async () => {
    const world = accepting();
    const attempt = { attempt: 2, intent: INTENT, jobId: null };
    const line = state("submit", { tries: { attempt: 2, spent: 1 } });
    await decided(world, { claim: { attempt }, line });
    expect(world.sent).toHaveLength(1);
  });

  it.each<[string, Given]>([
    ["was written in another memory of the store", { claim: { foreignEpoch: true } }],
    ["found no record", { claim: { restored: "absent" } }],
    ["found an older record", { claim: { restored: "behind" } }],
    [
      "was written in another memory, and redelivered",
      { claim: { foreignEpoch: true }, redelivered: true },
    ],
  ])("only looks for proof when it %s: absence proves nothing", async (_, given) => {
    const world = accepting();
    const { decision } = await decided(world, given);
    expect(asNext(decision, "reconcile").state).toMatchObject({
      fenceAtMs: NOW + 18 * MINUTE,
      why: "store-forgot",
    });
    expect(world.calls).toEqual([]);
  });
});
