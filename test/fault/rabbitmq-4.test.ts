import { afterAll, beforeAll, expect, it } from "vitest";
import { type DebianRoot, ensureDebianRoot } from "../support/rabbitmq/debian-root.ts";
import { eventually } from "../support/eventually.ts";
import { startLastingEmitter } from "../support/emitter/lasting-emitter.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../support/rabbitmq/rabbitmq.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import { allHeard, allOnce, onStage, posts, sendFleet } from "./own-stage.ts";

const ENV = {
  AMQP_HEARTBEAT_SECONDS: "2",
  AMQP_CONFIRM_TIMEOUT_MS: "2000",
  AMQP_PROBE_INTERVAL_MS: "500",
  AMQP_RECONNECT_MAX_MS: "1000",
  ECS_POST_TIMEOUT_MS: "3000",
};

let root: DebianRoot;
let broker: PrivateRabbitMq | undefined;
let services: SharedServices;

beforeAll(async () => {
  root = await ensureDebianRoot();
  if (root.kind === "ready") broker = await startRabbitMq({ sysRoot: root.path });
  services = await sharedServices();
}, 400_000);
afterAll(async () => {
  await broker?.stop();
  await services?.close();
});

it("RabbitMQ 4.0: workers killed, connections closed, the broker stopped still and killed: each server once", async (context) => {
  if (broker === undefined) {
    return context.skip(`no RabbitMQ 4 here: ${root.kind === "ready" ? "" : root.reason}`);
  }
  const four = broker;
  const overview = (await four.api("GET", "/overview")) as { rabbitmq_version: string };
  expect(overview.rabbitmq_version).toMatch(/^4\./);
  const emitter = await startLastingEmitter(four.url);
  await onStage(
    { rabbitMq: four, redisUrl: services.redis.url, emitter, env: ENV },
    async (stage) => {
      const [first] = [await stage.addWorker(), await stage.addWorker()];
      const running = await sendFleet(stage, 15, {
        server: { state: "ACTIVE", jobDurationMs: 12_000 },
      });
      await allHeard(stage, running, "submitted");

      await first?.kill();
      await stage.addWorker();
      await four.closeAllConnections();
      const coming = await sendFleet(stage, 5);
      await allHeard(stage, coming, "accepted");

      await four.pause();
      const [worker] = stage.workers.slice(-1);
      await eventually(async () => (await fetch(`${worker?.httpUrl}/readyz`)).status === 503, {
        timeoutMs: 30_000,
      });
      await four.resume();
      await worker?.ready();

      // One POST is on the wire when the broker dies.
      stage.simulator.faults.set({ operation: "reinstall", delayBeforeReplyMs: 1_000 });
      const flying = await sendFleet(stage, 2);
      await eventually(
        () => flying.serverIds.every((id) => stage.simulator.calls(id).reinstall === 1),
        { timeoutMs: 30_000 },
      );
      await four.kill();
      await four.start();

      const late = await sendFleet(stage, 2);
      for (const fleet of [running, coming, flying, late]) await allOnce(stage, fleet);
      expect(flying.serverIds.map((id) => posts(stage, id))).toEqual([1, 1]);
      await stage.audit([...running.ids, ...coming.ids, ...flying.ids, ...late.ids]);
    },
  );
});
