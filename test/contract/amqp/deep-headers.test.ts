import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isCarriable } from "../../../src/adapters/amqp/carriable.ts";
import type { SupervisedConnection } from "../../../src/adapters/amqp/connection/connection.ts";
import { QueueConsumer } from "../../../src/adapters/amqp/consumer.ts";
import type { Delivery } from "../../../src/adapters/amqp/delivery.ts";
import { eventually } from "../../support/eventually.ts";
import { nestedHeader, publishRaw, textHeader } from "../../support/emitter/raw-publish.ts";
import { type EventLog, eventLog, openConnection, openObserver, ownVhosts } from "./rig.ts";

const QUEUE = "q";

const own = ownVhosts();
let connection: SupervisedConnection;
let log: EventLog;
let observer: Awaited<ReturnType<typeof openObserver>>;

beforeEach(async () => {
  log = eventLog();
  ({ connection } = await openConnection(own.settings, log.onEvent));
  observer = await openObserver(own.vhost.url);
  await observer.channel.assertQueue(QUEUE, { arguments: { "x-queue-type": "quorum" } });
});
afterEach(async () => {
  await connection.stop();
  await observer.close();
});

const publish = (messageId: string, ...headers: readonly Buffer[]) =>
  publishRaw(own.vhost.url, { routingKey: QUEUE, messageId, headers, body: "{}" });

/** Levels that are tables or arrays, and what lies in the innermost of them. */
function depthOf(value: unknown): { depth: number; innermost: unknown } {
  let depth = 0;
  let inner = value;
  while (typeof inner === "object" && inner !== null && !(inner instanceof Uint8Array)) {
    const [first] = Object.values(inner);
    if (first === undefined) break;
    inner = first;
    depth += 1;
  }
  return { depth, innermost: inner };
}

describe.each(["table", "array"] as const)("headers that are a %s in another", (kind) => {
  // As many as fit into a frame: of tables 18 700, of arrays 26 000.
  const most = kind === "table" ? 18_600 : 26_000;

  test.each([9_000, most])("%i levels deep are delivered like any other", async (levels) => {
    const seen: Delivery[] = [];
    const consumer = new QueueConsumer({
      queue: QUEUE,
      prefetch: 4,
      connection,
      settings: own.settings,
      handler: async (delivery) => {
        seen.push(delivery);
        return "ack";
      },
      onEvent: log.onEvent,
      ensureTopology: async () => undefined,
      onMissing: () => undefined,
    });
    consumer.start();
    await publish(
      "deep",
      textHeader("before", "1"),
      nestedHeader("odd", kind, levels),
      textHeader("after", "1"),
    );
    await publish("next", textHeader("after", "2"));
    await eventually(() => seen.length === 2);
    await consumer.stop(AbortSignal.timeout(1_000));
    expect(seen).toMatchObject([
      { messageId: "deep", headers: { before: "1", after: "1" }, deliveryCount: 0 },
      { messageId: "next", headers: { after: "2" }, deliveryCount: 0 },
    ]);
    expect(log.has("broker connection is away")).toBe(false);
    const { depth, innermost } = depthOf(seen[0]?.headers["odd"]);
    expect(depth).toBe(17);
    expect(innermost).toBeInstanceOf(Uint8Array);
    // Read is more than can be carried on: what is cut is left out as a whole.
    expect(isCarriable(seen[0]?.headers["odd"])).toBe(false);
  });

  test("16 levels deep are read as they are, and carried on", async () => {
    await publish("deep", nestedHeader("odd", kind, 16));
    const odd = (await read()).properties.headers?.["odd"];
    expect(depthOf(odd)).toEqual({ depth: 15, innermost: kind === "table" ? {} : [] });
    expect(isCarriable(odd)).toBe(true);
  });
});

/** The one message of the queue. */
async function read() {
  const { live } = connection;
  if (live === undefined) throw new Error("it is open");
  const channel = await live.model.createChannel();
  const message = await channel.get(QUEUE, { noAck: true });
  if (message === false) throw new Error("it was queued");
  return message;
}

test("every type of a header is read beside one that is too deep", async () => {
  const headers = {
    text: "é".repeat(300),
    bytes: Buffer.from("FxA"),
    yes: true,
    nothing: null,
    small: 1,
    short: 300,
    int: 70_000,
    long: 2 ** 40,
    double: 1.5,
    stamp: { "!": "timestamp", value: 7 },
    decimal: { "!": "decimal", value: { digits: 3, places: 1 } },
    table: { list: [1, "two", { three: [] }], empty: {} },
  };
  const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner, 1], "end");
  const typed = {
    float: { "!": "float", value: 0.5 },
    ub: { "!": "uint8", value: 200 },
    us: { "!": "uint16", value: 60_000 },
    ui: { "!": "uint32", value: 4_000_000_000 },
  };
  await observer.send(QUEUE, "x", {
    contentType: "application/json",
    contentEncoding: "utf-8",
    correlationId: "c",
    headers: { deep, ...headers, ...typed },
  });
  const message = await read();
  const { deep: cut, "x-delivery-count": _count, ...others } = message.properties.headers ?? {};
  expect(others).toEqual({ ...headers, float: 0.5, ub: 200, us: 60_000, ui: 4_000_000_000 });
  expect(depthOf(cut).depth).toBe(17);
  expect(message.properties).toMatchObject({
    contentType: "application/json",
    contentEncoding: "utf-8",
    correlationId: "c",
  });
});
