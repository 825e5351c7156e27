import { expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import type { SimulatedServer } from "../../src/simulator/simulator.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { operatorInProcess } from "../support/operator.ts";
import type { Stage } from "../support/stage.ts";
import { onRedis, onSharedServices, posts } from "./own-stage.ts";

/** What the cloud counted of starts, and whether the server is on now. */
function power(stage: Stage, server: SimulatedServer) {
  const { startsExecuted = 0 } = stage.simulator.ledger().servers[server.id] ?? {};
  return { startsExecuted, isOn: server.isOn };
}

const names = (stage: Stage, id: string) =>
  stage.emitter.story(id).filter((name) => name !== "progress");

it.concurrent.each(["Ecs.0314", "Ecs.0003"])(
  "a running server whose reinstall is refused with %s runs again before the final event",
  async (error) => {
    await onSharedServices({}, async (stage) => {
      const server = stage.simulator.addServer({ state: "ACTIVE" });
      stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error });
      await stage.addWorker();
      const id = commandId("refused");
      await stage.emitter.send(stage.command(id, server.id));
      const { data } = await stage.emitter.outcome(id);
      expect(data).toMatchObject({
        event: "failed",
        cloud_code: error,
        power: { before: "on", after: "on" },
      });
      expect(names(stage, id)).toEqual(["accepted", "stopping", "starting", "failed"]);
      expect(power(stage, server)).toEqual({ startsExecuted: 1, isOn: true });
      await stage.audit([id]);
    });
  },
);

it.concurrent("a running server that is refused for now runs for as long as the cloud asks, and is stopped again then", async () => {
  await onSharedServices({ simulator: { startDurationMs: 200 } }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const asked = { error: "Ecs.0603", retryAfterSeconds: 5, times: 1 } as const;
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, ...asked });
    await stage.addWorker();
    const id = commandId("busy");
    await stage.emitter.send(stage.command(id, server.id));
    expect((await stage.emitter.outcome(id)).data).toMatchObject({ event: "succeeded" });
    expect(names(stage, id)).toEqual([
      "accepted",
      "stopping",
      "waiting",
      "starting",
      "stopping",
      "submitted",
      "succeeded",
    ]);
    // By the cloud's clock: an event is published some time after what it is about.
    const { entries } = stage.simulator.ledger();
    const refusedAt = entries.find(({ kind }) => kind === "reinstall-request")?.at ?? Number.NaN;
    const stoppedAt = entries.findLast(({ kind }) => kind === "stop-request")?.at ?? Number.NaN;
    expect(stoppedAt - refusedAt).toBeGreaterThanOrEqual(asked.retryAfterSeconds * 1_000);
    await stage.audit([id]);
  });
});

it.concurrent("a running server that is refused for now: expired when it expires, and not when the minute is over", async () => {
  await onSharedServices({ simulator: { startDurationMs: 200 } }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error: "Ecs.0603" });
    await stage.addWorker();
    const id = commandId("rests");
    const expires_at = new Date(Date.now() + 8_000).toISOString();
    await stage.emitter.send(stage.command(id, server.id, { expires_at }));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "expired", power: { before: "on", after: "on" } });
    expect(names(stage, id)).toEqual(["accepted", "stopping", "waiting", "starting", "expired"]);
    expect([power(stage, server).isOn, posts(stage, server.id)]).toEqual([true, 1]);
    await stage.audit([id]);
  });
});

it.concurrent("a running server that is refused for now: cancelled when a person says so, and not when the minute is over", async () => {
  await onSharedServices({ simulator: { startDurationMs: 3_000 } }, async (stage, { redis }) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error: "Ecs.0603" });
    await stage.addWorker();
    const id = commandId("rests");
    await stage.emitter.send(stage.command(id, server.id));
    await stage.emitter.event(id, "starting");
    const operator = operatorInProcess(redis.url, DEFAULT_PROJECT_ID);
    const said = await operator("cancel", id, "--reason", "not any more");
    expect(said).toContain(`${id} ends at its next step (it is restore now)`);
    const { data } = await stage.emitter.outcome(id, 20_000);
    expect(data).toMatchObject({ event: "cancelled", power: { before: "on", after: "on" } });
    expect([power(stage, server).isOn, posts(stage, server.id)]).toEqual([true, 1]);
    await stage.audit([id]);
  });
});

it.concurrent.each([
  ["STOP_BY", "cloud", "on"],
  ["POWER_AFTER", "untouched", undefined],
])("%s=%s: a refusal says how the server was left", async (name, value, after) => {
  await onSharedServices({ env: { [name]: value } }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error: "Ecs.0314" });
    await stage.addWorker();
    const id = commandId("left");
    await stage.emitter.send(stage.command(id, server.id));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "failed", power: { before: "on" } });
    expect((data["power"] as { after?: string }).after).toBe(after);
    expect(power(stage, server).isOn).toBe(after === "on");
    await stage.audit([id]);
  });
});

it.concurrent("a server that was off before stays off", async () => {
  await onSharedServices({}, async (stage) => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error: "Ecs.0314" });
    await stage.addWorker();
    const id = commandId("was-off");
    await stage.emitter.send(stage.command(id, server.id));
    expect((await stage.emitter.outcome(id)).data.event).toBe("failed");
    expect(power(stage, server)).toEqual({ startsExecuted: 0, isOn: false });
  });
});

it.concurrent("cancelled while it is being stopped: it runs again, and then that is said", async () => {
  await onSharedServices({ simulator: { stopDurationMs: 1_500 } }, async (stage, { redis }) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    await stage.addWorker();
    const id = commandId("cancelled");
    await stage.emitter.send(stage.command(id, server.id));
    await stage.emitter.event(id, "stopping");
    await onRedis(redis.url, (client) =>
      client.hset(`ecs:{${DEFAULT_PROJECT_ID}}:cmd:${id}`, "cancel", "1"),
    );
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "cancelled", power: { before: "on", after: "on" } });
    expect([power(stage, server).isOn, posts(stage, server.id)]).toEqual([true, 0]);
    await stage.audit([id]);
  });
});

it.concurrent("too late while it is being stopped: it runs again, and then it has expired", async () => {
  await onSharedServices({ simulator: { stopDurationMs: 4_000 } }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    await stage.addWorker();
    const id = commandId("late");
    const expires_at = new Date(Date.now() + 2_500).toISOString();
    await stage.emitter.send(stage.command(id, server.id, { expires_at }));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "expired", power: { before: "on", after: "on" } });
    expect(names(stage, id)).toEqual(["accepted", "stopping", "starting", "expired"]);
    expect([power(stage, server).isOn, posts(stage, server.id)]).toEqual([true, 0]);
  });
});

it.concurrent("the cloud leaves a server off after a reinstall that worked: it is started before succeeded", async () => {
  await onSharedServices({}, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE", endsAs: "SHUTOFF" });
    const stopped = stage.simulator.addServer({ state: "SHUTOFF", endsAs: "SHUTOFF" });
    await stage.addWorker();
    const [id, other] = [commandId("ends-off"), commandId("was-off")];
    await stage.emitter.send(stage.command(id, server.id));
    await stage.emitter.send(stage.command(other, stopped.id));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "succeeded", power: { before: "on", after: "on" } });
    expect(names(stage, id)).toEqual([
      "accepted",
      "stopping",
      "submitted",
      "starting",
      "succeeded",
    ]);
    expect(power(stage, server)).toEqual({ startsExecuted: 1, isOn: true });
    expect((await stage.emitter.outcome(other)).data).toMatchObject({
      event: "succeeded",
      power: { before: "off", after: "off" },
    });
    expect(power(stage, stopped)).toEqual({ startsExecuted: 0, isOn: false });
    await stage.audit([id, other]);
  });
});

it.concurrent.each(["job-fails", "stays-off"] as const)(
  "a server that does not start (%s) is left off, and the final event says what to do",
  async (startEnds) => {
    await onSharedServices({ env: { START_DEADLINE_MS: "3000" } }, async (stage) => {
      const server = stage.simulator.addServer({ state: "ACTIVE", startEnds });
      stage.simulator.faults.set({
        operation: "reinstall",
        serverId: server.id,
        error: "Ecs.0314",
      });
      await stage.addWorker();
      const id = commandId("no-start");
      await stage.emitter.send(stage.command(id, server.id));
      const { data } = await stage.emitter.outcome(id);
      expect(data).toMatchObject({
        event: "failed",
        power: { before: "on", after: "off", next_step: expect.stringContaining("start it") },
      });
      expect(power(stage, server).isOn).toBe(false);
      await stage.audit([id]);
    });
  },
);

const POINTS = [
  "prepare:may-stop",
  "prepare:stop-asked",
  "restore:looked",
  "restore:may-start",
  "restore:start-asked",
] as const;

it.concurrent.each(POINTS)("killed at %s: another worker leaves the server on", async (label) => {
  await onSharedServices({}, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error: "Ecs.0314" });
    const doomed = await stage.addWorker([{ label, action: "kill" }]);
    const id = commandId("killed");
    await stage.emitter.send(stage.command(id, server.id));
    await doomed.ended();
    await stage.addWorker();
    const { data } = await stage.emitter.outcome(id, 60_000);
    expect(data).toMatchObject({ event: "failed", power: { before: "on", after: "on" } });
    expect(power(stage, server).isOn).toBe(true);
    // A stop of which nobody has the answer may still come true: nothing is started before, and that is said.
    const waits = label.startsWith("prepare:") ? ["waiting"] : [];
    expect(names(stage, id)).toEqual(["accepted", "stopping", ...waits, "starting", "failed"]);
    await stage.audit([id]);
  });
});

it.concurrent("somebody starts the server right after it was stopped: stopped softly once more, and reinstalled", async () => {
  await onSharedServices({ simulator: { stopDurationMs: 200 } }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const worker = await stage.addWorker([{ label: "prepare:stop-asked", action: "stop" }]);
    const id = commandId("started");
    await stage.emitter.send(stage.command(id, server.id));
    await worker.stopped();
    await eventually(() => expect(server.isOn).toBe(false), { what: "it is stopped" });
    server.act({ action: "set-task", taskState: "powering-on" });
    process.kill(worker.pid, "SIGCONT");
    await stage.emitter.event(id, "stopping");
    // So long that the worker has looked.
    const looks = () => stage.simulator.calls(server.id).server;
    const seenBefore = looks();
    await eventually(() => expect(looks()).toBeGreaterThan(seenBefore + 1), {
      what: "it is looked at",
    });
    server.act({ action: "set-task", taskState: null });
    server.act({ action: "start" });
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    const stops = stage.emitter.heard(id).filter(({ event }) => event.data.event === "stopping");
    expect(stops.map(({ event }) => event.data["stop_type"])).toEqual(["SOFT", "SOFT"]);
    await stage.audit([id]);
  });
});

it.concurrent("a stop that was throttled at first is none that may come true: refused, the server is started at once", async () => {
  await onSharedServices({ env: { POST_FENCE_MS: "60000" } }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const throttled = { error: "Common.0024", times: 1 } as const;
    stage.simulator.faults.set({ operation: "stop", serverId: server.id, ...throttled });
    stage.simulator.faults.set({ operation: "start", serverId: server.id, ...throttled });
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error: "Ecs.0314" });
    await stage.addWorker();
    const id = commandId("throttled");
    await stage.emitter.send(stage.command(id, server.id));
    const { data } = await stage.emitter.outcome(id, 30_000);
    expect(data).toMatchObject({ event: "failed", power: { before: "on", after: "on" } });
    expect(names(stage, id)).toEqual(["accepted", "stopping", "starting", "failed"]);
    expect(power(stage, server)).toEqual({ startsExecuted: 1, isOn: true });
    const said = stage.emitter.heard(id).map(({ event }) => event.data);
    expect(said.filter((one) => one["detail"] !== undefined)).toEqual([]);
    await stage.audit([id]);
  });
});

it.concurrent("the answer to a stop is lost, and the reinstall refused: started when no stop can come any more", async () => {
  await onSharedServices({}, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    stage.simulator.faults.set({
      operation: "stop",
      serverId: server.id,
      lostReply: true,
      times: 1,
    });
    stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error: "Ecs.0314" });
    await stage.addWorker();
    const id = commandId("stop-lost");
    await stage.emitter.send(stage.command(id, server.id));
    const { data } = await stage.emitter.outcome(id, 60_000);
    expect(data).toMatchObject({ event: "failed", power: { before: "on", after: "on" } });
    expect(power(stage, server).isOn).toBe(true);
  });
});

it.concurrent("a pause in the middle: what was stopped runs while it waits, and is reinstalled afterwards", async () => {
  await onSharedServices({}, async (stage, { redis }) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const key = `ecs:{${DEFAULT_PROJECT_ID}}:pauses`;
    const entry = (on: boolean, atMs: number) =>
      JSON.stringify({ on, atMs, by: "test", reason: "in the middle" });
    // Asleep between the look before the POST and the signature: the pause comes then.
    const worker = await stage.addWorker([{ label: "submit:signed", action: "stop" }]);
    const id = commandId("paused");
    await stage.emitter.send(stage.command(id, server.id));
    await worker.stopped();
    await onRedis(redis.url, (client) => client.hset(key, "project", entry(true, Date.now())));
    process.kill(worker.pid, "SIGCONT");
    await stage.emitter.event(id, "starting");
    await eventually(() => expect(power(stage, server).isOn).toBe(true), { what: "it runs" });
    expect([posts(stage, server.id), stage.reinstalls(server.id)]).toEqual([0, 0]);
    await onRedis(redis.url, (client) => client.hset(key, "project", entry(false, Date.now() + 1)));
    const { data } = await stage.emitter.outcome(id);
    expect(data["power"]).toEqual({ before: "on", after: "on" });
    expect(data.event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
    await stage.audit([id]);
  });
});
