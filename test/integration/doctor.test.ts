import { connect } from "amqplib";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type QueuePlan, topologyOf } from "../../src/adapters/amqp/topology/topology.ts";
import type { AmqpSettings } from "../../src/adapters/amqp/settings.ts";
import type { CliIo } from "../../src/cli/io.ts";
import { runCli } from "../../src/cli/program.ts";
import type { Finding } from "../../src/contract/finding.ts";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_SECRET_KEY,
} from "../../src/simulator/defaults.ts";
import { startSimulator } from "../../src/simulator/server.ts";
import type { Simulator } from "../../src/simulator/simulator.ts";
import {
  documentedRabbitMqRights,
  documentedRedisRules,
  makeRedisUser,
  type RabbitMqRights,
} from "../support/rabbitmq/documented-users.ts";
import { run } from "../support/processes/child-process.ts";
import { eventually } from "../support/eventually.ts";
import { startFlakyProxy } from "../support/network/flaky-proxy.ts";
import { BIN } from "../support/operator.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../support/redis/redis.ts";
import { openOnSharedServices } from "../support/stage.ts";

/*
 * `ecs-reinstall doctor` on a set-up as it should be, and on one for each thing that people get wrong: what is planted is
 * found, and nothing else is complained of.
 */

const FOREIGN_PROJECT = "f".repeat(32);
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";

type Env = Readonly<Record<string, string>>;

let broker: PrivateRabbitMq;
let redis: PrivateRedis;
let cloud: Simulator;
let count = 0;

beforeAll(async () => {
  [broker, redis, cloud] = await Promise.all([
    startRabbitMq({ extraConf: ["max_message_size = 1048576"] }),
    startRedis({ appendOnly: true }),
    startSimulator({}),
  ]);
}, 60_000);

afterAll(async () => {
  await Promise.all([broker?.stop(), redis?.stop(), cloud?.close()]);
});

const NAMES: AmqpSettings["names"] = {
  commandsExchange: "ecs.reinstall.commands",
  commandsQueue: "ecs.reinstall.commands",
  eventsExchange: "ecs.reinstall.events",
  deadQueue: "ecs.reinstall.dead",
  workQueue: "ecs.reinstall.work",
  workDeadQueue: "ecs.reinstall.work.dead",
  delayPrefix: "ecs.reinstall.delay.",
};

/** How a vhost differs from one as it should be. */
interface Planted {
  readonly user?: Partial<RabbitMqRights>;
  readonly tags?: string;
  /** Null: this queue is not made. */
  readonly queue?: (plan: QueuePlan) => Readonly<Record<string, unknown>> | null;
  readonly unbound?: boolean;
  readonly policy?: Readonly<Record<string, unknown>>;
}

/** A vhost with our topology and a user with the documented rights; gives the variables of the worker. */
async function vhostWith(planted: Planted = {}, on: PrivateRabbitMq = broker): Promise<Env> {
  const vhost = await on.newVhost();
  const plan = topologyOf({ names: NAMES, delaysMs: [2_000, 60_000] } as unknown as AmqpSettings);
  const model = await connect(vhost.url);
  const channel = await model.createChannel();
  for (const { name } of plan.exchanges) await channel.assertExchange(name, "topic");
  for (const queue of plan.queues) {
    const own = planted.queue === undefined ? queue.arguments : planted.queue(queue);
    if (own !== null)
      await channel.assertQueue(queue.name, { durable: true, arguments: { ...own } });
  }
  for (const { queue, exchange, key } of planted.unbound ? [] : plan.bindings) {
    await channel.bindQueue(queue, exchange, key);
  }
  await model.close();
  const user = `worker-${(count += 1)}`;
  await on.createUser(user, "pw", planted.tags ?? "management");
  const { configure, write, read } = documentedRabbitMqRights().get("ecs-worker") as RabbitMqRights;
  await on.setPermissions({ user, vhost: vhost.name, configure, write, read, ...planted.user });
  if (planted.policy !== undefined) {
    const path = `/policies/${encodeURIComponent(vhost.name)}/planted`;
    const definition = { pattern: "^ecs\\.reinstall\\.commands$", "apply-to": "queues" };
    await on.api("PUT", path, { ...definition, definition: planted.policy });
    const queue = `/queues/${encodeURIComponent(vhost.name)}/${NAMES.commandsQueue}`;
    await eventually(async () =>
      expect(await on.api("GET", queue)).toMatchObject({
        policy: "planted",
        effective_policy_definition: planted.policy,
      }),
    );
  }
  const url = on.urlFor({ vhost: vhost.name, user, password: "pw" });
  return { AMQP_URL: url, AMQP_MANAGEMENT_URL: on.managementUrl };
}

function environment(...changes: readonly Env[]): Env {
  return Object.assign(
    {
      ECS_ENDPOINT: cloud.url,
      IAM_ENDPOINT: cloud.url,
      ECS_PROJECTS: DEFAULT_PROJECT_ID,
      ECS_ACCESS_KEY: DEFAULT_ACCESS_KEY,
      ECS_SECRET_KEY: DEFAULT_SECRET_KEY,
      POLL_INTERVALS_MS: "2000,60000",
    },
    ...changes,
  ) as Env;
}

async function doctor(...changes: readonly Env[]) {
  let out = "";
  const io = {
    env: environment(...changes),
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      out += text;
    },
  } as unknown as CliIo;
  const code = await runCli(["doctor", "--json"], io);
  const { findings } = JSON.parse(out) as { findings: readonly Finding[] };
  const bad = findings.filter(({ verdict }) => verdict !== "ok");
  return { code, findings, bad };
}

/** A Redis user with the documented rights, and these rules after them. */
const redisUser = async (...rules: readonly string[]): Promise<Env> => ({
  REDIS_URL: await makeRedisUser(redis.url, "ecs-worker", rules),
});

/** For a moment, and back again. */
async function withConfig(name: string, value: string, back: string, use: () => Promise<void>) {
  await redis.configSet(name, value);
  try {
    await use();
  } finally {
    await redis.configSet(name, back);
  }
}

describe("a set-up as it should be", () => {
  it("is all ok, one line for each thing and right", async () => {
    const { code, bad, findings } = await doctor(await vhostWith(), await redisUser());
    expect(bad).toEqual([]);
    expect(code).toBe(0);
    const work = findings.find(({ check }) => check === "queue 'ecs.reinstall.work'");
    expect(work?.says).toMatch(/; 0 ready, 0 consumers$/);
    const checks = findings.map(({ check }) => check);
    const rights = documentedRedisRules("ecs-worker")
      .filter((rule) => rule.startsWith("+"))
      .map((rule) => `right ${rule.slice(1).replace("|setname", "")}`);
    expect(checks).toEqual(expect.arrayContaining(rights));
    for (const check of [
      "version",
      "queue 'ecs.reinstall.work'",
      "binding of 'ecs.reinstall.commands' to 'ecs.reinstall.commands'",
      "right to configure 'ecs.reinstall.delay.2000'",
      "right to write 'amq.default'",
      "right to read 'ecs.reinstall.work.dead'",
      "max_message_size",
      "persistence",
      "eviction",
      "credentials",
      `project ${DEFAULT_PROJECT_ID}`,
    ]) {
      expect(checks).toContain(check);
    }
  });

  it("is the same afterwards: nothing is declared, bound, published, written or sent", async () => {
    const vhost = await vhostWith();
    const user = await redisUser();
    const name = decodeURIComponent(new URL(vhost["AMQP_URL"] ?? "").pathname.slice(1));
    const state = async () => ({
      definitions: await broker.definitions(name),
      depths: await broker.queueDepths(name),
      keys: await redis.command("KEYS", "*"),
      ledger: cloud.ledger().servers,
    });
    const before = await state();
    await doctor(vhost, user);
    expect(await state()).toEqual(before);
  });

  it("is looked at by a user who may declare nothing", async () => {
    const rights = documentedRabbitMqRights().get("ecs-worker-no-declare") as RabbitMqRights;
    const vhost = await vhostWith({ user: rights });
    const { bad, code } = await doctor(vhost, await redisUser(), { AMQP_DECLARE: "false" });
    expect([code, bad]).toEqual([0, []]);
  });
});

/** What is planted, and the one line that finds it. */
const FAULTS: readonly (readonly [
  what: string,
  plant: () => Promise<readonly Env[]>,
  verdict: Finding["verdict"],
  check: string,
  says: RegExp,
])[] = [
  [
    "a classic queue",
    async () => [
      await vhostWith({
        queue: ({ name, arguments: own }) =>
          name === NAMES.commandsQueue ? { "x-queue-type": "classic" } : own,
      }),
      { AMQP_DECLARE: "false" },
    ],
    "wrong",
    "queue 'ecs.reinstall.commands'",
    /it is a classic queue/,
  ],
  [
    "a queue that dead-letters nowhere",
    async () => [
      await vhostWith({
        queue: ({ name, arguments: own }) =>
          name === NAMES.workQueue
            ? { "x-queue-type": "quorum", "x-delivery-limit": own["x-delivery-limit"] }
            : own,
      }),
      { AMQP_DECLARE: "false" },
    ],
    "wrong",
    "queue 'ecs.reinstall.work'",
    /its x-dead-letter-exchange is not what the worker declares/,
  ],
  [
    "a queue that nobody made",
    async () => [
      await vhostWith({
        queue: ({ name, arguments: own }) => (name === NAMES.deadQueue ? null : own),
      }),
      { AMQP_DECLARE: "false" },
    ],
    "wrong",
    "queue 'ecs.reinstall.dead'",
    /is not there/,
  ],
  [
    "a queue that nobody bound",
    async () => [await vhostWith({ unbound: true }), { AMQP_DECLARE: "false" }],
    "wrong",
    "binding of 'ecs.reinstall.commands' to 'ecs.reinstall.commands'",
    /is not there/,
  ],
  [
    "a policy that lets commands expire",
    async () => [await vhostWith({ policy: { "message-ttl": 1_000 } })],
    "wrong",
    "queue 'ecs.reinstall.commands'",
    /policy 'planted' sets message-ttl=1000/,
  ],
  [
    "no right to publish events",
    async () => [
      await vhostWith({ user: { write: "^(amq\\.default|ecs\\.reinstall\\.commands)$" } }),
    ],
    "wrong",
    "right to write 'ecs.reinstall.events'",
    /refused for user/,
  ],
  [
    "no right to consume",
    async () => [
      await vhostWith({
        user: {
          read: "^ecs\\.reinstall\\.(commands|work|work\\.dead|delay\\.(waiting\\.)?[0-9]+)$",
        },
      }),
    ],
    "wrong",
    "right to read 'ecs.reinstall.work.waiting'",
    /refused for user/,
  ],
  [
    "the wrong vhost",
    async () => [{ AMQP_URL: broker.urlFor({ vhost: "no-such-vhost" }) }],
    "wrong",
    "connection to ",
    /no-such-vhost/,
  ],
  [
    "a user that may publish as anybody",
    async () => [await vhostWith({ tags: "management,impersonator" })],
    "warning",
    "senders are proven",
    /impersonator/,
  ],
  [
    "a right of Redis that is missing",
    async () => [await redisUser("-zadd")],
    "wrong",
    "right zadd",
    /no permissions to run the 'zadd' command/i,
  ],
  [
    "keys of a project that somebody else has written",
    async () => {
      const prefix = `ecs:{${FOREIGN_PROJECT}}:`;
      const client = new Redis(redis.url);
      for (const key of ["line", "calls", "token"])
        await client.set(`${prefix}${key}`, "somebody else's");
      await client.zadd(`${prefix}locks`, 1, SERVER);
      await client.set(`${prefix}lock:${SERVER}`, "somebody else's");
      client.disconnect();
      return [await redisUser(), { ECS_PROJECTS: `${DEFAULT_PROJECT_ID},${FOREIGN_PROJECT}` }];
    },
    "wrong",
    `keys of project ${"f".repeat(32)}`,
    /:token is not a whole number; .*:line is a string, not a zset; .*:calls is a string, not a hash; .*:lock:4f4b3dfa-eb70-47cf-a60a-998a53bd598a is a string, not a hash$/,
  ],
  [
    "a Redis without the replicas that are waited for",
    async () => [await redisUser("+wait"), { REDIS_WAIT_REPLICAS: "1" }],
    "wrong",
    "replication",
    /0 replica\(s\), and REDIS_WAIT_REPLICAS is 1/,
  ],
  [
    "the wrong secret key",
    async () => [{ ECS_SECRET_KEY: "anotherSecretKeyAnotherSecretKeyAnothe01" }],
    "wrong",
    "credentials",
    /refuses our credentials/,
  ],
  [
    "a cloud that is not there",
    async () => [{ ECS_ENDPOINT: "http://127.0.0.1:1" }],
    "warning",
    "ecs",
    /no answer yet/,
  ],
];

it("a broker that accepts and stays silent: found, and the program ends", async () => {
  const silent = await startFlakyProxy(Number(new URL(broker.url).port));
  try {
    await silent.set({ kind: "black-hole" });
    const env = environment({
      AMQP_URL: silent.via(broker.url),
      AMQP_CONNECT_TIMEOUT_MS: "1000",
      REDIS_URL: redis.url,
    });
    const ended = run(process.execPath, [BIN, "doctor", "--json"], {
      env: { PATH: process.env["PATH"], ...env },
      timeoutMs: 20_000,
    });
    await expect(ended).rejects.toThrow(/no answer within 1000 ms/);
  } finally {
    await silent.close();
  }
});

describe("what is planted is found", () => {
  it.each(FAULTS)("%s", async (_what, plant, verdict, check, says) => {
    const { bad, code } = await doctor(await vhostWith(), await redisUser(), ...(await plant()));
    const found = bad.filter((one) => one.check.startsWith(check));
    expect(found, JSON.stringify(bad, null, 1)).toHaveLength(1);
    expect(found[0]).toMatchObject({ verdict, says: expect.stringMatching(says) as string });
    expect(found[0]?.todo).toMatch(/\S.*\.$/);
    expect(code).toBe(bad.some((one) => one.verdict === "wrong") ? 1 : 0);
    // Of a cloud that is not used nothing else is known either.
    const others = bad.filter((one) => one.check !== found[0]?.check && one.area !== "cloud");
    expect(others).toEqual([]);
  });

  it("a Redis that throws keys away", async () => {
    const env = [await vhostWith(), await redisUser()];
    await withConfig("maxmemory-policy", "allkeys-lru", "noeviction", async () => {
      const { bad, code } = await doctor(...env);
      expect(bad).toMatchObject([{ verdict: "wrong", check: "eviction" }]);
      expect(code).toBe(1);
    });
  });

  it("a Redis that keeps nothing on disk", async () => {
    const env = [await vhostWith(), await redisUser()];
    await withConfig("appendonly", "no", "yes", async () => {
      const { bad, code } = await doctor(...env);
      expect(bad).toMatchObject([{ verdict: "wrong", check: "persistence" }]);
      expect(code).toBe(1);
    });
  });

  it("a clock that is off", async () => {
    const env = [await vhostWith(), await redisUser()];
    cloud.setClockSkew(45_000);
    try {
      const { bad } = await doctor(...env);
      expect(bad).toMatchObject([{ verdict: "warning", check: "clock", area: "cloud" }]);
    } finally {
      cloud.setClockSkew(0);
    }
  });

  it("a project whose servers may not be looked at", async () => {
    const env = [await vhostWith(), await redisUser()];
    cloud.faults.set({ operation: "server", error: "Pdp.0001" });
    try {
      const { bad } = await doctor(...env);
      expect(bad).toMatchObject([{ verdict: "wrong", check: `project ${DEFAULT_PROJECT_ID}` }]);
    } finally {
      cloud.faults.clear();
    }
  });

  describe("where broker users decide what is allowed", () => {
    const SENDERS = { BRAKES_SENDERS: JSON.stringify([{ user: "node-healer" }]) };
    const IMPERSONATORS = "users that may publish as anybody";
    const WRITERS = "users that may write to the worker's own queues";
    const namesIn = (found: Finding | undefined) => found?.says.split(": ")[1]?.split(", ") ?? [];

    /** A broker whose users are only those of the test. */
    let own: PrivateRabbitMq;
    beforeAll(async () => {
      own = await startRabbitMq({ extraConf: ["max_message_size = 1048576"] });
    }, 60_000);
    afterEach(async () => {
      const users = (await own.api("GET", "/users")) as readonly { readonly name: string }[];
      for (const { name } of users.filter((user) => user.name !== "guest")) {
        await own.api("DELETE", `/users/${encodeURIComponent(name)}`);
      }
    });
    afterAll(() => own.stop());

    async function askedBy(tags: string, plant: (on: PrivateRabbitMq, vhost: string) => unknown) {
      const env = await vhostWith({}, own);
      await own.createUser("asker", "pw", tags);
      const vhost = decodeURIComponent(new URL(env["AMQP_URL"] ?? "").pathname.slice(1));
      await own.setPermissions({
        user: "asker",
        vhost,
        configure: "^$",
        write: "^$",
        read: "^$",
      });
      await plant(own, vhost);
      const login = { AMQP_MANAGEMENT_USERNAME: "asker", AMQP_MANAGEMENT_PASSWORD: "pw" };
      const asked = async (senders: Env) =>
        (await doctor(env, login, senders, await redisUser())).findings.filter(({ check }) =>
          [IMPERSONATORS, WRITERS].includes(check),
        );
      return { with: await asked(SENDERS), without: await asked({}) };
    }

    it("finds who may publish as anybody, and who may write to the worker's queues", async () => {
      const found = await askedBy("administrator", async (on, vhost) => {
        await on.createUser("mallory", "pw", "impersonator");
        const emitter = documentedRabbitMqRights().get("ecs-emitter") as RabbitMqRights;
        const { configure, write, read } = emitter;
        for (const [user, right] of [
          ["emitter", write],
          ["to-all", ".*"],
          ["to-default", "^amq\\.default$"],
          ["to-delays", "^ecs\\.reinstall\\.delay"],
        ] as const) {
          await on.createUser(user, "pw");
          await on.setPermissions({ user, vhost, configure, write: right, read });
        }
      });
      expect(found.with).toMatchObject([
        { check: IMPERSONATORS, verdict: "warning" },
        { check: WRITERS, verdict: "warning" },
      ]);
      expect(namesIn(found.with[0])).toEqual(["mallory"]);
      // Whoever made the vhost may do everything in it.
      const others = ["guest", "to-all", "to-default", "to-delays"];
      expect(namesIn(found.with[1]).toSorted()).toEqual(others);
      expect(found.without).toEqual([]);
    }, 90_000);

    it("says so where it may not ask, and what to type", async () => {
      const found = await askedBy("management", () => undefined);
      expect(found.with).toMatchObject([
        { check: IMPERSONATORS, verdict: "warning", says: expect.stringContaining("(401)") },
        { check: WRITERS, verdict: "warning", todo: expect.stringContaining("list_permissions") },
      ]);
    }, 90_000);

    it("is content where nobody else may", async () => {
      const found = await askedBy("administrator", async (on, vhost) => {
        await on.api("DELETE", `/permissions/${encodeURIComponent(vhost)}/guest`);
      });
      expect(found.with.map(({ verdict }) => verdict)).toEqual(["ok", "ok"]);
    }, 90_000);
  });

  it("a broker that takes too short messages, and one without a limit", async () => {
    const small = await startRabbitMq({ extraConf: ["max_message_size = 65536"] });
    try {
      const { bad, code } = await doctor(await vhostWith({}, small), await redisUser());
      expect(bad).toMatchObject([{ verdict: "wrong", check: "max_message_size" }]);
      expect(bad[0]?.says).toContain("65536");
      expect(code).toBe(1);
    } finally {
      await small.stop();
    }
  }, 60_000);

  it("a user of Redis that may not open a transaction: nothing is asked outside of one", async () => {
    const env = [await vhostWith(), await redisUser("-multi")];
    const before = await redis.command("KEYS", "*");
    const { bad, findings } = await doctor(...env);
    expect(bad).toMatchObject([{ verdict: "wrong", check: "right multi" }]);
    expect(findings.map(({ check }) => check)).not.toContain("right set");
    expect(await redis.command("KEYS", "*")).toEqual(before);
  });
});

describe("a worker at its start", () => {
  it("says what it found, and goes on", async () => {
    const stage = await openOnSharedServices({ env: { LOG_LEVEL: "info" } });
    try {
      const worker = await stage.addWorker();
      const output = () => worker.output();
      await eventually(async () => expect(output()).toContain("broker and redis were checked"));
      // The Redis of the tests keeps nothing on disk.
      expect(output()).toMatch(/"check":"persistence","verdict":"wrong".*"msg":"checked at start"/);
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      const id = `doctor-${server.id}`;
      await stage.emitter.send(stage.command(id, server.id));
      expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    } finally {
      await stage.close();
    }
  }, 60_000);
});
