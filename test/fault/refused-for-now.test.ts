import { expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import type { SimulatedServer } from "../../src/simulator/simulator.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { operatorInProcess } from "../support/operator.ts";
import type { Stage } from "../support/stage.ts";
import { onSharedServices, posts } from "./own-stage.ts";

const STOPPED_WAIT_MS = 3_000;
const SHORT = {
  env: { STOPPED_WAIT_MS: `${STOPPED_WAIT_MS}` },
  simulator: { startDurationMs: 200 },
};

const names = (stage: Stage, id: string) =>
  stage.emitter.story(id).filter((name) => name !== "progress");

function refuse(stage: Stage, server: SimulatedServer, error: string): void {
  // What the gateway says of its quota would be waited out: minutes.
  const asked = error === "APIGW.0308" ? { retryAfterSeconds: 1 } : {};
  stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, error, ...asked });
}

/** Its server was stopped, has been off for too long, and runs again. */
async function startedAgain(stage: Stage, id: string, server: SimulatedServer): Promise<void> {
  await stage.emitter.event(id, "starting", 30_000);
  await eventually(() => expect(server.isOn).toBe(true), { what: "it runs again" });
}

it.concurrent.each(["Common.0024", "APIGW.0308", "Common.1503"])(
  "a server whose reinstall is refused with %s again and again runs after a while, rests, and is reinstalled then",
  async (error) => {
    await onSharedServices(SHORT, async (stage) => {
      const server = stage.simulator.addServer({ state: "ACTIVE" });
      refuse(stage, server, error);
      await stage.addWorker();
      const id = commandId("refused");
      await stage.emitter.send(stage.command(id, server.id));
      await startedAgain(stage, id, server);
      const sent = posts(stage, server.id);
      expect(sent).toBeGreaterThanOrEqual(2);
      stage.simulator.faults.clear();
      expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
        event: "succeeded",
        power: { before: "on", after: "on" },
      });
      const story = names(stage, id);
      expect(story.slice(0, 3)).toEqual(["accepted", "stopping", "waiting"]);
      expect(story.slice(-5)).toEqual([
        "waiting",
        "starting",
        "stopping",
        "submitted",
        "succeeded",
      ]);
      const [from, to] = ["starting", "stopping"].map((name) => lastOf(stage, id, name));
      expect((to ?? 0) - (from ?? 0)).toBeGreaterThanOrEqual(STOPPED_WAIT_MS);
      expect([server.isOn, stage.reinstalls(server.id)]).toEqual([true, 1]);
      await stage.audit([id]);
    });
  },
);

it.concurrent("a server that is refused without an end is stopped ever more rarely, and runs when its command expires", async () => {
  await onSharedServices({ ...SHORT, env: { STOPPED_WAIT_MS: "1500" } }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    refuse(stage, server, "Common.0024");
    await stage.addWorker();
    const id = commandId("never");
    const expires_at = new Date(Date.now() + 25_000).toISOString();
    await stage.emitter.send(stage.command(id, server.id, { expires_at }));
    const { data } = await stage.emitter.outcome(id, 60_000);
    expect(data).toMatchObject({ event: "expired", power: { before: "on", after: "on" } });
    const stops = names(stage, id).filter((name) => name === "stopping").length;
    expect(stops).toBeGreaterThanOrEqual(2);
    expect(stops).toBeLessThanOrEqual(4);
    expect([server.isOn, stage.reinstalls(server.id)]).toEqual([true, 0]);
    await stage.audit([id]);
  });
});

it.concurrent("a server that is refused for too long: cancelled while it rests, and while it is off", async () => {
  await onSharedServices(SHORT, async (stage, { redis }) => {
    const [resting, off] = [1, 2].map(() => stage.simulator.addServer({ state: "ACTIVE" }));
    if (resting === undefined || off === undefined) throw new Error("no server");
    for (const server of [resting, off]) refuse(stage, server, "Common.0024");
    await stage.addWorker();
    const [one, two] = [commandId("rests"), commandId("off")];
    await stage.emitter.send(stage.command(one, resting.id));
    await startedAgain(stage, one, resting);
    await stage.emitter.send(stage.command(two, off.id));
    await stage.emitter.event(two, "waiting");
    const operator = operatorInProcess(redis.url, DEFAULT_PROJECT_ID);
    for (const id of [one, two]) await operator("cancel", id, "--reason", "not any more");
    for (const [id, server] of [
      [one, resting],
      [two, off],
    ] as const) {
      expect((await stage.emitter.outcome(id, 30_000)).data).toMatchObject({
        event: "cancelled",
        power: { before: "on", after: "on" },
      });
      expect([server.isOn, stage.reinstalls(server.id)]).toEqual([true, 0]);
    }
    await stage.audit([one, two]);
  });
});

it.concurrent.each(["restore:looked", "restore:may-start", "restore:start-asked"])(
  "a server that is refused for too long: killed at %s, another worker starts it, and reinstalls it in the end",
  async (label) => {
    await onSharedServices(SHORT, async (stage) => {
      const server = stage.simulator.addServer({ state: "ACTIVE" });
      refuse(stage, server, "Common.0024");
      const doomed = await stage.addWorker([{ label, action: "kill" }]);
      const id = commandId("killed");
      await stage.emitter.send(stage.command(id, server.id));
      await doomed.ended();
      await stage.addWorker();
      await startedAgain(stage, id, server);
      stage.simulator.faults.clear();
      expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
      expect([server.isOn, stage.reinstalls(server.id)]).toEqual([true, 1]);
      await stage.audit([id]);
    });
  },
);

it.concurrent("a server that is refused for too long, and does not start: its command says so, and the last word, too", async () => {
  const env = { ...SHORT.env, START_DEADLINE_MS: "2000" };
  await onSharedServices({ ...SHORT, env }, async (stage) => {
    const server = stage.simulator.addServer({ state: "ACTIVE", startEnds: "stays-off" });
    refuse(stage, server, "Common.0024");
    await stage.addWorker();
    const id = commandId("no-start");
    const expires_at = new Date(Date.now() + 25_000).toISOString();
    await stage.emitter.send(stage.command(id, server.id, { expires_at }));
    const left = { before: "on", after: "off", next_step: expect.stringContaining("start it") };
    await eventually(
      () => {
        const told = stage.emitter.heard(id).map(({ event }) => event.data);
        expect(told).toContainEqual(
          expect.objectContaining({ event: "waiting", waits_for: "throttled", power: left }),
        );
      },
      { what: "it is told before the end", timeoutMs: 30_000 },
    );
    const { data } = await stage.emitter.outcome(id, 60_000);
    const { after: _seen, ...owed } = left;
    expect(data).toMatchObject({ event: "expired", power: owed });
    await stage.audit([id]);
  });
});

function lastOf(stage: Stage, id: string, name: string): number | undefined {
  const all = stage.emitter.heard(id).filter(({ event }) => event.data.event === name);
  return all.map(({ event }) => Date.parse(event.time)).at(-1);
}
