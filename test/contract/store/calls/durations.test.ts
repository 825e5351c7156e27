import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { createJobDurations, NO_DURATIONS } from "../../../../src/adapters/redis/job-durations.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { connected } from "../rig/connected.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { PROJECT } from "../rig/samples.ts";

const OTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
const FIVE = [64_000, 60_000, 63_000, 61_000, 62_000];
const LEARNED = { fromMs: 60_000, toMs: 64_000 };

describe.each(RIGS)("how long jobs take, %s", (_name, rigs) => {
  const create = rigs();
  let rig: StoreRig;
  beforeEach(async () => {
    rig = await create();
  });
  const learn = async (kind: string, tookMs: readonly number[]) => {
    for (const one of tookMs) expect(await rig.durations.learn(PROJECT, kind, one)).toBe("kept");
  };

  it("is known from the fifth success on", async () => {
    expect(await rig.durations.likelyEnd(PROJECT, "sas")).toBeNull();
    await learn("sas", FIVE.slice(1));
    expect(await rig.durations.likelyEnd(PROJECT, "sas")).toBeNull();
    await learn("sas", FIVE.slice(0, 1));
    expect(await rig.durations.likelyEnd(PROJECT, "sas")).toEqual(LEARNED);
  });

  it("is known apart for each kind and each project", async () => {
    await learn("sas", FIVE);
    expect(await rig.durations.likelyEnd(PROJECT, "ssd")).toBeNull();
    expect(await rig.durations.likelyEnd(OTHER, "sas")).toBeNull();
  });

  it("goes by the last 50 successes", async () => {
    await learn("sas", FIVE);
    await learn(
      "sas",
      Array.from({ length: 49 }, () => 90_000),
    );
    // One of the first five is left, which is one in twenty at the most.
    expect(await rig.durations.likelyEnd(PROJECT, "sas")).toEqual({
      fromMs: 90_000,
      toMs: 90_000,
    });
    await learn("sas", [30_000, 30_000, 30_000]);
    expect(await rig.durations.likelyEnd(PROJECT, "sas")).toMatchObject({ fromMs: 30_000 });
  });

  it("is forgotten with everything else", async () => {
    await learn("sas", FIVE);
    await rig.flushAll();
    expect(await rig.durations.likelyEnd(PROJECT, "sas")).toBeNull();
  });
});

describe("how long jobs take, in each replica", () => {
  const { durations: key } = keysOf(PROJECT);
  let redis: PrivateRedis;
  let client: RedisClient;
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs };
  const replica = () =>
    createJobDurations({ redis: client, scripts: createScriptRunner(client), clock });

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    await redis.flushAll();
    client = await connected(redis.url);
  });
  afterEach(() => client.disconnect());

  it("is known at once of its own successes, and within 30 s of the others'", async () => {
    const [mine, theirs] = [replica(), replica()];
    expect(await theirs.likelyEnd(PROJECT, "sas")).toBeNull();
    for (const tookMs of FIVE) await mine.learn(PROJECT, "sas", tookMs);
    expect(await mine.likelyEnd(PROJECT, "sas")).toEqual(LEARNED);
    expect(await theirs.likelyEnd(PROJECT, "sas")).toBeNull();
    nowMs += 30_000;
    expect(await theirs.likelyEnd(PROJECT, "sas")).toEqual(LEARNED);
  });

  it("is shown whenever it is read or learned", async () => {
    const shown: unknown[] = [];
    const mine = createJobDurations({
      redis: client,
      scripts: createScriptRunner(client),
      clock,
      onKnown: (...known) => shown.push(known),
    });
    await client.hset(key, "sas", JSON.stringify(FIVE.slice(1)));
    await mine.likelyEnd(PROJECT, "sas");
    await mine.likelyEnd(PROJECT, "sas");
    await mine.learn(PROJECT, "sas", 64_000);
    expect(shown).toEqual([
      [PROJECT, "sas", null],
      [PROJECT, "sas", LEARNED],
    ]);
  });

  it("says of a project when most of its longest jobs have ended, of the kinds that it has met", async () => {
    const [mine, theirs] = [replica(), replica()];
    expect(mine.longestMs(PROJECT)).toBeNull();
    for (const tookMs of FIVE) await mine.learn(PROJECT, "sas", tookMs);
    for (const tookMs of FIVE) await mine.learn(PROJECT, "ssd", tookMs / 2);
    for (const tookMs of FIVE) await mine.learn(OTHER, "sas", tookMs * 2);
    expect([mine.longestMs(PROJECT), mine.longestMs(OTHER)]).toEqual([64_000, 128_000]);
    expect(theirs.longestMs(PROJECT)).toBeNull();
    await theirs.likelyEnd(PROJECT, "ssd");
    expect(theirs.longestMs(PROJECT)).toBe(32_000);
    expect(NO_DURATIONS.longestMs(PROJECT)).toBeNull();
  });

  it("stays as it was known last while Redis is away", async () => {
    const mine = replica();
    for (const tookMs of FIVE) await mine.learn(PROJECT, "sas", tookMs);
    await client.hset(key, "ssd", JSON.stringify(FIVE));
    client.disconnect();
    nowMs += 60_000;
    expect(await mine.likelyEnd(PROJECT, "sas")).toEqual(LEARNED);
    expect(await mine.likelyEnd(PROJECT, "ssd")).toBeNull();
    expect(await mine.learn(PROJECT, "sas", 1)).toBe("away");
  });

  it("is nothing where it cannot be read, and begins anew with the next success", async () => {
    await client.hset(key, "sas", "[60,");
    expect(await replica().likelyEnd(PROJECT, "sas")).toBeNull();
    await client.hset(key, "sas", '["60"]');
    expect(await replica().likelyEnd(PROJECT, "sas")).toBeNull();
    await client.hset(key, "sas", "[60,");
    expect(await replica().learn(PROJECT, "sas", 61_000)).toBe("kept");
    expect(await client.hget(key, "sas")).toBe("[61000]");
  });

  it("is nothing, and not kept, where something foreign is at the key", async () => {
    await redis.command("SET", key, "foreign");
    expect(await replica().likelyEnd(PROJECT, "sas")).toBeNull();
    expect(await replica().learn(PROJECT, "sas", 61_000)).toBe("away");
    expect(await client.get(key)).toBe("foreign");
  });

  it("is forgotten by a project that nothing succeeds in for 90 days", async () => {
    await replica().learn(PROJECT, "sas", 61_000);
    const leftMs = await client.pttl(key);
    expect(leftMs).toBeGreaterThan(89 * 86_400_000);
    expect(leftMs).toBeLessThanOrEqual(90 * 86_400_000);
  });

  it("is not learned where nobody wants it", async () => {
    for (const tookMs of FIVE) await NO_DURATIONS.learn(PROJECT, "sas", tookMs);
    expect(await NO_DURATIONS.likelyEnd(PROJECT, "sas")).toBeNull();
  });
});
