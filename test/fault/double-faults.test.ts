import { expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { startFlakyProxy } from "../support/network/flaky-proxy.ts";
import { type PrivateRedis, startRedis } from "../support/redis/redis.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import type { Stage, StageOptions } from "../support/stage.ts";
import { allHeard, allOnce, earnTrust, onStage, posts, sendFleet } from "./own-stage.ts";

const ENV = {
  AMQP_HEARTBEAT_SECONDS: "1",
  REDIS_COMMAND_TIMEOUT_MS: "500",
  ECS_POST_TIMEOUT_MS: "2000",
};

/** Shared broker, a Redis of its own. */
async function onTwo(
  play: (stage: Stage, redis: PrivateRedis, services: SharedServices) => Promise<void>,
  options: Partial<StageOptions> = {},
): Promise<void> {
  const redis = await startRedis({ appendOnly: true });
  const services = await sharedServices();
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: redis.url,
        // The owner of this Redis: it is broken on purpose.
        through: { redis: redis.url },
        ...options,
        env: { ...ENV, ...options.env },
      },
      (stage) => play(stage, redis, services),
    );
  } finally {
    await services.close();
    await redis.stop();
  }
}

it.concurrent("Redis emptied, and the worker killed between intent and first byte: no blind POST", async () => {
  await onTwo(async (stage, redis) => {
    const worker = await stage.addWorker([{ label: "submit:intent-recorded", action: "stop" }]);
    const fleet = await sendFleet(stage, 1);
    await worker.stopped();
    await redis.flushAll();
    await worker.kill();
    const killedAtMs = Date.now();
    await stage.addWorker();
    // Evidence is earned again, or nothing could be proven.
    const plain = await earnTrust(stage);
    await allOnce(stage, fleet);
    const submitted = await stage.emitter.event(fleet.ids[0] ?? "", "submitted");
    expect(Date.parse(submitted.time) - killedAtMs).toBeGreaterThan(6_000);
    await stage.audit([...plain, ...fleet.ids]);
  });
});

it.concurrent("a failover that loses the intent, and a zombie that still holds it: one reinstall", async () => {
  await onTwo(
    async (stage, redis) => {
      const zombie = await stage.addWorker([
        { label: "submit:intent-recorded", nth: 4, action: "stop" },
      ]);
      const plain = await earnTrust(stage);
      const fleet = await sendFleet(stage, 1);
      const [serverId = ""] = fleet.serverIds;
      await zombie.stopped();
      // The last write was the intent.
      await redis.restartWithoutLast(1);
      await stage.addWorker();
      const looks = stage.simulator.calls(serverId).server;
      await eventually(() => stage.simulator.calls(serverId).server > looks + 3, {
        timeoutMs: 30_000,
      });
      expect(posts(stage, serverId)).toBe(0);
      zombie.process.signal("SIGCONT");
      await allOnce(stage, fleet);
      expect(posts(stage, serverId)).toBe(1);
      await stage.audit([...plain, ...fleet.ids]);
    },
    { env: { POST_FENCE_MS: "25000" }, simulator: { signatureWindowMs: 20_000 } },
  );
});

it.concurrent("the connection to the broker lost while the reply of a POST is read, and its worker killed before it saves it", async () => {
  const services = await sharedServices();
  const proxy = await startFlakyProxy(Number(new URL(services.rabbitMq.url).port));
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: services.redis.url,
        through: { amqp: proxy.via(services.rabbitMq.url) },
        env: ENV,
      },
      async (stage) => {
        const doomed = await stage.addWorker([{ label: "submit:answered", action: "kill" }]);
        stage.simulator.faults.set({
          operation: "reinstall",
          delayBeforeReplyMs: 1_000,
          times: 1,
        });
        const fleet = await sendFleet(stage, 1);
        await eventually(() => stage.simulator.calls(fleet.serverIds[0]).reinstall === 1, {
          intervalMs: 5,
        });
        await proxy.set({ kind: "reset" });
        await doomed.ended();
        await proxy.set({ kind: "pass" });
        await stage.addWorker();
        await allOnce(stage, fleet);
        expect(posts(stage, fleet.serverIds[0] ?? "")).toBe(1);
        await stage.audit(fleet.ids);
      },
    );
  } finally {
    await proxy.close();
    await services.close();
  }
});

it.concurrent("the broker out of reach while a POST arrives late: found by the disk, not sent again", async () => {
  const services = await sharedServices();
  const proxy = await startFlakyProxy(Number(new URL(services.rabbitMq.url).port));
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: services.redis.url,
        through: { amqp: proxy.via(services.rabbitMq.url) },
        // A signature's second is cut off, and a busy machine takes its time: 3 s late must be in time.
        env: { ...ENV, POST_FENCE_MS: "12000" },
        simulator: { signatureWindowMs: 10_000 },
      },
      async (stage) => {
        const worker = await stage.addWorker();
        const plain = await earnTrust(stage);
        const fleet = await sendFleet(stage, 0);
        const server = stage.simulator.addServer({ state: "SHUTOFF" });
        stage.simulator.faults.set({
          operation: "reinstall",
          serverId: server.id,
          lateExecutionMs: 3_000,
          times: 1,
        });
        const id = commandId("late");
        await stage.emitter.send(stage.command(id, server.id));
        await eventually(() => stage.simulator.calls(server.id).reinstall === 1);
        await proxy.set({ kind: "black-hole" });
        await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503, {
          timeoutMs: 30_000,
        });
        await proxy.set({ kind: "reset" });
        await proxy.set({ kind: "pass" });
        const { data } = await stage.emitter.outcome(id, 60_000);
        expect(data).toMatchObject({ event: "succeeded", evidence: "system-disk-replaced" });
        expect([stage.reinstalls(server.id), posts(stage, server.id)]).toEqual([1, 1]);
        await stage.audit([...plain, ...fleet.ids, id]);
      },
    );
  } finally {
    await proxy.close();
    await services.close();
  }
});

it.concurrent("a zombie, and its command sent 50 times more meanwhile: one reinstall, one outcome", async () => {
  await onTwo(async (stage) => {
    const zombie = await stage.addWorker([{ label: "submit:looked", action: "stop" }]);
    const fleet = await sendFleet(stage, 1);
    const [id = ""] = fleet.ids;
    const [serverId = ""] = fleet.serverIds;
    await zombie.stopped();
    await stage.addWorker();
    await Promise.all(
      Array.from({ length: 50 }, () => stage.emitter.send(stage.command(id, serverId))),
    );
    await allOnce(stage, fleet);
    zombie.process.signal("SIGCONT");
    await zombie.ready();
    // Those that the zombie had in hand (prefetch: 10) come redelivered, and pass for the command itself while it runs.
    await eventually(
      () => stage.emitter.heard().filter(({ key }) => key === "duplicate").length >= 40,
      { timeoutMs: 30_000 },
    );
    expect(posts(stage, serverId)).toBe(1);
    await stage.audit(fleet.ids);
  });
});

it.concurrent("Redis replies lost, and every redelivered message delivered to another worker: one reinstall each", async () => {
  const redis = await startRedis({ appendOnly: true });
  const services = await sharedServices();
  const [toRedis, toBroker] = await Promise.all([
    startFlakyProxy(redis.port),
    startFlakyProxy(Number(new URL(services.rabbitMq.url).port)),
  ]);
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: redis.url,
        through: { redis: toRedis.via(redis.url), amqp: toBroker.via(services.rabbitMq.url) },
        env: ENV,
      },
      async (stage) => {
        await stage.addWorker();
        await stage.addWorker();
        const fleet = await sendFleet(stage, 20, { server: { state: "ACTIVE" } });
        for (let round = 0; round < 4; round++) {
          const before = toRedis.bytes.up;
          await eventually(() => toRedis.bytes.up > before + 2_000, { timeoutMs: 20_000 });
          await toRedis.set({ kind: "drop-replies" });
          const during = toRedis.bytes.up;
          await eventually(() => toRedis.bytes.up > during, { timeoutMs: 20_000 });
          await toBroker.set({ kind: "reset" });
          await toRedis.set({ kind: "reset" });
          await toBroker.set({ kind: "pass" });
          await toRedis.set({ kind: "pass" });
        }
        await allOnce(stage, fleet);
        await stage.audit(fleet.ids);
      },
    );
  } finally {
    await Promise.all([toRedis.close(), toBroker.close()]);
    await services.close();
    await redis.stop();
  }
});

it.concurrent("two commands for one server, a worker killed between intent and POST for each: proven, then one after the other", async () => {
  await onTwo(async (stage) => {
    const plainWorker = await stage.addWorker();
    const plain = await earnTrust(stage);
    await plainWorker.stop();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const ids = ["one", "two"].map(commandId) as [string, string];
    const atIntent = [{ label: "submit:intent-recorded", action: "kill" }] as const;
    const first = await stage.addWorker(atIntent);
    await stage.emitter.send(stage.command(ids[0], server.id));
    const other = { "os-reinstall": { keyname: "another", userid: "u" } };
    await stage.emitter.send(stage.command(ids[1], server.id, other));
    await first.ended();
    // The second one dies with the next attempt; the third carries both to their ends.
    const second = await stage.addWorker(atIntent);
    await second.ended(60_000);
    await stage.addWorker();
    for (const id of ids) {
      expect((await stage.emitter.outcome(id, 90_000)).data.event).toBe("succeeded");
    }
    expect(stage.simulator.ledger().servers[server.id]).toMatchObject({
      reinstallsExecuted: 2,
      maxConcurrent: 1,
    });
    await stage.audit([...plain, ...ids]);
  });
});

it.concurrent("Redis emptied and the broker's connections cut at the same moment, with jobs running", async () => {
  const redis = await startRedis({ appendOnly: true });
  const services = await sharedServices();
  const proxy = await startFlakyProxy(Number(new URL(services.rabbitMq.url).port));
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: redis.url,
        through: { redis: redis.url, amqp: proxy.via(services.rabbitMq.url) },
        env: ENV,
      },
      async (stage) => {
        await stage.addWorker();
        await stage.addWorker();
        const fleet = await sendFleet(stage, 10, { server: { jobDurationMs: 5_000 } });
        await allHeard(stage, fleet, "submitted");
        await Promise.all([proxy.set({ kind: "reset" }), redis.restartEmpty()]);
        await proxy.set({ kind: "pass" });
        await allOnce(stage, fleet);
        expect(fleet.serverIds.map((id) => posts(stage, id))).toEqual(fleet.ids.map(() => 1));
        await stage.audit(fleet.ids);
      },
    );
  } finally {
    await proxy.close();
    await services.close();
    await redis.stop();
  }
});
