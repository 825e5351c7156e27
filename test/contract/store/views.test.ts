import { afterAll, beforeAll, expect, it } from "vitest";
import { createRedisClient, type RedisClient } from "../../../src/adapters/redis/client.ts";
import { createReinstallStore } from "../../../src/adapters/redis/reinstall-store.ts";
import { createScriptRunner } from "../../../src/adapters/redis/script-runner.ts";
import { createCommandViews } from "../../../src/adapters/redis/command-views.ts";
import { systemClock } from "../../../src/adapters/system-clock.ts";
import { ProjectId } from "../../../src/contract/ids.ts";
import type { ReinstallStore } from "../../../src/steps/ports/reinstall-store.ts";
import { type PrivateRedis, startRedis } from "../../support/redis.ts";
import { admitted, claimed, delivery, order, outcome, PROJECT } from "./samples.ts";
import { NO_BRAKES } from "../../support/brake-rules.ts";

const ANOTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");

let redis: PrivateRedis;
let client: RedisClient;
let store: ReinstallStore;

beforeAll(async () => {
  redis = await startRedis();
  client = createRedisClient({ url: redis.url, commandTimeoutMs: 2_000, connectTimeoutMs: 2_000 });
  client.on("error", () => undefined);
  await client.connect();
  store = createReinstallStore(
    client,
    createScriptRunner(client),
    {
      rebuildHoldMs: 0,
      dedupTtlMs: 600_000,
      waitReplicas: 0,
      waitTimeoutMs: 1_000,
      brakes: NO_BRAKES,
    },
    systemClock,
  );
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

it("a command is shown in each project where its id occurs, with its final event", async () => {
  const here = order("cmd-both");
  const there = order("cmd-both", { projectId: ANOTHER });
  await admitted(store, here);
  const { claim } = claimed(await store.admit(there, delivery("n")));
  const done = outcome(there);
  await store.finish({ order: there, claim, outcome: done, lock: "free", healedAtMs: null });
  const of = async (...projects: ProjectId[]) => {
    const found = await createCommandViews(client, projects).commandById(here.commandId);
    if (found.kind !== "found") return found.kind;
    return found.view.map(({ projectId, phase, finalEvent }) => ({ projectId, phase, finalEvent }));
  };
  const ended = { projectId: ANOTHER, phase: "done", finalEvent: done.event };
  const open = { projectId: PROJECT, phase: "submit", finalEvent: null };
  const both = await of(PROJECT, ANOTHER);
  expect(both).toHaveLength(2);
  expect(both).toEqual(expect.arrayContaining([ended, open]));
  expect(await of(PROJECT)).toEqual([open]);
  expect(await of(ProjectId.parse("0".repeat(32)))).toBe("absent");
});
