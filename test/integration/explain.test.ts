import { afterAll, beforeAll, expect, it } from "vitest";
import { commandId } from "../support/emitter.ts";
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
  await stage.addWorker();
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
