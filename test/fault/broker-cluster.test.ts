import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { startFlakyProxy } from "../support/network/flaky-proxy.ts";
import { startLastingEmitter } from "../support/emitter/lasting-emitter.ts";
import {
  type PrivateRabbitMq,
  type RabbitMqCluster,
  startRabbitMqCluster,
} from "../support/rabbitmq/rabbitmq.ts";
import { startRedis } from "../support/redis/redis.ts";
import { promote, startReplica } from "../support/redis/redis-failover.ts";
import { sharedServices } from "../support/services.ts";
import type { Stage, StageOptions } from "../support/stage.ts";
import { allHeard, allOnce, earnTrust, onStage, posts, sendFleet } from "./own-stage.ts";

const ENV = {
  AMQP_HEARTBEAT_SECONDS: "2",
  AMQP_CONNECT_TIMEOUT_MS: "2000",
  AMQP_RPC_TIMEOUT_MS: "3000",
  AMQP_CONFIRM_TIMEOUT_MS: "2000",
  AMQP_PROBE_INTERVAL_MS: "500",
  AMQP_RECONNECT_MAX_MS: "1000",
};
/** Whoever swept holds that right for a minute. */
const SWEEP = { SWEEP_INTERVAL_MS: "5000", SWEEP_AFTER_MS: "3000", JOB_DEADLINE_MS: "300000" };
const LONG = { server: { jobDurationMs: 8_000 } };

let cluster: RabbitMqCluster;

beforeAll(async () => {
  cluster = await startRabbitMqCluster(3);
});
afterAll(async () => {
  await cluster?.stop();
});

const alive = () => {
  const node = cluster.nodes.find(({ pid }) => pid !== undefined);
  if (node === undefined) throw new Error("no node is left");
  return node;
};

/** A vhost of its own for each test, on all three nodes. */
async function onCluster(
  play: (stage: Stage, vhost: string) => Promise<void>,
  options: Pick<StageOptions, "through"> & { readonly redisUrl?: string } = {},
): Promise<void> {
  const services = await sharedServices();
  const { name } = await alive().newVhost();
  const urls = cluster.nodes.map((node) => node.urlFor({ vhost: name }));
  try {
    await onStage(
      {
        rabbitMq: { url: urls.join(","), queueDepths: () => alive().queueDepths(name) },
        redisUrl: services.redis.url,
        emitter: await startLastingEmitter(...urls),
        env: ENV,
        ...options,
      },
      (stage) => play(stage, name),
    );
  } finally {
    await services.close();
  }
}

/** The node that leads a queue now, as the broker tells. */
async function leaderOf(vhost: string, queue: string): Promise<PrivateRabbitMq> {
  const { leader } = (await alive().api("GET", `/queues/${vhost}/${queue}`)) as { leader: string };
  const node = cluster.nodes.find(({ nodeName }) => nodeName === leader);
  if (node === undefined) throw new Error(`${leader} is none of ours`);
  return node;
}

it("loses the leader of its work queue: moves on, nothing lost or repeated", {
  timeout: 400_000,
}, async () => {
  await onCluster(async (stage, vhost) => {
    await stage.addWorker([], SWEEP);
    await stage.addWorker([], SWEEP);
    const running = await sendFleet(stage, 10, LONG);
    await allHeard(stage, running, "submitted");
    const leader = await leaderOf(vhost, "ecs.reinstall.work");
    const killedMs = performance.now();
    await leader.kill();
    const coming = await sendFleet(stage, 10);
    await allOnce(stage, running, 200_000);
    await allOnce(stage, coming, 200_000);
    const seconds = Math.round((performance.now() - killedMs) / 1_000);
    const wedged = await wedgedDelays(vhost);
    const names = wedged.join(", ");
    console.log(`leader lost: all ended after ${seconds} s; delay queues wedged: ${names}`);
    for (const queue of wedged) await moveLeader(vhost, queue);
    await leader.start();
    await stage.audit([...running.ids, ...coming.ids]);
  });
});

/**
 * 3.10: the hand-over from a delay queue (at-least-once dead-lettering) can stand still for good when the queue that it
 * hands over to loses its leader: the broker publishes again and again on a channel whose confirms never come. Our
 * sweeper takes the commands up meanwhile; a new leader of the delay queue sets it going again.
 */
async function wedgedDelays(vhost: string): Promise<readonly string[]> {
  const depths = await alive().queueDepths(vhost);
  return Object.keys(depths).filter(
    (name) => name.startsWith("ecs.reinstall.delay.") && (depths[name] ?? 0) > 0,
  );
}

/** By the runbook's own line. */
async function moveLeader(vhost: string, queue: string): Promise<PrivateRabbitMq | undefined> {
  const leader = await leaderOf(vhost, queue);
  const other = cluster.nodes.find((node) => node !== leader && node.pid !== undefined);
  const [line = []] = runbookLines(vhost, queue).filter((words) =>
    words.join().includes("transfer"),
  );
  const told = line.map((word) => word.replace("rabbit@OTHER", other?.nodeName ?? ""));
  expect(await alive().ctl(...told)).toContain("migrated");
  return other;
}

/** What the runbook has for rabbitmqctl, word for word, about one queue. */
function runbookLines(vhost: string, queue: string): readonly (readonly string[])[] {
  const page = new URL("../../docs/runbooks/EcsReinstallDelayQueueStuck.md", import.meta.url);
  const lines = readFileSync(page, "utf8").matchAll(/^rabbitmqctl (.+)$/gm);
  return [...lines].map(([, line = ""]) =>
    [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) =>
      (quoted ?? plain ?? "").replace("VHOST", vhost).replace("ecs.reinstall.delay.RUNG", queue),
    ),
  );
}

it("gives a delay queue another leader by the runbook's line, and takes its others", async () => {
  await onCluster(async (stage, vhost) => {
    await stage.addWorker();
    const queue = "ecs.reinstall.delay.200";
    await eventually(async () => queue in (await alive().queueDepths(vhost)));
    for (const line of runbookLines(vhost, queue).filter(
      (words) => !words.join().includes("OTHER"),
    )) {
      expect([line, await alive().ctl(...line)]).toEqual([line, expect.stringMatching(/\S/)]);
    }
    const wanted = await moveLeader(vhost, queue);
    await eventually(async () => (await leaderOf(vhost, queue)) === wanted, {
      what: "another leader",
      timeoutMs: 20_000,
    });
  });
});

it("loses its majority: no POST until it is back, then on by itself", async () => {
  await onCluster(async (stage, vhost) => {
    // It takes up what stands still in a delay queue (see below).
    const worker = await stage.addWorker([], SWEEP);
    const running = await sendFleet(stage, 5, LONG);
    await allHeard(stage, running, "submitted");
    const [first, second] = cluster.nodes;
    await Promise.all([first?.kill(), second?.kill()]);
    await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503, {
      timeoutMs: 30_000,
    });
    const before = stage.simulator.ledger().entries.length;
    const polls = stage.simulator.calls().reinstall;
    await Promise.all([first?.start(), second?.start()]);
    expect(stage.simulator.calls().reinstall).toBe(polls);
    expect(stage.simulator.ledger().entries.length).toBeGreaterThanOrEqual(before);
    const coming = await sendFleet(stage, 3);
    await allOnce(stage, running);
    await allOnce(stage, coming);
    expect(running.serverIds.map((id) => posts(stage, id))).toEqual(running.ids.map(() => 1));
    for (const queue of await wedgedDelays(vhost)) await moveLeader(vhost, queue);
    await stage.audit([...running.ids, ...coming.ids]);
  });
});

it("loses the leader of its work queue while a failover of Redis loses two intents: proof, and one reinstall each", {
  timeout: 400_000,
}, async () => {
  const master = await startRedis({ extraArgs: ["--repl-diskless-sync-delay", "0"] });
  const replica = await startReplica(master);
  const address = await startFlakyProxy(master.port);
  try {
    await onCluster(
      async (stage, vhost) => {
        const first = await stage.addWorker([], SWEEP);
        const plain = await earnTrust(stage);
        const running = await sendFleet(stage, 6, LONG);
        await allHeard(stage, running, "submitted");
        await first.stop();
        // Cut off from here on: of what follows the next master knows nothing.
        await promote(replica);
        const one = { ...SWEEP, PREFETCH: "1" };
        const doomed = await Promise.all([
          stage.addWorker([{ label: "submit:answered", action: "kill" }], one),
          stage.addWorker([{ label: "submit:intent-recorded", action: "kill" }], one),
        ]);
        const lost = await sendFleet(stage, 2);
        await Promise.all(doomed.map((worker) => worker.ended()));
        const leader = await leaderOf(vhost, "ecs.reinstall.work");
        await Promise.all([leader.kill(), master.kill()]);
        address.retarget(replica.port);
        await stage.addWorker([], SWEEP);
        await stage.addWorker([], SWEEP);
        const coming = commandId("after");
        const server = stage.simulator.addServer({ state: "SHUTOFF" });
        await stage.emitter.send(stage.command(coming, server.id));
        await allOnce(stage, running, 200_000);
        // What waits there is on nobody's record: neither those whose record is lost, nor one that is not on record yet.
        for (const queue of await wedgedDelays(vhost)) await moveLeader(vhost, queue);
        for (const [index, id] of lost.ids.entries()) {
          const { data } = await stage.emitter.outcome(id, 200_000);
          // Proof that it never ran leads to another attempt, or to that answer where its body stands still with its
          // message (see below) and the sweeper ends it.
          const ran = data.event === "succeeded" ? 1 : 0;
          if (ran === 0) expect(data).toMatchObject({ event: "failed", class: "not-executed" });
          expect(posts(stage, lost.serverIds[index] ?? "")).toBe(ran);
        }
        expect(lost.serverIds.map((id) => stage.reinstalls(id))).toContain(1);
        expect((await stage.emitter.outcome(coming, 60_000)).data.event).toBe("succeeded");
        expect(running.serverIds.map((id) => posts(stage, id))).toEqual(running.ids.map(() => 1));
        for (const queue of await wedgedDelays(vhost)) await moveLeader(vhost, queue);
        await leader.start();
        await stage.audit([...plain, ...running.ids, ...lost.ids, coming]);
      },
      { redisUrl: replica.url, through: { redis: address.via(master.url) } },
    );
  } finally {
    await address.close();
    await Promise.all([master.stop(), replica.stop()]);
  }
});
