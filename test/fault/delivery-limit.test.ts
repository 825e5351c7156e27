import { expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import type { SharedServices } from "../support/services.ts";
import type { Stage } from "../support/stage.ts";
import type { FailPoint } from "../support/worker/worker-process.ts";
import { lockOf, onSharedServices, posts } from "./own-stage.ts";

const SECRET = Buffer.from("#!/bin/sh\necho planted-secret-77ab").toString("base64");
const BODY = { keyname: "k", userid: "u", metadata: { user_data: SECRET } };

interface Ground {
  readonly stage: Stage;
  readonly redisUrl: string;
  readonly id: string;
  readonly serverId: string;
}

/** One command on its way, where the broker gives a message up after `limit` deliveries in vain. */
async function withLimit(
  { limit, env = {} }: { readonly limit: number; readonly env?: Readonly<Record<string, string>> },
  play: (ground: Ground) => Promise<void>,
): Promise<void> {
  await onSharedServices({ env }, async (stage, { rabbitMq, redis }) => {
    await giveUpAfter(rabbitMq, limit);
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    await play({ stage, redisUrl: redis.url, id: commandId("given-up"), serverId: server.id });
  });
}

/** The lower of the queue's own limit and the policy's holds. */
async function giveUpAfter(rabbitMq: SharedServices["rabbitMq"], limit: number): Promise<void> {
  await rabbitMq.api("PUT", `/policies/${rabbitMq.vhost}/limit`, {
    pattern: "^ecs\\.reinstall\\.(commands|work)$",
    definition: { "delivery-limit": limit },
    "apply-to": "queues",
  });
}

/** Sends the command to the first of these workers, each of which dies where it is told to. */
async function killedOneAfterTheOther(
  { stage, id, serverId }: Ground,
  points: readonly Omit<FailPoint, "action">[],
): Promise<void> {
  for (const [index, point] of points.entries()) {
    // The later ones may die of it before they are ready.
    const worker = await stage.spawnWorker([{ ...point, action: "kill" }]);
    if (index === 0) {
      await worker.ready();
      await stage.emitter.send(stage.command(id, serverId, { "os-reinstall": BODY }));
    }
    expect(await worker.ended()).toBe("signal SIGKILL");
  }
}

/** The copies for people: what they give as reasons, once it is sure that they tell no secret. */
async function reasonsOfTheDead(stage: Stage, count: number): Promise<readonly unknown[]> {
  const dead: { body: string; headers: Record<string, unknown> }[] = [];
  await eventually(async () => {
    dead.push(...(await stage.emitter.drain("ecs.reinstall.dead")));
    return dead.length >= count;
  });
  expect(JSON.stringify(dead)).not.toContain(SECRET);
  return dead.map(({ headers }) => headers["x-reason"]);
}

it.concurrent("a command whose every worker dies is answered as undeliverable, and its server is free", async () => {
  await withLimit({ limit: 1 }, async (ground) => {
    const { stage, id, serverId, redisUrl } = ground;
    await killedOneAfterTheOther(ground, [{ label: "admit:claimed" }, { label: "admit:claimed" }]);
    expect(await lockOf(redisUrl, serverId)).toMatchObject({ owner: id });
    await stage.addWorker();
    expect((await stage.emitter.outcome(id)).data).toMatchObject({
      event: "rejected",
      problems: [{ code: "undeliverable" }],
    });
    expect(await reasonsOfTheDead(stage, 1)).toEqual(["rejected: undeliverable"]);
    expect(posts(stage, serverId)).toBe(0);
    await stage.audit([id]);
  });
});

it.concurrent("a command that fails in the hands of its worker again and again is answered, and the worker lives", async () => {
  await withLimit({ limit: 1 }, async ({ stage, id, serverId }) => {
    const fails = { label: "admit:claimed", action: "throw" } as const;
    // A point that throws hides the next one: each counts for itself.
    const worker = await stage.addWorker([fails, fails]);
    await stage.emitter.send(stage.command(id, serverId, { "os-reinstall": BODY }));
    expect((await stage.emitter.outcome(id)).data).toMatchObject({
      event: "rejected",
      problems: [{ code: "undeliverable" }],
    });
    expect(await reasonsOfTheDead(stage, 1)).toEqual(["rejected: undeliverable"]);
    await worker.ready();
    expect(posts(stage, serverId)).toBe(0);
    await stage.audit([id]);
  });
});

it.concurrent("a step whose every worker dies comes back from the broker's dead letters, and its job is followed", async () => {
  await withLimit({ limit: 1 }, async (ground) => {
    const { stage, id, serverId } = ground;
    await killedOneAfterTheOther(ground, [{ label: "watch:polled" }, { label: "watch:polled" }]);
    await stage.addWorker();
    expect((await stage.emitter.outcome(id)).data).toMatchObject({
      event: "succeeded",
      evidence: "job",
    });
    expect(await reasonsOfTheDead(stage, 1)).toEqual(["the broker gave up on the step watch"]);
    expect(posts(stage, serverId)).toBe(1);
    await stage.audit([id]);
  });
});

it.concurrent("a submit step given up after its POST: the disk tells, and nothing is sent again", async () => {
  await withLimit({ limit: 0 }, async (ground) => {
    const { stage, id, serverId } = ground;
    await killedOneAfterTheOther(ground, [{ label: "submit:answered" }]);
    await stage.addWorker();
    expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
      event: "succeeded",
      evidence: "system-disk-replaced",
    });
    expect(await reasonsOfTheDead(stage, 1)).toEqual(["the broker gave up on the step submit"]);
    expect([stage.reinstalls(serverId), posts(stage, serverId)]).toEqual([1, 1]);
    await stage.audit([id]);
  });
});

it.concurrent("a submit step given up between its intent and its POST: nothing is sent without proof, and the lock says why", async () => {
  await withLimit({ limit: 0, env: { JOB_DEADLINE_MS: "8000" } }, async (ground) => {
    const { stage, id, serverId, redisUrl } = ground;
    await killedOneAfterTheOther(ground, [{ label: "submit:intent-recorded" }]);
    await stage.addWorker();
    expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
      event: "unresolved",
      disk_evidence: "untested",
    });
    expect(await lockOf(redisUrl, serverId)).toMatchObject({ owner: id, phase: "unresolved" });
    await reasonsOfTheDead(stage, 1);
    expect(posts(stage, serverId)).toBe(0);
    await stage.audit([id], [id]);
  });
});

it.concurrent.each([
  ["before anything was sent ends `failed`", "submit:attempt-claimed", "failed", 0],
  ["while its job runs ends `unresolved`", "watch:polled", "unresolved", 1],
] as const)(
  "a step given up three times %s: it is not tried for ever",
  async (_how, label, event, sent) => {
    await withLimit({ limit: 0 }, async (ground) => {
      const { stage, id, serverId } = ground;
      await killedOneAfterTheOther(ground, [{ label }, { label }, { label }]);
      await stage.addWorker();
      const { data } = await stage.emitter.outcome(id);
      expect(data.event).toBe(event);
      if (event === "failed") expect(data).toMatchObject({ class: "internal", retryable: true });
      expect(await reasonsOfTheDead(stage, 3)).toHaveLength(3);
      expect(posts(stage, serverId)).toBe(sent);
      await stage.audit([id], event === "unresolved" ? [id] : []);
    });
  },
);
