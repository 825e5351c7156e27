import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../../src/simulator/defaults.ts";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { startWatchedRedis, type WatchedRedis } from "../../support/redis/redis-failover.ts";
import { type SharedServices, sharedServices } from "../../support/services.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import { stateOf } from "./ground.ts";

/*
 * Nothing here speaks plain text. Sentinels and servers have different authorities, names, users and passwords, so
 * that a value which goes to the wrong one of them is found out.
 */

const SERVER_NAME = "redis.internal";
const WORKER = { username: "ecs-worker", password: "s3cret-of-server" };
const WATCHER = { username: "watcher", password: "s3cret-of-sentinel" };
const ADMIN = "s3cret-of-admin";

let forServers: Certificates;
let forSentinels: Certificates;
let watched: WatchedRedis;
let services: SharedServices;
let stage: Stage;

beforeAll(async () => {
  [forServers, forSentinels] = await Promise.all([
    makeCertificates(`DNS:${SERVER_NAME}`),
    makeCertificates("DNS:localhost,IP:127.0.0.1"),
  ]);
  [watched, services] = await Promise.all([startTlsOnly(), sharedServices()]);
  stage = await openStage({
    rabbitMq: services.rabbitMq,
    redisUrl: watched.master.url,
    env: sentinelEnv(watched.sentinels),
  });
});

afterEach(async () => {
  for (const worker of stage.workers) await worker.kill();
});

afterAll(async () => {
  await stage?.close();
  await services?.close();
  await watched?.stop();
  await Promise.all([forServers?.remove(), forSentinels?.remove()]);
});

async function startTlsOnly(): Promise<WatchedRedis> {
  // Redis shows its own certificate where it is a client: among themselves they trust both authorities.
  const both = join(dirname(forServers.server.caFile), "both.pem");
  const pems = [forServers, forSentinels].map(({ server }) => readFileSync(server.caFile, "utf8"));
  writeFileSync(both, pems.join(""));
  const trusting = ["--tls-replication", "yes", "--tls-ca-cert-file", both];
  return startWatchedRedis({
    server: {
      tls: forServers.server,
      servername: SERVER_NAME,
      acl: {
        username: "default",
        password: ADMIN,
        lines: [
          `user default on >${ADMIN} ~* &* +@all`,
          `user ${WORKER.username} on >${WORKER.password} ~* &* +@all`,
        ],
      },
      extraArgs: [...trusting, "--masteruser", "default", "--masterauth", ADMIN],
    },
    sentinel: {
      tls: forSentinels.server,
      acl: { username: "default", password: ADMIN, lines: [] },
      extraArgs: trusting,
      conf: [
        `requirepass ${ADMIN}`,
        `user ${WATCHER.username} on >${WATCHER.password} &* -@all +sentinel|get-master-addr-by-name +sentinel|sentinels +client|setname`,
        `sentinel sentinel-pass ${ADMIN}`,
        "sentinel auth-user ecs default",
        `sentinel auth-pass ecs ${ADMIN}`,
        "",
      ],
    },
  });
}

function sentinelEnv(
  sentinels: readonly { readonly host: string; readonly port: number }[],
): Record<string, string> {
  return {
    REDIS_URL: "rediss://not-used/3",
    REDIS_USERNAME: WORKER.username,
    REDIS_PASSWORD: WORKER.password,
    REDIS_TLS_CA_FILE: forServers.client.caFile,
    REDIS_TLS_SERVERNAME: SERVER_NAME,
    REDIS_SENTINEL_HOSTS: sentinels.map(({ port }) => `localhost:${port}`).join(","),
    REDIS_SENTINEL_NAME: "ecs",
    REDIS_SENTINEL_USERNAME: WATCHER.username,
    REDIS_SENTINEL_PASSWORD: WATCHER.password,
    REDIS_SENTINEL_TLS_CA_FILE: forSentinels.client.caFile,
    REDIS_COMMAND_TIMEOUT_MS: "1000",
  };
}

async function reinstallOnce(name: string): Promise<void> {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId(name);
  await stage.emitter.send(stage.command(id, server.id));
  expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(1);
}

/** What a peer that speaks no TLS is sent. */
async function listen(): Promise<{
  readonly port: number;
  readonly heard: Buffer[];
  readonly server: Server;
}> {
  const heard: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on("data", (bytes: Buffer) => {
      heard.push(bytes);
      socket.end("-ERR what?\r\n");
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as { port: number }).port, heard, server };
}

function expectNothingButHandshakes(heard: readonly Buffer[]): void {
  for (const bytes of heard) expect([...bytes.subarray(0, 2)]).toEqual([0x16, 0x03]);
  expect(Buffer.concat(heard as Buffer[]).toString("latin1")).not.toMatch(/s3cret|HELLO|AUTH/);
}

describe("rediss:// with Sentinel", () => {
  it("reaches both over TLS, each by its own authority, name and user, and uses the URL's database", async () => {
    await stage.addWorker();
    await reinstallOnce("sentinel-tls");
    const keyspace = String(await watched.master.command("INFO", "keyspace"));
    expect(keyspace).toContain("db3:");
    expect(keyspace).not.toContain("db0:");
  });

  it("says whose certificate it does not trust, and takes no other way", async () => {
    const worker = await stage.spawnWorker([], {
      REDIS_SENTINEL_TLS_CA_FILE: forServers.client.caFile,
    });
    await eventually(async () => expect(await stateOf(worker, "redis")).toMatch(/certificate/));
    await worker.kill();
    const other = await stage.spawnWorker([], { REDIS_TLS_SERVERNAME: "elsewhere" });
    await eventually(async () => expect(await stateOf(other, "redis")).toMatch(/altnames/));
  });

  it("gives a Sentinel that speaks no TLS nothing but the beginning of a handshake", async () => {
    const { port, heard, server } = await listen();
    const worker = await stage.spawnWorker([], sentinelEnv([{ host: "localhost", port }]));
    await eventually(() => heard.length >= 2);
    expectNothingButHandshakes(heard);
    await eventually(async () =>
      expect(await stateOf(worker, "redis")).toMatch(/Sentinel|sentinel/),
    );
    expect(worker.output()).not.toContain("s3cret");
    server.close();
  });

  it("gives a primary that speaks no TLS nothing either, though a Sentinel names it", async () => {
    const { port, heard, server } = await listen();
    const sentinel: PrivateRedis = await startRedis({
      tls: forSentinels.server,
      acl: { username: "default", password: ADMIN, lines: [] },
      sentinelOf: {
        name: "ecs",
        port,
        conf: [`requirepass ${ADMIN}`, ""],
      },
      extraArgs: ["--tls-replication", "no"],
    });
    // Its own monitoring comes in plain text: only what comes after it is the worker's.
    await eventually(() => heard.length > 0);
    const own = heard.length;
    const worker = await stage.spawnWorker([], {
      ...sentinelEnv([{ host: "localhost", port: sentinel.port }]),
      REDIS_SENTINEL_USERNAME: "default",
      REDIS_SENTINEL_PASSWORD: ADMIN,
    });
    const fromWorker = () => heard.slice(own).filter((bytes) => bytes[0] === 0x16);
    await eventually(() => fromWorker().length >= 2);
    expectNothingButHandshakes(fromWorker());
    expect(Buffer.concat(heard).toString("latin1")).not.toContain("s3cret-of-server");
    await worker.kill();
    await sentinel.stop();
    server.close();
  });

  it("follows a failover, over TLS as well", async () => {
    await stage.addWorker();
    await watched.master.kill();
    await reinstallOnce("sentinel-failover");
    expect(String(await watched.replica.command("INFO", "keyspace"))).toContain("db3:");
    const keys = `ecs:{${DEFAULT_PROJECT_ID}}:epoch`;
    expect(await watched.replica.command("EXISTS", keys)).toBe(0);
  });
});
