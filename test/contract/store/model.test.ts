import { asyncProperty, assert } from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createRedisClient } from "../../../src/adapters/redis/connection/client.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { play, type Redises } from "./model/play.ts";
import { STEPS } from "./model/steps.ts";

/*
 * The store in memory, which the simulation trusts, and Redis are asked the same, in sequences that chance writes, with
 * losses of memory between and with Redis refusing scripts half way. Each answer must be the same, and so must
 * everything that is kept at the end. MODEL_SEQUENCES plays more of them; MODEL_SEED plays those again that a failure names.
 */

const SEQUENCES = Number(process.env["MODEL_SEQUENCES"] ?? 2_000);
const SEED = process.env["MODEL_SEED"];
/** So many sequences are played side by side, each on a Redis of its own: one answers while the others compute. */
const LANES = SEED === undefined ? 4 : 1;
const USER = "model";

interface Lane extends Redises {
  readonly redis: PrivateRedis;
}

let lanes: readonly Lane[] = [];

beforeAll(async () => {
  lanes = await Promise.all(Array.from({ length: LANES }, openLane));
});

afterAll(async () => {
  for (const { client, admin } of lanes) {
    client.disconnect();
    admin.disconnect();
  }
  await Promise.all(lanes.map(({ redis }) => redis.stop()));
});

async function openLane(): Promise<Lane> {
  const redis = await startRedis();
  const admin = new Redis(redis.url);
  await admin.call("ACL", "SETUSER", USER, "on", ">model", "~*", "&*", "+@all");
  const client = createRedisClient({
    url: redis.url,
    username: () => USER,
    password: () => "model",
    commandTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
  });
  client.on("error", () => undefined);
  await client.connect();
  return { redis, client, admin, user: USER };
}

describe("the twin and Redis", () => {
  it(`answer alike in ${SEQUENCES} sequences of calls, losses and faults`, async () => {
    const numRuns = Math.ceil(SEQUENCES / LANES);
    const seed = SEED === undefined ? {} : { seed: Number(SEED) };
    // All of them to their end, whatever one of them finds: none may ask a Redis that is stopped already.
    const played = await Promise.allSettled(
      lanes.map((lane) =>
        assert(
          asyncProperty(STEPS, (steps) => play(lane, steps)),
          { numRuns, ...seed },
        ),
      ),
    );
    for (const lane of played) if (lane.status === "rejected") throw lane.reason;
  }, 600_000);
});
