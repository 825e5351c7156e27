import { describe, expect, it } from "vitest";
import type { Phase } from "../../../src/core/state/state.ts";
import { giveUp, MAX_DEATHS } from "../../../src/steps/give-up.ts";
import type { ClaimAnswer } from "../../../src/steps/ports/step-claim.ts";
import { bodyOf, createRunStep } from "../../../src/steps/run-step.ts";
import {
  asFinal,
  asNext,
  BODY,
  DISK,
  envelope,
  finalEvent,
  MINUTE,
  moment,
  NOW,
  nameOf,
  STATES,
  state,
} from "../core/builders.ts";
import { AWAY, type Claimed, claimed, createWorld, type World } from "./fakes.ts";

const ARRIVAL = { nonce: "nonce-1", redelivered: true };
const run = (world: World, sent = envelope(STATES.submit) as ReturnType<typeof envelope>) =>
  createRunStep(world.deps)(sent, ARRIVAL, world.signal);

describe("a step", () => {
  it("is claimed for this delivery before anything else", async () => {
    const world = createWorld();
    await run(world);
    expect(world.calls[0]).toBe("store.claim");
    expect(world.claims).toMatchObject([{ nonce: "nonce-1", redelivered: true }]);
    expect(world.reached.slice(0, 2)).toEqual(["step:before-claim", "step:claimed"]);
  });

  it.each<[Phase, string, string | undefined]>([
    ["waiting", "submit", "store.acquire"],
    ["joined", "joined", "store.outcomeOf heal-web-01-first"],
    ["prepare", "submit", "look"],
    ["submit", "reconcile", "store.takeAttempt 1"],
    ["reconcile", "reconcile", "look"],
    ["watch", "watch", "job ff80808200000000000000000000abcd"],
    ["settle", "settle", undefined],
    ["ready", "succeeded", "look"],
  ])("does what its phase asks: %s", async (phase, leadsTo, firstCall) => {
    const world = createWorld();
    const result = await run(world, envelope(STATES[phase]));
    expect(result.kind === "conclude" && nameOf(result.decision)).toBe(leadsTo);
    expect(world.calls[1]).toBe(firstCall);
  });

  const outcome = { event: finalEvent("failed"), reply: null, dead: null };
  const outbox = { events: [], next: null };
  it.each<[string, ClaimAnswer, object]>([
    ["saved before", { kind: "saved", outbox }, { kind: "repeat", outbox, body: BODY }],
    [
      "of a command that has ended",
      { kind: "finished", outcome, published: true },
      { kind: "finished", outcome, published: true },
    ],
    ["somebody else's", { kind: "stale" }, { kind: "drop", why: "stale" }],
    ["not to be asked for now", AWAY, { kind: "defer", delayMs: 2_000, why: "store-away" }],
    ["unreadable", { kind: "corrupt", message: "m" }, { kind: "corrupt", message: "m" }],
    [
      "perhaps an old copy, and a later message may still come",
      { kind: "rebuilding", untilMs: NOW + 4_000 },
      {
        kind: "defer",
        delayMs: 5_000,
        why: "store-rebuilding",
        untilMs: NOW + 4_000,
        mayHaveRun: true,
      },
    ],
  ])("does nothing when it is %s", async (_, answer, expected) => {
    const world = createWorld();
    world.answers.claim = () => answer;
    expect(await run(world)).toEqual(expected);
    expect(world.calls).toEqual(["store.claim"]);
  });

  it("is tried again until the broker has given it up three times", async () => {
    const world = createWorld();
    await run(world, envelope(STATES.watch, { deaths: MAX_DEATHS - 1 }));
    expect(world.calls).toHaveLength(2);
    const result = await run(world, envelope(STATES.watch, { deaths: MAX_DEATHS }));
    expect(world.calls).toHaveLength(3);
    if (result.kind !== "conclude") throw new Error(result.kind);
    expect(asFinal(result.decision, "unresolved").draft.data).toMatchObject({
      seen: "the broker gave up on the step watch 3 times",
    });
  });

  it("has a body in the phases that need one", () => {
    expect(bodyOf(STATES.submit)).toBe(BODY);
    expect(bodyOf(STATES.watch)).toBeUndefined();
  });
});

describe("a step that nobody can carry on", () => {
  const after = (current: Parameters<typeof envelope>[0], claim: Partial<Claimed> = {}) => {
    const result = giveUp(envelope(current), claimed(claim), "it was lost", moment());
    if (result.kind !== "conclude") throw new Error(result.kind);
    return result.decision;
  };
  const intent = { attempt: 1, signedAtMs: NOW - MINUTE, diskId: DISK };

  it.each(["waiting", "joined", "prepare", "submit"] as const)(
    "has failed where nothing can have been sent: %s",
    (phase) => {
      const { draft, lock } = asFinal(after(STATES[phase]), "failed");
      expect(lock).toBe("free");
      expect(draft.data).toMatchObject({
        class: "internal",
        message: "it was lost",
        retryable: true,
      });
    },
  );

  it.each<[string, Partial<Claimed>]>([
    ["an intent is recorded", { attempt: { attempt: 1, intent, jobId: null } }],
    ["the store forgot it", { restored: "absent" }],
    ["the store's record is behind", { restored: "behind" }],
    ["the store has another memory", { foreignEpoch: true }],
  ])("looks for proof where something may have been sent: %s", (_, claim) => {
    for (const phase of ["waiting", "prepare", "submit"] as const) {
      const next = asNext(after(STATES[phase], claim), "reconcile");
      // Whatever is found, nothing is sent again.
      expect(next.state).not.toHaveProperty("body");
      expect(next.state.deadlineMs).toBe(NOW + 45 * MINUTE);
    }
    asFinal(after(STATES.joined, claim), "failed");
  });

  it("looks for proof where it was in doubt", () => {
    asNext(after(state("waiting", { doubt: true })), "reconcile");
  });

  it("puts the fence where the intent was signed, else at now, else nowhere", () => {
    const fence = (claim: Partial<Claimed>) =>
      asNext(after(STATES.submit, claim), "reconcile").state.fenceAtMs;
    const withIntent = (signedAtMs: number | null) => ({
      attempt: { attempt: 1, intent: { ...intent, signedAtMs }, jobId: null },
    });
    expect(fence(withIntent(NOW - MINUTE))).toBe(NOW + 17 * MINUTE);
    expect(fence({ foreignEpoch: true })).toBe(NOW + 18 * MINUTE);
    expect(fence(withIntent(null))).toBeNull();
  });

  it.each(["watch", "reconcile"] as const)("is unresolved, and stays locked, in %s", (phase) => {
    expect(asFinal(after(STATES[phase]), "unresolved").lock).toBe("keep");
  });

  it("has succeeded where only the settling is lost", () => {
    const { draft, sample } = asFinal(after(STATES.settle), "succeeded");
    expect(draft.data).toMatchObject({ evidence: "job", verified: true });
    expect(sample).toEqual({ volumeType: "SSD", disk: "replaced" });
  });

  it("has succeeded where only the asking is lost, and does not say whether the server is ready", () => {
    const { draft, healedAtMs } = asFinal(after(STATES.ready), "succeeded");
    expect(draft.data).not.toHaveProperty("ready");
    expect(healedAtMs).toBe(STATES.ready.sinceMs);
  });
});
