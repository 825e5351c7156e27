import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import amqp, { type ChannelModel, type ConfirmChannel, type Message, type Options } from "amqplib";
import type { Emitter } from "./emitter.ts";
import { eventually } from "../eventually.ts";
import { createHeardEvents } from "./heard-events.ts";

const LISTENER = "test.listener";
const ANSWER_MS = 5_000;
const PAUSE_MS = 200;

/**
 * An emitter for tests that break the broker: comes back by itself, listens on a durable queue, and sends a command
 * until a broker has confirmed it, so that one may come twice. `channel` is the present one.
 *
 * @param amqpUrls tried in turn, for clusters
 */
export async function startLastingEmitter(...amqpUrls: readonly string[]): Promise<Emitter> {
  const events = createHeardEvents();
  let session: { readonly connection: ChannelModel; readonly channel: ConfirmChannel } | undefined;
  const closing = new AbortController();
  let turn = 0;

  async function open(): Promise<void> {
    const url = amqpUrls[turn % amqpUrls.length] ?? "";
    turn += 1;
    const connection = await within(amqp.connect(`${url}?heartbeat=2`, { timeout: ANSWER_MS }));
    connection.on("error", () => undefined);
    try {
      const channel = await within(listenOn(connection));
      channel.on("close", () => quietly(connection.close()));
      connection.on("close", () => {
        session = undefined;
        void keepOpen();
      });
      session = { connection, channel };
    } catch (error) {
      quietly(connection.close());
      throw error;
    }
  }

  async function listenOn(connection: ChannelModel): Promise<ConfirmChannel> {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => undefined);
    // Each publish in flight listens for its return.
    channel.setMaxListeners(0);
    await channel.assertExchange("ecs.reinstall.events", "topic", { durable: true });
    await channel.assertQueue(LISTENER, {
      durable: true,
      arguments: { "x-queue-type": "quorum" },
    });
    await channel.bindQueue(LISTENER, "ecs.reinstall.events", "#");
    await channel.consume(LISTENER, (message) => {
      // The broker has cancelled us: with the queue gone, a new session declares it again.
      if (message === null) return quietly(connection.close());
      events.take(message);
      try {
        channel.ack(message);
      } catch {
        // The channel is gone: it comes again, and is recognised as a repeat.
      }
    });
    return channel;
  }

  async function keepOpen(): Promise<void> {
    while (!closing.signal.aborted && session === undefined) {
      try {
        await open();
      } catch {
        await sleep(PAUSE_MS);
      }
    }
    if (closing.signal.aborted && session !== undefined) quietly(session.connection.close());
  }

  async function sendOver(channel: ConfirmChannel, command: unknown, properties: Options.Publish) {
    try {
      await within(publish(channel, command, properties));
    } catch (error) {
      // A 3.10 cluster that has lost a leader may refuse everything on a channel for ever: only a new one helps.
      if (session?.channel === channel) quietly(session.connection.close());
      throw error;
    }
  }

  function present(): ConfirmChannel {
    if (session === undefined) throw new Error("the broker is away");
    return session.channel;
  }

  await eventually(open, { what: "an emitter that listens", timeoutMs: 60_000 });
  return {
    ...events.asked,
    get channel() {
      return present();
    },
    send: (command, properties = {}) =>
      eventually(() => sendOver(present(), command, properties), {
        what: "a confirmed command",
        timeoutMs: 60_000,
        intervalMs: PAUSE_MS,
      }),
    async drain(name) {
      const found = [];
      for (;;) {
        const message = await present().get(name, { noAck: true });
        if (message === false) return found;
        const body = message.content.toString("utf8");
        found.push({ body, headers: message.properties.headers ?? {} });
      }
    },
    async close() {
      closing.abort();
      await within(session?.connection.close() ?? Promise.resolve()).catch(() => undefined);
    },
  };
}

/** Rejects when the broker does not confirm it, or has no queue for it. */
async function publish(
  channel: ConfirmChannel,
  command: unknown,
  properties: Options.Publish,
): Promise<void> {
  const body = Buffer.from(typeof command === "string" ? command : JSON.stringify(command));
  await new Promise<void>((resolve, reject) => {
    const id = randomUUID();
    const returned = (message: Message) => {
      if (message.properties.headers?.["x-test-id"] !== id) return;
      reject(new Error("no queue takes commands"));
    };
    channel.on("return", returned);
    channel.publish(
      "ecs.reinstall.commands",
      "reinstall",
      body,
      {
        contentType: "application/json",
        persistent: true,
        mandatory: true,
        ...properties,
        headers: { ...(properties.headers as object | undefined), "x-test-id": id },
      },
      (error: unknown) => {
        // A return comes before its confirm.
        channel.off("return", returned);
        if (error === null) resolve();
        else reject(new Error("not confirmed", { cause: error }));
      },
    );
  });
}

/** A broker that is dying may never answer. */
async function within<T>(asked: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("no answer from the broker")), ANSWER_MS);
  });
  try {
    return await Promise.race([asked, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function quietly(asked: Promise<unknown>): void {
  asked.catch(() => undefined);
}
