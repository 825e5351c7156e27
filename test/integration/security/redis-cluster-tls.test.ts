import { afterAll, beforeAll, expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../../src/simulator/defaults.ts";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { documentedRedisRules } from "../../support/rabbitmq/documented-users.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateCluster, startRedisCluster } from "../../support/redis/redis-cluster.ts";
import { type SharedServices, sharedServices } from "../../support/services.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import { stateOf } from "./ground.ts";

/*
 * No node speaks plain text, they announce themselves by IP address, and their certificate has only a name. The worker
 * has the rights that docs/security.md gives it for a Cluster, and no more.
 */

const NAME = "redis.internal";
const ADMIN = "s3cret-of-admin";
const WORKER = { username: "ecs-worker", password: "s3cret-of-worker" };
const FOR_CLUSTERS = ["+cluster|slots", "+asking"];

let certificates: Certificates;
let cluster: PrivateCluster;
let services: SharedServices;
let stage: Stage;

beforeAll(async () => {
  certificates = await makeCertificates(`DNS:${NAME}`);
  const rules = [...documentedRedisRules("ecs-worker"), ...FOR_CLUSTERS].join(" ");
  [cluster, services] = await Promise.all([
    startRedisCluster({
      tls: certificates.server,
      servername: NAME,
      acl: {
        username: "default",
        password: ADMIN,
        lines: [
          `user default on >${ADMIN} ~* &* +@all`,
          `user ${WORKER.username} on >${WORKER.password} ${rules}`,
        ],
      },
    }),
    sharedServices(),
  ]);
  stage = await openStage({
    rabbitMq: services.rabbitMq,
    redisUrl: "rediss://not-used",
    locks: () => cluster.locks(),
    env: {
      REDIS_URL: "rediss://not-used",
      REDIS_CLUSTER_NODES: cluster.nodes,
      REDIS_USERNAME: WORKER.username,
      REDIS_PASSWORD: WORKER.password,
      REDIS_TLS_CA_FILE: certificates.client.caFile,
      REDIS_TLS_SERVERNAME: NAME,
      REDIS_COMMAND_TIMEOUT_MS: "1000",
    },
  });
});

afterAll(async () => {
  await stage?.close();
  await services?.close();
  await cluster?.stop();
  await certificates?.remove();
});

it("works over TLS with every node that the cluster announces, by the documented rights", async () => {
  const worker = await stage.addWorker();
  const reinstall = async (name: string) => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId(name);
    await stage.emitter.send(stage.command(id, server.id));
    expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
    return id;
  };
  const first = await reinstall("cluster-tls");
  // Another node has the project now: redirected to, over TLS as well.
  const key = `ecs:{${DEFAULT_PROJECT_ID}}:epoch`;
  const from = await cluster.ownerOf(key);
  const to = cluster.shards.find(({ master }) => master.port !== from.port)?.master ?? from;
  await cluster.moveSlotOf(key, to);
  const second = await reinstall("cluster-tls-moved");
  await stage.audit([first, second]);
  expect(worker.output()).not.toContain("NOPERM");
  await worker.kill();
});

it("says that a node's certificate has another name", async () => {
  const worker = await stage.spawnWorker([], { REDIS_TLS_SERVERNAME: "" });
  await eventually(async () => expect(await stateOf(worker, "redis")).not.toBe(""));
  await eventually(() => worker.output().includes("altnames") || worker.output().includes("IP:"));
  await worker.kill();
});
