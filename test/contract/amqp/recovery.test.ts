import { connect, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Disposition } from "../../../src/adapters/amqp/delivery.ts";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { eventually } from "../../support/eventually.ts";
import { type FlakyProxy, startFlakyProxy } from "../../support/network/flaky-proxy.ts";
import { freePort } from "../../support/network/free-port.ts";
import { expectNoLeftovers } from "../../support/processes/leftovers.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import {
  anEnvelope,
  NEVER,
  type RunningBroker,
  startBroker,
  testSettings,
  untilReady,
  whenWritable,
  RABBITMQ,
} from "./rig.ts";

let rabbit: PrivateRabbitMq;
let proxy: FlakyProxy;
let settings: AmqpSettings;
let running: RunningBroker | undefined;

beforeAll(async () => {
  rabbit = await startRabbitMq(RABBITMQ);
  proxy = await startFlakyProxy(rabbit.port);
});
afterAll(async () => {
  await eventually(() => proxy.held === 0, { what: "the end of our connections" });
  await proxy.close();
  await rabbit.stop();
  await expectNoLeftovers();
});
beforeEach(async () => {
  await proxy.set({ kind: "pass" });
  settings = testSettings(proxy.via(rabbit.url));
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const publishStep = (commandId: string) =>
  running?.broker.outlet.publish(
    [{ kind: "step", envelope: anEnvelope(commandId), delayMs: 0 }],
    NEVER,
  );

/** Publishing and consuming both work: a step comes round. */
async function expectWorking(): Promise<void> {
  const { seen } = running as RunningBroker;
  const marker = `marker-${performance.now()}`;
  await eventually(async () => (await publishStep(marker)) === "confirmed");
  await eventually(() => seen.work.some(({ messageId }) => messageId?.startsWith(marker)));
}

test("waits for a broker that is away at start", async () => {
  await proxy.set({ kind: "refuse" });
  running = startBroker(settings);
  const { broker } = running;
  await eventually(() => broker.status().lastError !== null);
  expect(broker.status()).toMatchObject({ ready: false, blockedBy: null });
  expect(await whenWritable(broker.outlet, 10)).toBe(false);
  await proxy.set({ kind: "pass" });
  await untilReady(running);
  await expectWorking();
});

test("the broker closes all connections: it comes back, and what was in hand comes again", async () => {
  let hold = true;
  running = startBroker(settings, {
    work: async ({ redelivered }) => {
      await eventually(() => !hold || redelivered, { timeoutMs: 20_000 });
      return "ack" as const;
    },
  });
  await untilReady(running);
  expect(await publishStep("c1")).toBe("confirmed");
  const { broker, seen, log } = running;
  await eventually(() => seen.work.length === 1);
  await rabbit.closeAllConnections();
  await eventually(() => log.has("broker connection is away"));
  await untilReady(running);
  await eventually(() => seen.work.length === 2);
  expect(seen.work.map(({ redelivered }) => redelivered)).toEqual([false, true]);
  hold = false;
  await eventually(() => broker.status().consumers.every(({ inFlight }) => inFlight === 0));
  await expectWorking();
});

test("a reset in the middle: it comes back", async () => {
  running = startBroker(settings);
  await untilReady(running);
  await proxy.set({ kind: "reset" });
  await eventually(() => running?.broker.status().ready === false);
  await proxy.set({ kind: "pass" });
  await untilReady(running);
  await expectWorking();
});

test("a network that swallows everything: found by the heartbeat, and left behind", async () => {
  running = startBroker(settings);
  await untilReady(running);
  await proxy.set({ kind: "black-hole" });
  const { broker, log } = running;
  expect(await publishStep("c1")).toBe("unconfirmed");
  expect(broker.outlet.isBlocked()).toBe(true);
  await eventually(() => log.lines.some(({ fields }) => /heartbeat/i.test(String(fields.error))));
  await proxy.set({ kind: "pass" });
  await untilReady(running);
  await expectWorking();
});

test("a broker that is frozen, and thaws", async () => {
  running = startBroker(settings);
  await untilReady(running);
  await rabbit.pause();
  try {
    const { broker } = running;
    expect(await publishStep("c1")).toBe("unconfirmed");
    await eventually(() => broker.status().connections.every(({ state }) => state !== "open"));
  } finally {
    await rabbit.resume();
  }
  await untilReady(running, 20_000);
  await expectWorking();
});

/** A broker is started again within: 4 s on a quiet machine, half a minute on a busy one. */
const RESTART_MS = 90_000;

test("a broker that is killed and started again has everything that it confirmed", {
  timeout: RESTART_MS,
}, async () => {
  const declaredMs = performance.now();
  let ack = false;
  running = startBroker(settings, {
    work: (): Disposition => (ack ? "ack" : "requeue"),
  });
  await untilReady(running);
  expect(await publishStep("precious")).toBe("confirmed");
  // Quorum queues declared less than 2 s before the kill may be stuck afterwards: RabbitMQ's own weakness.
  await eventually(() => performance.now() - declaredMs > 2_500);
  await rabbit.kill();
  await eventually(() => running?.broker.status().ready === false);
  await rabbit.start();
  await untilReady(running, 20_000);
  ack = true;
  const before = running.seen.work.length;
  await eventually(() => (running?.seen.work.length ?? 0) > before);
  expect(running.seen.work.at(-1)?.messageId).toBe("precious/step/1");
  expect(running.topology).toHaveLength(1);
  await expectWorking();
});

describe("a peer that is no broker", () => {
  let sockets: Socket[];
  let server: ReturnType<typeof createServer>;
  let port: number;
  let answer: (socket: Socket) => void;

  beforeEach(async () => {
    sockets = [];
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      // Without a reader its end would not be noticed.
      socket.resume();
      answer(socket);
    });
    port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    await running?.stop();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([
    ["says nothing", () => undefined],
    ["hangs up", (socket: Socket) => void socket.end()],
    ["resets", (socket: Socket) => void socket.resetAndDestroy()],
    [
      "speaks another language",
      (socket: Socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    ],
    [
      "sends a byte now and then",
      (socket: Socket) => {
        const timer = setInterval(() => socket.write("\x01"), 100);
        socket.on("close", () => clearInterval(timer));
      },
    ],
  ])("and %s costs one connect time-out: the next URL is tried", async (_, behave) => {
    answer = behave;
    running = startBroker({
      ...settings,
      urls: [`amqp://guest:guest@127.0.0.1:${port}`, rabbit.url],
      connectTimeoutMs: 400,
    });
    await untilReady(running);
    await expectWorking();
    expect(sockets.length).toBeGreaterThan(0);
    // Nothing of the failed attempts stays open.
    await eventually(() => sockets.every((socket) => socket.destroyed || socket.readableEnded));
  });
});

test("a connection cut anywhere in its set-up never throws, and is tried again", async () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);
  process.on("uncaughtException", note);
  const cutter = await startCutter(rabbit.port);
  const urls = [rabbit.url.replace(`:${rabbit.port}`, `:${cutter.port}`)];
  try {
    for (const direction of ["up", "down"] as const) {
      for (const bytes of [0, 1, 7, 8, 9, 100, 350, 480, 510, 520, 540, 560, 600, 700, 900]) {
        cutter.cutAfter(direction, bytes);
        running = startBroker({ ...settings, urls });
        const { broker } = running;
        await eventually(() => broker.status().lastError !== null, { intervalMs: 5 });
        cutter.cutAfter(direction, Number.POSITIVE_INFINITY);
        await untilReady(running);
        await running.stop();
      }
    }
  } finally {
    await cutter.close();
    process.off("uncaughtException", note);
  }
  expect(uncaught).toEqual([]);
}, 90_000);

/** Hangs up on both sides after so many bytes of a connection. */
async function startCutter(targetPort: number) {
  let limit = { direction: "up", bytes: Number.POSITIVE_INFINITY };
  const port = await freePort();
  const server = createServer((client) => {
    const upstream = connect({ port: targetPort, host: "127.0.0.1" });
    const { direction, bytes } = limit;
    let left = bytes;
    const hangUp = () => {
      client.destroy();
      upstream.destroy();
    };
    const pass = (from: Socket, to: Socket, counted: boolean) => {
      from.on("data", (chunk: Buffer) => {
        to.write(counted ? chunk.subarray(0, left) : chunk);
        if (counted) left -= chunk.length;
        if (left <= 0) setTimeout(hangUp, 5);
      });
      from.on("error", hangUp);
      from.on("close", hangUp);
    };
    pass(client, upstream, direction === "up");
    pass(upstream, client, direction === "down");
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    cutAfter(direction: "up" | "down", bytes: number) {
      limit = { direction, bytes };
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

test("a wrong password is said without the password", async () => {
  const url = rabbit.urlFor({ user: "guest", password: "hunter2" });
  running = startBroker({ ...settings, urls: [url] });
  const { broker, log } = running;
  await eventually(() => /ACCESS_REFUSED/.test(broker.status().lastError ?? ""));
  expect(JSON.stringify([log.lines, broker.status()])).not.toContain("hunter2");
});

test("operators see whose connections these are", async () => {
  running = startBroker(settings);
  await untilReady(running);
  const names = async () =>
    (
      (await rabbit.api("GET", "/connections")) as {
        client_properties?: { connection_name?: string };
      }[]
    ).map(({ client_properties }) => client_properties?.connection_name ?? "");
  await eventually(async () =>
    (await names()).some((name) => name.includes("ecs-reinstall-worker")),
  );
  const purposes = (await names()).map((name) => name.split(" ")[1]);
  expect(purposes).toEqual(expect.arrayContaining(["consume", "publish"]));
});

describe("stopping", () => {
  const soon = () => AbortSignal.timeout(200);

  test("may come first, and twice", async () => {
    running = startBroker(settings);
    const { broker } = running;
    await broker.stop(soon());
    await broker.stop(soon());
    expect(broker.status().connections.map(({ state }) => state)).toEqual(["stopped", "stopped"]);
  });

  test.each([
    ["while nobody listens", { kind: "refuse" }],
    ["while the peer is silent", { kind: "black-hole" }],
  ] as const)("%s takes no time", async (_, mode) => {
    await proxy.set(mode);
    running = startBroker(settings);
    const { broker } = running;
    await eventually(() => broker.status().connections[0]?.state === "connecting");
    const startedMs = performance.now();
    await broker.stop(soon());
    expect(performance.now() - startedMs).toBeLessThan(500);
  });

  test("with a broker that fell silent is bounded", async () => {
    running = startBroker({ ...settings, heartbeatSeconds: 30, rpcTimeoutMs: 20_000 });
    await untilReady(running);
    await proxy.set({ kind: "black-hole" });
    const startedMs = performance.now();
    await running.broker.stop(soon());
    expect(performance.now() - startedMs).toBeLessThan(8_000);
  });

  test("in good order is quick", async () => {
    running = startBroker(settings);
    await untilReady(running);
    const startedMs = performance.now();
    await running.broker.stop(soon());
    expect(performance.now() - startedMs).toBeLessThan(500);
  });
});
