import { expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/network/free-port.ts";
import { operatorOf } from "../support/operator.ts";
import type { Stage } from "../support/stage.ts";
import { lockOf, onRedis, onSharedServices } from "./own-stage.ts";

const never = (port: number, probe = `tcp:${port}`) =>
  ({
    env: { READY_PROBE: probe, READY_TIMEOUT_MS: "600000" },
    server: { state: "SHUTOFF", answers: { port, afterMs: null } },
  }) as const;
const answersAgain = (port: number) => ({ answers: { port, afterMs: 0, status: 200 } });

/** The command is at the server: it was reinstalled, and asked at least once. */
async function isAsked(redisUrl: string, serverId: string): Promise<void> {
  await eventually(async () => (await lockOf(redisUrl, serverId))["phase"] === "ready", {
    what: "a server that is asked",
    timeoutMs: 20_000,
  });
}

/** Metrics of all workers, as soon as they say this: an end is counted once its event is out, which its reader may be before. */
async function metricsThatSay(stage: Stage, said: RegExp): Promise<string> {
  return eventually(async () => {
    const pages = stage.workers.map(async ({ httpUrl }) =>
      (await fetch(`${httpUrl}/metrics`)).text(),
    );
    const text = (await Promise.all(pages)).join("\n");
    expect(text).toMatch(said);
    return text;
  });
}

it.concurrent("a server that answers a while after its reinstall: ready, and timed from the fault", async () => {
  const port = await freePort();
  const env = { READY_PROBE: `http:${port}/healthz`, READY_TIMEOUT_MS: "60000" };
  await onSharedServices({ env }, async (stage) => {
    await stage.addWorker();
    const spec = { state: "SHUTOFF", answers: { port, afterMs: 1_500 } } as const;
    const server = stage.simulator.addServer(spec);
    const id = commandId("ready");
    const observed = new Date(Date.now() - 3_600_000).toISOString();
    await stage.emitter.send(stage.command(id, server.id, { observed_at: observed }));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "succeeded", verified: true, ready: true });
    expect(data["ready_seconds"]).toBeGreaterThan(0);
    expect(data).not.toHaveProperty("ready_detail");
    const metrics = await metricsThatSay(stage, /^ecs_reinstall_ready_seconds_count\{.*\} 1$/m);
    const sum = (name: string) =>
      Number(
        new RegExp(`^ecs_reinstall_${name}_seconds_sum\\{.*\\} (.*)$`, "m").exec(metrics)?.[1],
      );
    expect(sum("ready")).toBeGreaterThan(3_600);
    expect(sum("ready") - sum("recovery")).toBeCloseTo(Number(data["ready_seconds"]), 3);
    await stage.audit([id]);
  });
});

it.concurrent("a server that does not answer is reinstalled all the same, and said not to be ready", async () => {
  const port = await freePort();
  const { server: spec } = never(port);
  const env = { READY_PROBE: `tcp:${port}`, READY_TIMEOUT_MS: "1000", BRAKES_STORM_SAME: "2" };
  await onSharedServices({ env }, async (stage, { redis }) => {
    await stage.addWorker();
    const ids = ["one", "two"].map(commandId);
    for (const id of ids) {
      await stage.emitter.send(stage.command(id, stage.simulator.addServer(spec).id));
    }
    for (const id of ids) {
      const { data } = await stage.emitter.outcome(id);
      expect(data).toMatchObject({
        event: "succeeded",
        evidence: "job",
        ready: false,
        ready_detail: `tcp:${port}: connection refused (ECONNREFUSED)`,
      });
      expect(data["ready_seconds"]).toBeGreaterThanOrEqual(1);
    }
    await metricsThatSay(stage, /^ecs_reinstall_not_ready_total\{.*\} 2$/m);
    // Two in a row are a storm here: the image does not come up.
    const next = commandId("held");
    await stage.emitter.send(stage.command(next, stage.simulator.addServer(spec).id));
    const { data } = await stage.emitter.event(next, "waiting");
    expect(data).toMatchObject({ waits_for: "storm-failures" });
    expect(JSON.stringify(data)).toContain("2 reinstalls in a row failed, most often: not-ready");
    const operator = operatorOf(redis.url, DEFAULT_PROJECT_ID);
    await operator("cancel", next, "--reason", "test");
    await stage.audit([...ids, next]);
  });
});

it.concurrent("lock and slot are kept while a server is asked, and nobody can cancel it any more", async () => {
  const port = await freePort();
  const { server: spec, env } = never(port);
  const more = { ...env, BRAKES_MAX_RUNNING: "1" };
  await onSharedServices({ env: more }, async (stage, { redis }) => {
    await stage.addWorker();
    const server = stage.simulator.addServer(spec);
    const [first, same, other] = ["first", "same", "other"].map(commandId) as [
      string,
      string,
      string,
    ];
    await stage.emitter.send(stage.command(first, server.id));
    await isAsked(redis.url, server.id);
    await stage.emitter.send(stage.command(same, server.id, { on_busy: "wait" }));
    await stage.emitter.send(
      stage.command(other, stage.simulator.addServer({ state: "SHUTOFF" }).id, { on_busy: "wait" }),
    );
    expect((await stage.emitter.event(same, "waiting")).data).toMatchObject({
      waits_for: "server-busy",
      holder: first,
    });
    expect((await stage.emitter.event(other, "waiting")).data["waits_for"]).toBe("cap");
    const operator = operatorOf(redis.url, DEFAULT_PROJECT_ID);
    await expect(operator("cancel", first, "--reason", "test")).rejects.toThrow(/ready/);
    server.patch(answersAgain(port));
    for (const id of [first, same, other]) {
      expect((await stage.emitter.outcome(id)).data).toMatchObject({ event: "succeeded" });
    }
    await stage.audit([first, same, other]);
  });
});

it.concurrent.each([
  ["killed right after an ask", { label: "ready:asked", action: "kill" }],
  ["killed before its first ask is saved", { label: "ready:looked", action: "kill" }],
] as const)("the worker is %s: another one asks again", async (_, point) => {
  const port = await freePort();
  const { server: spec, env } = never(port);
  await onSharedServices({ env }, async (stage) => {
    const doomed = await stage.addWorker([point]);
    const server = stage.simulator.addServer(spec);
    const id = commandId("asked");
    await stage.emitter.send(stage.command(id, server.id));
    expect(await doomed.ended()).toBe("signal SIGKILL");
    server.patch(answersAgain(port));
    await stage.spawnWorker();
    expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
      event: "succeeded",
      ready: true,
    });
    expect(stage.reinstalls(server.id)).toBe(1);
    await stage.audit([id]);
  });
});

it.concurrent("a worker that stops does not say that a server is not ready, and another one goes on", async () => {
  const port = await freePort();
  const { server: spec, env } = never(port);
  await onSharedServices({ env }, async (stage, { redis }) => {
    const first = await stage.addWorker();
    const server = stage.simulator.addServer(spec);
    const id = commandId("handed-on");
    await stage.emitter.send(stage.command(id, server.id));
    await isAsked(redis.url, server.id);
    expect(await first.stop()).toBe("exit code 0");
    expect(stage.emitter.story(id)).not.toContain("succeeded");
    server.patch(answersAgain(port));
    await stage.spawnWorker();
    expect((await stage.emitter.outcome(id)).data).toMatchObject({ ready: true });
    await stage.audit([id]);
  });
});

it.concurrent("Redis is emptied while a server is asked: lock and slot come back, and the asking goes on", async () => {
  const port = await freePort();
  const { server: spec, env } = never(port);
  await onSharedServices({ env }, async (stage, { redis }) => {
    await stage.addWorker();
    const server = stage.simulator.addServer(spec);
    const id = commandId("emptied");
    await stage.emitter.send(stage.command(id, server.id));
    await isAsked(redis.url, server.id);
    await onRedis(redis.url, (client) => client.flushdb());
    await isAsked(redis.url, server.id);
    expect(await lockOf(redis.url, server.id)).toMatchObject({ owner: id });
    server.patch(answersAgain(port));
    expect((await stage.emitter.outcome(id)).data).toMatchObject({ ready: true });
    expect(stage.reinstalls(server.id)).toBe(1);
    await stage.audit([id]);
  });
});

it.concurrent("a server that was off before is not asked: nothing could answer", async () => {
  const port = await freePort();
  const { env } = never(port);
  await onSharedServices({ env, simulator: { endsAs: "SHUTOFF" } }, async (stage) => {
    await stage.addWorker();
    const server = stage.simulator.addServer(never(port).server);
    const id = commandId("off");
    await stage.emitter.send(stage.command(id, server.id));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "succeeded", power: { before: "off", after: "off" } });
    expect(data).not.toHaveProperty("ready");
    await stage.audit([id]);
  });
});
