import { describe, expect, it } from "vitest";
import { auditHistory } from "../support/audit.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { type FlakyProxy, startFlakyProxy } from "../support/network/flaky-proxy.ts";
import { sharedServices } from "../support/services.ts";
import type { Stage } from "../support/stage.ts";
import {
  allHeard,
  allOnce,
  LONG,
  onSharedServices,
  onStage,
  posts,
  QUICK_AMQP,
  sendFleet,
} from "./own-stage.ts";

const WORK = "ecs.reinstall.work";

describe.concurrent("a message that does not come back from its delay queue", () => {
  /** It is seen after the longest delay, half a minute and at most 15 s: the sweeper comes later. */
  const PATIENT = { SWEEP_INTERVAL_MS: "500", SWEEP_AFTER_MS: "60000" };

  it("is told by that queue while everything else moves, and is not late any more when the sweeper has put it back", async () => {
    await onSharedServices({ env: { ...QUICK_AMQP, ...PATIENT } }, async (stage, { rabbitMq }) => {
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

describe.concurrent("through a proxy", () => {
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
        {
          rabbitMq,
          redisUrl: redis.url,
          through: { amqp: proxy.via(rabbitMq.url) },
          env: QUICK_AMQP,
        },
        (stage) => play(stage, proxy),
      );
    } finally {
      await proxy.close();
      await services.close();
    }
  }

  it.each([
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

  it("resets in the middle of everything, ten times", async () => {
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

  it("connections that break off in their set-up do not end the process", async () => {
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

describe.concurrent("queues and messages", () => {
  /** The first sweep comes 10 s after the start: whoever swept holds that right for a minute. */
  const SWEEP = { SWEEP_INTERVAL_MS: "5000", SWEEP_AFTER_MS: "3000" };

  it.each(["ecs.reinstall.commands", WORK, "ecs.reinstall.delay.1000"])(
    "%s deleted: declared again, consumed again; what was lost with it is taken up from the records",
    async (queue) => {
      await onSharedServices({ env: { ...QUICK_AMQP, ...SWEEP } }, async (stage, { rabbitMq }) => {
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

  it("one submit message three times, not marked redelivered: one POST", async () => {
    await onSharedServices({ env: QUICK_AMQP }, async (stage) => {
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

  it("a step that the broker gave up on is put back on its way, and told without its body", async () => {
    await onSharedServices({ env: QUICK_AMQP }, async (stage) => {
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
