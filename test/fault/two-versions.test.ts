import { expect, it } from "vitest";
import { sumOf } from "../../bench/support/worker.ts";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import { eventually } from "../support/eventually.ts";
import type { Stage } from "../support/stage.ts";
import type { WorkerProcess } from "../support/worker/worker-process.ts";
import { allHeard, allOnce, onRedis, onSharedServices, posts, sendFleet } from "./own-stage.ts";

const WORK = "ecs.reinstall.work";
const PRELOAD = new URL("../support/worker/newer-build.mjs", import.meta.url).href;
/** The same build with more to it: a phase or a number that the plain one does not know, and members of its own. */
const newer = (more: string) => ({ NEWER_BUILD: more, NODE_OPTIONS: `--import=${PRELOAD}` });
const LATER = ["a phase", "an envelope version"] as const;

const leftAlone = (worker: WorkerProcess | undefined) =>
  (worker?.output().match(/a step of a later version is left to a later worker/g) ?? []).length;

async function nothingIsDead(stage: Stage): Promise<void> {
  expect(await stage.emitter.drain("ecs.reinstall.dead")).toEqual([]);
}

it.concurrent.each(LATER)(
  "40 commands while a build that knows %s more replaces ours, worker by worker: each server once",
  async (more) => {
    await onSharedServices({}, async (stage) => {
      const old = [await stage.addWorker(), await stage.addWorker()];
      const first = await sendFleet(stage, 20, { server: { jobDurationMs: 2_000 } });
      await allHeard(stage, first, "accepted");
      const one = await stage.addWorker([], newer(more));
      const second = await sendFleet(stage, 20, { server: { jobDurationMs: 2_000 } });
      await allHeard(stage, second, "submitted");
      expect(await old[0]?.stop()).toBe("exit code 0");
      const two = await stage.addWorker([], newer(more));
      expect(await old[1]?.stop()).toBe("exit code 0");
      for (const fleet of [first, second]) await allOnce(stage, fleet);
      expect(old.reduce((sum, worker) => sum + leftAlone(worker), 0)).toBeGreaterThan(0);
      expect([one, two].map(leftAlone)).toEqual([0, 0]);
      await nothingIsDead(stage);
      await stage.audit([...first.ids, ...second.ids]);
    });
  },
);

it.concurrent.each(LATER)(
  "taken back while %s is under way that ours does not know: left alone, and nobody else waits for it",
  async (more) => {
    await onSharedServices({ env: { PREFETCH: "2" } }, async (stage) => {
      const ahead = await stage.addWorker([], newer(more));
      const theirs = await sendFleet(stage, 8, { server: { jobDurationMs: 3_000 } });
      await allHeard(stage, theirs, "submitted");
      await ahead.stop();
      const ours = await stage.addWorker();
      await eventually(() => leftAlone(ours) >= 8, { timeoutMs: 60_000 });
      const before = stage.emitter.heard().length;
      const plain = await sendFleet(stage, 6);
      await allOnce(stage, plain, 60_000);
      // Not a word of theirs: neither an end nor a poll.
      const said = stage.emitter.heard().slice(before);
      expect(said.filter(({ event }) => theirs.ids.includes(event.data.command_id))).toEqual([]);
      await nothingIsDead(stage);
      await stage.addWorker([], newer(more));
      await allOnce(stage, theirs);
      await stage.audit([...theirs.ids, ...plain.ids]);
    });
  },
);

it.concurrent("a later build dies before it has told a step that ours cannot read: ours leaves the command to it", async () => {
  await onSharedServices({}, async (stage) => {
    const dies = { label: "step:saved", nth: 2, action: "kill" } as const;
    const ahead = await stage.addWorker([dies], newer("a phase"));
    const fleet = await sendFleet(stage, 1);
    const [serverId = ""] = fleet.serverIds;
    await ahead.ended();
    const ours = await stage.addWorker();
    await eventually(() => (ours.output().match(/later-version/g) ?? []).length >= 3, {
      timeoutMs: 60_000,
    });
    expect(stage.emitter.story(fleet.ids[0] ?? "")).toEqual(["accepted"]);
    expect(posts(stage, serverId)).toBe(1);
    await stage.addWorker([], newer("a phase"));
    await allOnce(stage, fleet);
    expect(posts(stage, serverId)).toBe(1);
    await nothingIsDead(stage);
    await stage.audit(fleet.ids);
  });
});

// The dead worker may have claimed the message that it published itself: only then does it come back marked redelivered.
it.concurrent.each([
  ["published", false],
  ["claimed", true],
] as const)(
  "members that only a later build knows stay with a command that was %s: in its messages, its record and its lock",
  async (reached, claimed) => {
    await onSharedServices({}, async (stage, { redis }) => {
      const first = await stage.addWorker([{ label: `step:${reached}`, action: "kill" }]);
      const fleet = await sendFleet(stage, 1, { server: { jobDurationMs: 3_000 } });
      const [[id = ""], [serverId = ""]] = [fleet.ids, fleet.serverIds];
      await first.ended();
      const { channel } = stage.emitter;
      const given = await eventually(() => channel.get(WORK));
      if (claimed) expect(given.fields.redelivered).toBe(true);
      const envelope = JSON.parse(given.content.toString("utf8")) as {
        readonly order: object;
        readonly state: object;
        readonly revived: number;
      };
      const later = {
        ...envelope,
        lane: "fast",
        order: { ...envelope.order, lane: "fast" },
        state: { ...envelope.state, lane: "fast" },
        // The broker's mark goes with the delivery; without it the copy would look like somebody else's step.
        revived: envelope.revived + (given.fields.redelivered ? 1 : 0),
      };
      channel.sendToQueue(WORK, Buffer.from(JSON.stringify(later)), {
        ...given.properties,
        persistent: true,
      });
      channel.ack(given);
      await channel.waitForConfirms();
      const record = `ecs:{${DEFAULT_PROJECT_ID}}:cmd:${id}`;
      const lock = `ecs:{${DEFAULT_PROJECT_ID}}:lock:${serverId}`;
      await onRedis(redis.url, async (client) => {
        await client.hset(record, "lane", "fast");
        await client.hset(lock, "lane", "fast");
        await stage.addWorker();
        await stage.emitter.event(id, "submitted");
        expect(await client.hget(lock, "lane")).toBe("fast");
        // What follows from the submission, as the next worker will read it.
        const next = JSON.parse((await client.hget(record, "resume")) ?? "") as typeof later;
        expect(next.order).toMatchObject({ commandId: id, lane: "fast" });
        await allOnce(stage, fleet);
        expect(await client.hget(record, "lane")).toBe("fast");
      });
      await stage.audit(fleet.ids);
    });
  },
);

it.concurrent("taken back to a version without a queue for those who wait: it has all that lay there before long, and ends none", async () => {
  const line = { BRAKES_MAX_RUNNING: "4", SWEEP_AFTER_MS: "20000" };
  await onSharedServices(
    { env: line, simulator: { jobDurationMs: 200 } },
    async (stage, { rabbitMq }) => {
      const waiting = async () => (await rabbitMq.queueDepths())["ecs.reinstall.work.waiting"] ?? 0;
      const ours = await stage.addWorker([], newer("a short stay in the crowd"));
      const fleet = await sendFleet(stage, 60);
      await allHeard(stage, fleet, "accepted");
      await ours.stop();
      await eventually(async () => (await waiting()) > 10, { timeoutMs: 30_000 });
      const before = await stage.addWorker([], newer("no crowd"));
      await allOnce(stage, fleet);
      expect(await waiting()).toBe(0);
      const page = await (await fetch(`${before.httpUrl}/metrics`)).text();
      const putBack = sumOf(page, "ecs_reinstall_deliveries_total", ['queue="work-dead"']);
      expect(putBack).toBeGreaterThan(10);
      expect(sumOf(page, "ecs_reinstall_swept_total", ['result="ended"'])).toBe(0);
      await nothingIsDead(stage);
      await stage.audit(fleet.ids);
    },
  );
});
