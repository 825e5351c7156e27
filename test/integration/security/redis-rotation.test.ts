import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { ownedDirectory } from "../../support/processes/child-process.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRedis, type RedisOptions, startRedis } from "../../support/redis/redis.ts";
import { sharedServices } from "../../support/services.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import { stateOf } from "./ground.ts";

/*
 * Secrets of Redis that are replaced while commands are in flight, as External Secrets and cert-manager do: the files
 * change, and some time later the server takes no other.
 */

const ADMIN = "s3cret-of-admin";
const USER = "ecs-worker";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function folderOf(files: Readonly<Record<string, string>>) {
  const folder = await ownedDirectory("ecs-rotation-");
  ends.push(() => folder.remove());
  const path = (name: string) => join(folder.path, name);
  for (const [name, text] of Object.entries(files)) await writeFile(path(name), text);
  return path;
}

async function build(
  options: RedisOptions,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly redis: PrivateRedis; readonly stage: Stage }> {
  const redis = await startRedis({
    ...options,
    acl: {
      username: "default",
      password: ADMIN,
      lines: [
        `user default on >${ADMIN} ~* &* +@all`,
        `user ${USER} on >first >second ~* &* +@all`,
      ],
    },
  });
  ends.push(() => redis.stop());
  const services = await sharedServices();
  ends.push(() => services.close());
  const scheme = options.tls === undefined ? "redis" : "rediss";
  const stage = await openStage({
    rabbitMq: services.rabbitMq,
    redisUrl: redis.url,
    locks: async () => new Map(),
    through: { redis: `${scheme}://localhost:${redis.port}` },
    env: { REDIS_USERNAME: USER, REDIS_COMMAND_TIMEOUT_MS: "1000", ...env },
  });
  ends.push(() => stage.close());
  return { redis, stage };
}

/** Commands whose jobs outlast the rotation. */
async function inFlight(stage: Stage, count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () =>
    stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 4_000 }),
  );
  const ids = servers.map((_, index) => commandId(`rotation-${index}`));
  for (const [index, { id }] of servers.entries()) {
    await stage.emitter.send(stage.command(ids[index] ?? "", id));
  }
  await Promise.all(ids.map((id) => stage.emitter.event(id, "submitted", 30_000)));
  return ids;
}

async function endOnce(stage: Stage, ids: readonly string[]): Promise<void> {
  const outcomes = await Promise.all(ids.map((id) => stage.emitter.outcome(id, 60_000)));
  expect(outcomes.map(({ data }) => data.event)).toEqual(ids.map(() => "succeeded"));
  await stage.audit(ids);
}

describe("the password of Redis", () => {
  it("is taken from its file when it changes: open connections are told, the old one may go", async () => {
    const path = await folderOf({ password: "first\n" });
    const { redis, stage } = await build({}, { REDIS_PASSWORD_FILE: path("password") });
    const worker = await stage.addWorker();
    const ids = await inFlight(stage, 4);
    await writeFile(path("password"), "second\n");
    await eventually(() => worker.output().includes("user or password of redis has changed"));
    await redis.command("ACL", "SETUSER", USER, "<first");
    await redis.command("CLIENT", "KILL", "TYPE", "normal");
    await endOnce(stage, [...ids, ...(await inFlight(stage, 2))]);
    expect(worker.output()).not.toMatch(/WRONGPASS|"first"|"second"/);
  });

  it("may be late: not ready and nothing lost, until the file has it", async () => {
    const path = await folderOf({ password: "first\n" });
    const { redis, stage } = await build({}, { REDIS_PASSWORD_FILE: path("password") });
    const worker = await stage.addWorker();
    const ids = await inFlight(stage, 4);
    await redis.command("ACL", "SETUSER", USER, "<first");
    await redis.command("CLIENT", "KILL", "TYPE", "normal");
    await eventually(async () => expect(await stateOf(worker, "redis")).toMatch(/WRONGPASS/));
    await writeFile(path("password"), "second\n");
    await endOnce(stage, ids);
    await worker.ready();
  });

  it("that Redis does not take yet is told, and open connections stay as they are", async () => {
    const path = await folderOf({ password: "first\n" });
    const { redis, stage } = await build({}, { REDIS_PASSWORD_FILE: path("password") });
    const worker = await stage.addWorker();
    await writeFile(path("password"), "third\n");
    await eventually(() => worker.output().includes("redis refuses the new user or password"));
    await endOnce(stage, await inFlight(stage, 2));
    await redis.command("ACL", "SETUSER", USER, ">third", "<first");
    await redis.command("CLIENT", "KILL", "TYPE", "normal");
    await endOnce(stage, await inFlight(stage, 1));
  });
});

describe("the certificates of Redis", () => {
  it("are read again for each connection, authority and client's pair alike", async () => {
    const [old, renewed] = await Promise.all([makeCertificates(), makeCertificates()]);
    ends.push(
      () => old.remove(),
      () => renewed.remove(),
    );
    const path = await folderOf({ password: "first\n" });
    const files = (of: Certificates) =>
      [
        [of.server.caFile, path("ca.pem")],
        [of.client.certFile, path("client.pem")],
        [of.client.keyFile, path("client.key")],
      ] as const;
    for (const [from, to] of files(old)) await copyFile(from, to);
    const mounted = {
      caFile: path("ca.pem"),
      certFile: path("client.pem"),
      keyFile: path("client.key"),
    };
    const { redis, stage } = await build(
      { tls: { ...old.server, caFile: path("ca.pem") }, tlsClient: mounted },
      {
        REDIS_PASSWORD_FILE: path("password"),
        REDIS_TLS_CA_FILE: path("ca.pem"),
        REDIS_TLS_CERT_FILE: path("client.pem"),
        REDIS_TLS_KEY_FILE: path("client.key"),
      },
    );
    const worker = await stage.addWorker();
    const ids = await inFlight(stage, 4);

    // The server first, whose open connections stay; then the files of its clients, one after the other.
    const server = (name: string) => join(redis.dataDir, name);
    await writeFile(server("server.crt"), await readFile(renewed.server.certFile));
    await writeFile(server("server.key"), await readFile(renewed.server.keyFile));
    await writeFile(server("ca.crt"), await readFile(renewed.server.caFile));
    const settings = ["tls-cert-file", server("server.crt"), "tls-key-file", server("server.key")];
    await redis.command("CONFIG", "SET", ...settings, "tls-ca-cert-file", server("ca.crt"));
    for (const [from, to] of files(renewed)) await copyFile(from, to);
    await redis.command("CLIENT", "KILL", "TYPE", "normal");

    await endOnce(stage, [...ids, ...(await inFlight(stage, 2))]);
    await worker.ready();
  });
});
