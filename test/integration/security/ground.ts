import amqp, { type Channel } from "amqplib";
import { Redis } from "ioredis";
import { DEFAULT_AMQP_SETTINGS } from "../../support/rabbitmq/amqp-settings.ts";
import {
  establishTopology,
  type TopologyOutcome,
} from "../../../src/adapters/amqp/topology/topology-declaration.ts";
import { FAST } from "../../support/stage.ts";
import type { WorkerProcess } from "../../support/worker/worker-process.ts";

/** The delay ladder of a stage's workers. */
const LADDER = (FAST["POLL_INTERVALS_MS"] ?? "").split(",").map(Number);

/** As an administrator of the broker would, with the ladder of these tests. */
export async function declareBeforehand(adminUrl: string): Promise<void> {
  await topologyAs(adminUrl, { delaysMs: LADDER });
}

export async function topologyAs(
  url: string,
  change: Partial<typeof DEFAULT_AMQP_SETTINGS>,
): Promise<TopologyOutcome> {
  const connection = await amqp.connect(url);
  connection.on("error", () => undefined);
  const openChannel = async () => {
    const channel = await connection.createChannel();
    channel.on("error", () => undefined);
    return channel;
  };
  try {
    return await establishTopology(openChannel, { ...DEFAULT_AMQP_SETTINGS, ...change });
  } finally {
    await connection.close();
  }
}

export async function onChannel(
  url: string,
  use: (channel: Channel) => Promise<void>,
): Promise<void> {
  const connection = await amqp.connect(url);
  connection.on("error", () => undefined);
  const channel = await connection.createChannel();
  channel.on("error", () => undefined);
  try {
    await use(channel);
  } finally {
    await connection.close();
  }
}

/** Asks for nothing by itself: a user with few rights is refused nothing that the test did not ask for. */
export async function onRedis(url: string, use: (client: Redis) => Promise<void>): Promise<void> {
  const client = new Redis(url, { enableReadyCheck: false, disableClientInfo: true });
  client.on("error", () => undefined);
  try {
    await use(client);
  } finally {
    client.disconnect();
  }
}

/** What readiness says of a dependency that is not up; empty while it is. */
export async function stateOf(worker: WorkerProcess, name: string): Promise<string> {
  const body = (await (await fetch(`${worker.httpUrl}/readyz`)).json()) as {
    dependencies: { name: string; state: string; detail: string | null }[];
  };
  const found = body.dependencies.find((one) => one.name === name);
  return found === undefined || found.state === "up" ? "" : String(found.detail);
}
