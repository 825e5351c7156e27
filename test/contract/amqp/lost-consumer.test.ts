import { connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/network/free-port.ts";
import {
  anEnvelope,
  NEVER,
  openObserver,
  ownVhosts,
  startBroker,
  testSettings,
  untilReady,
} from "./rig.ts";

const own = ownVhosts();
const opened: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.stop();
});

const BASIC = 60;
const METHODS = { consume: 20, consumeOk: 21, cancel: 30 } as const;

/** The method frames of a piece of the stream: the client and this broker send whole frames. */
function* methodsIn(bytes: Buffer) {
  for (let at = 0; at + 12 <= bytes.length; ) {
    const [type, length] = [bytes[at], bytes.readUInt32BE(at + 3)];
    const payload = bytes.subarray(at + 7, at + 7 + length);
    if (type === 1 && payload.readUInt16BE(0) === BASIC) {
      yield { channel: bytes.readUInt16BE(at + 1), method: payload.readUInt16BE(2), payload };
    }
    at += 7 + length + 1;
  }
}

const shortString = (bytes: Buffer, at: number) =>
  bytes.toString("latin1", at + 1, at + 1 + (bytes[at] ?? 0));

/** In front of the broker: cancels a consumer there as if its client had, which hears nothing of it. */
async function cancellingProxy(port: number) {
  const sockets = new Set<Socket>();
  const cancels = new Map<string, () => void>();
  const server = createServer((client) => {
    const broker = connect(port, "127.0.0.1");
    const queues = new Map<number, string>();
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    client.on("data", (bytes: Buffer) => {
      const isGreeting = bytes.toString("latin1", 0, 4) === "AMQP";
      for (const { channel, method, payload } of isGreeting ? [] : methodsIn(bytes)) {
        if (method === METHODS.consume) queues.set(channel, shortString(payload, 6));
      }
      broker.write(bytes);
    });
    broker.on("data", (bytes: Buffer) => {
      for (const { channel, method, payload } of methodsIn(bytes)) {
        if (method !== METHODS.consumeOk) continue;
        const tag = shortString(payload, 4);
        cancels.set(queues.get(channel) ?? "", () => broker.write(cancelFrame(channel, tag)));
      }
      client.write(bytes);
    });
    client.once("close", () => broker.destroy());
    broker.once("close", () => client.destroy());
  });
  const listening = await freePort();
  await new Promise<void>((resolve) => server.listen(listening, "127.0.0.1", resolve));
  opened.push({
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { port: listening, cancel: (queue: string) => cancels.get(queue)?.() };
}

/** `basic.cancel` without an answer. */
function cancelFrame(channel: number, tag: string): Buffer {
  const payload = Buffer.from(`\0\0\0\0${String.fromCharCode(tag.length)}${tag}\x01`, "latin1");
  payload.writeUInt16BE(BASIC, 0);
  payload.writeUInt16BE(METHODS.cancel, 2);
  const head = Buffer.alloc(7);
  head.writeUInt8(1, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
}

/** The adapter, and what cancels its consumer of a queue behind its back. */
async function running(change: Partial<AmqpSettings>) {
  const url = new URL(own.vhost.url);
  const proxy = await cancellingProxy(Number(url.port));
  url.port = String(proxy.port);
  const started = startBroker(testSettings(url.href, change));
  opened.push(started);
  await untilReady(started);
  return { ...started, lose: proxy.cancel };
}

test.each([
  ["work", "ecs.reinstall.work"],
  ["commands", "ecs.reinstall.commands"],
] as const)(
  "a consumer of %s that the broker lost without a word is there again after the next look",
  async (from, queue) => {
    const { log, seen, broker, lose } = await running({ policyCheckMs: 300 });
    lose(queue);
    await eventually(() => log.has("consumer is lost; the queue is consumed again"));
    const said = log.lines.filter(({ level }) => level === "error");
    expect(said.map(({ fields }) => fields)).toEqual([
      { queue, why: "the broker does not know it", messages: 0 },
    ]);
    await eventually(async () => {
      await own.rabbit.api(
        "POST",
        `/exchanges/${encodeURIComponent(own.vhost.name)}/amq.default/publish`,
        {
          properties: { delivery_mode: 2 },
          routing_key: queue,
          payload: "{}",
          payload_encoding: "string",
        },
      );
      return seen[from].length > 0;
    });
    await eventually(() => broker.status().ready);
  },
);

test("a queue that is consumed is left alone, look after look", async () => {
  const { broker, log, seen } = await running({ policyCheckMs: 20 });
  const envelope = anEnvelope("cmd-1");
  await broker.outlet.publish([{ kind: "step", envelope, delayMs: 0 }], NEVER);
  await eventually(() => seen.work.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(log.has("consumer is lost; the queue is consumed again")).toBe(false);
  expect(log.lines.filter(({ message }) => message === "channel is away")).toEqual([]);
  expect(broker.status().ready).toBe(true);
});

test("a consumer that is given nothing, while another has one and full hands, is there again", async () => {
  const { log, seen, broker, lose } = await running({ policyCheckMs: 300, rpcTimeoutMs: 500 });
  const queue = "ecs.reinstall.work";
  const observer = await openObserver(own.vhost.url);
  opened.push({ stop: () => observer.close() });
  await observer.channel.prefetch(1);
  await observer.channel.consume(queue, () => undefined);
  lose(queue);
  for (const id of ["cmd-1", "cmd-2", "cmd-3"]) {
    const published = await broker.outlet.publish(
      [{ kind: "step", envelope: anEnvelope(id), delayMs: 0 }],
      NEVER,
    );
    expect(published).toBe("confirmed");
  }
  await eventually(() => seen.work.length === 2);
  expect(log.lines.find(({ level }) => level === "error")?.fields).toEqual({
    queue,
    why: "it is given nothing",
    messages: 2,
  });
});
