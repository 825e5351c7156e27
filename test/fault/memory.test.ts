import { expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../support/redis/redis.ts";
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

/** Old enough not to be new. */
const OLD = { state: "SHUTOFF", createdAtMs: 0, systemDiskCreatedAtMs: 0 } as const;
const RESTS = { BRAKES_COOLDOWN_MS: "8000", BRAKES_SERVER_LIMIT: "3" };

it.concurrent("FLUSHALL, and the same server again: the age of its disk says what Redis has forgotten", async () => {
  await onPrivateRedis(RESTS, async (stage, redis) => {
    await stage.addWorker([], { EVS_ENDPOINT: stage.simulator.url });
    const { id: serverId } = stage.simulator.addServer(OLD);
    const before = new Date(Date.now() - 1_000).toISOString();
    const send = async (name: string, more: object = {}) => {
      const id = commandId(name);
      await stage.emitter.send(stage.command(id, serverId, { ...more }));
      return id;
    };
    const first = await send("first");
    expect((await stage.emitter.outcome(first)).data.event).toBe("succeeded");

    await redis.flushAll();
    const healed = await send("healed", { observed_at: before });
    expect((await stage.emitter.outcome(healed, 20_000)).data).toMatchObject({
      event: "superseded",
      why: "healed-since",
    });

    await redis.flushAll();
    const second = await send("second");
    const waiting = await stage.emitter.event(second, "waiting");
    expect(waiting.data).toMatchObject({
      waits_for: "cooldown",
      brake: { command_id: expect.stringContaining("system-disk:") },
    });
    expect(stage.reinstalls(serverId)).toBe(1);
    expect((await stage.emitter.outcome(second, 30_000)).data.event).toBe("succeeded");
    const { until } = waiting.data["brake"] as { readonly until: string };
    const submitted = await stage.emitter.event(second, "submitted");
    expect(Date.parse(submitted.time)).toBeGreaterThanOrEqual(Date.parse(until));
    await stage.audit([first, healed, second]);
  });
});

it.concurrent("FLUSHALL with a limit of one: the reinstall that only the disk remembers counts", async () => {
  const once = { BRAKES_SERVER_LIMIT: "1" };
  await onPrivateRedis(once, async (stage, redis) => {
    await stage.addWorker([], { EVS_ENDPOINT: stage.simulator.url });
    const { id: serverId } = stage.simulator.addServer(OLD);
    const ids = ["first", "second"].map(commandId);
    await stage.emitter.send(stage.command(ids[0] ?? "", serverId));
    expect((await stage.emitter.outcome(ids[0] ?? "")).data.event).toBe("succeeded");
    await redis.flushAll();
    await stage.emitter.send(stage.command(ids[1] ?? "", serverId));
    expect((await stage.emitter.outcome(ids[1] ?? "", 20_000)).data).toMatchObject({
      event: "quarantined",
      reinstalls: [{ outcome: "system-disk-replaced" }],
    });
    expect(stage.reinstalls(serverId)).toBe(1);
    await stage.audit(ids);
  });
});

it.concurrent("the disk service does not answer while the memory is young: the command waits for it, and then goes", async () => {
  await onPrivateRedis({ BRAKES_SERVER_LIMIT: "3" }, async (stage) => {
    await stage.addWorker([], { EVS_ENDPOINT: stage.simulator.url });
    const { id: serverId } = stage.simulator.addServer(OLD);
    stage.simulator.faults.set({ operation: "disk", serverId, error: "Ecs.0005", times: 2 });
    const id = commandId("waits-for-age");
    await stage.emitter.send(stage.command(id, serverId));
    const { data } = await stage.emitter.event(id, "waiting");
    expect(data).toMatchObject({ waits_for: "cloud-unavailable" });
    expect(posts(stage, serverId)).toBe(0);
    expect((await stage.emitter.outcome(id, 30_000)).data.event).toBe("succeeded");
    await stage.audit([id]);
  });
});

/** One failure is a storm, and twice that is long enough for everything to come back. */
const STORMY = { BRAKES_STORM_SAME: "1", BRAKES_STORM_COOLDOWN_MS: "5000" };

it.concurrent("FLUSHALL in a storm of failures, and again while it opens: it stays closed for as long, and opens one by one", async () => {
  await onPrivateRedis(STORMY, async (stage, redis) => {
    const worker = await stage.addWorker();
    const ids: string[] = [];
    const send = async (name: string, job: object = {}) => {
      const { id: serverId } = stage.simulator.addServer({ state: "SHUTOFF" });
      stage.simulator.faults.set({ operation: "reinstall", serverId, ...job });
      const id = commandId(name);
      ids.push(id);
      await stage.emitter.send(stage.command(id, serverId));
      return id;
    };
    const fails = { run: { fail: { code: "Ecs.0202", server: "error" } } };
    /** Two reads end: the second has begun after this. */
    const read = async () => {
      const readAt = async () => {
        const page = await fetch(`${worker.httpUrl}/v1/brakes`);
        return ((await page.json()) as { readonly read_at: string }).read_at;
      };
      for (let reads = 0; reads < 2; reads++) {
        const before = await readAt();
        await eventually(async () => expect(await readAt()).not.toBe(before), { what: "it reads" });
      }
    };

    for (const name of ["first", "probe"]) {
      expect((await stage.emitter.outcome(await send(name, fails), 40_000)).data.event).toBe(
        "failed",
      );
    }
    const next = await send("next");
    const { brake } = (await stage.emitter.event(next, "waiting")).data;
    const { until } = brake as { readonly until: string };
    await read();
    await redis.flushAll();
    expect((await stage.emitter.outcome(next, 60_000)).data.event).toBe("succeeded");
    const submitted = await stage.emitter.event(next, "submitted");
    expect(Date.parse(submitted.time)).toBeGreaterThanOrEqual(Date.parse(until));

    await read();
    await redis.flushAll();
    const slow = { run: { durationMs: 8_000 } };
    const one = await send("one", slow);
    await stage.emitter.event(one, "submitted");
    const two = await send("two");
    expect((await stage.emitter.event(two, "waiting")).data).toMatchObject({
      waits_for: "cap",
      brake: { limit: 1, lowered_by: "storm-failures" },
    });
    for (const id of [one, two]) {
      expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
    }
    await stage.audit(ids);
  });
});
