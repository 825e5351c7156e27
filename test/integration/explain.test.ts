import { afterAll, beforeAll, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { operatorOf } from "../support/operator.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import { openStage, type Stage } from "../support/stage.ts";

let services: SharedServices;
let stage: Stage;

beforeAll(async () => {
  services = await sharedServices();
  const { rabbitMq, redis } = services;
  const env = { BRAKES_COOLDOWN_MS: "600000" };
  stage = await openStage({ rabbitMq, redisUrl: redis.url, env });
  await stage.addWorker([], { EVS_ENDPOINT: stage.simulator.url });
});

afterAll(async () => {
  await stage?.close();
  await services?.close();
});

/** What the command line says of a command. */
function explain(projectId: string, id: string): Promise<string> {
  const url = stage.workers[0]?.httpUrl ?? "";
  return operatorOf(services.redis.url, projectId)("explain", id, "--url", url);
}

it("explain says of each of three commands which brake it waits for, until when, and what a person can do", async () => {
  const [cooling, later, paused] = [1, 2, 3].map(() =>
    stage.simulator.addServer({ state: "SHUTOFF" }),
  );
  if (cooling === undefined || later === undefined || paused === undefined) throw new Error("none");
  const { projectId } = cooling;
  const [first, again, hour, held] = ["first", "again", "hour", "held"].map(commandId);
  const why = ["--reason", "look at its disk", "--by", "ada"];
  await operatorOf(services.redis.url, projectId)("pause", "--server", paused.id, ...why);
  await stage.emitter.send(stage.command(first ?? "", cooling.id));
  await stage.emitter.outcome(first ?? "");
  const notBefore = new Date(Date.now() + 3_600_000).toISOString();
  await stage.emitter.send(stage.command(again ?? "", cooling.id));
  await stage.emitter.send(stage.command(hour ?? "", later.id, { not_before: notBefore }));
  await stage.emitter.send(stage.command(held ?? "", paused.id));
  for (const id of [again, hour, held]) await stage.emitter.event(id ?? "", "waiting");

  const cooldown = await explain(projectId, again ?? "");
  expect(cooldown).toContain(`It waits: the server was reinstalled by ${first}`);
  expect(cooldown).toMatch(/What it waits for ends at \S+/);
  expect(cooldown).toContain("Brake cooldown says wait");

  const asked = await explain(projectId, hour ?? "");
  expect(asked).toContain("It waits: it asked not to be started before");
  expect(asked).toMatch(/Brakes that say go: .*pause/);

  const pause = await explain(projectId, held ?? "");
  expect(pause).toContain(`It waits: reinstalls are paused (server:${paused.id})`);
  expect(pause).toContain("ada");
  expect(pause).toContain("look at its disk");
  expect(pause).toContain("ecs-reinstall resume");

  for (const [id = "", said] of [
    [again, cooldown],
    [hour, asked],
    [held, pause],
  ] as const) {
    expect(said).toContain(id);
    expect(said).toContain(`ecs-reinstall cancel ${id} --project ${projectId} --reason`);
  }
  expect([cooling, later, paused].map(({ id }) => stage.reinstalls(id))).toEqual([1, 0, 0]);
});

it("explain says what the cloud refused, which right is missing, and that a command expires before its brake ends", async () => {
  const { simulator, emitter } = stage;
  const old = Date.now() - 1_000 * 3_600_000;
  const server = simulator.addServer({ state: "SHUTOFF", createdAtMs: old });
  const [first, unknown, late] = ["known", "unknown", "late"].map(commandId);
  const [fault] = simulator.faults.set({ operation: "disk", error: "Pdp.0001" });
  const observed_at = new Date().toISOString();
  await emitter.send(stage.command(unknown ?? "", server.id, { observed_at }));
  await emitter.event(unknown ?? "", "waiting");
  const refused = await explain(server.projectId, unknown ?? "");
  expect(refused).toMatch(
    /It waits: the cloud does not answer, or refuses .* said: the age of its system disk,.* is not known: .*policy.*evs:volumes:get/,
  );
  expect(refused).not.toMatch(/credentials|ecs:cloudServers:rebuild|send a new command/);
  simulator.faults.clear(fault);
  expect((await emitter.outcome(unknown ?? "")).data.event).toBe("succeeded");

  const other = simulator.addServer({ state: "SHUTOFF" });
  await emitter.send(stage.command(first ?? "", other.id));
  await emitter.outcome(first ?? "");
  const expires_at = new Date(Date.now() + 300_000).toISOString();
  await emitter.send(stage.command(late ?? "", other.id, { expires_at }));
  const { data } = await emitter.event(late ?? "", "waiting");
  expect(data["detail"]).toContain(`; it expires before that, at ${expires_at}`);
  const inVain = await explain(other.projectId, late ?? "");
  expect(inVain).toContain(`That is too late for it: it ends as expired at ${expires_at}.`);
  expect(inVain).toContain(`- Do not wait for it: it expires at ${expires_at}, before`);
});
