import { describe, expect, it } from "vitest";
import type { ServerView } from "../../../src/core/server/observations.ts";
import type { Order } from "../../../src/core/state/order.ts";
import { createAdmit, createAdmitUndeliverable } from "../../../src/steps/admit.ts";
import type { AdmitAnswer, LockAnswer } from "../../../src/steps/ports/admission.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  BODY,
  finalEvent,
  LEADER,
  MINUTE,
  NOW,
  order,
  PAUSED,
  PROTECTED,
  RULES,
  seen,
  UNREADABLE,
} from "../core/builders.ts";
import { AWAY, CLAIM, createWorld, type World } from "./fakes.ts";

const DELIVERY = {
  nonce: "nonce-1",
  redelivered: false,
  mayHaveRun: false,
  arrivedAtMs: NOW,
  unseenUntilMs: null,
};
const FREE: LockAnswer = { kind: "acquired", token: 7, history: "known" };
const PROTECTS: LockAnswer = { kind: "held", hold: PROTECTED };
const HELD: LockAnswer = { kind: "busy", holder: LEADER, sameWish: true };

function withLock(lock: LockAnswer, mayHaveRun = false): World {
  const world = createWorld();
  const claim = { ...CLAIM, step: 0, sequence: 1 };
  world.answers.admit = () => ({ kind: "claimed", claim, lock, verdicts: null, mayHaveRun });
  return world;
}

const admit = (world: World, changed: Partial<Order> = {}) =>
  createAdmit(world.deps)(order(changed), BODY, DELIVERY, world.signal);

async function decided(world: World, changed: Partial<Order> = {}) {
  const result = await admit(world, changed);
  if (result.kind !== "conclude") throw new Error(`expected a conclusion, got ${result.kind}`);
  return result;
}

describe("a new command", () => {
  it("is claimed before its server is looked at", async () => {
    const world = withLock(FREE);
    await admit(world);
    expect(world.calls).toEqual(["store.admit", "look"]);
    expect(world.reached).toEqual(["admit:before-claim", "admit:claimed", "admit:looked"]);
    expect(world.admitted).toEqual([DELIVERY]);
  });

  it("is accepted, and goes to the line with its lock", async () => {
    const { decision, token } = await decided(withLock(FREE));
    expect(token).toBe(7);
    expect(asNext(decision, "submit").events.map((e) => e.event)).toEqual(["accepted"]);
  });

  describe("with user data that its server would ignore", () => {
    const lax = (look: Partial<ServerView> | null) => {
      const world = withLock(
        look === null ? { kind: "busy", holder: LEADER, sameWish: false } : FREE,
      );
      if (look !== null) world.answers.look = () => seen(look);
      return {
        ...world,
        deps: { ...world.deps, rules: { ...RULES, userDataCheck: "lax" as const } },
      };
    };
    const acceptedOf = async (world: World, userData: string) => {
      const metadata = { user_data: Buffer.from(userData).toString("base64") };
      const run = createAdmit(world.deps);
      const result = await run(order(), { ...BODY, metadata }, DELIVERY, world.signal);
      if (result.kind !== "conclude" || result.decision.kind !== "next") throw new Error("no next");
      return result.decision.events[0];
    };
    const told = (code: string) => ({
      event: "accepted",
      data: {
        warnings: [{ path: "os-reinstall.metadata.user_data", code, message: expect.any(String) }],
      },
    });

    it.each<[string, Partial<ServerView> | null, string, string]>([
      ["by nobody's rules", {}, "hello", "user-data-unknown-format"],
      ["by nobody's rules, and waits", null, "hello", "user-data-unknown-format"],
      ["for it runs Linux", { osType: "linux" }, "#ps1\nhi", "user-data-for-windows"],
    ])("is warned of it when it may go on: %s", async (_, look, userData, code) => {
      expect(await acceptedOf(lax(look), userData)).toEqual(told(code));
    });

    it("is warned of nothing when its server takes it", async () => {
      const accepted = await acceptedOf(lax({ osType: "windows" }), "#ps1\nhi");
      expect(accepted).toEqual({ event: "accepted", data: {} });
    });
  });

  it("is accepted with the brakes that it lifts for itself", async () => {
    const { decision } = await decided(withLock(FREE), { override: ["windows"] });
    const [accepted] = asNext(decision, "submit").events;
    expect(accepted).toEqual({ event: "accepted", data: { override: ["windows"] } });
  });

  it("is accepted before it waits", async () => {
    const world = withLock(FREE);
    world.answers.look = () => UNREADABLE;
    const { events } = asNext((await decided(world)).decision, "waiting");
    expect(events.map((e) => e.event)).toEqual(["accepted", "waiting"]);
  });

  it("is accepted before it fails", async () => {
    const world = withLock(FREE);
    world.answers.look = () => ABSENT;
    const { decision, preface } = await decided(world);
    asFinal(decision, "failed");
    expect(preface?.map((e) => e.event)).toEqual(["accepted"]);
  });

  it.each<[string, LockAnswer, Partial<Order>]>([
    ["rejected", HELD, { onBusy: "reject" }],
    ["superseded", { kind: "superseded", healedAtMs: NOW }, {}],
    ["expired", FREE, { expiresAtMs: NOW }],
    ["expired", PAUSED, { expiresAtMs: NOW }],
    ["expired", PROTECTS, { expiresAtMs: NOW }],
    ["expired", HELD, { expiresAtMs: NOW }],
  ])("is not accepted when it is %s", async (event, lock, changed) => {
    const world = withLock(lock);
    const { decision, preface } = await decided(world, changed);
    asFinal(decision, event);
    expect(preface).toEqual([]);
    // None of these needs a look at the server.
    expect(world.calls).toEqual(["store.admit"]);
  });

  it.each([["pause", PAUSED] as const, ["protected", PROTECTS] as const])(
    "that arrives too late is held by nothing, whatever the brake says: %s",
    async (_name, lock) => {
      const { decision } = await decided(withLock(lock), { expiresAtMs: NOW });
      expect(asFinal(decision, "expired").draft.data).toEqual({
        expires_at: new Date(NOW).toISOString(),
      });
    },
  );

  it("says when the server was healed", async () => {
    const { decision } = await decided(withLock({ kind: "superseded", healedAtMs: NOW }));
    expect(asFinal(decision, "superseded").draft.data).toEqual({
      why: "healed-since",
      healed_at: "2026-11-23T15:00:00.000Z",
    });
  });

  it.each<[string, LockAnswer]>([
    ["joined", HELD],
    ["waiting", { ...HELD, sameWish: false }],
    ["waiting", PAUSED],
    ["waiting", { kind: "rebuilding", untilMs: NOW + MINUTE }],
  ])("is %s without a lock, and leaves the server alone (%j)", async (phase, lock) => {
    const world = withLock(lock);
    const { decision, token } = await decided(world);
    expect(asNext(decision, phase as "waiting").events[0]?.event).toBe("accepted");
    expect(token).toBeNull();
    expect(world.calls).toEqual(["store.admit"]);
  });
});

describe("a command that may not begin yet", () => {
  const LATER = { notBeforeMs: NOW + MINUTE };

  // In doubt, a lock of its own was left behind by an earlier life of the command: nobody else may have the server.
  it.each<[LockAnswer, boolean, string]>([
    [FREE, false, "release"],
    [FREE, true, "keep"],
    [HELD, false, "release"],
  ])("waits without a look: %j, in doubt: %s, lock: %s", async (lock, doubt, its) => {
    const world = withLock(lock, doubt);
    const { decision } = await decided(world, LATER);
    const next = asNext(decision, "waiting");
    expect(next.state.waitsFor).toBe("not-before");
    expect(next.lock).toBe(its);
    expect(next.events.map((e) => e.event)).toEqual(["accepted", "waiting"]);
    expect(world.calls).toEqual(["store.admit"]);
  });

  it("is not turned away because the server is busy now", async () => {
    const { decision } = await decided(withLock(HELD), { ...LATER, onBusy: "reject" });
    asNext(decision, "waiting");
  });

  it("is planned in a dry run, with a check of its own", async () => {
    const { decision } = await decided(withLock(FREE), { ...LATER, dryRun: true });
    expect(asFinal(decision, "planned").draft.data).toMatchObject({
      would: "nothing-now",
      checks: expect.arrayContaining([
        { check: "not-before", verdict: "wait", detail: "2026-11-23T15:01:00.000Z" },
      ]) as unknown,
    });
  });
});

describe("a command that may have been carried out before", () => {
  it("looks for proof before anything else when it has the lock", async () => {
    const world = withLock(FREE, true);
    const { decision, token } = await decided(world);
    expect(asNext(decision, "reconcile").state.why).toBe("store-forgot");
    expect(token).toBe(7);
    expect(world.calls).toEqual(["store.admit"]);
  });

  it.each<LockAnswer>([HELD, { ...HELD, sameWish: false }, PAUSED])(
    "keeps its doubt while it waits for the lock: %j",
    async (lock) => {
      const { decision } = await decided(withLock(lock, true));
      expect(asNext(decision, "waiting").state.doubt).toBe(true);
    },
  );
});

describe("a dry run", () => {
  it("is planned, and takes no lock", async () => {
    const world = withLock(FREE);
    const { decision, token, preface } = await decided(world, { dryRun: true });
    expect(asFinal(decision, "planned").draft.data).toMatchObject({ would: "reinstall" });
    expect(token).toBeNull();
    expect(preface).toBeUndefined();
    expect(world.calls).toEqual(["store.admit", "look"]);
  });

  it("goes through its checks on a busy server too", async () => {
    const world = withLock(HELD);
    world.answers.look = () => seen({ status: "ACTIVE" });
    const { decision } = await decided(world, { dryRun: true });
    expect(asFinal(decision, "planned").draft.data).toMatchObject({ would: "nothing-now" });
  });
});

describe("a command that the store knows, or cannot take now", () => {
  const outcome = { event: finalEvent("failed"), reply: null, dead: null };
  const outbox = { events: [], next: null };
  const view = { phase: "watch", sequence: 9, updatedAtMs: NOW, outcome: null, jobId: null };

  it.each<[string, AdmitAnswer, object]>([
    ["saved: told again", { kind: "saved", outbox }, { kind: "repeat", outbox, body: BODY }],
    [
      "finished: told again",
      { kind: "finished", outcome, published: false },
      { kind: "finished", outcome, published: false },
    ],
    ["a duplicate", { kind: "duplicate", view }, { kind: "duplicate", view }],
    ["on its way", { kind: "handed-over" }, { kind: "drop", why: "handed-over" }],
    ["with a sweeper", { kind: "fenced" }, { kind: "drop", why: "fenced" }],
    ["away", AWAY, { kind: "defer", delayMs: 2_000, why: "store-away" }],
    ["unreadable", { kind: "corrupt", message: "m" }, { kind: "corrupt", message: "m" }],
  ])("is answered without a look at the server: %s", async (_, answer, expected) => {
    const world = createWorld();
    world.answers.admit = () => answer;
    expect(await admit(world)).toEqual(expected);
    expect(world.calls).toEqual(["store.admit"]);
  });

  it("is told apart from another command of the same id", async () => {
    const world = createWorld();
    world.answers.admit = () => ({ kind: "id-reused", sinceMs: NOW });
    expect(await admit(world)).toMatchObject({ kind: "id-reused" });
  });

  it.each([
    [1, 2_000],
    [9_000, 10_000],
    [100_000, 60_000],
  ])("waits for a store that is young for %i ms more", async (left, delayMs) => {
    const world = createWorld();
    world.answers.admit = () => ({ kind: "rebuilding", untilMs: NOW + left, mayHaveRun: true });
    expect(await admit(world)).toEqual({
      kind: "defer",
      delayMs,
      why: "store-rebuilding",
      untilMs: NOW + left,
      mayHaveRun: true,
    });
  });
});

describe("a command that the broker gave up on", () => {
  async function undeliverable(lock: LockAnswer, doubt = false, changed: Partial<Order> = {}) {
    const world = withLock(lock, doubt);
    const step = createAdmitUndeliverable(world.deps, null);
    const result = await step(order(changed), BODY, DELIVERY, world.signal);
    if (result.kind !== "conclude") throw new Error(result.kind);
    return { ...result, world };
  }

  it("is rejected from its own record, with a copy for the dead queue", async () => {
    const { decision, world, preface } = await undeliverable(FREE);
    const { draft, lock } = asFinal(decision, "rejected");
    expect(draft).toMatchObject({
      data: { problems: [{ path: "", code: "undeliverable" }] },
      deadReason: "rejected: undeliverable",
    });
    expect(lock).toBe("free");
    expect(preface).toBeUndefined();
    expect(world.calls).toEqual(["store.admit"]);
  });

  it("looks for proof where it may have been carried out", async () => {
    const { decision, token } = await undeliverable(FREE, true);
    asNext(decision, "reconcile");
    expect(token).toBe(7);
  });

  it.each<LockAnswer>([HELD, PAUSED])(
    "keeps its doubt while somebody else has the lock: %j",
    async (lock) => {
      const { decision, token } = await undeliverable(lock, true);
      expect(asNext(decision, "waiting").state.doubt).toBe(true);
      expect(token).toBeNull();
    },
  );

  it("is in no doubt about a dry run", async () => {
    asFinal((await undeliverable(FREE, true, { dryRun: true })).decision, "rejected");
  });
});
