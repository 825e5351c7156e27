import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeCertificates } from "../support/network/certificates.ts";
import { type EchoServer, startEchoServer } from "../support/network/echo-server.ts";
import { eventually } from "../support/eventually.ts";
import { type FlakyProxy, startFlakyProxy } from "../support/network/flaky-proxy.ts";
import { expectNoLeftovers } from "../support/processes/leftovers.ts";
import type { ProxyMode } from "../support/network/proxy-mode.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../support/redis/redis.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";

afterAll(expectNoLeftovers);

describe("the shared services", () => {
  let mine: SharedServices;
  let others: SharedServices;

  beforeAll(async () => {
    [mine, others] = await Promise.all([sharedServices(), sharedServices()]);
  });

  afterAll(async () => {
    await Promise.all([mine.close(), others.close()]);
  });

  it("give each test file a vhost of its own", async () => {
    const { connection, channel } = await open(mine.rabbitMq.url);
    await channel.assertQueue("jobs");
    await connection.close();

    expect(await mine.rabbitMq.queueDepths()).toEqual({ jobs: 0 });
    expect(await others.rabbitMq.queueDepths()).toEqual({});
  });

  it("give each test file a Redis of its own, by database or by prefix", () => {
    expect(`${mine.redis.url} ${mine.redis.keyPrefix}`).not.toBe(
      `${others.redis.url} ${others.redis.keyPrefix}`,
    );
  });
});

describe("a private RabbitMQ", () => {
  let rabbitMq: PrivateRabbitMq;
  let connection: ChannelModel | undefined;

  beforeAll(async () => {
    rabbitMq = await startRabbitMq();
  });

  afterEach(async () => {
    await connection?.close().catch(() => undefined);
    connection = undefined;
  });

  afterAll(() => rabbitMq.stop());

  it("listens on ports that are nobody's default", () => {
    expect(rabbitMq.port).toBeGreaterThan(25_672);
    expect(rabbitMq.managementUrl).not.toContain(":15672");
  });

  it("counts ready and unacknowledged messages", async () => {
    const vhost = await rabbitMq.newVhost();
    const opened = await open(vhost.url);
    connection = opened.connection;
    for (const type of ["quorum", "classic"]) {
      await opened.channel.assertQueue(type, { arguments: { "x-queue-type": type } });
      opened.channel.sendToQueue(type, Buffer.from("1"), { persistent: true });
      opened.channel.sendToQueue(type, Buffer.from("2"), { persistent: true });
      await opened.channel.waitForConfirms();
      await eventually(async () => (await opened.channel.get(type)) !== false);
    }

    await eventually(async () => {
      const lengths = (await rabbitMq.listQueues(vhost.name)).map(
        ({ name, ready, unacked, messages }) => ({ name, ready, unacked, messages }),
      );
      expect(lengths).toEqual([
        { name: "classic", ready: 1, unacked: 1, messages: 2 },
        { name: "quorum", ready: 1, unacked: 1, messages: 2 },
      ]);
    });
  });

  it("holds a user to the given permissions", async () => {
    const vhost = await rabbitMq.newVhost();
    await rabbitMq.createUser("reader", "secret");
    await rabbitMq.setPermissions({ user: "reader", vhost: vhost.name, configure: "^$" });
    const url = rabbitMq.urlFor({ vhost: vhost.name, user: "reader", password: "secret" });
    const opened = await open(url);
    connection = opened.connection;
    opened.channel.on("error", () => undefined);

    await expect(opened.channel.assertQueue("forbidden")).rejects.toThrow("ACCESS_REFUSED");
  });

  it("blocks publishers while the memory alarm is on", async () => {
    const opened = await open(rabbitMq.url);
    connection = opened.connection;
    let blocked = false;
    connection.on("blocked", () => (blocked = true));
    connection.on("unblocked", () => (blocked = false));
    await opened.channel.assertQueue("alarmed", { autoDelete: true });

    await rabbitMq.setMemoryAlarm(true);
    // The broker says so to those who publish, and holds back their confirms.
    opened.channel.sendToQueue("alarmed", Buffer.from("late"));
    await eventually(() => blocked);
    await rabbitMq.setMemoryAlarm(false);

    await opened.channel.waitForConfirms();
    await eventually(() => !blocked);
  });

  it("closes all connections when asked", async () => {
    const opened = await open(rabbitMq.url);
    const closed = new Promise((resolve) => opened.connection.once("close", resolve));

    await rabbitMq.closeAllConnections();

    expect(String(await closed)).toContain("CONNECTION-FORCED");
  });

  it("is silent while paused, and goes on where it was", async () => {
    const opened = await open(rabbitMq.url);
    connection = opened.connection;
    await rabbitMq.pause();
    let answered = false;
    const asked = opened.channel.checkExchange("amq.direct").then(() => (answered = true));

    await expect(eventually(() => answered, { timeoutMs: 300 })).rejects.toThrow("answered false");
    await rabbitMq.resume();
    await asked;
  });

  it("keeps a confirmed message through a kill, on the same ports", async () => {
    const before = await open(rabbitMq.url);
    await before.channel.assertQueue("kept", { arguments: { "x-queue-type": "quorum" } });
    before.channel.sendToQueue("kept", Buffer.from("confirmed"), { persistent: true });
    await before.channel.waitForConfirms();
    await oldEnoughForAKill();
    const { pid } = rabbitMq;

    await rabbitMq.kill();
    expect(rabbitMq.pid).toBeUndefined();
    await rabbitMq.start();

    expect(rabbitMq.pid).not.toBe(pid);
    const after = await open(rabbitMq.url);
    connection = after.connection;
    const kept = await eventually(() => after.channel.get("kept", { noAck: true }));
    expect(kept.content.toString()).toBe("confirmed");
  });
});

describe("a private Redis", () => {
  let redis: PrivateRedis;

  beforeAll(async () => {
    redis = await startRedis({ appendOnly: true });
  });

  beforeEach(() => redis.flushAll());

  afterAll(() => redis.stop());

  it("has what it appended after a kill", async () => {
    await redis.command("SET", "a", "1");
    await redis.kill();
    await redis.start();

    expect(await redis.command("GET", "a")).toBe("1");
  });

  it("restarts without its last writes", async () => {
    for (const key of ["a", "b", "c"]) await redis.command("SET", key, "x".repeat(100));
    await redis.restartWithoutLast(2);

    expect(await redis.command("KEYS", "*")).toEqual(["a"]);
  });

  it("restarts empty", async () => {
    await redis.command("SET", "a", "1");
    await redis.restartEmpty();

    expect(await redis.command("DBSIZE")).toBe(0);
  });

  it("is silent while paused", async () => {
    await redis.pause();
    let answered = false;
    const asked = redis.command("PING").then(() => (answered = true));

    await expect(eventually(() => answered, { timeoutMs: 300 })).rejects.toThrow("answered false");
    await redis.resume();
    await asked;
  });

  it("takes settings while it runs", async () => {
    await redis.configSet("maxmemory", "1");

    await expect(redis.command("SET", "a", "1")).rejects.toThrow("OOM");
    await redis.configSet("maxmemory", "0");
  });

  it("speaks TLS to the users of its access list", async () => {
    const certificates = await makeCertificates();
    const guarded = await startRedis({
      tls: certificates.server,
      acl: {
        lines: ["user default off", "user worker on >s3cret ~ecs:* +@all"],
        username: "worker",
        password: "s3cret",
      },
    });

    expect(guarded.url).toMatch(/^rediss:/);
    expect(await guarded.command("SET", "ecs:a", "1")).toBe("OK");
    await expect(guarded.command("SET", "a", "1")).rejects.toThrow("NOPERM");
    await guarded.stop();
    await certificates.remove();
  });
});

describe("what a killed test process started", () => {
  it("is ended for it", async () => {
    const module = new URL("../support/redis/redis.ts", import.meta.url).href;
    const script = `
      import { startRedis } from ${JSON.stringify(module)};
      console.log((await startRedis()).pid);
      setInterval(() => undefined, 1_000);
    `;
    const owner = spawn(process.execPath, ["--import=tsx", "--input-type=module", "-e", script]);
    const [printed] = (await once(owner.stdout, "data")) as [Buffer];
    const redisPid = Number(printed.toString());
    expect(isRunning(redisPid)).toBe(true);

    owner.kill("SIGKILL");

    await eventually(() => !isRunning(redisPid));
  });
});

describe("the flaky proxy", () => {
  let server: EchoServer;
  let proxy: FlakyProxy;
  let clients: Socket[] = [];

  beforeEach(async () => {
    server = await startEchoServer();
    proxy = await startFlakyProxy(server.port);
  });

  afterEach(async () => {
    for (const client of clients) client.destroy();
    clients = [];
    await proxy.close();
    await server.close();
  });

  it("passes bytes both ways and counts them", async () => {
    const client = await dial(proxy.port);
    client.write("hello");

    await eventually(() => client.seen() === "hello");
    expect(proxy.bytes).toEqual({ up: 5, down: 5 });
    expect(proxy.via(`amqp://u:p@127.0.0.1:${server.port}/v`)).toBe(
      `amqp://u:p@127.0.0.1:${proxy.port}/v`,
    );
    client.end();
    await eventually(() => client.ending() === "end" && proxy.open === 0);
  });

  it("delays each direction and keeps the order", async () => {
    await proxy.set({ kind: "delay", ms: 60 });
    const client = await dial(proxy.port);
    const startedMs = performance.now();
    client.write("a");
    client.write("b");

    await eventually(() => client.seen() === "ab", { intervalMs: 5 });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(115);
  });

  it("holds everything as a black hole, and a reset too, until the network heals", async () => {
    await proxy.set({ kind: "black-hole" });
    const client = await dial(proxy.port);
    client.write("late");
    client.resetAndDestroy();
    await quiet();
    expect(server.received()).toBe("");

    await proxy.set({ kind: "pass" });

    // What was sent before the reset was under way: it arrives although its sender gave up.
    await eventually(() => server.received() === "late" && proxy.open === 0);
  });

  it("passes on a reset although another mode comes right behind it", async () => {
    const client = await dial(proxy.port);
    client.write("hello");
    await eventually(() => server.received() === "hello");
    client.resetAndDestroy();

    await eventually(
      async () => {
        await proxy.set({ kind: "pass" });
        return proxy.open === 0;
      },
      { intervalMs: 1 },
    );
  });

  it("drops replies, and only these", async () => {
    await proxy.set({ kind: "drop-replies" });
    const client = await dial(proxy.port);
    client.write("lost");
    await eventually(() => server.received() === "lost");
    await quiet();

    await proxy.set({ kind: "pass" });
    client.write("found");

    await eventually(() => client.seen() === "found");
    expect(proxy.bytes).toEqual({ up: 9, down: 5 });
  });

  it("holds replies until the mode changes", async () => {
    await proxy.set({ kind: "hold-replies" });
    const client = await dial(proxy.port);
    client.write("late");
    await eventually(() => server.received() === "late");
    await quiet();
    expect(client.seen()).toBe("");

    await proxy.set({ kind: "pass" });

    await eventually(() => client.seen() === "late");
  });

  it("cuts after n bytes on the way up", async () => {
    await proxy.set({ kind: "cut", afterBytes: 3, direction: "up" });
    const client = await dial(proxy.port);
    client.write("hello");

    await eventually(() => client.ending() === "ECONNRESET");
    await eventually(() => server.received() === "hel");
  });

  it("cuts although more bytes come right behind", async () => {
    await proxy.set({ kind: "cut", afterBytes: 3, direction: "up" });
    const client = await dial(proxy.port);

    await eventually(
      () => {
        client.write("x");
        return client.ending() === "ECONNRESET";
      },
      { intervalMs: 1 },
    );
    expect(server.received()).toBe("xxx");
  });

  it("cuts after n bytes on the way down", async () => {
    await proxy.set({ kind: "cut", afterBytes: 3, direction: "down" });
    const client = await dial(proxy.port);
    client.write("hello");

    await eventually(() => client.ending() === "ECONNRESET");
    expect(server.received()).toBe("hello");
    expect(client.seen()).toBe("hel");
  });

  it("resets what is open and what comes", async () => {
    const open = await dial(proxy.port);
    await proxy.set({ kind: "reset" });
    await eventually(() => open.ending() === "ECONNRESET");

    // Whether the connection seems to stand for a moment is a matter of luck.
    const next = dial(proxy.port).then((client) => eventually(() => client.ending()));
    expect(await next.catch((error: NodeJS.ErrnoException) => error.code)).toBe("ECONNRESET");
  });

  it("closes one direction and keeps the other", async () => {
    const client = await dial(proxy.port);
    // The proxy has its own connection to the server only a moment later.
    client.write("!");
    await eventually(() => client.seen() === "!");
    await proxy.set({ kind: "half-close", direction: "down" });
    await eventually(() => client.ending() === "end");

    client.write("still heard");

    await eventually(() => server.received() === "!still heard");
    expect(client.seen()).toBe("!");
  });

  it("lets a few bytes a second through", async () => {
    await proxy.set({ kind: "slow", bytesPerSecond: 100 });
    const client = await dial(proxy.port);
    const startedMs = performance.now();
    client.write("x".repeat(20));

    await eventually(() => client.seen().length === 20, { intervalMs: 10 });
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(140);
    expect(tookMs).toBeLessThan(2_000);
  });

  it.each<ProxyMode>([
    { kind: "pass" },
    { kind: "black-hole" },
    { kind: "hold-replies" },
    { kind: "half-close", direction: "up" },
    { kind: "refuse" },
  ])("ends what is open when it is closed, with bytes on their way: $kind", async (mode) => {
    const client = await dial(proxy.port);
    client.write("!");
    await eventually(() => client.seen() === "!");
    await proxy.set(mode);
    client.pause();
    client.end(Buffer.alloc(16 * 1024 * 1024));

    await proxy.close();

    expect(proxy.open).toBe(0);
    client.resume();
    await eventually(() => client.destroyed);
  });

  it("refuses new connections and leaves the others alone", async () => {
    const old = await dial(proxy.port);
    await proxy.set({ kind: "refuse" });

    await expect(dial(proxy.port)).rejects.toThrow("ECONNREFUSED");
    old.write("alive");
    await eventually(() => old.seen() === "alive");
    await proxy.set({ kind: "pass" });
    await dial(proxy.port);
  });

  it("lets a live connection to the broker break and come back", async () => {
    const services = await sharedServices();
    const broker = await startFlakyProxy(Number(new URL(services.rabbitMq.url).port));
    const { connection } = await open(broker.via(services.rabbitMq.url));
    const closed = new Promise((resolve) => connection.once("close", resolve));
    await broker.set({ kind: "reset" });
    await closed;
    await broker.set({ kind: "pass" });

    await (await open(broker.via(services.rabbitMq.url))).connection.close();
    await broker.close();
    await services.close();
  });

  type Client = Socket & { seen(): string; ending(): string | false };

  async function dial(port: number): Promise<Client> {
    let seen = "";
    let ending = "";
    const socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
    clients.push(socket);
    socket.on("data", (bytes: Buffer) => (seen += bytes.toString("latin1")));
    socket.once("end", () => (ending ||= "end"));
    socket.on("error", (error: NodeJS.ErrnoException) => (ending = error.code ?? "error"));
    await once(socket, "connect");
    return Object.assign(socket, { seen: () => seen, ending: () => ending || false });
  }
});

/** Without recovery: these tests want to see what breaks. */
async function open(url: string): Promise<{ connection: ChannelModel; channel: ConfirmChannel }> {
  const connection = await connect(url);
  connection.on("error", () => undefined);
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => undefined);
  return { connection, channel };
}

/** A quorum queue younger than two seconds may be stuck after a kill: the broker's flaw, not our subject. */
async function oldEnoughForAKill(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2_000));
}

/** Long enough for bytes on the loopback to have arrived, had they been let through. */
async function quiet(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
