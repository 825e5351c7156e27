import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { keysOf } from "../../src/adapters/redis/keys.ts";
import { ProjectId } from "../../src/contract/ids.ts";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

/** Longer than what is never foreseen. */
const JOB_MS = 12_000;
const SIMULATED = { simulator: { jobDurationMs: JOB_MS } };
const LINUX = "untyped/linux/off";
const WINDOWS = "untyped/windows/off";
const LEARNED = [11_900, 12_000, 11_800, 11_950, 11_850];
const { durations } = keysOf(ProjectId.parse(DEFAULT_PROJECT_ID));

let learning: SharedStage;
let byAge: SharedStage;

beforeAll(async () => {
  [learning, byAge] = await Promise.all([
    openOnSharedServices(SIMULATED),
    openOnSharedServices({ ...SIMULATED, env: { POLL_LEARNED: "false" } }),
  ]);
  for (const stage of [learning, byAge]) {
    await onRedis(stage, (redis) => redis.hset(durations, LINUX, JSON.stringify(LEARNED)));
    await stage.addWorker();
  }
});

afterAll(async () => {
  await Promise.all([learning?.close(), byAge?.close()]);
});

it("a job is polled first when jobs of its kind are likely to end, and teaches the next ones", async () => {
  const [known, unknown, switchedOff] = await Promise.all([
    reinstalled(learning, "Linux"),
    reinstalled(learning, "Windows"),
    reinstalled(byAge, "Linux"),
  ]);
  // Once a second at least, when nothing is known.
  expect(unknown.polls).toBeGreaterThan(12);
  expect(switchedOff.polls).toBeGreaterThan(12);
  expect(known.polls).toBeLessThan(8);
  for (const { event } of known.progress) {
    expect(event.data["elapsed_seconds"]).toBeGreaterThan(10.5);
  }

  const linux = await keptOf(learning, LINUX);
  expect(linux?.slice(1)).toEqual(LEARNED);
  expect(linux?.[0]).toBeGreaterThan(JOB_MS - 1_500);
  expect(linux?.[0]).toBeLessThan(JOB_MS + 1_500);
  expect(await keptOf(learning, WINDOWS)).toHaveLength(1);
  expect(await keptOf(byAge, LINUX)).toEqual(LEARNED);
});

/** One command, from its publish to its success. */
async function reinstalled(stage: SharedStage, osType: "Linux" | "Windows") {
  const server = stage.simulator.addServer({ state: "SHUTOFF", osType });
  const id = commandId("polled");
  await stage.emitter.send(stage.command(id, server.id));
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(1);
  return {
    polls: stage.simulator.calls(server.id).job,
    progress: stage.emitter.heard(id).filter(({ event }) => event.data.event === "progress"),
  };
}

async function keptOf(stage: SharedStage, kind: string): Promise<number[] | null> {
  const text = await onRedis(stage, (redis) => redis.hget(durations, kind));
  return text === null ? null : (JSON.parse(text) as number[]);
}

async function onRedis<T>(stage: SharedStage, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(stage.services.redis.url);
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}
