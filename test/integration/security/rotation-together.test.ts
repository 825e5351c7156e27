import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownedDirectory } from "../../support/processes/child-process.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import type { WorkerProcess } from "../../support/worker/worker-process.ts";
import { expectNoOutage, sendAllTheTime, watchReadiness } from "./under-way.ts";

/* The order of docs/key-rotation.md, one key after the other, while commands arrive and run. */

const ADMIN = "s3cret-of-admin";
const OLD = { accessKey: "AK-OLD", secretKey: "SK-OLD" };
const NEW = { accessKey: "AK-NEW", secretKey: "SK-NEW" };
/** Until every worker has what its files have: it looks once a second. */
const TAKEN_MS = 2_500;

let rabbitMq: PrivateRabbitMq;
let redis: PrivateRedis;
let stage: Stage;
let folder: Awaited<ReturnType<typeof ownedDirectory>>;
const file = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await ownedDirectory("ecs-rotations-");
  [rabbitMq, redis] = await Promise.all([
    startRabbitMq(),
    startRedis({
      acl: {
        username: "default",
        password: ADMIN,
        lines: [`user default on >${ADMIN} ~* &* +@all`, "user worker on >redis-old ~* &* +@all"],
      },
    }),
  ]);
  await rabbitMq.createUser("worker", "amqp-old");
  await rabbitMq.setPermissions({ user: "worker" });
  stage = await openStage({
    rabbitMq,
    redisUrl: redis.url,
    through: { redis: `redis://localhost:${redis.port}` },
    simulator: { jobDurationMs: 3_000, credentials: [OLD] },
  });
});
afterAll(async () => {
  await stage?.close();
  await Promise.all([rabbitMq?.stop(), redis?.stop(), folder?.remove()]);
});

const FILES = {
  AMQP_PASSWORD: "amqp-old",
  REDIS_PASSWORD: "redis-old",
  ECS_ACCESS_KEY: OLD.accessKey,
  ECS_SECRET_KEY: OLD.secretKey,
};

async function startWorker(): Promise<WorkerProcess> {
  for (const [name, secret] of Object.entries(FILES)) await writeFile(file(name), `${secret}\n`);
  const unset = Object.fromEntries(Object.keys(FILES).map((name) => [name, ""]));
  const files = Object.fromEntries(Object.keys(FILES).map((name) => [`${name}_FILE`, file(name)]));
  return stage.addWorker([], {
    ...unset,
    ...files,
    AMQP_URL: "",
    AMQP_HOST: "127.0.0.1",
    AMQP_PORT: `${rabbitMq.port}`,
    AMQP_USERNAME: "worker",
    REDIS_USERNAME: "worker",
  });
}

it("AK/SK, the broker's and Redis's password rotate under a running worker: no outage, each command once", async () => {
  const worker = await startWorker();
  const readiness = watchReadiness(worker);
  const commands = sendAllTheTime(stage);
  await sleep(1_000);

  stage.simulator.putCredential(NEW);
  await writeFile(file("ECS_ACCESS_KEY"), NEW.accessKey);
  await writeFile(file("ECS_SECRET_KEY"), NEW.secretKey);
  await sleep(TAKEN_MS);
  stage.simulator.removeCredential(OLD.accessKey);

  const connections = () => worker.output().split("broker connection is open").length;
  const before = connections();
  // One password a user: open connections stay, new ones need the new one.
  await rabbitMq.createUser("worker", "amqp-new");
  await writeFile(file("AMQP_PASSWORD"), "amqp-new\n");
  await eventually(() => connections() >= before + 2, { timeoutMs: 20_000 });

  await redis.command("ACL", "SETUSER", "worker", ">redis-new");
  await writeFile(file("REDIS_PASSWORD"), "redis-new\n");
  await eventually(() => worker.output().includes("user or password of redis has changed"), {
    timeoutMs: 20_000,
  });
  await redis.command("ACL", "SETUSER", "worker", "<redis-old");
  await sleep(1_000);

  await expectNoOutage(stage, commands, readiness);

  // It lives on the new ones alone: what is opened now logs in with them.
  await rabbitMq.ctl("close_all_user_connections", "worker", "test");
  await redis.command("CLIENT", "KILL", "TYPE", "normal");
  await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).ok, { timeoutMs: 30_000 });
  expect(worker.output()).not.toMatch(/(?:amqp|redis)-(?:old|new)|SK-(?:OLD|NEW)/);
});
