import { randomBytes } from "node:crypto";
import amqp, { type ChannelModel, type ConfirmChannel, type Options } from "amqplib";
import { cutDeepHeaders } from "../../../src/adapters/amqp/connection/deep-headers.ts";
import type { ProgressEvent } from "../../../src/contract/event.ts";
import type { OperatorEvent } from "../../../src/contract/operator-event.ts";
import { DEFAULT_PROJECT_ID } from "../../../src/simulator/defaults.ts";
import { createHeardEvents } from "./heard-events.ts";

/** An event as it came: with its routing key and the exact bytes. */
export interface HeardEvent {
  readonly key: string;
  readonly text: string;
  readonly event: ProgressEvent;
  readonly heardAtMs: number;
}

/** Another service: publishes commands and listens to everything the worker says. */
export interface Emitter {
  /** An object is sent as JSON; text and bytes as they are. Resolves when the broker has confirmed it. */
  send(command: unknown, properties?: Options.Publish): Promise<void>;
  heard(commandId?: string): readonly HeardEvent[];
  /** What people did by hand. */
  actions(): readonly OperatorEvent[];
  /** Names of one command's events in the order of their numbers, repeats left out. */
  story(commandId: string): readonly string[];
  /** Waits for the final event of a command. */
  outcome(commandId: string, timeoutMs?: number): Promise<ProgressEvent>;
  /** Waits for any event of a command. */
  event(commandId: string, name: string, timeoutMs?: number): Promise<ProgressEvent>;
  /** Waits for an answer to a misuse of a command's id: `duplicate`, or `rejected`. */
  misuse(commandId: string, name: string, timeoutMs?: number): Promise<ProgressEvent>;
  /** Takes every message out of a queue. */
  drain(queue: string): Promise<{ body: string; headers: Record<string, unknown> }[]>;
  readonly channel: ConfirmChannel;
  close(): Promise<void>;
}

/** A random but valid command id with a name to recognise it by. */
export function commandId(name: string): string {
  return `${name}-${randomBytes(3).toString("hex")}`;
}

/** A valid command for a server. */
export function reinstallCommand(
  id: string,
  serverId: string,
  more: Readonly<Record<string, unknown>> = {},
): object {
  return {
    command_id: id,
    project_id: DEFAULT_PROJECT_ID,
    server_id: serverId,
    "os-reinstall": { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" },
    ...more,
  };
}

/**
 * Connects and listens. The events exchange is declared, so that nothing is missed from the first worker on. Commands
 * go out as the user of `sendUrl`, who may be allowed nothing else.
 */
export async function startEmitter(amqpUrl: string, sendUrl = amqpUrl): Promise<Emitter> {
  const connection: ChannelModel = await amqp.connect(amqpUrl);
  connection.on("error", () => undefined);
  cutDeepHeaders(connection);
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => undefined);
  await channel.assertExchange("ecs.reinstall.events", "topic", { durable: true });
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "ecs.reinstall.events", "#");
  const sending = await amqp.connect(sendUrl);
  sending.on("error", () => undefined);
  const out = await sending.createConfirmChannel();
  out.on("error", () => undefined);
  const events = createHeardEvents();
  await channel.consume(
    queue,
    (message) => {
      if (message !== null) events.take(message);
    },
    { noAck: true },
  );

  return {
    ...events.asked,
    channel,
    send(command, properties = {}) {
      const body =
        command instanceof Uint8Array
          ? Buffer.from(command)
          : Buffer.from(typeof command === "string" ? command : JSON.stringify(command));
      return new Promise((resolve, reject) => {
        out.publish(
          "ecs.reinstall.commands",
          "reinstall",
          body,
          { contentType: "application/json", persistent: true, mandatory: true, ...properties },
          (error: unknown) =>
            error === null ? resolve() : reject(new Error("not confirmed", { cause: error })),
        );
      });
    },
    async drain(name) {
      const found = [];
      for (;;) {
        const message = await channel.get(name, { noAck: true });
        if (message === false) return found;
        found.push({
          body: message.content.toString("utf8"),
          headers: message.properties.headers ?? {},
        });
      }
    },
    async close() {
      await sending.close();
      await connection.close();
    },
  };
}
