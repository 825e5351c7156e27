import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import {
  createOperatorCommands,
  type OperatorCommands,
} from "../../../../src/adapters/redis/operator-commands.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { connected } from "../rig/connected.ts";
import { claimed, outcome, PROJECT } from "../rig/samples.ts";
import { begins, commandOf, FIRST, intentOf, saved, waitingFor } from "../rig/waiters.ts";
import { STORE_RULES } from "../rig/store-rules.ts";

const { pauses, paused } = keysOf(PROJECT);

let redis: PrivateRedis;
let client: RedisClient;
let store: ReinstallStore;
let operator: OperatorCommands;

beforeAll(async () => {
  redis = await startRedis();
  client = await connected(redis.url);
  const scripts = createScriptRunner(client);
  store = createReinstallStore(client, scripts, STORE_RULES, systemClock);
  operator = createOperatorCommands(client, scripts);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

beforeEach(() => redis.flushAll());

it("a pause stands for people as it does for the gate: unreadable, or of an older version", async () => {
  const byAda = { by: "ada", reason: "maintenance" };
  await operator.setPause(PROJECT, { ...byAda, scope: "group:web", on: true });
  await operator.setPause(PROJECT, { ...byAda, scope: "group:db", on: false });
  await client.hset(pauses, "everything", "{broken");
  await client.set(paused, "by hand");
  const standing = [...(await operator.standingPauses(PROJECT))];
  expect(standing).toHaveLength(3);
  expect(standing).toEqual(
    expect.arrayContaining([
      ["project", { on: true, atMs: 0, by: "unknown", reason: "by hand" }],
      ["everything", { on: true, atMs: 0, by: "unknown", reason: "its entry cannot be read" }],
      ["group:web", expect.objectContaining({ on: true, by: "ada" })],
    ]),
  );
  for (const scope of ["project", "everything", "group:web"] as const) {
    await operator.setPause(PROJECT, { ...byAda, scope, on: false });
  }
  expect(await operator.standingPauses(PROJECT)).toEqual(new Map());
});

it("a request may be going out from its intent until its answer is stored, and not after a pause", async () => {
  const atTheLine = async (n: number) => {
    const begun = await begins(store, commandOf(n, { group: "web" }));
    return { ...begun, claim: claimed(await store.claim(begun.next, FIRST)).claim };
  };
  const [sent, answered, ended, later] = [
    await atTheLine(1),
    await atTheLine(2),
    await atTheLine(3),
    await atTheLine(4),
  ];
  // In the line, without an intent.
  await begins(store, commandOf(5));
  for (const { of, claim, token } of [sent, answered, ended]) {
    expect(await store.recordIntent(of, claim, intentOf(token))).toEqual({ kind: "saved" });
  }
  await saved(store, answered.of, { ...answered, state: waitingFor("throttled") });
  const end = { order: ended.of, claim: ended.claim, lock: "keep", healedAtMs: null } as const;
  await store.finish({ ...end, outcome: outcome(ended.of, 20) });
  const [seconds, micros] = await client.time();
  const pausedAt = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { of, claim, token } = later;
  expect(await store.recordIntent(of, claim, intentOf(token))).toEqual({ kind: "saved" });
  const one = (n: number) => ({
    command: `cmd-${n}`,
    server: commandOf(n).serverId,
    group: "web",
  });
  expect(await operator.sending(PROJECT, pausedAt)).toEqual([one(1)]);
  expect(await operator.sending(PROJECT, pausedAt + 60_000)).toEqual([one(1), one(4)]);
});
