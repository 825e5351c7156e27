import { expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import {
  startRedisCluster,
  type ClusterOptions,
  type PrivateCluster,
} from "../support/redis/redis-cluster.ts";
import { sharedServices } from "../support/services.ts";
import type { Stage } from "../support/stage.ts";
import { allHeard, allOnce, earnTrust, LONG, onStage, posts, sendFleet } from "./own-stage.ts";

/** A key of the project that the stage's commands belong to. */
const KEY = `ecs:{${DEFAULT_PROJECT_ID}}:epoch`;
/*
 * A command whose request is just going out when the memory changes goes on by proof: every test earns the trust that
 * "the same disk" needs, or such a command would end `unresolved`.
 */

async function onCluster(
  options: ClusterOptions & { readonly env?: Readonly<Record<string, string>> },
  play: (stage: Stage, cluster: PrivateCluster) => Promise<void>,
): Promise<void> {
  const { env = {}, ...clusterOptions } = options;
  const [cluster, services] = await Promise.all([
    startRedisCluster({ appendOnly: true, ...clusterOptions }),
    sharedServices(),
  ]);
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: "redis://not-used",
        locks: () => cluster.locks(),
        env: {
          REDIS_CLUSTER_NODES: cluster.nodes,
          REDIS_COMMAND_TIMEOUT_MS: "500",
          ECS_POST_TIMEOUT_MS: "3000",
          ...env,
        },
      },
      (stage) => play(stage, cluster),
    );
  } finally {
    await services.close();
    await cluster.stop();
  }
}

it.concurrent("the project's master is lost under load: its replica takes over, everything ends, nothing is sent twice", async () => {
  await onCluster({ replicas: 1 }, async (stage, cluster) => {
    await stage.addWorker();
    await stage.addWorker();
    const plain = await earnTrust(stage);
    const running = await sendFleet(stage, 6, LONG);
    await allHeard(stage, running, "submitted");
    const owner = await cluster.ownerOf(KEY);
    const meanwhile = sendFleet(stage, 6);
    await owner.kill();
    const coming = await meanwhile;
    const late = await sendFleet(stage, 3);
    for (const fleet of [running, coming, late]) await allOnce(stage, fleet);
    expect((await cluster.ownerOf(KEY)).port).not.toBe(owner.port);
    await stage.audit([...plain, ...running.ids, ...coming.ids, ...late.ids]);
  });
});

it.concurrent("the project's master stands still: its replica takes over, the workers follow it without being told", async () => {
  await onCluster({ replicas: 1 }, async (stage, cluster) => {
    await stage.addWorker();
    const plain = await earnTrust(stage);
    const running = await sendFleet(stage, 4, LONG);
    await allHeard(stage, running, "submitted");
    const owner = await cluster.ownerOf(KEY);
    await owner.pause();
    const coming = await sendFleet(stage, 4);
    for (const fleet of [running, coming]) await allOnce(stage, fleet);
    await owner.resume();
    await stage.audit([...plain, ...running.ids, ...coming.ids]);
  });
});

it.concurrent("the project's slot moves to another master under load: told as a new memory, everything ends once", async () => {
  await onCluster({}, async (stage, cluster) => {
    await stage.addWorker();
    await stage.addWorker();
    const plain = await earnTrust(stage);
    const running = await sendFleet(stage, 6, LONG);
    await allHeard(stage, running, "submitted");
    // One that is on record and only waits: it can be told why it waits on.
    const held = await sendFleet(stage, 1, LONG);
    await allHeard(stage, held, "submitted");
    const waits = commandId("waits");
    const other = { "os-reinstall": { keyname: "another", userid: "someone" } };
    await stage.emitter.send(stage.command(waits, held.serverIds[0] ?? "", other));
    await stage.emitter.event(waits, "waiting");
    const from = await cluster.ownerOf(KEY);
    const to = cluster.shards.find(({ master }) => master.port !== from.port)?.master ?? from;
    const meanwhile = sendFleet(stage, 6);
    await cluster.moveSlotOf(KEY, to);
    await eventually(() =>
      stage.workers.some((worker) => worker.output().includes("the memory of redis is new")),
    );
    const coming = await meanwhile;
    const late = await sendFleet(stage, 3);
    for (const fleet of [running, coming, late]) await allOnce(stage, fleet);
    expect((await stage.emitter.outcome(waits, 60_000)).data.event).toBe("succeeded");
    const reasons = stage.emitter
      .heard()
      .filter(({ event }) => event.data.command_id === waits)
      .map(({ event }) => event.data["waits_for"]);
    expect(reasons).toContain("store-rebuilding");
    expect(stage.reinstalls(held.serverIds[0] ?? "")).toBe(2);
    expect((await cluster.ownerOf(KEY)).port).toBe(to.port);
    await stage.audit([...plain, ...running.ids, ...held.ids, waits, ...coming.ids, ...late.ids]);
  });
});

it.concurrent("the slot moves there and back while it is in use: everything ends once", async () => {
  await onCluster({}, async (stage, cluster) => {
    await stage.addWorker();
    const plain = await earnTrust(stage);
    const from = await cluster.ownerOf(KEY);
    const to = cluster.shards.find(({ master }) => master.port !== from.port)?.master ?? from;
    const running = await sendFleet(stage, 6, LONG);
    for (const target of [to, from, to]) await cluster.moveSlotOf(KEY, target);
    await allOnce(stage, running);
    await stage.audit([...plain, ...running.ids]);
  });
});

it.concurrent("replicas are counted where the project's keys are: those of other masters prove nothing", async () => {
  const env = { REDIS_WAIT_REPLICAS: "1", REDIS_WAIT_TIMEOUT_MS: "200" };
  await onCluster({ replicas: 1, env }, async (stage, cluster) => {
    await stage.addWorker();
    const owner = await cluster.ownerOf(KEY);
    const shard = cluster.shards.find(({ master }) => master.port === owner.port);
    const [replica] = shard?.replicas ?? [];
    await replica?.pause();
    const fleet = await sendFleet(stage, 2);
    await eventually(() => (stage.workers[0]?.output().match(/"store-away"/g) ?? []).length > 1, {
      timeoutMs: 20_000,
    });
    expect(fleet.serverIds.map((id) => posts(stage, id))).toEqual([0, 0]);
    await replica?.resume();
    // The intent of the first try is on record: only proof leads to the next one.
    const plain = await earnTrust(stage);
    await allOnce(stage, fleet);
    await stage.audit([...plain, ...fleet.ids]);
  });
});

it.concurrent("a master without a replica is lost: not ready, whichever project it had; ready when it is back", async () => {
  const idle = "1".repeat(32);
  const env = { ECS_PROJECTS: `${DEFAULT_PROJECT_ID},${idle}` };
  await onCluster({ env }, async (stage, cluster) => {
    const worker = await stage.addWorker();
    const redis = async () => {
      const answer = await fetch(`${worker.httpUrl}/readyz`);
      const { dependencies } = (await answer.json()) as {
        dependencies: { name: string; state: string; detail: string }[];
      };
      return { status: answer.status, ...dependencies.find(({ name }) => name === "redis") };
    };
    const owners = [KEY, `ecs:{${idle}}:epoch`].map((key) => cluster.ownerOf(key));
    for (const owner of await Promise.all(owners)) {
      await owner.kill();
      await eventually(async () =>
        expect(await redis()).toMatchObject({ status: 503, state: "down" }),
      );
      // Whoever still listens says that the cluster is down.
      await eventually(async () => expect((await redis()).detail).toMatch(/project|CLUSTERDOWN/));
      await owner.start();
      await eventually(
        async () => expect(await redis()).toMatchObject({ status: 200, state: "up" }),
        {
          timeoutMs: 30_000,
        },
      );
    }
    const fleet = await sendFleet(stage, 2);
    await allOnce(stage, fleet);
    await stage.audit(fleet.ids);
  });
});
