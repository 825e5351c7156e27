import { describe, expect, it } from "vitest";
import { createJoin } from "../../../src/steps/phases/join.ts";
import type { JobLook } from "../../../src/core/server/observations.ts";
import type { LockAnswer } from "../../../src/steps/ports/admission.ts";
import { createPrepare } from "../../../src/steps/phases/prepare.ts";
import { createReady } from "../../../src/steps/phases/ready.ts";
import { createReconcile } from "../../../src/steps/phases/reconcile.ts";
import { createSettle } from "../../../src/steps/phases/settle.ts";
import { conclude, notNow, type StepResult } from "../../../src/steps/step.ts";
import { createWait } from "../../../src/steps/phases/wait.ts";
import { createWatch } from "../../../src/steps/phases/watch.ts";
import {
  asFinal,
  asNext,
  BEFORE,
  envelope,
  finalEvent,
  HOUR,
  JOB,
  LEADER,
  MINUTE,
  NEW_DISK,
  NOW,
  order,
  PAUSED,
  refusal,
  RULES,
  RUNNING,
  SECOND,
  seen,
  STATES,
  state,
} from "../core/builders.ts";
import {
  AWAY,
  CLAIM,
  type Claimed,
  claimed,
  createWorld,
  standsStill,
  type World,
} from "./fakes.ts";

const ARRIVAL = { nonce: "nonce-1", redelivered: false };
const YOUNG = { claim: { ...CLAIM, rebuildingUntilMs: NOW + MINUTE } };
/** The record was put back from a message of an earlier memory of the store. */
const FORGOTTEN = { foreignEpoch: true, restored: "absent" } as const;
const LATE = { order: order({ expiresAtMs: NOW }) };

function concluded(result: StepResult) {
  if (result.kind !== "conclude") throw new Error(`expected a conclusion, got ${result.kind}`);
  return result;
}

describe("waiting", () => {
  const wait = async (
    world: World,
    claim: Partial<Claimed> = {},
    changed: Parameters<typeof envelope>[1] = {},
    current = STATES.waiting,
  ) =>
    createWait(world.deps)(
      envelope(current, { token: null, ...changed }),
      claimed({ lock: "none", ...claim }),
      ARRIVAL,
      world.signal,
    );
  const withLock = (lock: LockAnswer) => {
    const world = createWorld();
    world.answers.acquire = () => lock;
    return world;
  };

  it("asks for the lock, then looks, and goes on with the new token", async () => {
    const world = withLock({ kind: "acquired", token: 12, history: "known" });
    const { decision, token } = concluded(await wait(world));
    asNext(decision, "submit");
    expect(token).toBe(12);
    expect(world.calls).toEqual(["store.acquire", "look"]);
  });

  it("goes on waiting for a server that is busy", async () => {
    const world = withLock({ kind: "busy", holder: LEADER, sameWish: false });
    const { decision, token } = concluded(await wait(world));
    const next = asNext(decision, "waiting");
    expect(next.events).toEqual([]);
    expect(next.state).not.toHaveProperty("doubt");
    expect(token).toBeNull();
    expect(world.calls).toEqual(["store.acquire"]);
  });

  it("keeps a lock that it holds while reinstalls are paused", async () => {
    const world = withLock(PAUSED);
    const { decision, token } = concluded(await wait(world, { lock: "held" }, { token: 7 }));
    expect(asNext(decision, "waiting").state.waitsFor).toBe("pause");
    expect(token).toBe(7);
  });

  it("asks for nothing before its not_before, and then for the lock", async () => {
    const world = withLock({ kind: "acquired", token: 12, history: "known" });
    const waits = { order: order({ notBeforeMs: NOW + MINUTE }) };
    const { decision } = concluded(await wait(world, FORGOTTEN, waits));
    expect(asNext(decision, "waiting").state).toMatchObject({
      waitsFor: "not-before",
      doubt: true,
    });
    asFinal(concluded(await wait(world, { cancelRequest: {} }, waits)).decision, "cancelled");
    expect(world.calls).toEqual([]);
    asNext(
      concluded(await wait(world, {}, { order: order({ notBeforeMs: NOW }) })).decision,
      "submit",
    );
  });

  it("asks for nothing while the store is young", async () => {
    const world = createWorld();
    const { decision } = concluded(await wait(world, YOUNG));
    expect(asNext(decision, "waiting").state.waitsFor).toBe("store-rebuilding");
    expect(world.calls).toEqual([]);
  });

  it.each([
    ["fenced", { kind: "fenced" }, { kind: "drop", why: "fenced" }],
    ["forgotten", { kind: "forgotten" }, { kind: "again" }],
    ["away", AWAY, { kind: "defer", delayMs: 2_000, why: "store-away" }],
    ["corrupt", { kind: "corrupt", message: "m" }, { kind: "corrupt", message: "m" }],
  ] as const)("stops when the lock's answer is %s", async (_, answer, expected) => {
    const world = createWorld();
    world.answers.acquire = () => answer;
    expect(await wait(world)).toEqual(expected);
  });

  it("ends when it is cancelled, or too late, without asking anybody", async () => {
    const world = createWorld();
    asFinal(concluded(await wait(world, { cancelRequest: {} })).decision, "cancelled");
    const current = state("waiting", { waitsFor: "quarantine", sinceMs: NOW });
    const late = asFinal(concluded(await wait(world, {}, LATE, current)).decision, "expired");
    expect(late.draft.data["brake"]).toEqual({
      name: "quarantine",
      detail: "it held the command since 2026-11-23T15:00:00.000Z",
    });
    expect(world.calls).toEqual([]);
  });

  it("waits on without a doubt when the memory is older than its message could be taken", async () => {
    const claim = { ...FORGOTTEN, unseen: true };
    const world = withLock({ kind: "acquired", token: 12, history: "known" });
    asNext(concluded(await wait(world, claim)).decision, "submit");
    const young = withLock({ kind: "rebuilding", untilMs: NOW + MINUTE });
    const { decision } = concluded(await wait(young, { ...claim, ...YOUNG }));
    expect(asNext(decision, "waiting").state).not.toHaveProperty("doubt");
    // Nothing was done, and so it may be said.
    const late = concluded(await wait(createWorld(), claim, LATE));
    asFinal(late.decision, "expired");
  });

  describe("in doubt", () => {
    const doubting = state("waiting", { doubt: true, before: BEFORE });

    it.each([
      ["its message says so", {}, doubting],
      ["the store forgot it", FORGOTTEN, state("waiting", { before: BEFORE })],
    ])("looks for proof once it has the lock: %s", async (_, claim, current) => {
      const world = createWorld();
      const { decision, token } = concluded(await wait(world, claim, {}, current));
      expect(asNext(decision, "reconcile").state).toMatchObject({
        before: BEFORE,
        why: "store-forgot",
      });
      expect(token).toBe(7);
      expect(world.calls).toEqual(["store.acquire"]);
    });

    it("is not there for a record that is merely behind, or of another memory", async () => {
      for (const claim of [
        { foreignEpoch: true },
        { restored: "absent" },
        { restored: "behind" },
      ]) {
        const world = createWorld();
        asNext(concluded(await wait(world, claim as Partial<Claimed>)).decision, "submit");
      }
    });

    it.each<LockAnswer>([
      { kind: "busy", holder: LEADER, sameWish: true },
      PAUSED,
      { kind: "rebuilding", untilMs: NOW + MINUTE },
    ])("keeps its doubt while it waits: %j", async (lock) => {
      const { decision } = concluded(await wait(withLock(lock), {}, {}, doubting));
      expect(asNext(decision, "waiting").state.doubt).toBe(true);
      const young = concluded(await wait(withLock(lock), { ...FORGOTTEN, ...YOUNG }));
      expect(asNext(young.decision, "waiting").state.doubt).toBe(true);
    });

    it("is neither cancelled nor expired: nobody knows that nothing was done", async () => {
      const world = createWorld();
      const cancelled = await wait(world, { cancelRequest: {} }, {}, doubting);
      asNext(concluded(cancelled).decision, "reconcile");
      asNext(concluded(await wait(world, {}, LATE, doubting)).decision, "reconcile");
    });

    it("is left unresolved when it is too late and the server is busy", async () => {
      const busy = withLock({ kind: "busy", holder: LEADER, sameWish: true });
      asFinal(concluded(await wait(busy, {}, LATE, doubting)).decision, "unresolved");
    });
  });
});

describe("joined", () => {
  const join = async (world: World, claim: Partial<Claimed> = {}) =>
    createJoin(world.deps)(
      envelope(STATES.joined, { token: null }),
      claimed({ lock: "none", ...claim }),
      ARRIVAL,
      world.signal,
    );

  it("reads the leader's outcome, and ends as it did", async () => {
    const world = createWorld();
    const outcome = { event: finalEvent("succeeded", { job_id: JOB }), reply: null, dead: null };
    world.answers.outcomeOf = () => ({
      kind: "finished",
      outcome,
      holdsLock: false,
      settled: null,
    });
    const { decision } = concluded(await join(world));
    expect(asFinal(decision, "succeeded").draft.data).toEqual({ job_id: JOB, leader: LEADER });
    expect(world.calls).toEqual([`store.outcomeOf ${LEADER}`]);
  });

  it("waits while the leader is under way, and while the store is away", async () => {
    const world = createWorld();
    asNext(concluded(await join(world)).decision, "joined");
    world.answers.outcomeOf = () => AWAY;
    expect(await join(world)).toMatchObject({ kind: "defer", why: "store-away" });
  });

  it("is unresolved when the leader's outcome is lost", async () => {
    const world = createWorld();
    world.answers.outcomeOf = () => ({ kind: "unheard-of" });
    asFinal(concluded(await join(world)).decision, "unresolved");
    asNext(concluded(await join(world, YOUNG)).decision, "joined");
  });

  it("waits with a leader whose record cannot be read", async () => {
    const world = createWorld();
    world.answers.outcomeOf = () => ({ kind: "corrupt", message: "m" });
    asNext(concluded(await join(world)).decision, "joined");
  });

  it("has a doubt when it may have gone on by itself in a memory that is lost", async () => {
    const forgotten = await join(createWorld(), FORGOTTEN);
    expect(asNext(concluded(forgotten).decision, "joined").state.doubt).toBe(true);
    const unseen = await join(createWorld(), { ...FORGOTTEN, unseen: true });
    expect(asNext(concluded(unseen).decision, "joined").state).not.toHaveProperty("doubt");
  });

  it("is cancelled when a person says so", async () => {
    const result = await join(createWorld(), { cancelRequest: {} });
    asFinal(concluded(result).decision, "cancelled");
  });
});

describe("prepare", () => {
  const prepare = async (
    world: World,
    claim: Partial<Claimed> = {},
    current = STATES.prepare,
    changed: Parameters<typeof envelope>[1] = {},
  ) => createPrepare(world.deps)(envelope(current, changed), claimed(claim), ARRIVAL, world.signal);
  const running = () => {
    const world = createWorld();
    world.answers.look = () => seen({ status: "ACTIVE" });
    return world;
  };

  it("looks, then asks for a soft stop, and tells it", async () => {
    const world = running();
    const { decision, token } = concluded(await prepare(world));
    expect(world.calls).toEqual(["look", "store.mayStop", "stop SOFT"]);
    expect(asNext(decision, "prepare").events.map((e) => e.event)).toEqual(["stopping"]);
    expect(token).toBe(7);
  });

  it("stops nothing while a brake holds the command, and goes back to waiting with what it saw", async () => {
    const world = running();
    world.answers.mayStop = () => PAUSED;
    const { decision, token } = concluded(await prepare(world));
    expect(world.calls).toEqual(["look", "store.mayStop"]);
    const { state: waiting } = asNext(decision, "waiting");
    expect(waiting).toMatchObject({ waitsFor: "pause", before: STATES.prepare.before });
    expect(token).toBe(7);
  });

  it("stops nothing when it stood still after it was allowed to: the command may have ended since", async () => {
    const world = running();
    world.answers.mayStop = () => {
      world.clock.pass(RULES.signatureMaxAgeMs + 1);
      return { kind: "go" };
    };
    expect(await prepare(world)).toEqual({ kind: "again" });
    expect(world.calls).toEqual(["look", "store.mayStop"]);
  });

  it("lets no stop go out once it has stood still, up to the very last moment", async () => {
    const world = running();
    const { could, answer } = standsStill(world);
    world.answers.stop = answer;
    await prepare(world);
    expect(could).toEqual([true, false]);
  });

  it("asks for a hard stop when the soft one took too long", async () => {
    const world = running();
    const stop = { type: "SOFT" as const, askedAtMs: NOW - 2 * MINUTE };
    await prepare(world, {}, state("prepare", { stop }));
    expect(world.calls).toEqual(["look", "store.mayStop", "stop HARD"]);
  });

  it("asks for nothing once the server is stopped", async () => {
    const world = createWorld();
    asNext(concluded(await prepare(world)).decision, "submit");
    expect(world.calls).toEqual(["look"]);
  });

  it("ends when the stop is refused for good", async () => {
    const world = running();
    world.answers.stop = () => ({ kind: "refused", refusal: refusal() });
    asFinal(concluded(await prepare(world)).decision, "failed");
  });

  it.each(["lost", "none"] as const)(
    "gives up its place when the lock is %s, and touches nothing",
    async (lock) => {
      const world = running();
      const { decision, token } = concluded(await prepare(world, { lock }));
      const next = asNext(decision, "waiting");
      expect(next.state).toMatchObject({
        waitsFor: "store-rebuilding",
        before: STATES.prepare.before,
      });
      expect(next.state).not.toHaveProperty("doubt");
      expect(token).toBeNull();
      expect(world.calls).toEqual([]);
    },
  );

  it("has no doubt when the memory is older than its message could be taken", async () => {
    const world = createWorld();
    asNext(concluded(await prepare(world, { ...FORGOTTEN, unseen: true })).decision, "submit");
    expect(world.calls).toEqual(["look"]);
  });

  it("keeps its doubt when it gives up its place", async () => {
    const { decision } = concluded(await prepare(running(), { ...FORGOTTEN, lock: "lost" }));
    expect(asNext(decision, "waiting").state.doubt).toBe(true);
  });

  it("looks for proof when the store forgot it: it may have gone on since", async () => {
    const world = running();
    const { decision } = concluded(await prepare(world, FORGOTTEN));
    expect(asNext(decision, "reconcile").state).toMatchObject({
      before: STATES.prepare.before,
      why: "store-forgot",
    });
    expect(world.calls).toEqual([]);
  });

  it("stops nothing while the store is young", async () => {
    const world = running();
    const { decision } = concluded(await prepare(world, YOUNG));
    expect(asNext(decision, "prepare")).toMatchObject({ delayMs: 60_000, state: STATES.prepare });
    expect(world.calls).toEqual([]);
  });

  it("stops nothing that a person has cancelled, or too late", async () => {
    const world = running();
    const cancelled = await prepare(world, { cancelRequest: {} });
    asFinal(concluded(cancelled).decision, "cancelled");
    asFinal(concluded(await prepare(world, {}, STATES.prepare, LATE)).decision, "expired");
    expect(world.calls).toEqual(["look", "look"]);
  });
});

describe("reconcile", () => {
  const AT_PROOF = 24 * MINUTE;
  const reconcile = async (world: World, claim: Partial<Claimed> = {}) =>
    createReconcile(world.deps)(envelope(STATES.reconcile), claimed(claim), ARRIVAL, world.signal);

  it("looks, asks how far the disk can be trusted for its volume type, and sends nothing", async () => {
    const world = createWorld();
    asNext(concluded(await reconcile(world)).decision, "reconcile");
    expect(world.calls).toEqual(["look", "evidence.trust SSD"]);
  });

  it("goes on to the next attempt on proof, with its lock", async () => {
    const world = createWorld();
    world.clock.pass(AT_PROOF);
    const { decision, token } = concluded(await reconcile(world));
    expect(asNext(decision, "submit").state.tries.attempt).toBe(2);
    expect(token).toBe(7);
  });

  it("trusts nothing while the store is young", async () => {
    const world = createWorld();
    world.clock.pass(AT_PROOF);
    asNext(concluded(await reconcile(world, YOUNG)).decision, "reconcile");
    expect(world.calls).toEqual(["look"]);
  });

  it("does not try again without the lock", async () => {
    const world = createWorld();
    world.clock.pass(AT_PROOF);
    const { decision, token } = concluded(await reconcile(world, { lock: "lost" }));
    expect(asFinal(decision, "failed").draft.data).toMatchObject({ class: "not-executed" });
    expect(token).toBeNull();
  });

  it("does not try again where the disk proves nothing", async () => {
    const world = createWorld();
    world.answers.trust = () => "untested";
    world.clock.pass(AT_PROOF);
    asNext(concluded(await reconcile(world)).decision, "reconcile");
  });
});

describe("watch", () => {
  const watch = async (world: World) =>
    createWatch(world.deps)(envelope(STATES.watch), claimed(), ARRIVAL, world.signal);

  it("asks the job, and not the server, while it runs", async () => {
    const world = createWorld();
    asNext(concluded(await watch(world)).decision, "watch");
    expect(world.calls).toEqual([`job ${JOB}`]);
  });

  it("asks the server too when the job says SUCCESS", async () => {
    const world = createWorld();
    world.answers.job = () => ({ kind: "succeeded", endedAtMs: NOW });
    asNext(concluded(await watch(world)).decision, "watch");
    world.answers.look = () => seen({ systemDiskId: NEW_DISK });
    asFinal(concluded(await watch(world)).decision, "succeeded");
    expect(world.calls).toEqual([`job ${JOB}`, "look", `job ${JOB}`, "look"]);
  });

  it("polls by what is known of jobs of its kind", async () => {
    const world = createWorld();
    const kinds: string[] = [];
    world.answers.likelyEnd = (kind) => {
      kinds.push(kind);
      return { fromMs: 80 * SECOND, toMs: 80 * SECOND };
    };
    expect(concluded(await watch(world)).decision).toMatchObject({ delayMs: 81_800 });
    expect(kinds).toEqual(["SSD/unknown/off"]);
  });

  describe("learns how long a job took", () => {
    const LIKELY = { fromMs: 60 * SECOND, toMs: 60 * SECOND };
    const after = async (job: JobLook, ageMs: number, prepared: Partial<World["answers"]> = {}) => {
      const world = createWorld();
      Object.assign(world.answers, prepared);
      world.answers.job = () => job;
      world.clock.pass(ageMs);
      await watch(world);
      return world.calls.filter((call) => call.startsWith("durations."));
    };
    const succeeded = (afterMs: number): JobLook => ({
      kind: "succeeded",
      endedAtMs: NOW + afterMs,
    });
    const done = { look: () => seen({ systemDiskId: NEW_DISK }) };
    const learned = (ms: number) => [`durations.learn SSD/unknown/off ${ms}`];

    it("when it has succeeded", async () => {
      expect(await after(succeeded(93_500), 95 * SECOND, done)).toEqual(learned(93_500));
    });

    it("not while the server does not agree", async () => {
      expect(await after(succeeded(93_500), 95 * SECOND)).toEqual([]);
    });

    it("nor of one that failed, or still runs", async () => {
      const failedJob: JobLook = { kind: "failed", cloudCode: "Ecs.0202", message: "-" };
      expect(await after(failedJob, 95 * SECOND, done)).toEqual([]);
      expect(await after(RUNNING, 95 * SECOND, done)).toEqual([]);
    });

    it("of a very short one only where its kind is known, for that is wrong then", async () => {
      expect(await after(succeeded(900), SECOND, done)).toEqual([]);
      const known = { ...done, likelyEnd: () => LIKELY };
      expect(await after(succeeded(900), SECOND, known)).toEqual(learned(900));
    });

    it("and ends whether that was kept or not", async () => {
      const world = createWorld();
      world.answers.job = () => succeeded(93_500);
      world.answers.look = done.look;
      world.answers.learn = () => "away";
      world.clock.pass(95 * SECOND);
      asFinal(concluded(await watch(world)).decision, "succeeded");
    });
  });
});

describe("settle", () => {
  it("asks nobody, and ends when its time has come", async () => {
    const world = createWorld();
    const settle = async () =>
      createSettle(world.deps)(envelope(STATES.settle), claimed(), ARRIVAL, world.signal);
    expect(asNext(concluded(await settle()).decision, "settle").delayMs).toBe(MINUTE);
    world.clock.pass(MINUTE);
    asFinal(concluded(await settle()).decision, "succeeded");
    expect(world.calls).toEqual([]);
  });
});

describe("ready", () => {
  const ADDRESS = "10.0.0.7";
  const ready = async (world: World, current = STATES.ready, claim: Partial<Claimed> = {}) =>
    concluded(
      await createReady(world.deps)(envelope(current), claimed(claim), ARRIVAL, world.signal),
    ).decision;
  const withServer = () => {
    const world = createWorld();
    world.answers.look = () => seen({ status: "ACTIVE", vmState: "active", address: ADDRESS });
    return world;
  };

  it("looks for the address once, and asks at each turn until the server answers", async () => {
    const world = withServer();
    world.answers.ready = () => ({ kind: "silent", detail: "refused" });
    const first = asNext(await ready(world), "ready");
    expect(first.state.address).toBe(ADDRESS);
    world.clock.pass(first.delayMs);
    world.answers.ready = () => ({ kind: "answered" });
    const last = asFinal(await ready(world, first.state), "succeeded");
    expect(last.draft.data).toMatchObject({ ready: true, ready_seconds: 2 });
    expect(world.calls).toEqual(["look", `ask ${ADDRESS}`, `ask ${ADDRESS}`]);
    expect(world.reached).toEqual(["ready:looked", "ready:asked", "ready:asked"]);
  });

  it("asks nobody without the lock: another command may be reinstalling the server", async () => {
    const world = withServer();
    const { draft } = asFinal(await ready(world, STATES.ready, { lock: "lost" }), "succeeded");
    expect(draft.data).not.toHaveProperty("ready");
    expect(world.calls).toEqual([]);
  });

  it("asks nobody where it was switched off meanwhile", async () => {
    const world = withServer();
    const { readiness: _, ...deps } = world.deps;
    const step = createReady(deps);
    const result = await step(envelope(STATES.ready), claimed(), ARRIVAL, world.signal);
    expect(asFinal(concluded(result).decision, "succeeded").draft.data).not.toHaveProperty("ready");
    expect(world.calls).toEqual([]);
  });

  it("does not end for a worker that stops while it asks", async () => {
    const world = withServer();
    world.answers.ready = () => ({ kind: "unasked" });
    world.clock.pass(HOUR);
    asNext(await ready(world), "ready");
  });
});

describe("a conclusion", () => {
  const decision = asNext({ kind: "next", state: STATES.watch } as never, "watch");

  it.each([
    ["held", 7],
    ["lost", null],
    ["none", null],
  ] as const)("carries the token on only where the lock is %s", (lock, token) => {
    const result = conclude(claimed({ lock }), envelope(STATES.watch), decision);
    expect(concluded(result).token).toBe(token);
  });

  it("waits the first rung for a store that is away", () => {
    const rules = { ...RULES, ladderMs: [3 * SECOND] };
    expect(notNow(AWAY, rules)).toEqual({ kind: "defer", delayMs: 3_000, why: "store-away" });
  });
});
