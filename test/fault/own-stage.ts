import { Redis } from "ioredis";
import { expect } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import type { ServerSpec } from "../../src/simulator/cloud/server-record.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { explain } from "../support/suite/failure-report.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import {
  openStage,
  type Stage,
  type StageOptions,
  type WithoutServices,
} from "../support/stage.ts";

/** Faults of the broker are noticed, and got over, within seconds. */
export const QUICK_AMQP = {
  AMQP_HEARTBEAT_SECONDS: "2",
  AMQP_CONNECT_TIMEOUT_MS: "2000",
  AMQP_RPC_TIMEOUT_MS: "3000",
  AMQP_CONFIRM_TIMEOUT_MS: "2000",
  AMQP_PROBE_INTERVAL_MS: "500",
  AMQP_RECONNECT_MAX_MS: "1000",
  ECS_POST_TIMEOUT_MS: "3000",
};
/** Jobs that outlast the fault. */
export const LONG = { server: { jobDurationMs: 10_000 } };

/** For faults of the worker and of the cloud: the run's broker and Redis, a vhost and a database of its own. */
export async function onSharedServices(
  options: WithoutServices,
  play: (stage: Stage, services: SharedServices) => Promise<void>,
): Promise<void> {
  const services = await sharedServices();
  try {
    const { rabbitMq, redis } = services;
    await onStage({ ...options, rabbitMq, redisUrl: redis.url }, (stage) => play(stage, services));
  } finally {
    await services.close();
  }
}

/** Opens a stage, plays, closes it, whatever happens. A failure tells what the workers said last. */
export async function onStage(
  options: StageOptions,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = await openStage(options, true);
  try {
    await play(stage);
  } catch (error) {
    await explain(error, stage.failureReport);
    throw error;
  } finally {
    await stage.close();
  }
}

/** Three plain reinstalls: enough for "same disk" to be proof (EVIDENCE_MIN_SAMPLES). Needs a worker. */
export async function earnTrust(stage: Stage): Promise<readonly string[]> {
  const ids = [1, 2, 3].map((n) => commandId(`plain-${n}`));
  await Promise.all(
    ids.map((id) =>
      stage.emitter.send(stage.command(id, stage.simulator.addServer({ state: "SHUTOFF" }).id)),
    ),
  );
  await Promise.all(ids.map((id) => stage.emitter.outcome(id)));
  return ids;
}

/** The lock of a server as Redis has it; empty when there is none. */
export async function lockOf(
  redisUrl: string,
  serverId: string,
): Promise<Readonly<Record<string, string>>> {
  return onRedis(redisUrl, (redis) =>
    redis.hgetall(`ecs:{${DEFAULT_PROJECT_ID}}:lock:${serverId}`),
  );
}

export async function onRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  redis.on("error", () => undefined);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** POSTs that reached the cloud for this server, carried out or not. */
export function posts(stage: Stage, serverId: string): number {
  return stage.simulator.ledger().servers[serverId]?.reinstallsRequested ?? 0;
}

/** Commands, one for each of so many fresh servers. */
export interface Fleet {
  readonly ids: readonly string[];
  readonly serverIds: readonly string[];
}

/** Sends one command for each of `count` new servers. */
export async function sendFleet(
  stage: Stage,
  count: number,
  {
    server = {},
    command = {},
  }: { readonly server?: ServerSpec; readonly command?: Readonly<Record<string, unknown>> } = {},
): Promise<Fleet> {
  const serverIds = Array.from(
    { length: count },
    () => stage.simulator.addServer({ state: "SHUTOFF", ...server }).id,
  );
  const ids = serverIds.map((_, index) => commandId(`fleet-${index}`));
  await Promise.all(
    serverIds.map((serverId, index) =>
      stage.emitter.send(stage.command(ids[index] ?? "", serverId, command)),
    ),
  );
  return { ids, serverIds };
}

/** Waits until every command has heard an event. */
export async function allHeard(stage: Stage, { ids }: Fleet, name: string): Promise<void> {
  await Promise.all(ids.map((id) => stage.emitter.event(id, name, 60_000)));
}

/** Every command has succeeded, and every server was reinstalled once. */
export async function allOnce(
  stage: Stage,
  { ids, serverIds }: Fleet,
  timeoutMs = 90_000,
): Promise<void> {
  const outcomes = await Promise.all(ids.map((id) => stage.emitter.outcome(id, timeoutMs)));
  expect(outcomes.map(({ data }) => data.event)).toEqual(ids.map(() => "succeeded"));
  expect(serverIds.map((id) => stage.reinstalls(id))).toEqual(serverIds.map(() => 1));
}
