import { expect, it } from "vitest";
import { commandId } from "../support/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../support/redis.ts";
import { sharedServices } from "../support/services.ts";
import type { Stage } from "../support/stage.ts";
import { lockOf, onStage, posts } from "./own-stage.ts";

async function onPrivateRedis(
  env: Readonly<Record<string, string>>,
  play: (stage: Stage, redis: PrivateRedis) => Promise<void>,
): Promise<void> {
  const redis = await startRedis({ appendOnly: true });
  const services = await sharedServices();
  try {
    const { rabbitMq } = services;
    await onStage({ rabbitMq, redisUrl: redis.url, env }, (stage) => play(stage, redis));
  } finally {
    await services.close();
    await redis.stop();
  }
}

const output = (stage: Stage) => stage.workers.map((one) => one.output()).join("\n");

async function changes(stage: Stage, cause: string): Promise<number> {
  const page = await (await fetch(`${stage.workers[0]?.httpUrl}/metrics`)).text();
  const series = `ecs_reinstall_epoch_changes_total{cause="${cause}",project="`;
  const lines = page.split("\n").filter((one) => one.startsWith(series));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** The looks of production: one in 15 seconds. */
const PATIENT = { REBUILD_HOLD_MS: "45000" };

it.concurrent("FLUSHALL with nothing in flight: counted and said within one look, and restarts by their own name", async () => {
  await onPrivateRedis(PATIENT, async (stage, redis) => {
    await stage.addWorker();
    await eventually(async () => expect(await changes(stage, "first")).toBe(1), {
      what: "the memory is seen",
      timeoutMs: 40_000,
    });
    expect(await changes(stage, "emptied")).toBe(0);

    const flushedMs = performance.now();
    await redis.flushAll();
    await eventually(async () => expect(await changes(stage, "emptied")).toBe(1), {
      what: "the metric",
      timeoutMs: 30_000,
    });
    const seconds = (performance.now() - flushedMs) / 1000;
    await eventually(() => output(stage).includes("redis has lost its data"));
    console.log(
      `FLUSHALL with nothing in flight: metric and log line after ${seconds.toFixed(1)} s`,
    );
    expect(seconds).toBeLessThan(20);

    await redis.kill();
    await redis.start();
    await eventually(async () => expect(await changes(stage, "restarted")).toBe(1), {
      what: "the restart",
      timeoutMs: 40_000,
    });
    expect(await changes(stage, "emptied")).toBe(1);
    await stage.audit([]);
  });
});

it.concurrent("nobody remembers: a worker that starts after the loss says that the queues are older than the memory", async () => {
  await onPrivateRedis({}, async (stage, redis) => {
    const first = await stage.addWorker();
    await first.stop();
    await redis.flushAll();
    await stage.addWorker();
    await eventually(() => output(stage).includes("nobody remembers what was there"), {
      timeoutMs: 20_000,
    });
  });
});

/** Nothing is proven before the deadline, and the inquiry gives up soon: then no message carries the lock. */
const GIVES_UP = {
  POST_FENCE_MS: "6000",
  JOB_DEADLINE_MS: "9000",
  UNRESOLVED_WATCH_MS: "1000",
  EVIDENCE_MIN_SAMPLES: "1000",
};

it.concurrent("FLUSHALL with a server that is locked by nobody's message any more: a new command for it is not carried out", async () => {
  await onPrivateRedis(GIVES_UP, async (stage, redis) => {
    await stage.addWorker();
    const { id: serverId } = stage.simulator.addServer({ state: "SHUTOFF" });
    stage.simulator.faults.set({ operation: "reinstall", serverId, lostRequest: true });
    const id = commandId("unresolved");
    await stage.emitter.send(stage.command(id, serverId));
    expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("unresolved");
    await eventually(() => output(stage).includes('"given-up"'), {
      what: "the inquiry gives up",
      timeoutMs: 30_000,
    });
    // That was a second after the lock: two looks of the worker have seen it.

    await redis.flushAll();
    const next = commandId("next");
    await stage.emitter.send(stage.command(next, serverId));
    const waiting = await stage.emitter.event(next, "waiting");
    expect(waiting.data).toMatchObject({ waits_for: "server-busy", holder: id });
    expect(await lockOf(redis.url, serverId)).toMatchObject({ owner: id, phase: "unresolved" });
    expect(posts(stage, serverId)).toBe(1);
    expect(stage.reinstalls(serverId)).toBe(0);
    const line = output(stage)
      .split("\n")
      .find((one) => one.includes("redis has lost its data"));
    expect(line).toContain(`"serverId":"${serverId}","owner":"${id}"`);
  });
});
