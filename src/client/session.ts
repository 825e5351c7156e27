import { randomUUID } from "node:crypto";
import type { ChannelModel, ConfirmChannel, Message } from "amqplib";
import { cutDeepHeaders } from "../adapters/amqp/connection/deep-headers.ts";
import { ReinstallClientError } from "./failure.ts";

export interface LinkOptions {
  readonly connect: () => Promise<ChannelModel>;
  /** Comes back by itself. False: it ends with its connection, which belongs to somebody else. */
  readonly lasting: boolean;
  readonly commandsExchange: string;
  readonly eventsExchange: string;
  readonly queuePrefix: string;
  /** The queue is removed when nobody has listened for so long. */
  readonly queueExpiresMs: number;
  /** The `user_id` of what is published; null: it has none. */
  readonly userId: string | null;
  /** Longest wait for one answer of the broker. */
  readonly answerMs: number;
  readonly onMessage: (content: Buffer) => void;
  /** There again, but with an empty queue: events may have been missed. */
  readonly onQueueLost: () => void;
  /** The connection is gone, and does not come back. */
  readonly onEnd: (why: ReinstallClientError) => void;
}

/** One connection of the client, its channel, and its queue. */
export interface Session {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;
  readonly queue: string;
  /** Resolves when the channel or its connection has ended; with what the broker said against the channel, if it did. */
  readonly ended: Promise<Error | null>;
}

const ROUTING_KEY = "reinstall";

/**
 * Connects, and listens to the events of these servers.
 *
 * @param known the queue of the session before; null: none
 */
export async function openSession(
  options: LinkOptions,
  known: string | null,
  servers: Iterable<string>,
): Promise<Session> {
  const { lasting, answerMs } = options;
  const model = await withinMs(options.connect(), answerMs);
  if (lasting) {
    model.on("error", () => undefined);
    cutDeepHeaders(model);
  }
  try {
    const kept = known !== null && (await queueIsThere(model, known, answerMs));
    const queue = kept ? known : `${options.queuePrefix}${randomUUID()}`;
    const channel = await withinMs(model.createConfirmChannel(), answerMs);
    const ended = new Promise<Error | null>((resolve) => {
      channel.on("error", resolve);
      channel.on("close", () => resolve(null));
      model.on("close", () => resolve(null));
    });
    // Each publish in flight listens for its return.
    channel.setMaxListeners(0);
    const declaration = {
      durable: true,
      arguments: { "x-queue-type": "quorum", "x-expires": options.queueExpiresMs },
    };
    await withinMs(channel.assertQueue(queue, declaration), answerMs);
    const session = { model, channel, queue, ended };
    for (const server of servers) await listenTo(session, server, options);
    const taking = channel.consume(queue, (message) => take(channel, message, options.onMessage));
    await withinMs(taking, answerMs);
    if (known !== null && !kept) options.onQueueLost();
    return session;
  } catch (error) {
    if (lasting) model.close().catch(() => undefined);
    throw error;
  }
}

/** Events about a server reach the queue from when it resolves on. May be repeated. */
export async function listenTo(
  { channel, queue }: Session,
  serverId: string,
  { eventsExchange, answerMs }: LinkOptions,
): Promise<void> {
  await withinMs(channel.bindQueue(queue, eventsExchange, keyOf(serverId)), answerMs);
}

export async function unlistenTo(
  { channel, queue }: Session,
  serverId: string,
  { eventsExchange, answerMs }: LinkOptions,
): Promise<void> {
  await withinMs(channel.unbindQueue(queue, eventsExchange, keyOf(serverId)), answerMs);
}

/** A queue that does not answer (its node is gone) is as good as lost: another one takes its place. */
async function queueIsThere(model: ChannelModel, queue: string, answerMs: number) {
  const channel = await withinMs(model.createChannel(), answerMs);
  channel.on("error", () => undefined);
  try {
    await withinMs(channel.checkQueue(queue), answerMs);
    await withinMs(channel.close(), answerMs);
    return true;
  } catch {
    return false;
  }
}

function take(
  channel: ConfirmChannel,
  message: Message | null,
  onMessage: LinkOptions["onMessage"],
): void {
  // The broker has cancelled us: the queue was deleted.
  if (message === null) {
    channel.close().catch(() => undefined);
    return;
  }
  onMessage(message.content);
  try {
    channel.ack(message);
  } catch {
    // The channel is gone: it comes again, and is recognised as a repeat.
  }
}

/** All events about a server. */
function keyOf(serverId: string): string {
  return `*.${serverId}.*`;
}

/** Publishes a command; resolves when the broker has it in a queue. */
export function publishOn(
  { channel, queue }: Session,
  { commandsExchange: exchange, userId }: LinkOptions,
  id: string,
  body: Buffer,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const returned = ({ properties }: Message) => {
      if (properties.messageId !== id) return;
      const said = `no queue is bound to the exchange ${exchange}: start a worker first`;
      reject(new ReinstallClientError("unroutable", said));
    };
    channel.on("return", returned);
    const properties = {
      messageId: id,
      correlationId: id,
      replyTo: queue,
      persistent: true,
      mandatory: true,
      contentType: "application/json",
      timestamp: Math.floor(Date.now() / 1000),
      appId: "ecs-reinstall-client",
      ...(userId === null ? {} : { userId }),
    };
    channel.publish(exchange, ROUTING_KEY, body, properties, (error: unknown) => {
      // A return comes before its confirm.
      channel.off("return", returned);
      if (error === null || error === undefined) resolve();
      // The channel ended first: whether it was queued is not known.
      else if (/closed/.test(asError(error).message)) reject(asError(error));
      else reject(new ReinstallClientError("refused", "the broker refused it", { cause: error }));
    });
  });
}

/** A broker that is dying may never answer. */
export async function withinMs<T>(asked: PromiseLike<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the broker did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
