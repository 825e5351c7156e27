import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { takeCensus } from "../../../../src/adapters/redis/views/census.ts";
import type { ProjectCensus } from "../../../../src/core/state/census.ts";
import {
  createRedisClient,
  type RedisClient,
} from "../../../../src/adapters/redis/connection/client.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { findOverdue } from "../../../../src/adapters/redis/views/overdue.ts";
import {
  createScriptRunner,
  type ScriptRunner,
} from "../../../../src/adapters/redis/script-runner.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import { ProjectId, ServerId } from "../../../../src/contract/ids.ts";
import { storedEnvelope } from "../../../../src/core/state/envelope.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import type { State } from "../../../../src/core/state/state.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { connected } from "../rig/connected.ts";
import {
  admitted,
  claimed,
  delivery,
  envelope,
  order,
  outcome,
  PROJECT,
  SUBMIT,
} from "../rig/samples.ts";
import { STORE_RULES } from "../rig/store-rules.ts";
import { waitingFor } from "../rig/waiters.ts";

const LADDER = [2_000, 60_000];
const ANOTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
const k = keysOf(PROJECT);

let redis: PrivateRedis;
let client: RedisClient;
let scripts: ScriptRunner;
let store: ReinstallStore;

beforeAll(async () => {
  redis = await startRedis();
  client = await connected(redis.url);
  scripts = createScriptRunner(client);
  store = createReinstallStore(client, scripts, STORE_RULES, systemClock);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => redis.flushAll());

const server = (digit: number) => ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-99800000000${digit}`);
const LIMITS = { lockDeadlineMs: 600_000, maxRunning: 10 };
const both = () => takeCensus({ redis: client, scripts }, [PROJECT, ANOTHER], LIMITS);
const census = async () => (await both()).get(PROJECT) as ProjectCensus;
const overdue = async () => Object.fromEntries(await findOverdue(client, [PROJECT], LADDER));

/** Makes it look as if that had been so long ago. */
async function age(key: string, field: string, seconds: number): Promise<void> {
  await client.hset(key, field, Date.now() - seconds * 1000);
}

const NONE = { locks: 0, oldestSeconds: 0 };

/** The index, as a script of ours has filled it when it met the lock. */
const met = (n: number, project = PROJECT) => client.zadd(keysOf(project).locks, 1, server(n));

/** A lock of a reinstall, taken so long ago. */
async function held(project: ProjectId, n: number, phase: string, seconds: number): Promise<void> {
  const since = Date.now() - seconds * 1000;
  await client.hset(keysOf(project).lock(server(n)), { operation: "reinstall", phase, since });
  await met(n, project);
}

describe("the census", () => {
  it("of an empty store is nothing", async () => {
    const nothing = {
      openCommands: 0,
      phases: new Map(),
      paused: false,
      locks: { reinstall: NONE, unresolved: NONE, "other-service": NONE, unreadable: NONE },
      overdueLocks: 0,
      lockAgesSeconds: [],
      slots: { taken: 0, cap: 10, waiting: 0 },
    };
    expect([...(await both())]).toEqual([
      [PROJECT, nothing],
      [ANOTHER, nothing],
    ]);
  });

  it("tells how many commands are in each phase, and how old the oldest is", async () => {
    const [one, two, three] = [1, 2, 3].map((n) => order(`c-${n}`, { serverId: server(n) }));
    await admitted(store, one as Order);
    await admitted(store, two as Order);
    await store.admit(three as Order, delivery("n"));
    await age(k.command((one as Order).commandId), "created", 100);
    await age(k.command((two as Order).commandId), "created", 4_000);
    const { openCommands, phases } = await census();
    expect(openCommands).toBe(3);
    expect([...phases.keys()].sort()).toEqual(["admit", "submit"]);
    expect(phases.get("submit")).toMatchObject({ commands: 2 });
    expect(phases.get("submit")?.oldestSeconds).toBeCloseTo(4_000, -1);
    expect(phases.get("admit")?.oldestSeconds).toBeCloseTo(0, -1);
  });

  it("counts from when a command was taken up, not from its last step", async () => {
    const { next } = await admitted(store, order("c"));
    await age(k.command(next.order.commandId), "created", 900);
    claimed(await store.claim(next, { nonce: "n", redelivered: false }));
    expect((await census()).phases.get("submit")?.oldestSeconds).toBeCloseTo(900, -1);
  });

  it("has a command until its outcome is told", async () => {
    const of = order("c");
    const { claim } = claimed(await store.admit(of, delivery("n")));
    await store.finish({ order: of, claim, outcome: outcome(of), lock: "free", healedAtMs: null });
    expect((await census()).phases.get("done")).toMatchObject({ commands: 1 });
    await store.published(PROJECT, of.commandId, 2);
    expect((await census()).openCommands).toBe(0);
  });

  it("has commands that it cannot place, and leaves out those that are gone", async () => {
    const later = order("later", { serverId: server(1) });
    await store.admit(later, delivery("n"));
    await client.hset(k.command(later.commandId), "phase", "verify");
    await client.zadd(k.active, 1, "gone");
    await client.zadd(k.active, 1, "foreign");
    await client.set(k.command(order("foreign").commandId), "a string");
    const { openCommands, phases } = await census();
    expect(openCommands).toBe(2);
    expect(phases.get("other")).toMatchObject({ commands: 2 });
  });

  it("goes through more commands than one batch", async () => {
    await Promise.all(
      Array.from({ length: 1_203 }, async (_, n) => {
        await client.hset(`${k.commandPrefix}c-${n}`, { phase: "watch", created: Date.now() });
        await client.zadd(k.active, Date.now(), `c-${n}`);
      }),
    );
    expect((await census()).phases.get("watch")?.commands).toBe(1_203);
  });

  it("tells the ages of locks, other services' and unreadable ones included", async () => {
    await store.admit(order("c", { serverId: server(1) }), delivery("n"));
    await age(k.lock(server(1)), "since", 30);
    await client.hset(k.lock(server(2)), { owner: "resizer", since: Date.now() - 700_000 });
    await client.hset(k.lock(server(3)), { owner: "careless", since: "yesterday" });
    await client.set(k.lock(server(4)), "a string");
    await Promise.all([2, 3, 4].map((n) => met(n)));
    await held(ANOTHER, 1, "unresolved", 0);
    const [ours, others] = [...(await both()).values()];
    expect(ours).toMatchObject({
      locks: {
        reinstall: { locks: 1 },
        unresolved: NONE,
        "other-service": { locks: 2 },
        unreadable: { locks: 1, oldestSeconds: 0 },
      },
      overdueLocks: 0,
    });
    expect(ours?.locks.reinstall.oldestSeconds).toBeCloseTo(30, -1);
    expect(ours?.locks["other-service"].oldestSeconds).toBeCloseTo(700, -1);
    expect(
      ours?.lockAgesSeconds.map((seconds) => Math.round(seconds)).sort((a, b) => a - b),
    ).toEqual([0, 0, 30, 700]);
    expect(others).toMatchObject({ locks: { unresolved: { locks: 1 } }, overdueLocks: 1 });
  });

  it("has no lock of another service among the overdue ones, however old it is", async () => {
    for (const [n, operation] of ["resize", "snapshot", ""].entries()) {
      const lock = { owner: "ops/7f9c", phase: "watch", since: Date.now() - 9e6, operation };
      await client.hset(k.lock(server(n)), lock);
      await met(n);
    }
    expect(await census()).toMatchObject({
      locks: { "other-service": { locks: 3 }, reinstall: NONE, unresolved: NONE },
      overdueLocks: 0,
    });
  });

  it.each([
    ["unresolved", 0, 1],
    ["watch", 590, 0],
    ["watch", 700, 1],
    ["reconcile", 700, 1],
    ["settle", 700, 1],
    // Nothing was sent: it may wait for the cloud, for a server that does not stop, or behind a breaker.
    ["waiting", 90_000, 0],
    ["prepare", 700, 0],
    ["submit", 700, 0],
  ])(
    "takes our lock in phase %s after %d s for %d overdue",
    async (phase, seconds, overdueLocks) => {
      await held(PROJECT, 1, phase, seconds);
      const seen = await census();
      const holder = phase === "unresolved" ? "unresolved" : "reinstall";
      expect(seen).toMatchObject({ overdueLocks, locks: { [holder]: { locks: 1 } } });
      expect(seen.locks[holder].oldestSeconds).toBeCloseTo(seconds, -1);
    },
  );

  it("tells how many slots are taken, and how many commands wait in line for one", async () => {
    await admitted(store, order("a", { serverId: server(1) }));
    await client.zadd(k.line, 1, "b", 2, "c");
    expect((await census()).slots).toEqual({ taken: 1, cap: 10, waiting: 2 });
    expect((await both()).get(ANOTHER)?.slots).toEqual({ taken: 0, cap: 10, waiting: 0 });
  });

  it("tells which projects are paused", async () => {
    await client.set(k.paused, "maintenance");
    expect([...(await both()).values()].map(({ paused }) => paused)).toEqual([true, false]);
    const byConfiguration = await takeCensus({ redis: client, scripts }, [ANOTHER], {
      ...LIMITS,
      paused: true,
    });
    expect(byConfiguration.get(ANOTHER)).toMatchObject({ paused: true });
  });

  it("rejects when the store is away", async () => {
    const nowhere = createRedisClient({
      url: "redis://127.0.0.1:1",
      commandTimeoutMs: 200,
      connectTimeoutMs: 200,
    });
    await expect(takeCensus({ redis: nowhere, scripts }, [PROJECT], LIMITS)).rejects.toThrow();
    await expect(findOverdue(nowhere, [PROJECT], LADDER)).rejects.toThrow();
    nowhere.disconnect();
  });
});

describe("the index of locks", () => {
  const indexed = () => client.zrangebyscore(k.locks, "-inf", "+inf");
  const of = (id: string, n: number) => order(id, { serverId: server(n) });

  it("has a server from when its lock is taken until it is freed", async () => {
    const a = of("a", 1);
    const { claim } = claimed(await store.admit(a, delivery("n")));
    expect(await indexed()).toEqual([server(1)]);
    await store.finish({ order: a, claim, outcome: outcome(a), lock: "free", healedAtMs: null });
    expect(await indexed()).toEqual([]);
  });

  it("keeps a server that a command leaves locked, or only lets go when it waits", async () => {
    const [a, b] = [of("a", 1), of("b", 2)];
    const left = claimed(await store.admit(a, delivery("n1"))).claim;
    const unresolved = { order: a, claim: left, outcome: outcome(a), healedAtMs: null };
    await store.finish({ ...unresolved, lock: "keep" });
    const { claim } = claimed(await store.admit(b, delivery("n2")));
    const outbox = { events: [], next: null };
    const saving = { order: b, claim, state: SUBMIT, nextSequence: 9, outbox } as const;
    await store.save({ ...saving, intent: "keep", lock: "release" });
    expect(await indexed()).toEqual([server(1)]);
  });

  it("comes back after FLUSHALL with the claims that put the locks back", async () => {
    const { next } = await admitted(store, of("a", 1));
    const { next: waiting } = await admitted(store, of("b", 2));
    await redis.flushAll();
    expect(await indexed()).toEqual([]);
    claimed(await store.claim(next, { nonce: "n", redelivered: false }));
    await store.hop(waiting, { redelivered: false });
    expect((await indexed()).toSorted()).toEqual([server(1), server(2)]);
  });

  it("has a lock of an older version from its next step on", async () => {
    const { next } = await admitted(store, of("a", 1));
    await client.del(k.locks);
    claimed(await store.claim(next, { nonce: "n", redelivered: false }));
    expect(await indexed()).toEqual([server(1)]);
  });

  it("has another service's lock once a command meets it, and not when that service has freed it", async () => {
    const since = Date.now() - 700_000;
    await client.hset(k.lock(server(1)), { owner: "ops/7f9c", operation: "resize", since });
    expect((await census()).locks["other-service"].locks).toBe(0);
    await store.admit(of("a", 1), delivery("n"));
    expect((await census()).locks["other-service"]).toMatchObject({ locks: 1 });
    await client.del(k.lock(server(1)));
    expect((await census()).locks["other-service"].locks).toBe(0);
    expect(await indexed()).toEqual([]);
  });

  it("keeps no command from its lock when it is damaged", async () => {
    await client.set(k.locks, "a string");
    expect(await store.admit(of("a", 1), delivery("n"))).toMatchObject({
      lock: { kind: "acquired" },
    });
  });

  it("is not looked for among everybody's keys", async () => {
    await redis.command("CONFIG", "RESETSTAT");
    await store.admit(of("a", 1), delivery("n"));
    await census();
    const stats = await redis.command("INFO", "commandstats");
    expect(stats).toContain("cmdstat_zrangebyscore");
    expect(stats).not.toMatch(/cmdstat_(scan|keys)\b/);
  });
});

describe("messages that do not come back", () => {
  const NONE_LATE = { 0: 0, 2_000: 0, 60_000: 0, "waiting.60000": 0 };
  /** A command whose first step was saved, and whose message was due so long ago after a delay. */
  async function saved(
    id: string,
    n: number,
    delayMs: number,
    dueSecondsAgo: number,
    state: State = SUBMIT,
  ) {
    const of = order(id, { serverId: server(n) });
    const { claim, lock } = claimed(await store.admit(of, delivery(`n-${id}`)));
    const token = lock.kind === "acquired" ? lock.token : null;
    const next = envelope(
      of,
      { claim, token },
      { state, dueMs: Date.now() - dueSecondsAgo * 1000 },
    );
    await store.save({
      order: of,
      claim,
      state,
      nextSequence: next.sequence,
      outbox: { events: [], next: { envelope: storedEnvelope(next), delayMs } },
      intent: "keep",
      lock: "keep",
    });
    await client.zadd(k.active, Date.now() - dueSecondsAgo * 1000 - delayMs, of.commandId);
    return next;
  }

  it("are none in good times", async () => {
    await saved("moving", 1, 2_000, -1);
    expect(await overdue()).toEqual(NONE_LATE);
  });

  it("are told by the queue that they were put into, the latest of each", async () => {
    await saved("a", 1, 2_000, 200);
    await saved("b", 2, 2_000, 300);
    await saved("c", 3, 60_000, 120);
    await saved("d", 4, 0, 150);
    const late = await overdue();
    expect(late[2_000]).toBeCloseTo(300, -1);
    expect(late[60_000]).toBeCloseTo(120, -1);
    expect(late[0]).toBeCloseTo(150, -1);
  });

  it("are told apart where they are of commands that wait in a crowd", async () => {
    await saved("near", 1, 2_000, 200, waitingFor("pause"));
    await saved("far", 2, 60_000, 120, waitingFor("pause"));
    const late = await overdue();
    expect(late[2_000]).toBeCloseTo(200, -1);
    expect(late["waiting.60000"]).toBeCloseTo(120, -1);
    expect(late[60_000]).toBe(0);
  });

  it("are not those that were sent away for longer than any queue holds them", async () => {
    const next = await saved("throttled", 1, 600_000, -300);
    await client.zadd(k.active, Date.now() - 300_000, next.order.commandId);
    expect(await overdue()).toEqual(NONE_LATE);
  });

  it("are not those that somebody has in hand", async () => {
    const next = await saved("in-hand", 1, 2_000, 300);
    claimed(await store.claim(next, { nonce: "x", redelivered: false }));
    await client.zadd(k.active, Date.now() - 300_000, next.order.commandId);
    expect(await overdue()).toEqual(NONE_LATE);
  });

  it("are not looked for where there is no next message, or nothing that can be read", async () => {
    await store.admit(order("unsaved", { serverId: server(1) }), delivery("n"));
    await client.zadd(k.active, 1, "unsaved");
    await client.zadd(k.active, 1, "gone");
    await client.zadd(k.active, 1, "foreign");
    await client.set(`${k.commandPrefix}foreign`, "a string");
    expect(await overdue()).toEqual(NONE_LATE);
  });
});
