import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditHistory } from "../support/audit.ts";
import { commandId } from "../support/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { type FlakyProxy, startFlakyProxy } from "../support/flaky-proxy.ts";
import { startLastingEmitter } from "../support/lasting-emitter.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../support/rabbitmq.ts";
import { rabbitMqManagement } from "../support/rabbitmq-management.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import type { Stage } from "../support/stage.ts";
import {
  allHeard,
  allOnce,
  type Fleet,
  onSharedServices,
  onStage,
  posts,
  sendFleet,
} from "./own-stage.ts";

const ENV = {
  AMQP_HEARTBEAT_SECONDS: "2",
  AMQP_CONNECT_TIMEOUT_MS: "2000",
  AMQP_RPC_TIMEOUT_MS: "3000",
  AMQP_CONFIRM_TIMEOUT_MS: "2000",
  AMQP_PROBE_INTERVAL_MS: "500",
  AMQP_RECONNECT_MAX_MS: "1000",
  ECS_POST_TIMEOUT_MS: "3000",
};
/** Jobs that outlast the fault. */
const LONG = { server: { jobDurationMs: 6_000 } };
const WORK = "ecs.reinstall.work";

describe("through a proxy", () => {
  async function onProxy(
    play: (stage: Stage, proxy: FlakyProxy) => Promise<void>,
    before?: (proxy: FlakyProxy) => Promise<void>,
  ): Promise<void> {
    const services = await sharedServices();
    const { rabbitMq, redis } = services;
    const proxy = await startFlakyProxy(Number(new URL(rabbitMq.url).port));
    try {
      await before?.(proxy);
      await onStage(
        { rabbitMq, redisUrl: redis.url, through: { amqp: proxy.via(rabbitMq.url) }, env: ENV },
        (stage) => play(stage, proxy),
      );
    } finally {
      await proxy.close();
      await services.close();
    }
  }

  it.concurrent.each([
    ["a black hole: no error comes", { kind: "black-hole" }],
    ["confirms and deliveries that are lost on the way", { kind: "drop-replies" }],
    ["confirms and deliveries that come late", { kind: "hold-replies" }],
    ["our end closed: nothing we say arrives", { kind: "half-close", direction: "up" }],
    ["the broker's end closed: nothing is heard", { kind: "half-close", direction: "down" }],
    ["a line of 200 bytes per second", { kind: "slow", bytesPerSecond: 200 }],
  ] as const)(
    "%s, for longer than the heartbeats: reconnects, nothing lost or repeated",
    async (_name, mode) => {
      await onProxy(async (stage, proxy) => {
        const worker = await stage.addWorker();
        const running = await sendFleet(stage, 8, LONG);
        await allHeard(stage, running, "submitted");
        const coming = await sendFleet(stage, 8);
        await proxy.set(mode);
        // Found out by heartbeats or time-outs; slow but sure is no fault.
        if (mode.kind !== "slow") {
          await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503, {
            timeoutMs: 30_000,
          });
        }
        const late = await sendFleet(stage, 2);
        // TCP loses nothing in the middle of a connection: one that lost something does not go on.
        if (mode.kind === "drop-replies") await proxy.set({ kind: "reset" });
        await proxy.set({ kind: "pass" });
        for (const fleet of [running, coming, late]) await allOnce(stage, fleet);
        await worker.ready();
        await stage.audit([...running.ids, ...coming.ids, ...late.ids]);
      });
    },
  );

  it.concurrent("resets in the middle of everything, ten times", async () => {
    await onProxy(async (stage, proxy) => {
      await stage.addWorker();
      await stage.addWorker();
      const fleet = await sendFleet(stage, 30);
      for (let round = 0; round < 10; round++) {
        const up = proxy.bytes.up;
        await eventually(() => proxy.bytes.up > up + 3_000 || stage.emitter.heard().length > 200, {
          timeoutMs: 20_000,
        });
        await proxy.set({ kind: "reset" });
        await proxy.set({ kind: "pass" });
      }
      await allOnce(stage, fleet);
      await stage.audit(fleet.ids);
    });
  });

  it.concurrent("connections that break off in their set-up do not end the process", async () => {
    await onProxy(
      async (stage, proxy) => {
        const worker = await stage.spawnWorker();
        for (const afterBytes of [4, 300, 700, 900]) {
          await proxy.set({ kind: "cut", afterBytes, direction: "down" });
          const accepted = proxy.accepted;
          await eventually(() => proxy.accepted >= accepted + 2, { timeoutMs: 30_000 });
        }
        await proxy.set({ kind: "pass" });
        await worker.ready();
        const fleet = await sendFleet(stage, 2);
        await allOnce(stage, fleet);
        await stage.audit(fleet.ids);
      },
      (proxy) => proxy.set({ kind: "cut", afterBytes: 0, direction: "down" }),
    );
  });
});

describe("queues and messages", () => {
  /** The first sweep comes 10 s after the start: whoever swept holds that right for a minute. */
  const SWEEP = { SWEEP_INTERVAL_MS: "5000", SWEEP_AFTER_MS: "3000" };

  it.concurrent.each(["ecs.reinstall.commands", WORK, "ecs.reinstall.delay.1000"])(
    "%s deleted: declared again, consumed again; what was lost with it is taken up from the records",
    async (queue) => {
      await onSharedServices({ env: { ...ENV, ...SWEEP } }, async (stage, { rabbitMq }) => {
        const worker = await stage.addWorker();
        const running = await sendFleet(stage, 6, LONG);
        await allHeard(stage, running, "submitted");
        await rabbitMq.api("DELETE", `/queues/${encodeURIComponent(rabbitMq.vhost)}/${queue}`);
        await eventually(async () => (await rabbitMq.queueDepths())[queue] !== undefined, {
          what: `${queue}, declared again`,
          timeoutMs: 30_000,
        });
        await worker.ready();
        const coming = await sendFleet(stage, 3);
        await allOnce(stage, running);
        await allOnce(stage, coming);
        const commands = [...running.ids, ...coming.ids];
        if (queue !== WORK) return stage.audit(commands);
        // What a delay queue could not hand over it tries again after three minutes; its steps were taken up since.
        expect(auditHistory({ ...stage, heard: stage.emitter.heard(), commands })).toEqual([]);
      });
    },
  );

  it.concurrent("one submit message three times, not marked redelivered: one POST", async () => {
    await onSharedServices({ env: ENV }, async (stage) => {
      const first = await stage.addWorker([{ label: "step:published", action: "kill" }]);
      const fleet = await sendFleet(stage, 1);
      await first.ended();
      const { channel } = stage.emitter;
      // The broker still thinks for a moment that the dead worker has it.
      const copy = await eventually(() => channel.get(WORK));
      for (let count = 0; count < 3; count++) {
        channel.sendToQueue(WORK, copy.content, { ...copy.properties, persistent: true });
      }
      // The original may have been claimed by the one that died: it comes back, marked redelivered.
      channel.nack(copy, false, true);
      await channel.waitForConfirms();
      await stage.addWorker();
      await stage.addWorker();
      await allOnce(stage, fleet);
      expect(posts(stage, fleet.serverIds[0] ?? "")).toBe(1);
      await stage.audit(fleet.ids);
    });
  });

  it.concurrent("a step that the broker gave up on is put back on its way, and told without its body", async () => {
    await onSharedServices({ env: ENV }, async (stage) => {
      const first = await stage.addWorker([{ label: "step:published", action: "kill" }]);
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      const id = commandId("given-up");
      const secret = Buffer.from("#!/bin/sh\necho planted-secret-19c4").toString("base64");
      const body = { keyname: "k", userid: "u", metadata: { user_data: secret } };
      await stage.emitter.send(stage.command(id, server.id, { "os-reinstall": body }));
      await first.ended();
      const { channel } = stage.emitter;
      const given = await eventually(() => channel.get(WORK));
      channel.sendToQueue(`${WORK}.dead`, given.content, { ...given.properties, persistent: true });
      channel.ack(given);
      await channel.waitForConfirms();
      await stage.addWorker();
      expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
      expect([stage.reinstalls(server.id), posts(stage, server.id)]).toEqual([1, 1]);
      const dead = await eventually(async () => {
        const found = await stage.emitter.drain("ecs.reinstall.dead");
        return found.length > 0 && found;
      });
      expect(JSON.stringify(dead)).not.toContain(secret);
      await stage.audit([id]);
    });
  });
});

describe("a message that does not come back from its delay queue", () => {
  /** It is seen after the longest delay, half a minute and at most 15 s: the sweeper comes later. */
  const PATIENT = { SWEEP_INTERVAL_MS: "500", SWEEP_AFTER_MS: "60000" };

  it("is told by that queue while everything else moves, and is not late any more when the sweeper has put it back", async () => {
    await onSharedServices({ env: { ...ENV, ...PATIENT } }, async (stage, { rabbitMq }) => {
      const worker = await stage.addWorker();
      const lost = await sendFleet(stage, 1, { server: { jobDurationMs: 40_000 } });
      await allHeard(stage, lost, "submitted");
      const late = async () => {
        const page = await (await fetch(`${worker.httpUrl}/metrics`)).text();
        const lines = page.matchAll(
          /^ecs_reinstall_message_overdue_seconds\{rung="(\d+)"\} (.+)$/gm,
        );
        return [...lines].filter(([, , value]) => Number(value) > 0).map(([, rung]) => rung);
      };
      expect(await late()).toEqual([]);
      const queue = "ecs.reinstall.delay.1000";
      await eventually(
        async () => (await stage.emitter.channel.purgeQueue(queue)).messageCount === 1,
        { what: "the message of the command in its delay queue", timeoutMs: 30_000 },
      );
      // Others come and go meanwhile.
      const others = await sendFleet(stage, 3);
      await allOnce(stage, others);
      await eventually(async () => (await late()).join() === "1000", {
        what: "the queue with the late message",
        timeoutMs: 55_000,
      });
      expect(await rabbitMq.queueDepths()).toMatchObject({ [queue]: 0 });
      await allOnce(stage, lost, 150_000);
      await eventually(async () => (await late()).length === 0, { timeoutMs: 30_000 });
      await stage.audit([...lost.ids, ...others.ids]);
    });
  });
});

describe("the broker itself", () => {
  let broker: PrivateRabbitMq;
  let services: SharedServices;

  beforeAll(async () => {
    [broker, services] = await Promise.all([startRabbitMq(), sharedServices()]);
  });
  afterAll(async () => {
    await broker?.stop();
    await services?.close();
  });

  /** A vhost of its own for each test, on the broker that is broken. */
  async function onBroker(
    play: (stage: Stage, vhost: string) => Promise<void>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const vhost = await broker.newVhost();
    const own = await sharedServices();
    const emitter = await startLastingEmitter(vhost.url);
    try {
      await onStage(
        {
          rabbitMq: { ...rabbitMqManagement(vhost.url, broker.managementUrl), url: vhost.url },
          redisUrl: own.redis.url,
          emitter,
          env: { ...ENV, ...env },
        },
        (stage) => play(stage, vhost.name),
      );
    } finally {
      await vhost.remove().catch(() => undefined);
      await own.close();
    }
  }

  it("killed and started again, in the middle of a POST: waits, then goes on; a new worker waits too", async () => {
    await onBroker(async (stage) => {
      await stage.addWorker();
      await oldEnoughForAKill();
      const running = await sendFleet(stage, 10, LONG);
      await allHeard(stage, running, "submitted");
      stage.simulator.faults.set({ operation: "reinstall", delayBeforeReplyMs: 1_000 });
      const flying = await sendFleet(stage, 3, LONG);
      await eventually(
        () => flying.serverIds.every((id) => stage.simulator.calls(id).reinstall === 1),
        { timeoutMs: 30_000 },
      );
      await broker.kill();
      const second = await stage.spawnWorker();
      await eventually(async () => (await fetch(`${second.httpUrl}/readyz`)).status === 503, {
        timeoutMs: 30_000,
      });
      await broker.start();
      for (const fleet of [running, flying]) await allOnce(stage, fleet);
      for (const id of flying.serverIds) expect(posts(stage, id)).toBe(1);
      await second.ready();
      await stage.audit([...running.ids, ...flying.ids]);
    });
  });

  it("closes every connection, three times while it is busy: consumers are back, nothing repeated", async () => {
    await onBroker(async (stage) => {
      await stage.addWorker();
      await stage.addWorker();
      const fleets: Fleet[] = [];
      for (let round = 0; round < 3; round++) {
        // New ones each time: closing takes seconds, and by then the others may have ended.
        fleets.push(await sendFleet(stage, 10, LONG));
        const heard = stage.emitter.heard().length;
        await broker.closeAllConnections();
        await eventually(() => stage.emitter.heard().length > heard, { timeoutMs: 30_000 });
      }
      for (const fleet of fleets) await allOnce(stage, fleet);
      await stage.audit(fleets.flatMap(({ ids }) => ids));
    });
  });

  it("stands still for longer than the heartbeats, then answers again", async () => {
    await onBroker(async (stage) => {
      const worker = await stage.addWorker();
      const running = await sendFleet(stage, 5, LONG);
      await allHeard(stage, running, "submitted");
      await broker.pause();
      await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503, {
        timeoutMs: 30_000,
      });
      await broker.resume();
      await allOnce(stage, running);
      await worker.ready();
      await stage.audit(running.ids);
    });
  });

  it("takes no messages (memory alarm): no POST; resumes alone when it takes them again", async () => {
    await onBroker(async (stage) => {
      // A submit message is ready, and nobody has sent anything yet.
      const doomed = await stage.addWorker([{ label: "step:published", action: "kill" }]);
      const fleet = await sendFleet(stage, 1);
      const [serverId = ""] = fleet.serverIds;
      await doomed.ended();
      await withMemoryAlarm(async () => {
        const worker = await stage.spawnWorker();
        const looks = stage.simulator.calls(serverId).server;
        // It has it, looks at the server, again and again, and sends nothing.
        await eventually(() => stage.simulator.calls(serverId).server > looks + 3, {
          timeoutMs: 30_000,
        });
        expect(posts(stage, serverId)).toBe(0);
        expect((await fetch(`${worker.httpUrl}/readyz`)).status).toBe(503);
      });
      await allOnce(stage, fleet);
      await stage.workers.at(-1)?.ready();
      await stage.audit(fleet.ids);
    });
  });

  it("takes no messages while a POST is answered: its outcome is told when it takes them again", async () => {
    await onBroker(async (stage) => {
      const worker = await stage.addWorker();
      stage.simulator.faults.set({ operation: "reinstall", delayBeforeReplyMs: 2_000 });
      const fleet = await sendFleet(stage, 2);
      await eventually(
        () => fleet.serverIds.every((id) => stage.simulator.calls(id).reinstall === 1),
        { timeoutMs: 30_000 },
      );
      await withMemoryAlarm(async () => {
        await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503, {
          timeoutMs: 30_000,
        });
      });
      await allOnce(stage, fleet);
      expect(fleet.serverIds.map((id) => posts(stage, id))).toEqual([1, 1]);
      await stage.audit(fleet.ids);
    });
  });

  it("loses everything it had: what was admitted ends through the records, on servers locked meanwhile", async () => {
    await onBroker(
      async (stage, vhost) => {
        await stage.addWorker();
        const running = await sendFleet(stage, 5, LONG);
        await allHeard(stage, running, "submitted");
        const waiting = running.serverIds.map((_, index) => commandId(`wait-${index}`));
        for (const [index, serverId] of running.serverIds.entries()) {
          const other = { "os-reinstall": { keyname: "another", userid: "u" } };
          await stage.emitter.send(stage.command(waiting[index] ?? "", serverId, other));
        }
        await Promise.all(waiting.map((id) => stage.emitter.event(id, "waiting")));
        await broker.wipe();
        await broker.start();
        // The vhost is gone with its data.
        await broker.createVhost(vhost);
        await allOnce(stage, running);
        // Their bodies were in the lost messages: nothing was sent, and that is what they say.
        for (const id of waiting) {
          expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
            event: "failed",
            retryable: true,
          });
        }
        await stage.audit([...running.ids, ...waiting]);
      },
      { SWEEP_INTERVAL_MS: "500", SWEEP_AFTER_MS: "3000" },
    );
  });

  async function withMemoryAlarm(meanwhile: () => Promise<void>): Promise<void> {
    await broker.setMemoryAlarm(true);
    try {
      await meanwhile();
    } finally {
      await broker.setMemoryAlarm(false);
    }
  }
});

/** A quorum queue that is younger may be stuck after a kill (3.10): the broker's flaw, not our subject. */
async function oldEnoughForAKill(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5_000));
}
