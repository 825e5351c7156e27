import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../../src/simulator/defaults.ts";
import {
  documentedRedisRules,
  makeRabbitMqUser,
  makeRedisUser,
  removeRabbitMqUser,
} from "../../support/rabbitmq/documented-users.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { cliInProcess, operatorInProcess } from "../../support/operator.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { type SharedServices, sharedServices } from "../../support/services.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import { declareBeforehand, onChannel, onRedis } from "./ground.ts";

/** Of the flows and of nobody else: its counters say which commands the documented users really used. */
let redis: PrivateRedis;
let workerRedis: string;
/** The same for one project only. */
let narrowRedis: string;
let operatorRedis: string;
let neighbourRedis: string;

beforeAll(async () => {
  redis = await startRedis();
  workerRedis = await makeRedisUser(redis.url, "ecs-worker");
  const shared = ["~ecs:evidence:*", "~ecs:projects", "~ecs:refusals:*"];
  const keys = [`~ecs:{${DEFAULT_PROJECT_ID}}:*`, ...shared];
  narrowRedis = await makeRedisUser(redis.url, "ecs-worker", ["resetkeys", ...keys]);
  operatorRedis = await makeRedisUser(redis.url, "ecs-operator");
  neighbourRedis = await makeRedisUser(redis.url, "ecs-neighbour");
});
afterAll(() => redis?.stop());

describe.each([
  ["declares its queues", "ecs-worker", "true", () => workerRedis],
  ["finds its queues there", "ecs-worker-no-declare", "false", () => narrowRedis],
])("with exactly the documented rights a worker that %s", (_what, user, declares, redisOf) => {
  let services: SharedServices;
  let stage: Stage;
  const made: string[] = [];

  beforeAll(async () => {
    services = await sharedServices();
    const { rabbitMq } = services;
    if (declares === "false") await declareBeforehand(rabbitMq.url);
    const worker = await makeRabbitMqUser(rabbitMq, user);
    const emitter = await makeRabbitMqUser(rabbitMq, "ecs-emitter");
    made.push(worker, emitter);
    stage = await openStage({
      rabbitMq: {
        ...rabbitMq,
        users: async () => ({ worker, emitter, workerRedis: new Map([[redis.url, redisOf()]]) }),
      },
      redisUrl: redis.url,
      env: { AMQP_DECLARE: declares, SWEEP_INTERVAL_MS: "500", SWEEP_AFTER_MS: "2000" },
    });
    await stage.addWorker();
  });

  afterAll(async () => {
    await stage?.close();
    for (const url of made) await removeRabbitMqUser(services.rabbitMq, url);
    await services?.close();
  });

  it("reinstalls, stops first, joins, queues, and knows a duplicate", async () => {
    const one = stage.simulator.addServer({ state: "SHUTOFF" });
    const two = stage.simulator.addServer({ state: "ACTIVE" });
    const [plain, running] = [commandId("plain"), commandId("running")];
    const [joins, waits] = [commandId("joins"), commandId("waits")];
    await stage.emitter.send(stage.command(plain, one.id));
    await stage.emitter.send(stage.command(running, two.id));
    await stage.emitter.event(plain, "submitted");
    await stage.emitter.send(stage.command(joins, one.id));
    await stage.emitter.send(stage.command(plain, one.id));
    await stage.emitter.send(stage.command(waits, one.id, { on_busy: "wait" }));
    await stage.emitter.misuse(plain, "duplicate");
    await stage.emitter.event(joins, "joined");
    await stage.emitter.event(running, "stopping");
    const all = [plain, running, joins, waits];
    const outcomes = await Promise.all(all.map((id) => stage.emitter.outcome(id)));
    expect(outcomes.map(({ data }) => data.event)).toEqual(all.map(() => "succeeded"));
    expect([one, two].map(({ id }) => stage.reinstalls(id))).toEqual([2, 1]);
    await stage.audit(all);
  });

  it("hands its work over to the next worker", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("handed-over");
    await stage.emitter.send(stage.command(id, server.id));
    await stage.emitter.event(id, "submitted");
    await stage.workers.at(-1)?.kill();
    await stage.addWorker();
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
  });

  it("is told a fault's time, holds back for a throttling cloud, and shows where a command stands", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const [first, late] = [commandId("heals"), commandId("late")];
    const seenAt = new Date().toISOString();
    stage.simulator.faults.set({
      operation: "server",
      serverId: server.id,
      times: 1,
      error: "APIGW.0308",
      retryAfterSeconds: 1,
    });
    await stage.emitter.send(stage.command(first, server.id));
    await stage.emitter.event(first, "waiting");
    await stage.emitter.outcome(first);
    await stage.emitter.send(stage.command(late, server.id, { observed_at: seenAt }));
    expect((await stage.emitter.outcome(late)).data.event).toBe("superseded");
    const { httpUrl } = stage.workers.at(-1) ?? {};
    for (const path of [`commands/${first}`, `servers/${server.projectId}/${server.id}`]) {
      expect((await fetch(`${httpUrl}/v1/${path}`)).status).toBe(200);
    }
  });

  it("puts what it cannot understand into the dead queue, for the one who may read it", async () => {
    await stage.emitter.send("not json");
    const reader = await makeRabbitMqUser(services.rabbitMq, "ecs-dead-reader");
    made.push(reader);
    await onChannel(reader, async (channel) => {
      const dead = await eventually(() => channel.get("ecs.reinstall.dead", { noAck: true }));
      expect(dead.properties.headers?.["x-reason"]).toContain("not-json");
    });
  });

  it("answers the emitter at its own queue, and lets a listener hear", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("replied");
    const [sender, listener] = await Promise.all(
      ["ecs-emitter-replies", "ecs-listener"].map((one) =>
        makeRabbitMqUser(services.rabbitMq, one),
      ),
    );
    made.push(sender ?? "", listener ?? "");
    await onChannel(listener ?? "", async (ears) => {
      await ears.assertQueue("ecs-listener.events", { exclusive: true });
      await ears.bindQueue("ecs-listener.events", "ecs.reinstall.events", `*.${server.id}.*`);
      await onChannel(sender ?? "", async (channel) => {
        const { queue } = await channel.assertQueue("ecs-emitter-replies.1", { exclusive: true });
        const body = Buffer.from(JSON.stringify(stage.command(id, server.id)));
        channel.publish("ecs.reinstall.commands", "reinstall", body, {
          contentType: "application/json",
          replyTo: queue,
          correlationId: "c-1",
        });
        const reply = await eventually(() => channel.get(queue, { noAck: true }), {
          timeoutMs: 20_000,
        });
        expect(reply.properties.correlationId).toBe("c-1");
        expect(JSON.parse(reply.content.toString())).toMatchObject({ data: { command_id: id } });
      });
      expect(await ears.get("ecs-listener.events", { noAck: true })).not.toBe(false);
    });
  });

  it("obeys an operator who may do only what operators do", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const [held, paused] = [commandId("held"), commandId("paused")];
    const operate = operatorInProcess(operatorRedis, server.projectId);
    const said = await operate("pause", "--reason", "maintenance");
    expect(said).toContain("are paused");
    expect(said).toContain("No request for it was being made in that moment.");
    await stage.emitter.send(stage.command(paused, server.id));
    await stage.emitter.event(paused, "waiting");
    await stage.emitter.send(stage.command(held, server.id, { on_busy: "wait" }));
    await stage.emitter.event(held, "waiting");
    expect(await operate("cancel", held, "--reason", "mistake")).toContain("ends at its next step");
    expect(await operate("resume", "--reason", "over")).toContain("go on");
    const everything = ["--everything", "--reason", "all of it"];
    expect(await operate("pause", ...everything)).toContain("(everything) are paused");
    expect(await operate("resume", ...everything)).toContain("go on");
    expect((await stage.emitter.outcome(held)).data.event).toBe("cancelled");
    expect((await stage.emitter.outcome(paused)).data.event).toBe("succeeded");
    // As a command leaves it that ended unresolved and was forgotten since.
    const lock = `ecs:{${server.projectId}}:lock:${server.id}`;
    await redis.command("HSET", lock, "owner", "long-ago", "token", "1");
    expect(
      await operate("unlock", server.id, "--owner", "long-ago", "--reason", "seen", "--force"),
    ).toContain("is free");
  });

  it("lets an operator do all that the pages ask of one", async () => {
    const { id: server, projectId } = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("asked");
    const httpUrl = stage.workers.at(-1)?.httpUrl ?? "";
    const lock = `ecs:{${projectId}}:lock:${server}`;
    await redis.command("HSET", lock, "owner", "left-behind", "token", "1", "operation", "resize");
    const project = ["--project", projectId];
    const lines: Readonly<Record<string, readonly string[]>> = {
      pause: [...project, "--reason", "as the page says"],
      status: [id],
      server: [server, ...project],
      explain: [server, ...project],
      list: [],
      approve: [id, ...project, "--reason", "as the page says"],
      cancel: [id, ...project, "--reason", "as the page says"],
      resume: [...project, "--reason", "over"],
      unlock: [server, ...project, "--owner", "left-behind", "--reason", "seen", "--force"],
      audit: [],
      // It stays: by another reason, so that nobody takes it for the pause.
      protect: [server, ...project, "--reason", "a license server"],
      dead: ["list"],
    };
    const reader = await makeRabbitMqUser(services.rabbitMq, "ecs-dead-reader");
    made.push(reader);
    const env = { REDIS_URL: operatorRedis, ECS_REINSTALL_URL: httpUrl, AMQP_URL: reader };
    for (const [verb, args] of Object.entries(lines)) {
      expect(await cliInProcess(env)(verb, ...args), verb).toMatch(/\S/);
      if (verb !== "pause") continue;
      await stage.emitter.send(stage.command(id, server));
      await stage.emitter.event(id, "waiting");
    }
    expect((await stage.emitter.outcome(id)).data.event).toBe("cancelled");
    const record = `ecs:{${projectId}}:cmd:${id}`;
    const final = JSON.parse(String(await redis.command("HGET", record, "final")));
    Object.assign(final.event, { time: "2026-01-01T00:00:00.000Z" });
    Object.assign(final.event.data, { event: "unresolved" });
    const ended = ["outcome", "unresolved", "final", JSON.stringify(final)];
    await redis.command("HSET", record, ...ended);
    await redis.command("HSET", lock, "owner", id, "token", "1", "operation", "reinstall");
    const word = ["--as", "not-reinstalled", "--reason", "seen"];
    const settle = cliInProcess({ REDIS_URL: operatorRedis });
    expect(await settle("resolve", id, ...project, ...word)).toContain("is settled as");
    // These look at no Redis, or as somebody else: a worker's settings, its rights, and a person's right to publish.
    expect(verbsOfPages().filter((verb) => !(verb in lines))).toEqual([
      "config",
      "doctor",
      "resolve",
      "send",
    ]);
  });

  it("puts back what Redis forgot", async () => {
    // A pause whose end no worker has read yet would come back, as it must.
    const brakes = `${stage.workers.at(-1)?.httpUrl}/v1/brakes`;
    await eventually(
      async () => !(await (await fetch(brakes)).text()).includes("as the page says"),
    );
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("forgotten");
    await stage.emitter.send(stage.command(id, server.id));
    await stage.emitter.event(id, "submitted");
    await redis.flushAll();
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
  });

  it("waits for another service that takes the lock by the README's scripts", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("behind");
    const lock = `ecs:{${server.projectId}}:lock:${server.id}`;
    const token = `ecs:{${server.projectId}}:token`;
    const epoch = `ecs:{${server.projectId}}:epoch`;
    const [take = "", free = ""] = scriptsOfReadme();
    await onRedis(neighbourRedis, async (neighbour) => {
      const taken = () => neighbour.eval(take, 3, lock, token, epoch, "resize-42", "resize");
      // A lock that Redis forgot may not be back yet.
      for (const [field, young] of [
        ["open_at", String(Date.now() + 60_000)],
        ["run", "0".repeat(40)],
      ] as const) {
        const before = String(await redis.command("HGET", epoch, field));
        await redis.command("HSET", epoch, field, young);
        await expect(taken()).rejects.toThrow("REBUILDING");
        await redis.command("HSET", epoch, field, before);
      }
      expect(await redis.command("EXISTS", lock)).toBe(0);
      await eventually(async () => Number(await taken().catch(() => 0)) > 0);
      await stage.emitter.send(stage.command(id, server.id));
      expect((await stage.emitter.event(id, "waiting")).data).toMatchObject({
        holder: "resize-42",
      });
      expect(await neighbour.eval(free, 1, lock, "resize-42")).toBe(1);
    });
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  });
});

describe("the documented Redis rights", () => {
  it("are all that was needed, and none of the worker's went unused", async () => {
    const denied = (await redis.command("ACL", "LOG")) as unknown[];
    expect(denied).toEqual([]);
    const granted = documentedRedisRules("ecs-worker")
      .filter((rule) => rule.startsWith("+"))
      .map((rule) => rule.slice(1));
    const used = await usedCommands();
    expect(granted.filter((command) => !used.has(command))).toEqual([]);
  });
});

/** Every command that was carried out on the Redis of these tests, inside scripts too. */
async function usedCommands(): Promise<ReadonlySet<string>> {
  const stats = String(await redis.command("INFO", "commandstats"));
  return new Set([...stats.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name]) => name ?? ""));
}

/** What the pages for operators have them do with the command line; they name no program of Redis. */
function verbsOfPages(): readonly string[] {
  const docs = new URL("../../../docs/", import.meta.url);
  const pages = readdirSync(new URL("runbooks", docs)).map((page) => `runbooks/${page}`);
  const text = [...pages, "operations.md", "security.md"]
    .map((page) => readFileSync(new URL(page, docs), "utf8"))
    .join("\n");
  expect(text).not.toContain("redis-cli");
  const verbs = [...text.matchAll(/(?:`|^)ecs-reinstall ([a-z]+)/gm)].map(([, verb = ""]) => verb);
  return [...new Set(verbs)].sort();
}

function scriptsOfReadme(): readonly string[] {
  const text = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  return [...text.matchAll(/<<'LUA'\n([\s\S]*?)\nLUA/g)].map(([, script]) => script ?? "");
}
