import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FINAL_EVENTS, type ProgressEvent } from "../../src/contract/event.ts";
import { DEFAULT_AMQP_SETTINGS } from "../support/rabbitmq/amqp-settings.ts";
import { topologyOf } from "../../src/adapters/amqp/topology/topology.ts";
import { auditRest } from "../support/audit.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../support/rabbitmq/rabbitmq.ts";
import { rabbitMqManagement } from "../support/rabbitmq/rabbitmq-management.ts";
import { sharedServices } from "../support/services.ts";
import { FAST, type Stage } from "../support/stage.ts";
import type { WorkerProcess } from "../support/worker/worker-process.ts";
import {
  allHeard,
  allOnce,
  LONG,
  onSharedServices,
  onStage,
  posts,
  sendFleet,
} from "./own-stage.ts";

const WORK = "ecs.reinstall.work";
const EVENTS = "ecs.reinstall.events";

/** The sum of a worker's samples of a metric that have these labels. */
async function metric(worker: WorkerProcess, name: string, ...labels: string[]): Promise<number> {
  const page = await (await fetch(`${worker.httpUrl}/metrics`)).text();
  return page
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

describe("who listens to the events", () => {
  it.concurrent("and takes no more keeps its own commands waiting, nobody else's, and hears every end", async () => {
    await onSharedServices({ env: { PREFETCH: "2" } }, async (stage) => {
      const worker = await stage.addWorker();
      const { channel } = stage.emitter;
      await channel.assertQueue("theirs", {
        arguments: { "x-max-length": 1, "x-overflow": "reject-publish" },
      });
      // More of them than the worker has hands.
      const servers = Array.from({ length: 6 }, () =>
        stage.simulator.addServer({ state: "SHUTOFF" }),
      );
      const ids = servers.map((_, index) => commandId(`deaf-${index}`));
      for (const [index, { id }] of servers.entries()) {
        await channel.bindQueue("theirs", EVENTS, `*.${id}.*`);
        await stage.emitter.send(stage.command(ids[index] ?? "", id));
      }
      await eventually(
        async () =>
          (await metric(worker, "ecs_reinstall_publishes_total", `result="refused"`)) >= 6,
        { timeoutMs: 20_000 },
      );
      const others = await sendFleet(stage, 6);
      await allOnce(stage, others, 20_000);
      const finals = new Map<string, string>();
      await channel.consume(
        "theirs",
        (message) => {
          const { data } = JSON.parse(String(message?.content)) as ProgressEvent;
          if (FINAL_EVENTS.some((name) => name === data.event))
            finals.set(data.command_id, data.event);
        },
        { noAck: true },
      );
      await eventually(() => finals.size === ids.length, { timeoutMs: 40_000 });
      expect([...finals.values()]).toEqual(ids.map(() => "succeeded"));
      expect(servers.map(({ id }) => posts(stage, id))).toEqual(ids.map(() => 1));
      expect(await stage.emitter.drain("ecs.reinstall.dead")).toEqual([]);
      await stage.audit([...others.ids, ...ids]);
    });
  });

  it.concurrent("may be nobody: the work goes on, and the end can be asked for", async () => {
    await onSharedServices({}, async (stage, { rabbitMq, redis }) => {
      const worker = await stage.addWorker();
      const path = `/exchanges/${rabbitMq.vhost}/${EVENTS}/bindings/source`;
      const bound = (await rabbitMq.api("GET", path)) as { destination: string }[];
      for (const { destination } of bound) {
        await stage.emitter.channel.unbindQueue(destination, EVENTS, "#");
      }
      const { ids, serverIds } = await sendFleet(stage, 1);
      const [[id = ""], [serverId = ""]] = [ids, serverIds];
      await eventually(
        async () => {
          const answer = await fetch(`${worker.httpUrl}/v1/commands/${id}`);
          return ((await answer.json()) as { outcome?: unknown }).outcome === "succeeded";
        },
        { timeoutMs: 20_000 },
      );
      expect(stage.reinstalls(serverId)).toBe(1);
      for (const { destination } of bound) {
        await stage.emitter.channel.bindQueue(destination, EVENTS, "#");
      }
      await stage.emitter.send(stage.command(id, serverId));
      const { data } = await stage.emitter.misuse(id, "duplicate");
      expect(data["original"]).toMatchObject({ outcome: "succeeded" });
      // Nobody heard the story: what is left behind can be audited all the same.
      await eventually(async () => expect(await auditRest(rabbitMq, redis.url)).toEqual([]));
    });
  });
});

describe("where dead letters go", () => {
  let broker: PrivateRabbitMq;

  beforeAll(async () => {
    broker = await startRabbitMq();
    // What could not be handed over is tried again after three minutes otherwise.
    const setting = "dead_letter_worker_publisher_confirm_timeout";
    await broker.call(`application set_env [rabbit,${setting},1000]`);
  });
  afterAll(() => broker?.stop());

  async function onBroker(
    env: Readonly<Record<string, string>>,
    play: (stage: Stage, vhost: string) => Promise<void>,
  ): Promise<void> {
    const [vhost, services] = [await broker.newVhost(), await sharedServices()];
    const rabbitMq = { ...rabbitMqManagement(vhost.url, broker.managementUrl), url: vhost.url };
    try {
      await onStage({ rabbitMq, redisUrl: services.redis.url, env }, (stage) =>
        play(stage, vhost.name),
      );
    } finally {
      await vhost.remove();
      await services.close();
    }
  }

  /** Of one queue, which has it when this resolves: a busy broker takes a while. */
  async function policy(vhost: string, definition: object, queue = WORK): Promise<void> {
    await broker.api("PUT", `/policies/${vhost}/test`, {
      pattern: `^${queue.replaceAll(".", "\\.")}$`,
      definition,
      "apply-to": "queues",
    });
    const path = `/queues/${vhost}/${queue}?columns=effective_policy_definition`;
    await eventually(async () =>
      expect(await broker.api("GET", path)).toEqual({ effective_policy_definition: definition }),
    );
  }

  it.concurrent("the work queue full: steps stay in the delay queues and come on by themselves, each once", async () => {
    await onBroker({}, async (stage, vhost) => {
      const worker = await stage.addWorker();
      const fleet = await sendFleet(stage, 12, LONG);
      await allHeard(stage, fleet, "submitted");
      // Kept to the end: whom a queue has refused once (3.10) hears that it takes more only while it has a limit.
      await policy(vhost, { "max-length": 2 });
      await worker.kill();
      const killedMs = performance.now();
      const depthOf = async (part: string) =>
        Object.entries(await broker.queueDepths(vhost))
          .filter(([name]) => name.includes(part))
          .reduce((sum, [, messages]) => sum + messages, 0);
      // Everything is due by then; the limit is a soft one.
      await eventually(async () => {
        expect(performance.now() - killedMs).toBeGreaterThan(2_000);
        expect(await depthOf(".delay.")).toBeGreaterThan(0);
        const kept = (await depthOf(".delay.")) + (await depthOf(WORK));
        expect(kept).toBeGreaterThanOrEqual(fleet.ids.length);
      });
      const next = await stage.addWorker();
      await allOnce(stage, fleet);
      expect(await metric(next, "ecs_reinstall_swept_total")).toBe(0);
      await stage.audit(fleet.ids);
    });
  });

  it.concurrent("the queue of those who wait full: they stay in their delay queue and come on by themselves, each once", async () => {
    await onBroker({ BRAKES_MAX_RUNNING: "4", PREFETCH: "2" }, async (stage, vhost) => {
      await stage.addWorker();
      await policy(vhost, { "max-length": 2 }, `${WORK}.waiting`);
      const fleet = await sendFleet(stage, 60, { server: { jobDurationMs: 200 } });
      await allHeard(stage, fleet, "accepted");
      await eventually(async () => {
        const depths = await broker.queueDepths(vhost);
        expect(depths["ecs.reinstall.delay.waiting.1000"]).toBeGreaterThan(10);
      });
      await allOnce(stage, fleet);
      const [worker] = stage.workers;
      expect(worker && (await metric(worker, "ecs_reinstall_swept_total"))).toBe(0);
      await stage.audit(fleet.ids);
    });
  });

  it.concurrent("their queue missing: said in readiness and metrics, the step stays, and comes on when it is there", async () => {
    await onBroker(
      { AMQP_DECLARE: "false", AMQP_RECONNECT_MAX_MS: "1000" },
      async (stage, vhost) => {
        const delaysMs = (FAST["POLL_INTERVALS_MS"] ?? "").split(",").map(Number);
        const { exchanges, queues, bindings } = topologyOf({ ...DEFAULT_AMQP_SETTINGS, delaysMs });
        const { channel } = stage.emitter;
        const declare = async (name: string) => {
          const found = queues.find((queue) => queue.name === name);
          await channel.assertQueue(name, { arguments: { ...found?.arguments } });
        };
        for (const { name } of exchanges) await channel.assertExchange(name, "topic");
        for (const { name } of queues) await declare(name);
        for (const { queue, exchange, key } of bindings)
          await channel.bindQueue(queue, exchange, key);
        await policy(vhost, { "delivery-limit": 0 });

        const doomed = await stage.addWorker([{ label: "watch:polled", nth: 3, action: "kill" }]);
        const fleet = await sendFleet(stage, 1, { server: { jobDurationMs: 4_000 } });
        await stage.emitter.event(fleet.ids[0] ?? "", "submitted");
        await channel.deleteQueue(`${WORK}.dead`);
        await doomed.ended();
        const next = await stage.spawnWorker();
        await eventually(async () => {
          const readiness = await fetch(`${next.httpUrl}/readyz`);
          expect(await readiness.text()).toContain(`queue '${WORK}.dead' does not exist`);
          expect(await metric(next, "ecs_reinstall_dependency_up", `dependency="rabbitmq"`)).toBe(
            0,
          );
        });
        expect((await broker.queueDepths(vhost))[WORK]).toBe(1);
        await declare(`${WORK}.dead`);
        await next.ready();
        await allOnce(stage, fleet);
        expect(await stage.emitter.drain("ecs.reinstall.dead")).toHaveLength(1);
        await stage.audit(fleet.ids);
      },
    );
  });
});
