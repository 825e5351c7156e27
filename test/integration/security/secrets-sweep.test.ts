import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SimulatorOptions } from "../../../src/simulator/options.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { ownedDirectory } from "../../support/processes/child-process.ts";
import { type Collector, startCollector } from "../../support/collector.ts";
import {
  documentedRabbitMqRights,
  documentedRedisRules,
} from "../../support/rabbitmq/documented-users.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { type SharedServices, sharedServices } from "../../support/services.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import { startWorker, type WorkerProcess } from "../../support/worker/worker-process.ts";
import { type EchoingCloud, startEchoingCloud } from "./echoing-cloud.ts";

/** Something to search for that nothing else looks like. */
const plant = (name: string) => `planted-${name}-${randomBytes(6).toString("hex")}`;

const PASSWORDS = {
  adminpass: plant("adminpass"),
  misspelt: plant("misspelt"),
  // Characters that a URL, a JSON text and a shell all spell differently.
  amqp: `${plant("amqp")}@/"%é`,
  redis: `${plant("redis")}@:/"#`,
  accessKey: plant("ak"),
  secretKey: plant("sk"),
  securityToken: plant("sts"),
  iam: plant("iam"),
  wrong: plant("wrong"),
  collector: plant("collector"),
};
const USER_DATA_LINE = plant("user-data");
const USER_DATA = `#cloud-config\npassword: ${USER_DATA_LINE}\nchpasswd: { expire: false }\n`;
const USER_DATA_BASE64 = Buffer.from(USER_DATA).toString("base64");
const BODY = {
  keyname: "KeyPair-350b",
  userid: "7e25b1da389f4697a79df3a0e5bd494e",
  metadata: { user_data: USER_DATA_BASE64 },
};

const WAYS: readonly {
  readonly way: string;
  readonly simulator: Partial<SimulatorOptions>;
  readonly env: Readonly<Record<string, string>>;
  /** The same with credentials that the cloud refuses. */
  readonly refused: Readonly<Record<string, string>>;
}[] = [
  {
    way: "an access key and a security token",
    simulator: {
      credentials: [
        {
          accessKey: PASSWORDS.accessKey,
          secretKey: PASSWORDS.secretKey,
          securityToken: PASSWORDS.securityToken,
        },
      ],
    },
    env: {
      ECS_ACCESS_KEY: PASSWORDS.accessKey,
      ECS_SECRET_KEY: PASSWORDS.secretKey,
      ECS_SECURITY_TOKEN: PASSWORDS.securityToken,
    },
    refused: { ECS_SECRET_KEY: PASSWORDS.wrong },
  },
  {
    way: "an IAM user and its tokens",
    simulator: {
      iamUser: { name: "svc-reinstall", password: PASSWORDS.iam, domain: "OCB0000001" },
    },
    env: {
      ECS_ACCESS_KEY: "",
      ECS_SECRET_KEY: "",
      IAM_USERNAME: "svc-reinstall",
      IAM_PASSWORD: PASSWORDS.iam,
      IAM_DOMAIN: "OCB0000001",
    },
    refused: { IAM_PASSWORD: PASSWORDS.wrong },
  },
];

describe.each(WAYS)("with $way, no secret is found", ({ simulator: options, env, refused }) => {
  let services: SharedServices;
  let redis: PrivateRedis;
  let simulator: Simulator;
  let cloud: EchoingCloud;
  let collector: Collector;
  let stage: Stage;
  let worker: WorkerProcess;
  /** Every command that Redis was given, inside scripts too. */
  const redisHeard: string[] = [];
  let monitor: Redis;
  /** Whatever was found at the doors of the process. */
  const pages: string[] = [];

  beforeAll(async () => {
    services = await sharedServices();
    redis = await startRedis();
    await redis.command(
      ...(["ACL", "SETUSER", "swept", "reset", "on", `>${PASSWORDS.redis}`] as const),
      ...documentedRedisRules("ecs-worker"),
    );
    const client = new Redis(redis.url);
    // A connection of its own.
    monitor = await client.monitor();
    client.disconnect();
    monitor.on("monitor", (_time: string, args: string[]) => redisHeard.push(args.join(" ")));
    simulator = await startSimulator({
      jobDurationMs: 1_000,
      signatureWindowMs: 4_000,
      ...options,
    });
    cloud = await startEchoingCloud(simulator.url);
    collector = await startCollector();
    const { rabbitMq } = services;
    const name = `swept-${rabbitMq.vhost}`;
    await rabbitMq.createUser(name, PASSWORDS.amqp);
    const { topic: _, ...rights } = documentedRabbitMqRights().get("ecs-worker") ?? {};
    await rabbitMq.setPermissions({ user: name, ...rights });
    stage = await openStage({
      rabbitMq,
      redisUrl: redis.url,
      through: {
        amqp: amqpUrl(),
        redis: redis.url,
        cloud: cloud.url,
      },
      env: {
        ...env,
        LOG_LEVEL: "trace",
        REDIS_USERNAME: "swept",
        REDIS_PASSWORD: PASSWORDS.redis,
        JOB_DEADLINE_MS: "8000",
        ECS_BREAKER_OPEN_MS: "300",
        ECS_AUTH_BREAKER_OPEN_MS: "300",
        AMQP_RECONNECT_MAX_MS: "500",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${PASSWORDS.collector}`,
      },
    });
    worker = await stage.addWorker();
  });

  afterAll(async () => {
    await stage?.close();
    monitor?.disconnect();
    await services?.rabbitMq.api("DELETE", `/users/swept-${services.rabbitMq.vhost}`);
    await Promise.all([cloud?.close(), collector?.close(), simulator?.close(), redis?.stop()]);
    await services?.close();
  });

  it("in what a success leaves, on its way and after a worker was killed", async () => {
    const [one, two] = (["ACTIVE", "SHUTOFF"] as const).map((state) =>
      simulator.addServer({ state }),
    );
    const [id, again] = [commandId("success"), commandId("killed")];
    const replies = await replyQueue();
    await send(id, one?.id, BODY, { replyTo: replies });
    await stage.emitter.event(id, "submitted");
    await look(id, one?.id);
    await send(again, two?.id, BODY);
    await stage.emitter.event(again, "submitted");
    await worker.kill();
    worker = await stage.addWorker();
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect((await stage.emitter.outcome(again)).data.event).toBe("succeeded");
    await send(id, one?.id, BODY);
    await stage.emitter.misuse(id, "duplicate");
    await send(id, one?.id, { ...BODY, metadata: { user_data: twice(USER_DATA_BASE64) } });
    await stage.emitter.misuse(id, "rejected");
    await look(id, one?.id);
    pages.push(...(await stage.emitter.drain(replies)).map((reply) => JSON.stringify(reply)));
    await sweep();
  });

  it("in what becomes of commands that hold secrets in the fields of other things", async () => {
    const { misspelt } = PASSWORDS;
    const fields = ["command_id", "project_id", "server_id", "on_busy", "expires_at", "group"];
    const wrong = [`${misspelt}/+=`, USER_DATA_BASE64, [misspelt], { value: misspelt }];
    const before = stage.emitter.heard().length;
    const rejected = (count: number) =>
      eventually(() => {
        const since = stage.emitter.heard().slice(before);
        return since.filter(({ event }) => event.data.event === "rejected").length >= count;
      });
    let sent = 0;
    for (const value of wrong) {
      for (const field of fields) {
        await stage.emitter.send({
          ...stage.command(commandId("field"), "web-01"),
          [field]: value,
        });
        sent++;
      }
      await send(commandId("mode"), "web-01", { ...BODY, mode: value, metadata: { BYOL: value } });
      const key = { [`${JSON.stringify(value)}${"k".repeat(64)}`]: 1 };
      await send(commandId("key"), "web-01", { ...BODY, ...key, metadata: key });
      sent += 2;
    }
    await rejected(sent);
    await sweep();
  });

  it("in what becomes of commands that hold passwords where none belong", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    const { misspelt, adminpass } = PASSWORDS;
    const ids = ["adminpass", "misspelt", "no-server", "not-base64", "list", "quoted"].map(
      commandId,
    );
    const [refusedOne, taken, broken, raw, list, quoted] = ids as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const spellings = { root_pass: misspelt, rootPass: misspelt, Password: [misspelt] };
    await send(refusedOne, server.id, { ...BODY, adminpass });
    await send(taken, server.id, { ...BODY, ...spellings });
    await stage.emitter.send({ ...stage.command(broken, "web-01"), ...spellings, data: misspelt });
    await send(raw, server.id, { metadata: { user_data: USER_DATA } });
    await send(commandId("spelt"), server.id, { ...BODY, adminPass: misspelt });
    await send(list, server.id, [misspelt, { adminpass }]);
    await send(quoted, server.id, JSON.stringify({ adminpass }));
    await stage.emitter.send(`adminpass=${adminpass}`);
    await stage.emitter.send(JSON.stringify([adminpass]));
    await stage.emitter.send(
      { "os-reinstall": { adminpass } },
      { headers: { password: misspelt } },
    );
    await stage.emitter.send(stage.command(commandId("typed"), server.id), {
      contentType: `text/${misspelt}`,
    });
    const outcomes = await Promise.all(ids.map((id) => stage.emitter.outcome(id)));
    expect(outcomes.map(({ data }) => data.event)).toEqual([
      "rejected",
      "succeeded",
      "rejected",
      "rejected",
      "rejected",
      "rejected",
    ]);
    await eventually(
      () =>
        stage.emitter.heard().filter(({ event }) => event.data.event === "rejected").length >= 9,
    );
    await look(taken, server.id);
    await sweep();
  });

  it.each([
    ["GET", "cloudservers", 500, "service", "Ecs.0615"],
    ["GET", "cloudservers", 502, "html", "none"],
    ["GET", "cloudservers", 401, "gateway", "APIGW.0301"],
    ["GET", "cloudservers", 400, "service", "Ecs.0005"],
    ["POST", "reinstallos", 400, "service", "Ecs.0005"],
    ["POST", "reinstallos", 403, "gateway", "APIGW.0302"],
    ["POST", "reinstallos", 401, "gateway", "APIGW.0301"],
    ["GET", "jobs", 200, "job-failure", "Ecs.0202"],
    ["GET", "jobs", 500, "gateway", "Common.0001"],
    ["POST", "auth/tokens", 500, "gateway", "IAM.0001"],
  ] as const)(
    "where the cloud answers a %s of %s with %i and the whole request in %s form (%s)",
    async (method, path, status, shape, code) => {
      const server = simulator.addServer({ state: "SHUTOFF" });
      const id = commandId("echo");
      const before = cloud.echoed();
      cloud.echo({ of: new RegExp(`^${method} .*${path}`), status, shape, code, times: 1 });
      // A token is fetched by who has none yet.
      if (path === "auth/tokens") {
        await worker.stop();
        worker = await stage.addWorker();
      }
      await send(id, server.id, BODY, {}, { expires_at: inSeconds(60) });
      await stage.emitter.outcome(id, 60_000);
      const tokens = env["IAM_USERNAME"] !== undefined;
      if (path !== "auth/tokens" || tokens) expect(cloud.echoed()).toBe(before + 1);
      await look(id, server.id);
      await sweep();
    },
  );

  it("where the cloud answers a POST so that nobody can know what became of it", async () => {
    const forms = [
      [500, "service", "Ecs.0615"],
      [502, "html", "none"],
      [400, "cut-short", "Ecs.0005"],
    ] as const;
    const sent = forms.map(([status, shape, code]) => {
      const { id: serverId } = simulator.addServer({ state: "SHUTOFF" });
      const of = new RegExp(`^POST .*${serverId}/reinstallos`);
      cloud.echo({ of, status, shape, code, times: 1 });
      return { id: commandId("doubt"), serverId };
    });
    const before = cloud.echoed();
    for (const { id, serverId } of sent) await send(id, serverId, BODY);
    await Promise.all(sent.map(({ id }) => stage.emitter.outcome(id)));
    expect(cloud.echoed()).toBe(before + forms.length);
    for (const { id, serverId } of sent) await look(id, serverId);
    await sweep();
  });

  it("where cloud, Redis and broker refuse the worker", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("refused");
    await worker.stop();
    const stranger = await stage.spawnWorker([], {
      ...refused,
      ECS_AUTH_BREAKER_FAILURES: "1",
      // More than five refusals lock the key, for the workers after it too.
      ECS_AUTH_BREAKER_OPEN_MS: "5000",
    });
    // Not ready, and it says why.
    await eventually(async () =>
      expect(await (await fetch(`${stranger.httpUrl}/readyz`)).text()).toMatch(
        /the cloud refuses our credentials/,
      ),
    );
    await send(id, server.id, BODY, {}, { expires_at: inSeconds(3) });
    expect((await stage.emitter.event(id, "waiting")).data).toMatchObject({
      waits_for: "cloud-unavailable",
    });
    await look(id, server.id, stranger);
    await stage.emitter.outcome(id);
    await stranger.stop();
    const unwelcome = await stage.spawnWorker([], {
      AMQP_URL: amqpUrl(PASSWORDS.wrong),
      REDIS_PASSWORD: PASSWORDS.wrong,
    });
    await eventually(() => {
      expect(unwelcome.output()).toMatch(/WRONGPASS/);
      expect(unwelcome.output()).toMatch(/ACCESS_REFUSED/);
    });
    await look(id, server.id, unwelcome);
    await unwelcome.stop();
    await sweep();
  });

  it("where the configuration is wrong in every place that can hold one", async () => {
    const { wrong } = PASSWORDS;
    const misled = await startWorker({
      AMQP_URL: `amqp://user:${wrong}@host:no-port,${wrong}`,
      REDIS_URL: `redis//user:${wrong}@host`,
      REDIS_PASSWORD: wrong,
      ECS_ENDPOINT: `https://user:${wrong}@host/path?${wrong}`,
      ECS_PROJECTS: wrong,
      ECS_ACCESS_KEY: wrong,
      IAM_PASSWORD: wrong,
      ECS_SECRET_KEY_FILE: `/nowhere/${commandId("file")}`,
      PREFETCH: wrong,
      LOG_LEVEL: wrong,
    });
    expect(await misled.ended()).toContain("78");
    expect(misled.output()).not.toContain(wrong);
  });

  it("in the environment of a worker that takes its secrets from files", async () => {
    const folder = await ownedDirectory("ecs-secrets-");
    const files: Record<string, string> = {};
    const given = { ...env, REDIS_PASSWORD: PASSWORDS.redis, AMQP_URL: amqpUrl() };
    for (const [name, value] of Object.entries(given)) {
      files[name] = "";
      if (value === "") continue;
      files[`${name}_FILE`] = join(folder.path, name);
      await writeFile(join(folder.path, name), `${value}\n`, { mode: 0o400 });
    }
    const careful = await stage.addWorker([], files);
    const seen = ["environ", "cmdline"].map((one) =>
      readFileSync(`/proc/${careful.pid}/${one}`, "utf8"),
    );
    // What belongs to the collector has no file of its own.
    const secrets = Object.values(PASSWORDS).filter((secret) => secret !== PASSWORDS.collector);
    expect(secrets.filter((secret) => seen.join("").includes(secret))).toEqual([]);
    await careful.stop();
    await folder.remove();
  });

  function amqpUrl(password = PASSWORDS.amqp): string {
    const { rabbitMq } = services;
    return rabbitMq.urlFor({ user: `swept-${rabbitMq.vhost}`, password });
  }

  /** Sends one command with this body. */
  function send(
    id: string,
    serverId: string | undefined,
    body: unknown,
    properties: object = {},
    more: object = {},
  ): Promise<void> {
    const command = stage.command(id, serverId ?? "", { "os-reinstall": body, ...more });
    return stage.emitter.send(command, { correlationId: "c-1", ...properties });
  }

  async function replyQueue(): Promise<string> {
    return (await stage.emitter.channel.assertQueue("", { exclusive: true })).queue;
  }

  /** Reads every page of the process, and its command line. */
  async function look(id: string, serverId = "", of = worker): Promise<void> {
    const project = simulator.servers()[0]?.projectId;
    const paths = ["/metrics", "/readyz", "/livez", `/v1/commands/${id}`];
    for (const path of [...paths, `/v1/servers/${project}/${serverId}`]) {
      pages.push(await (await fetch(`${of.httpUrl}${path}`)).text());
    }
    pages.push(readFileSync(`/proc/${of.pid}/cmdline`, "utf8"));
  }

  /** Everything that anybody outside could have seen so far. */
  async function sweep(): Promise<void> {
    const dead = await stage.emitter.drain("ecs.reinstall.dead");
    pages.push(...dead.map((message) => JSON.stringify(message)));
    const places: Record<string, string> = {
      events: stage.emitter
        .heard()
        .map(({ key, text }) => key + text)
        .join("\n"),
      logs: stage.workers.map((one) => one.output()).join("\n"),
      "dead queue, replies and pages": pages.join("\n"),
      redis: [...redisHeard, ...(await everythingIn(redis.url))].join("\n"),
      traces: collector.text(),
    };
    const secrets = { ...PASSWORDS, USER_DATA_LINE, USER_DATA_BASE64 };
    const needles = new Map<string, string>();
    for (const [name, value] of Object.entries(secrets)) {
      for (const spelling of spellings(value)) needles.set(spelling, name);
    }
    for (const value of cloud.credentialsSeen()) needles.set(value, "token or signature");
    const found = Object.entries(places).flatMap(([place, text]) =>
      [...needles]
        .filter(([needle]) => text.includes(needle))
        .map(([needle, name]) => `${name} in ${place}: ${excerpt(text, needle)}`),
    );
    expect(found).toEqual([]);
    // Whoever finds nothing must have looked somewhere.
    for (const place of ["events", "logs", "redis"])
      expect(places[place]?.length).toBeGreaterThan(500);
  }
});

/** As it is, and as JSON, a URL or base64 would write it. */
function spellings(value: string): readonly string[] {
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString("base64").replace(/=+$/, "").slice(0, -1),
  ];
}

function excerpt(text: string, needle: string): string {
  const at = text.indexOf(needle);
  return text.slice(Math.max(0, at - 160), at + 40);
}

async function everythingIn(url: string): Promise<readonly string[]> {
  const client = new Redis(url);
  const all: string[] = [];
  for (const key of await client.keys("*")) {
    const dumped: Record<string, () => Promise<unknown>> = {
      hash: () => client.hgetall(key),
      string: () => client.get(key),
      zset: () => client.zrange(key, "0", "-1"),
    };
    const read = dumped[await client.type(key)];
    // A key may end between the two questions.
    if (read !== undefined) all.push(key, JSON.stringify(await read()));
  }
  client.disconnect();
  return all;
}

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();
/** Another user_data of the same content: the secret of a command that reuses an id. */
const twice = (base64: string) =>
  Buffer.from(Buffer.from(base64, "base64").toString("utf8").repeat(2)).toString("base64");
