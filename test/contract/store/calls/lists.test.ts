import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { createServerLists } from "../../../../src/adapters/redis/server-lists.ts";
import { ProjectId, ServerId } from "../../../../src/contract/ids.ts";
import type { ListedServer } from "../../../../src/core/calls/listed-server.ts";
import { LIST_RULES } from "../../../../src/core/calls/list-round.ts";
import type { ListedServers, ServerLists } from "../../../../src/steps/ports/server-lists.ts";
import { eventually } from "../../../support/eventually.ts";
import { StoreMemory } from "../../../support/in-memory/memory.ts";
import { createMemoryLists } from "../../../support/in-memory/store.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { Random } from "../../../simulation/random.ts";
import { connected } from "../rig/connected.ts";
import { onTime, setTime } from "../model/sides.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { PROJECT, SERVER } from "../rig/samples.ts";

const OTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
const SERVERS: ListedServers = new Map<ServerId, ListedServer>([
  [SERVER, { disk: "90c15cff-0000-4000-8000-000000000005" }],
  [ServerId.parse("5f4b3dfa-eb70-47cf-a60a-998a53bd598a"), "error"],
  [ServerId.parse("6f4b3dfa-eb70-47cf-a60a-998a53bd598a"), "busy"],
]);
const HOUR_MS = 3_600_000;
const FAILED = { kind: "failed", atLeastMs: 0, why: "tested" } as const;

async function begin(lists: ServerLists): Promise<number> {
  const answer = await lists.take(PROJECT);
  if (answer.kind !== "listing") throw new Error(`not made: ${answer.kind}`);
  return answer.begunMs;
}

describe.each(RIGS)("lists that polls share, %s", (_name, rigs) => {
  const create = rigs();
  let rig: StoreRig;
  beforeEach(async () => {
    rig = await create();
  });

  it("are not made where too few would share one", async () => {
    const lists = rig.listsOf({ worth: 2, freshMs: HOUR_MS / 5, windowMs: HOUR_MS });
    for (let poll = 0; poll < 10; poll += 1) {
      expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "few" });
    }
    expect(await lists.take(PROJECT)).toMatchObject({ kind: "listing" });
    expect(await lists.take(OTHER)).toMatchObject({ kind: "alone" });
  });

  it("are made by one poll, of all replicas, and seen by every other", async () => {
    const [mine, theirs] = [rig.listsOf(), rig.listsOf()];
    const begunMs = await begin(mine);
    expect(await theirs.take(PROJECT)).toEqual({ kind: "awaited" });
    expect(await mine.take(PROJECT)).toEqual({ kind: "awaited" });
    await mine.made(PROJECT, begunMs, { pages: 1, servers: SERVERS });
    for (const lists of [mine, theirs]) {
      expect(await lists.take(PROJECT)).toEqual({ kind: "listed", atMs: begunMs });
      expect(await lists.listed(PROJECT, begunMs)).toEqual(SERVERS);
    }
  });

  it("are made anew when the last one is too old", async () => {
    const lists = rig.listsOf({ freshMs: 1 });
    const begunMs = await begin(lists);
    await lists.made(PROJECT, begunMs, { pages: 1, servers: SERVERS });
    await eventually(async () =>
      expect(await lists.take(PROJECT)).toMatchObject({ kind: "listing" }),
    );
  });

  it("cost as many calls as they have pages", async () => {
    const lists = rig.listsOf({ worth: 0.5, freshMs: HOUR_MS, windowMs: HOUR_MS });
    const begunMs = await begin(lists);
    await lists.made(PROJECT, begunMs, { pages: 6, servers: SERVERS });
    expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "few" });
    expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "few" });
    expect(await lists.take(PROJECT)).toMatchObject({ kind: "listed" });
  });

  it("are left alone after one that failed", async () => {
    const lists = rig.listsOf();
    await lists.unmade(PROJECT, await begin(lists), FAILED);
    expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "held" });
  });

  it("are left alone for twice as long each time, and no longer than that", async () => {
    const lists = rig.listsOf({ holdMs: 1, longestHoldMs: 2 });
    for (let time = 0; time < 5; time += 1) {
      const begunMs = await eventually(() => begin(lists));
      await lists.unmade(PROJECT, begunMs, FAILED);
    }
    await lists.unmade(PROJECT, await eventually(() => begin(lists)), {
      ...FAILED,
      atLeastMs: 600_000,
    });
    expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "held" });
  });

  it("that no call was left for are made by the next poll", async () => {
    const lists = rig.listsOf();
    await lists.unmade(PROJECT, await begin(lists), { kind: "unasked", why: "tested" });
    expect(await lists.take(PROJECT)).toMatchObject({ kind: "listing" });
  });

  it("that nobody finishes count as failed, and are not kept when they come after all", async () => {
    const lists = rig.listsOf({ leaseMs: 1 });
    const begunMs = await begin(lists);
    await eventually(async () =>
      expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "held" }),
    );
    await lists.made(PROJECT, begunMs, { pages: 1, servers: SERVERS });
    expect(await rig.listsOf().listed(PROJECT, begunMs)).toBeNull();
    expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "held" });
  });

  it("are gone with everything else", async () => {
    const lists = rig.listsOf();
    const begunMs = await begin(lists);
    await lists.made(PROJECT, begunMs, { pages: 1, servers: SERVERS });
    await rig.flushAll();
    expect(await rig.listsOf().listed(PROJECT, begunMs)).toBeNull();
    expect(await lists.take(PROJECT)).toMatchObject({ kind: "listing" });
  });
});

describe("lists that polls share, in each replica", () => {
  const { list: key, listRound } = keysOf(PROJECT);
  let redis: PrivateRedis;
  let client: RedisClient;
  const replica = (more: Partial<Parameters<typeof createServerLists>[0]> = {}) =>
    createServerLists({
      redis: client,
      scripts: createScriptRunner(client),
      rules: { ...LIST_RULES, worth: 0 },
      ...more,
    });

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    await redis.flushAll();
    client = await connected(redis.url);
  });
  afterEach(() => client.disconnect());

  it("are read once", async () => {
    const maker = replica();
    const begunMs = await begin(maker);
    await maker.made(PROJECT, begunMs, { pages: 1, servers: SERVERS });
    let reads = 0;
    const get = (name: string) => {
      reads += 1;
      return client.get(name);
    };
    const counting = replica({ redis: { status: client.status, get } });
    const seen = await Promise.all([1, 2, 3].map(() => counting.listed(PROJECT, begunMs)));
    expect(seen).toEqual([SERVERS, SERVERS, SERVERS]);
    expect(reads).toBe(1);
  });

  it("are counted by what each poll was to do, and a failure is named", async () => {
    const said: unknown[] = [];
    const lists = replica({
      onTaken: (_project, answer) => said.push(answer.kind),
      onFailed: (project, why) => said.push(project, why),
    });
    await lists.unmade(PROJECT, await begin(lists), { ...FAILED, why: "Common.0013: no right" });
    await lists.take(PROJECT);
    expect(said).toEqual(["listing", PROJECT, "Common.0013: no right", "alone"]);
  });

  it("are not asked for while Redis is away", async () => {
    const lists = replica();
    client.disconnect();
    expect(await lists.take(PROJECT)).toEqual({ kind: "alone", why: "held" });
    expect(await lists.listed(PROJECT, 1)).toBeNull();
    await lists.made(PROJECT, 1, { pages: 1, servers: SERVERS });
  });

  it("are nothing where something foreign is at a key, and it stays", async () => {
    await redis.command("SET", listRound, "foreign");
    expect(await replica().take(PROJECT)).toEqual({ kind: "alone", why: "held" });
    expect(await client.get(listRound)).toBe("foreign");
    for (const text of ["[", '{"atMs":1}', '{"atMs":1,"servers":[["x",""]]}']) {
      await client.set(key, text);
      expect(await replica().listed(PROJECT, 1)).toBeNull();
    }
    await client.del(key);
    await client.hset(key, "a", "b");
    expect(await replica().listed(PROJECT, 1)).toBeNull();
  });

  it("stay for half a minute, and what is known of their rounds for an hour", async () => {
    const lists = replica();
    await lists.made(PROJECT, await begin(lists), { pages: 1, servers: SERVERS });
    expect(await client.pttl(key)).toBeGreaterThan(25_000);
    expect(await client.pttl(key)).toBeLessThanOrEqual(30_000);
    expect(await client.pttl(listRound)).toBeLessThanOrEqual(3_600_000);
    expect(await client.pttl(listRound)).toBeGreaterThan(3_500_000);
  });
});

describe("lists that polls share, on Redis and on its twin", () => {
  let redis: PrivateRedis;
  let client: RedisClient;
  beforeAll(async () => {
    redis = await startRedis();
    client = await connected(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });

  it.each([1, 2, 3, 4])("agree at every step, play %i", async (seed) => {
    await redis.flushAll();
    const dice = dicer(seed);
    const rules = { ...LIST_RULES, holdMs: 3_000, longestHoldMs: 10_000 };
    const present = { nowMs: 1_800_000_000_000 };
    const memory = new StoreMemory({ nowMs: () => present.nowMs });
    const sides = [
      createMemoryLists(memory, rules),
      createServerLists({ redis: client, scripts: onTime(client), rules }),
    ] as const;
    const begun = [0];
    const kinds = new Map<string, number>();
    for (let step = 0; step < 600; step += 1) {
      present.nowMs += dice(40) === 0 ? dice(12_000) : dice(step % 200 < 120 ? 200 : 2_000);
      await setTime(client, present);
      const begunMs = begun[dice(begun.length)] ?? 0;
      const act = dice(12);
      for (const lists of sides) {
        if (act === 0) await lists.unmade(PROJECT, begunMs, { ...FAILED, atLeastMs: step * 10 });
        if (act === 1) await lists.unmade(PROJECT, begunMs, { kind: "unasked", why: "tested" });
        if (act <= 5)
          await lists.made(PROJECT, begunMs, { pages: 1 + (step % 3), servers: SERVERS });
      }
      const [mine, theirs] = await Promise.all(sides.map((lists) => lists.take(PROJECT)));
      expect({ step, ...theirs }).toEqual({ step, ...mine });
      if (mine?.kind === "listing") begun.splice(0, begun.length > 2 ? 1 : 0, mine.begunMs);
      const kind = mine?.kind === "alone" ? mine.why : (mine?.kind ?? "none");
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    expect([...kinds.keys()].toSorted()).toEqual(["awaited", "few", "held", "listed", "listing"]);
  });
});

/** The same for a seed: whole numbers below `n`. */
function dicer(seed: number): (n: number) => number {
  const random = new Random(seed);
  return (n) => random.below(n);
}
