import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RequestBudget } from "../../../src/adapters/cloud/budget.ts";
import { createRedisBudget, type RedisBudget } from "../../../src/adapters/redis/budget.ts";
import { ProjectId } from "../../../src/contract/ids.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../../support/redis.ts";
import { PROJECT } from "./setup.ts";

const OTHER = ProjectId.parse("f".repeat(32));

let redis: PrivateRedis;
const clients: Redis[] = [];
let nowMs = 0;

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
    expect(await grants(two, 3)).toBe(1);
    expect(await grants(two, 1, OTHER)).toBe(1);
  });

  it("says how long to wait, and grants again after that", async () => {
    const budget = await replica({ requestsPerSecond: 1, burst: 1 });
    await budget.take(PROJECT, "look");
    const answer = await budget.take(PROJECT, "look");
    expect(answer).toMatchObject({ kind: "wait" });
    expect(answer.kind === "wait" ? answer.ms : 0).toBeLessThanOrEqual(1_000);
    await eventually(async () => (await budget.take(PROJECT, "look")).kind === "granted", {
      timeoutMs: 3_000,
    });
  });

  it("lets a penalty of one replica hold all, under one key with the project's hash tag", async () => {
    const [one, two] = [await replica(), await replica()];
    await one.penalise(PROJECT, 60_000);
    const answer = await two.take(PROJECT, "look");
    expect(answer.kind === "wait" ? answer.ms : 0).toBeGreaterThan(55_000);
    expect(await grants(two, 1, OTHER)).toBe(1);
    expect(await redis.command("KEYS", "*")).toContain(`ecs:{${PROJECT}}:budget`);
  });

  it("tells what is left, of the project that has least, and takes nothing by it", async () => {
    const [one, two] = [await replica(), await replica()];
    expect(await two.left([PROJECT, OTHER])).toBe(1);
    await grants(one, 1);
    expect(await two.left([PROJECT, OTHER])).toBe(0.75);
    expect(await two.left([PROJECT, OTHER])).toBe(0.75);
    expect(await two.left([OTHER])).toBe(1);
    await grants(one, 9);
    expect(await two.left([PROJECT, OTHER])).toBe(0);
  });

  it("has nothing left during a penalty, in the replica that heard it and in the others", async () => {
    const [one, two] = [await replica(), await replica()];
    await one.penalise(PROJECT, 60_000);
    expect(await one.left([PROJECT])).toBe(0);
    expect(await two.left([PROJECT])).toBe(0);
    expect(await two.left([OTHER])).toBe(1);
  });

  it("never shortens a penalty", async () => {
    const [one, two] = [await replica(), await replica()];
    await one.penalise(PROJECT, 60_000);
    await two.penalise(PROJECT, 1_000);
    const answer = await (await replica()).take(PROJECT, "look");
    expect(answer.kind === "wait" ? answer.ms : 0).toBeGreaterThan(55_000);
  });

  it("grants a share while Redis is away, and keeps its own penalties", async () => {
    const budget = await replica();
    await redis.kill();
    try {
      // The connection notices its end only a moment later.
      await eventually(() => clients.at(-1)?.status !== "ready");
      expect(await grants(budget, 4)).toBe(2);
      await budget.penalise(PROJECT, 5_000);
      nowMs += 4_000;
      expect(await budget.take(PROJECT, "look")).toEqual({ kind: "wait", ms: 1_000 });
    } finally {
      await redis.start();
    }
  });
});

async function replica(
  rate: { readonly requestsPerSecond: number; readonly burst: number } = {
    requestsPerSecond: 2,
    burst: 4,
  },
): Promise<RedisBudget> {
  const client = new Redis(redis.url, {
    enableOfflineQueue: false,
    lazyConnect: true,
    commandTimeout: 500,
    retryStrategy: () => 100,
  });
  client.on("error", () => {});
  clients.push(client);
  await client.connect();
  return createRedisBudget({
    redis: client,
    clock: { monotonicMs: () => nowMs },
    localShare: 0.5,
    ...rate,
  });
}

/** How many of so many requests are granted. */
async function grants(budget: RequestBudget, wanted: number, project = PROJECT): Promise<number> {
  let granted = 0;
  for (let i = 0; i < wanted; i += 1) {
    if ((await budget.take(project, "look")).kind === "granted") granted += 1;
  }
  return granted;
}
