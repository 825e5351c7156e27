import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { run } from "../../support/processes/child-process.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { openStage, type Stage } from "../../support/stage.ts";
import { stateOf } from "./ground.ts";

let ours: Certificates;
/** Of an authority that nobody here trusts. */
let theirs: Certificates;
let rabbitMq: PrivateRabbitMq;
let redis: PrivateRedis;
let stage: Stage;

// Every server has a certificate of our private authority. Broker and Redis ask their clients for one as well.
beforeAll(async () => {
  [ours, theirs] = await Promise.all([makeCertificates(), makeCertificates()]);
  [rabbitMq, redis] = await Promise.all([
    startRabbitMq({
      tls: ours.server,
      extraConf: ["ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true"],
    }),
    startRedis({ tls: ours.server, tlsClient: ours.client }),
  ]);
  const { keyFile, certFile } = ours.server;
  stage = await openStage({
    rabbitMq,
    redisUrl: redis.url,
    through: { amqp: rabbitMq.tlsUrl ?? "" },
    simulator: {
      tls: { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") },
    },
    env: {
      ...tlsEnv("AMQP"),
      ...tlsEnv("REDIS"),
      ECS_CA_FILE: ours.client.caFile,
      AMQP_RECONNECT_MAX_MS: "500",
    },
  });
});

afterEach(async () => {
  for (const worker of stage.workers) await worker.kill();
});

afterAll(async () => {
  await stage?.close();
  await Promise.all([rabbitMq?.stop(), redis?.stop(), ours?.remove(), theirs?.remove()]);
});

function tlsEnv(room: "AMQP" | "REDIS"): Record<string, string> {
  return {
    [`${room}_TLS_CA_FILE`]: ours.client.caFile,
    [`${room}_TLS_CERT_FILE`]: ours.client.certFile,
    [`${room}_TLS_KEY_FILE`]: ours.client.keyFile,
  };
}

describe("over TLS to servers of a private authority", () => {
  it("the worker reinstalls, and each side has proven who it is", async () => {
    const worker = await stage.addWorker();
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const id = commandId("tls");
    await stage.emitter.send(stage.command(id, server.id));
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
    const proven = { ssl: true, peer_cert_subject: "CN=client" };
    await eventually(async () => expect(await workerLinks()).toMatchObject([proven, proven]));
    expect(await worker.stop()).toContain("0");
  });

  it("the command line sends commands and operates", async () => {
    const worker = await stage.addWorker();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const bin = fileURLToPath(new URL("../../../dist/cli/ecs-reinstall.js", import.meta.url));
    const env = {
      PATH: process.env["PATH"],
      ...tlsEnv("AMQP"),
      ...tlsEnv("REDIS"),
      AMQP_URL: rabbitMq.tlsUrl,
      REDIS_URL: redis.url,
      ECS_PROJECTS: server.projectId,
    };
    const cli = (...args: string[]) => run(process.execPath, [bin, ...args], { env });
    expect(await cli("pause", "--reason", "a test")).toContain("are paused");
    expect(await cli("resume", "--reason", "over")).toContain("go on");
    const wish = ["--server", server.id, "--keyname", "k", "--userid", "u"];
    expect(await cli("send", ...wish, "--wait")).toContain("succeeded");
    await worker.stop();
  });
});

describe("a worker that is told to trust another authority", () => {
  it.each(["AMQP", "REDIS"] as const)(
    "does not connect over %s, even where Node.js is told not to care, and says why",
    async (room) => {
      const worker = await stage.spawnWorker([], {
        [`${room}_TLS_CA_FILE`]: theirs.client.caFile,
        NODE_TLS_REJECT_UNAUTHORIZED: "0",
      });
      const name = { AMQP: "rabbitmq", REDIS: "redis" }[room];
      await eventually(async () => expect(await stateOf(worker, name)).toMatch(/certificate/));
      expect(worker.output()).toMatch(/certificate/);
      expect(worker.process.ending).toBeUndefined();
      if (room === "AMQP") expect(await workerLinks()).toEqual([]);
      // Killed with a question to the cloud in hand it would keep the next worker from asking.
      await worker.stop();
    },
  );

  it("lets commands wait for the cloud, and has sent it nothing", async () => {
    await stage.addWorker([], {
      ECS_CA_FILE: theirs.client.caFile,
      ECS_BREAKER_OPEN_MS: "500",
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    });
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("stranger");
    await stage.emitter.send(
      stage.command(id, server.id, { expires_at: new Date(Date.now() + 4_000).toISOString() }),
    );
    const { data } = await stage.emitter.event(id, "waiting");
    expect(data).toMatchObject({ waits_for: "cloud-unavailable" });
    expect(data["detail"]).toMatch(/certificate/);
    expect((await stage.emitter.outcome(id)).data.event).toBe("expired");
    expect(stage.simulator.calls(server.id)).toMatchObject({ server: 0, stop: 0, reinstall: 0 });
  });
});

describe("a worker that expects another name", () => {
  it.each(["AMQP", "REDIS"] as const)("does not connect over %s", async (room) => {
    const worker = await stage.spawnWorker([], { [`${room}_TLS_SERVERNAME`]: "elsewhere" });
    const name = { AMQP: "rabbitmq", REDIS: "redis" }[room];
    await eventually(async () => expect(await stateOf(worker, name)).toMatch(/altnames/));
  });
});

describe("a worker without a certificate of its own", () => {
  it.each(["AMQP", "REDIS"] as const)("is turned away over %s, and says so", async (room) => {
    const worker = await stage.spawnWorker([], {
      [`${room}_TLS_CERT_FILE`]: "",
      [`${room}_TLS_KEY_FILE`]: "",
    });
    const name = { AMQP: "rabbitmq", REDIS: "redis" }[room];
    await eventually(async () =>
      expect(await stateOf(worker, name)).toMatch(/alert|reset|closed/i),
    );
    expect(worker.process.ending).toBeUndefined();
  });
});

describe("a worker whose peer speaks no TLS", () => {
  it("tells it nothing but the beginning of a handshake", async () => {
    const heard: Buffer[] = [];
    const listener = createServer((socket) => {
      socket.on("data", (bytes: Buffer) => {
        heard.push(bytes);
        socket.end("what?\r\n");
      });
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as { port: number };
    const worker = await stage.spawnWorker([], {
      AMQP_URL: `amqps://someone:s3cret-of-amqp@localhost:${port}`,
      REDIS_URL: `rediss://someone:s3cret-of-redis@localhost:${port}`,
    });
    await eventually(() => heard.length >= 5);
    for (const bytes of heard) expect([...bytes.subarray(0, 2)]).toEqual([0x16, 0x03]);
    expect(Buffer.concat(heard).toString("latin1")).not.toMatch(/s3cret|AMQP|HELLO/);
    expect(await stateOf(worker, "rabbitmq")).toMatch(/\w/);
    expect(worker.output()).not.toContain("s3cret");
    await worker.kill();
    listener.close();
  });
});

interface Link {
  readonly ssl: boolean;
  readonly peer_cert_subject: string | null;
  readonly client_properties: { readonly connection_name?: string };
}

/** The worker's connections as the broker sees them; its list is half a second behind. */
async function workerLinks(): Promise<readonly Link[]> {
  const all = (await rabbitMq.api("GET", "/connections")) as Link[];
  return all.filter(({ client_properties: { connection_name: name } }) =>
    name?.startsWith("ecs-reinstall-worker"),
  );
}
