import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createRedisBudget, type RedisBudget } from "../../../src/adapters/redis/budget.ts";
import { keysOf } from "../../../src/adapters/redis/keys.ts";
import { createScriptRunner } from "../../../src/adapters/redis/script-runner.ts";
import { callsAsked } from "../../../src/adapters/redis/scripts/calls/calls.ts";
import { takeCallsScript } from "../../../src/adapters/redis/scripts/calls/take-calls.ts";
import { ProjectId } from "../../../src/contract/ids.ts";
import { type CallBucket, type CallClass, takeCalls } from "../../../src/core/calls/call-bucket.ts";
import { type CallLimits, NOTHING_LEARNED, paceOf } from "../../../src/core/calls/call-rate.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { PROJECT } from "./setup.ts";

const OTHER = ProjectId.parse("f".repeat(32));
const LIMITS: CallLimits = { perSecond: 2, burst: 4 };
const ONE = { class: 4, calls: 1 } as const;
/** Says nothing but that it was one call too many. */
const MERE = { stated: null, retryAfterMs: null };

let redis: PrivateRedis;
const clients: Redis[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  await redis.stop();
});
beforeEach(() => redis.flushAll());

describe("the request budget in Redis", () => {
  it("is one for all replicas, and one for each project", async () => {
    const [one, two] = [await replica(), await replica()];
    expect(await grants(one, 3)).toBe(3);
    // One is left, and one more within reach.
    expect(await grants(two, 3)).toBe(2);
    expect(await grants(two, 1, OTHER)).toBe(1);
    expect(await redis.command("KEYS", "*")).toContain(keysOf(PROJECT).calls);
  });

  it("says how long to wait, and grants again after that", async () => {
    const budget = await replica({ perSecond: 1, burst: 1 });
    await budget.take(PROJECT, ONE);
    const answer = await budget.take(PROJECT, ONE);
    expect(answer).toMatchObject({ kind: "wait", spreadMs: 10_000 });
    expect(answer.kind === "wait" ? answer.ms : 0).toBeLessThanOrEqual(1_000);
    await eventually(async () => (await budget.take(PROJECT, ONE)).kind === "granted", {
      timeoutMs: 3_000,
    });
  });

  it("holds all replicas for as long as the cloud asked one of them, and never for less", async () => {
    const [one, two] = [await replica(), await replica()];
    await one.refused(PROJECT, { begunMs: one.nowMs(), ...MERE, retryAfterMs: 60_000 });
    await two.refused(PROJECT, { begunMs: one.nowMs(), ...MERE, retryAfterMs: 1_000 });
    const answer = await two.take(PROJECT, ONE);
    expect(answer.kind === "wait" ? answer.ms : 0).toBeGreaterThan(55_000);
    expect(await grants(two, 1, OTHER)).toBe(1);
    const [held, free] = await two.rates([PROJECT, OTHER]);
    expect(held).toMatchObject({ left: 0, isLearned: true });
    expect(held?.heldUntilMs).toBeGreaterThan(Date.now() + 55_000);
    expect(free).toMatchObject({ isLearned: false, heldUntilMs: null });
    expect(free?.left).toBeGreaterThan(0);
  });

  it("is lowered once for what several replicas hear of calls that were under way together", async () => {
    const replicas = await Promise.all([1, 2, 3].map(() => replica({ perSecond: 50, burst: 100 })));
    await Promise.all(replicas.map((one) => grants(one, 8)));
    const begunMs = replicas[0]?.nowMs() ?? 0;
    await Promise.all(replicas.map((one) => one.refused(PROJECT, { begunMs, ...MERE })));
    const [rate] = (await replicas[2]?.rates([PROJECT])) ?? [];
    expect(rate).toMatchObject({ configuredPerSecond: 50, isLearned: true });
    // Half of the 24 that were used, or of those of the busier second; halved again it would be 6 at most.
    expect(rate?.perSecond).toBeLessThanOrEqual(12);
    expect(rate?.perSecond).toBeGreaterThan(6 - 0.1);
  });

  it("takes the limit that the cloud says in figures, for all", async () => {
    const [one, two] = [await replica(), await replica({ perSecond: 50, burst: 100 })];
    const stated = { calls: 40, perMs: 10_000 };
    await two.refused(PROJECT, { begunMs: two.nowMs(), stated, retryAfterMs: 10_000 });
    expect((await two.rates([PROJECT]))[0]?.perSecond).toBeCloseTo(3.78, 2);
    // That is more than this one is configured for.
    expect((await one.rates([PROJECT]))[0]).toMatchObject({ perSecond: 2 });
  });

  it("rises after quiet success, a replica's own or another's", async () => {
    const [one, two] = [await replica(), await replica()];
    await one.refused(PROJECT, { begunMs: one.nowMs(), ...MERE });
    const low = (await two.rates([PROJECT]))[0]?.perSecond ?? 0;
    await longAgo("changed", "lowered", "held");
    // What one knows goes along with its next question.
    await one.rates([PROJECT]);
    await one.passed(PROJECT, one.nowMs() - 2);
    await one.take(PROJECT, { class: 4, calls: 0 });
    await two.take(PROJECT, { class: 4, calls: 0 });
    await two.passed(PROJECT, two.nowMs());
    const [rate] = await two.rates([PROJECT]);
    expect(rate?.perSecond).toBeGreaterThan(low);
    expect(rate?.perSecond).toBeLessThanOrEqual(2);
  });

  it("shows what is left of the calls that may go at once, and takes nothing by it", async () => {
    const [one, two] = [await replica(), await replica()];
    await grants(one, 2);
    for (let n = 0; n < 3; n += 1) {
      const [rate] = await two.rates([PROJECT]);
      expect(rate?.left).toBeGreaterThanOrEqual(0.5);
      expect(rate?.left).toBeLessThan(0.75);
    }
  });

  describe("asked often, with plenty left", () => {
    const PLENTY: CallLimits = { perSecond: 100, burst: 200 };
    const tokens = async () => Number(await clients.at(-1)?.hget(keysOf(PROJECT).calls, "tokens"));
    const used = async () => Number(await clients.at(-1)?.hget(keysOf(PROJECT).calls, "used"));

    it("gives some beyond those that are asked for, which need no question then", async () => {
      const budget = await replica(PLENTY);
      const before = await questions();
      await grants(budget, 40);
      const asked = (await questions()) - before;
      expect(asked).toBeLessThan(40);
      expect(asked).toBeGreaterThan(40 / 10);
      // Whatever a replica has in hand is taken, and counts as used only when it is made.
      expect(await tokens()).toBeLessThanOrEqual(PLENTY.burst - 39 + 10);
      expect(await used()).toBeLessThanOrEqual(40);
    });

    it("answers many that ask together with few questions", async () => {
      const budget = await replica(PLENTY);
      await grants(budget, 40);
      const before = await questions();
      const together = Array.from({ length: 40 }, () => budget.take(PROJECT, ONE));
      const answers = await Promise.all(together);
      expect(answers.every(({ kind }) => kind === "granted")).toBe(true);
      expect((await questions()) - before).toBeLessThanOrEqual(4);
    });

    it("gives none where less than half is left, or a class has got nothing", async () => {
      const budget = await replica(PLENTY);
      await grants(budget, 20);
      await budget.take(PROJECT, { class: 1, calls: 110 });
      const before = await questions();
      await grants(budget, 20);
      // But for those that it had in hand by then.
      expect((await questions()) - before).toBeGreaterThanOrEqual(20 - 10);
      await redis.flushAll();
      const other = await replica(PLENTY);
      await grants(other, 20);
      await clients.at(-1)?.hset(keysOf(PROJECT).calls, "denied3", String(Date.now()));
      const then = await questions();
      await grants(other, 20);
      expect((await questions()) - then).toBeGreaterThanOrEqual(20 - 10);
    });

    it("asks for each again once the cloud turned one away, whichever replica heard it", async () => {
      const [one, two] = [await replica(PLENTY), await replica(PLENTY)];
      await grants(two, 20);
      await grants(one, 20);
      await one.refused(PROJECT, { begunMs: one.nowMs(), ...MERE, retryAfterMs: 60_000 });
      expect((await one.take(PROJECT, ONE)).kind).toBe("wait");
      // The other has a few in hand at most.
      const granted = await grants(two, 20);
      expect(granted).toBeLessThanOrEqual(10);
      expect((await two.take(PROJECT, ONE)).kind).toBe("wait");
    });
  });

  it("grants a share while Redis is away, and keeps the holds that it has heard of", async () => {
    const budget = await replica();
    await budget.take(PROJECT, { class: 4, calls: 0 });
    await redis.kill();
    try {
      // The connection notices its end only a moment later.
      await eventually(() => clients.at(-1)?.status !== "ready");
      // Half of four at once; the next is a second away.
      expect(await grants(budget, 4)).toBe(2);
      await budget.refused(PROJECT, { begunMs: budget.nowMs(), ...MERE, retryAfterMs: 5_000 });
      const answer = await budget.take(PROJECT, ONE);
      expect(answer.kind === "wait" ? answer.ms : 0).toBeGreaterThan(4_000);
    } finally {
      await redis.start();
    }
  });

  it("goes on with its own share where a person has put something else at its key", async () => {
    const budget = await replica();
    await redis.command("SET", keysOf(PROJECT).calls, "mine");
    expect(await grants(budget, 4)).toBe(2);
    await budget.refused(PROJECT, { begunMs: budget.nowMs(), ...MERE, retryAfterMs: 5_000 });
    expect((await budget.take(PROJECT, ONE)).kind).toBe("wait");
  });
});

/** What the script and the function in core say to the same questions at the same instants. */
describe("the bucket in Redis and the one in core", () => {
  const PACES: readonly (readonly [string, CallLimits])[] = [
    ["fast", { perSecond: 10, burst: 5 }],
    ["slow", { perSecond: 0.5, burst: 1 }],
    ["whole", { perSecond: 3, burst: 3 }],
  ];
  it.each(PACES)("agree at every step: %s", async (_name, limits) => {
    const scripts = createScriptRunner(await connected());
    const dice = dicer(limits.perSecond * 10);
    let bucket: CallBucket | null = null;
    // By a clock of the play: Redis's, and what the play lets pass beside it.
    let passedMs = 0;
    for (let n = 0; n < 150; n += 1) {
      const passMs = dice(3) === 0 ? dice(4_000) : dice(300);
      passedMs += passMs;
      await letPass(passMs);
      const ask = {
        class: (1 + dice(4)) as CallClass,
        calls: dice(4),
        ahead: dice(4) === 0 ? dice(3) : 0,
      };
      const answer = await scripts.run(
        takeCallsScript,
        { calls: keysOf(PROJECT).calls },
        {
          ask: { ...callsAsked(ask.class, ask.calls, limits), ahead: ask.ahead },
          spare: 0,
          drawn: 0,
          passed: null,
        },
      );
      if (answer.kind !== "granted" && answer.kind !== "wait") throw new Error(answer.kind);
      const nowMs = answer.atMs + passedMs;
      const { bucket: next, taken } = takeCalls(
        bucket,
        paceOf(NOTHING_LEARNED, limits),
        ask,
        nowMs,
      );
      bucket = next;
      expect({ n, ask, kind: answer.kind }).toEqual({ n, ask, kind: taken.kind });
      const delay = (one: typeof taken) => (one.kind === "granted" ? one.delayMs : one.ms);
      // Before version 7 Redis's clock goes on within a script.
      expect(Math.abs(delay(answer) - delay(taken)), `step ${n}`).toBeLessThan(20);
      if (taken.kind === "granted") expect(answer).toMatchObject({ spacingMs: taken.spacingMs });
    }
  });
});

/** Time passes for the bucket in Redis: its instants are as much longer ago. */
async function letPass(ms: number): Promise<void> {
  const key = keysOf(PROJECT).calls;
  const client = clients.at(-1);
  const known = (await client?.hgetall(key)) ?? {};
  for (const name of ["at", "denied1", "denied2", "denied3", "denied4"]) {
    if (known[name] !== undefined) await client?.hset(key, name, String(Number(known[name]) - ms));
  }
}

/** How often a script has run in this Redis. */
async function questions(): Promise<number> {
  const stats = String(await redis.command("INFO", "commandstats"));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

async function longAgo(...names: readonly string[]): Promise<void> {
  const key = keysOf(PROJECT).calls;
  for (const name of names) {
    const known = Number(await clients.at(-1)?.hget(key, name));
    await clients.at(-1)?.hset(key, name, String(known - 60_000));
  }
}

/** Whole numbers from 0 to below `n`, the same ones in every run. */
function dicer(seed: number): (n: number) => number {
  let state = Math.floor(seed) + 12_345;
  return (n) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * n);
  };
}

async function connected(): Promise<Redis> {
  const client = new Redis(redis.url, {
    enableOfflineQueue: false,
    lazyConnect: true,
    commandTimeout: 500,
    retryStrategy: () => 100,
  });
  client.on("error", () => {});
  clients.push(client);
  await client.connect();
  return client;
}

async function replica(limits = LIMITS): Promise<RedisBudget> {
  const client = await connected();
  return createRedisBudget({
    scripts: createScriptRunner(client),
    isThere: () => client.status === "ready",
    clock: { monotonicMs: () => performance.now(), nowMs: () => Date.now() },
    localShare: 0.5,
    limits,
  });
}

/** How many of so many calls are granted. */
async function grants(budget: RedisBudget, wanted: number, project = PROJECT): Promise<number> {
  let granted = 0;
  for (let i = 0; i < wanted; i += 1) {
    if ((await budget.take(project, ONE)).kind === "granted") granted += 1;
  }
  return granted;
}
