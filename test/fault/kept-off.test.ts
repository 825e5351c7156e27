import { expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import type { FaultSpec } from "../../src/simulator/faults/fault-schema.ts";
import type { SimulatedServer } from "../../src/simulator/simulator.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { operatorInProcess } from "../support/operator.ts";
import type { Stage } from "../support/stage.ts";
import { onRedis, onSharedServices, posts } from "./own-stage.ts";

/** A running server is being stopped for a command; from then on the cloud does this, and a person cancels the command. */
async function stoppedInVain(
  stage: Stage,
  redisUrl: string,
  fault: Omit<FaultSpec, "serverId">,
): Promise<{ readonly id: string; readonly server: SimulatedServer; readonly url: string }> {
  const server = stage.simulator.addServer({ state: "ACTIVE" });
  const worker = await stage.addWorker();
  const id = commandId("in-vain");
  await stage.emitter.send(stage.command(id, server.id));
  await stage.emitter.event(id, "stopping");
  // In this order: a step that meets the missing right alone would end the command failed. Nothing is started meanwhile, for
  // the stop takes longer.
  await onRedis(redisUrl, (client) =>
    client.hset(`ecs:{${DEFAULT_PROJECT_ID}}:cmd:${id}`, "cancel", "1"),
  );
  stage.simulator.faults.set({ ...fault, serverId: server.id });
  return { id, server, url: worker.httpUrl };
}

const SIMULATOR = { stopDurationMs: 500, startDurationMs: 200 };
const leftOff = async (url: string) =>
  /servers_left_off_total\{[^}]*\} (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())?.[1];

it.concurrent.each([
  ["looked at", { operation: "server", error: "Pdp.0001" }, "ecs:cloudServers:showServer"],
  ["started", { operation: "start", error: "Ecs.0110" }, "ecs:cloudServers:start"],
] as const)(
  "a server that we stopped may not be %s any more: said at once, and it is started when it may",
  async (_what, fault, right) => {
    await onSharedServices({ simulator: SIMULATOR }, async (stage, { redis }) => {
      const { id, server, url } = await stoppedInVain(stage, redis.url, fault);
      const { data } = await stage.emitter.event(id, "waiting", 20_000);
      expect(data).toMatchObject({
        waits_for: "cloud-unavailable",
        project_id: DEFAULT_PROJECT_ID,
        server_id: server.id,
        power: { before: "on" },
      });
      expect(data["next_step"]).toContain(`the action ${right} in IAM`);
      // Counted right after its event is confirmed.
      await eventually(async () => expect(await leftOff(url)).toBe("1"));
      const operator = operatorInProcess(redis.url, DEFAULT_PROJECT_ID);
      const explained = await operator("explain", id, "--url", url);
      expect(explained).toContain("the server was stopped for it, and is not started again yet");
      expect(explained).toContain(`Grant the worker's user the action ${right}`);
      stage.simulator.faults.clear();
      expect((await stage.emitter.outcome(id)).data).toMatchObject({
        event: "cancelled",
        power: { before: "on", after: "on" },
      });
      expect(stage.emitter.story(id)).toEqual([
        "accepted",
        "stopping",
        "waiting",
        "starting",
        "cancelled",
      ]);
      expect([server.isOn, posts(stage, server.id)]).toEqual([true, 0]);
      await stage.audit([id]);
    });
  },
);

it.concurrent.each([
  ["server", "Ecs.0003", "the action ecs:cloudServers:showServer in IAM"],
  ["start", "Ecs.0110", "the action ecs:cloudServers:start in IAM"],
] as const)(
  "the right to %s is not given back (%s): the final event names it",
  async (operation, error, right) => {
    const env = { START_DEADLINE_MS: "1000" };
    await onSharedServices({ simulator: SIMULATOR, env }, async (stage, { redis }) => {
      const { id, server } = await stoppedInVain(stage, redis.url, { operation, error });
      const { data } = await stage.emitter.outcome(id, 90_000);
      expect(data).toMatchObject({ event: "cancelled", power: { before: "on" } });
      expect((data["power"] as { next_step: string }).next_step).toContain(right);
      expect(server.isOn).toBe(false);
      await stage.audit([id]);
    });
  },
);

it.concurrent.each([
  ["its look", { operation: "server", status: 500 }, "it cannot be seen"],
  ["its stop", { operation: "job", error: "Ecs.0110" }, "whether its stop has ended cannot be"],
  ["its start", { operation: "start", status: 500 }, "its start is not answered"],
] as const)(
  "what keeps a server off for a minute (%s) is said once, and no person is asked for",
  async (_call, fault, words) => {
    // So that the pauses of the breaker do not become the minutes that this waits.
    const env = { ECS_BREAKER_OPEN_MS: "1000" };
    await onSharedServices({ simulator: SIMULATOR, env }, async (stage, { redis }) => {
      const { id, server, url } = await stoppedInVain(stage, redis.url, fault);
      const { data } = await stage.emitter.event(id, "waiting");
      expect(data["detail"]).toContain(words);
      expect(data["next_step"]).toBeUndefined();
      expect(await leftOff(url)).toBe("0");
      stage.simulator.faults.clear();
      expect((await stage.emitter.outcome(id)).data["power"]).toEqual({
        before: "on",
        after: "on",
      });
      expect(stage.emitter.story(id).filter((name) => name === "waiting")).toHaveLength(1);
      expect(server.isOn).toBe(true);
      await stage.audit([id]);
    });
  },
);
