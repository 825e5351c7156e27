import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/network/free-port.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";
import { AS_BUILT, startWorker } from "../support/worker/worker-process.ts";

let stage: SharedStage;

beforeAll(async () => {
  stage = await openOnSharedServices({ env: AS_BUILT });
});

afterAll(() => stage?.close());

async function json(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

describe("the configuration", () => {
  it("that is wrong ends the process with 78 and names every problem by its variable", async () => {
    const worker = await startWorker({
      ...AS_BUILT,
      ECS_PROJECTS: "paris",
      POLL_INTERVALS_MS: "5,1",
      POST_FENCE_MS: "1000",
    });
    await eventually(() => worker.process.ending !== undefined);
    expect(worker.process.ending).toContain("78");
    for (const variable of [
      "ECS_PROJECTS",
      "POLL_INTERVALS_MS",
      "POST_FENCE_MS",
      "ECS_ACCESS_KEY",
    ]) {
      expect(worker.output()).toContain(variable);
    }
  });

  it("refuses a Redis that may forget when durability is strict", async () => {
    const worker = await stage.spawnWorker([], { REDIS_DURABILITY: "strict" });
    await eventually(() => worker.process.ending !== undefined);
    expect(worker.process.ending).toContain("78");
    expect(worker.output()).toContain("append-only file is off");
  });
});

const SUCCEEDED_TWICE = /ecs_reinstall_commands_total\{outcome="succeeded",project="[0-9a-f]+"\} 2/;

describe("the HTTP API", () => {
  it("shows a command, what holds a server, health and metrics", async () => {
    const worker = await stage.addWorker();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const [id, other] = [commandId("seen"), commandId("behind")];
    await stage.emitter.send(stage.command(id, server.id));
    await stage.emitter.event(id, "submitted");
    await stage.emitter.send(stage.command(other, server.id, { on_busy: "wait" }));
    await stage.emitter.event(other, "waiting");

    const command = await json(`${worker.httpUrl}/v1/commands/${id}`);
    expect(command).toMatchObject({ status: 200, body: { command_id: id, outcome: null } });
    const held = await json(`${worker.httpUrl}/v1/servers/${server.projectId}/${server.id}`);
    expect(held).toMatchObject({
      status: 200,
      body: { lock: { owner: id, operation: "reinstall" }, waiting: [{ command_id: other }] },
    });
    await stage.emitter.outcome(id);
    await stage.emitter.outcome(other);
    expect(await json(`${worker.httpUrl}/v1/commands/${id}`)).toMatchObject({
      body: { outcome: "succeeded" },
    });
    expect(await json(`${worker.httpUrl}/v1/commands/nobody`)).toMatchObject({ status: 404 });
    expect(await json(`${worker.httpUrl}/livez`)).toMatchObject({ status: 200 });
    const ready = await json(`${worker.httpUrl}/readyz`);
    expect(ready.body["dependencies"]).toMatchObject([
      { name: "rabbitmq", state: "up" },
      { name: "redis", state: "up" },
      { name: "cloud", state: "up" },
    ]);
    // Counted once the event is known to be out, which its reader may be before.
    const metrics = await eventually(async () => {
      const text = await (await fetch(`${worker.httpUrl}/metrics`)).text();
      return SUCCEEDED_TWICE.test(text) && text;
    });
    expect(metrics).toMatch(
      /ecs_reinstall_cloud_requests_total\{operation="reinstall",outcome="ok",project="[0-9a-f]+"\} 2/,
    );
    expect(metrics).not.toContain(server.id);
    await worker.stop();
  });
});

describe("a signal", () => {
  it.each(["SIGHUP", "SIGINT"] as const)("%s stops it in good order", async (signal) => {
    const worker = await stage.addWorker();
    worker.process.signal(signal);
    expect(await worker.ended()).toBe("exit code 0");
    expect(worker.log()).toContainEqual(expect.objectContaining({ msg: "worker stopped" }));
  });

  it.each(["SIGUSR1", "SIGUSR2"] as const)("%s is logged and does nothing", async (signal) => {
    const worker = await stage.addWorker();
    worker.process.signal(signal);
    await eventually(() => worker.log().some(({ msg }) => msg === "signal ignored"));
    expect((await fetch(`${worker.httpUrl}/readyz`)).status).toBe(200);
    expect(worker.output()).not.toContain("Debugger listening");
    expect(await worker.stop()).toBe("exit code 0");
  });

  it("SIGUSR1 before anybody listens leaves no inspector open", async () => {
    const port = await freePort();
    const worker = await stage.spawnWorker([], { NODE_OPTIONS: `--inspect-port=${port}` });
    // Where Node has not come far enough to open one, its end by the signal is as good.
    const early = setInterval(() => worker.process.signal("SIGUSR1"), 10);
    await eventually(
      () => worker.process.ending ?? worker.log().some(({ msg }) => msg === "worker started"),
    );
    clearInterval(early);
    await eventually(async () => !(await answers(`http://127.0.0.1:${port}/json/version`)));
    await worker.stop();
  });
});

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

describe("SIGTERM", () => {
  it("hands a followed job over to another worker and exits 0 well within the grace time", async () => {
    const first = await stage.addWorker();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("handed-over");
    await stage.emitter.send(stage.command(id, server.id));
    await stage.emitter.event(id, "submitted");
    const startedMs = performance.now();
    expect(await first.stop()).toContain("0");
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await stage.addWorker();
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
    await stage.audit([id]);
  });
});
