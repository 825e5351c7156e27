import { asyncProperty, assert } from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createRedisClient } from "../../../src/adapters/redis/client.ts";
import { type PrivateRedis, startRedis } from "../../support/redis.ts";
import { play, type Redises } from "./model/play.ts";
import { STEPS } from "./model/steps.ts";

/*
 * The store in memory, which the simulation trusts, and Redis are asked the same, in sequences that chance writes, with
 * losses of memory between and with Redis refusing scripts half way. Each answer must be the same, and so must
 * everything that is kept at the end. MODEL_SEQUENCES plays more of them; MODEL_SEED plays those again that a failure names.
 */

const SEQUENCES = 2_000;
const USER = "model";

let redis: PrivateRedis;
let redises: Redises;

beforeAll(async () => {
  redis = await startRedis();
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
  redises = { client, admin, user: USER };
});

afterAll(async () => {
  redises.client.disconnect();
  redises.admin.disconnect();
  await redis.stop();
});

describe("the store in memory and Redis", () => {
  it(`answer alike in ${SEQUENCES} sequences of calls, losses and faults`, async () => {
    const numRuns = Number(process.env["MODEL_SEQUENCES"] ?? SEQUENCES);
    const seed = process.env["MODEL_SEED"];
    const property = asyncProperty(STEPS, (steps) => play(redises, steps));
    await assert(property, { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) });
  }, 600_000);
});
