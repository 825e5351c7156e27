import { setTimeout as sleep } from "node:timers/promises";
import type { ChannelModel, ConfirmChannel } from "amqplib";
import { userOf } from "../adapters/amqp/connection/log-in.ts";
import { openModel } from "../adapters/amqp/connection/opening.ts";
import type { Config } from "../config/assemble.ts";
import { maskedUrl } from "../config/masked.ts";
import { tlsMaterial } from "../config/rotation.ts";
import { ProgressEvent } from "../contract/event.ts";
import type { ServerId } from "../contract/ids.ts";
import { type HeldDead, holdDead } from "./commands/dead/queue.ts";
import { CliFailure } from "./failure.ts";

/** One short conversation with the broker: listen, publish one command, leave. */
export interface BrokerSession {
  /**
   * Listens, on a queue of its own, to the events about a server and to replies. To be called before
   * `publish`, so that no event is missed. Gives the queue's name, for `reply_to`.
   */
  follow(server: ServerId, onEvent: (event: ProgressEvent) => void): Promise<string>;
  /** The same for any topics of the events exchange; a message that is no JSON is left out. */
  listen(keys: readonly string[], onMessage: (content: unknown) => void): Promise<string>;
  /** Resolves when the broker has confirmed it; fails when no queue takes it. */
  publish(command: {
    readonly id: string;
    readonly body: Buffer;
    readonly replyTo?: string | undefined;
    /** Goes with `replyTo`; else the id. */
    readonly correlationId?: string | undefined;
    /** Without `user_id`: who sent it is not proven then. */
    readonly anonymous?: boolean | undefined;
  }): Promise<void>;
  /** Takes the first messages of the dead queue into this hand, at most so many: each stays there unless it is dropped. */
  holdDead(most: number): Promise<HeldDead>;
  /** Rejects when the connection ends before `close` is called. */
  readonly lost: Promise<never>;
  close(): Promise<void>;
}

const ROUTING_KEY = "reinstall";
/** Whom amqplib logs in where the URL names nobody. */
const DEFAULT_USER = "guest";
/** For the broker to say good-bye. */
const CLOSE_MS = 1_000;

/** Connects to the first broker that answers. */
export async function openBrokerSession(amqp: Config["amqp"]): Promise<BrokerSession> {
  const { model, socket, user } = await connectToAny(amqp);
  let closing = false;
  let broken: Error | null = null;
  let watch: (emitter: ChannelModel | ConfirmChannel) => void = () => undefined;
  const lost = new Promise<never>((_resolve, reject) => {
    const end = (error: Error) => {
      broken ??= error;
      if (!closing) reject(new CliFailure(`the broker ended the connection: ${broken.message}`));
    };
    watch = (emitter) => {
      emitter.on("error", end);
      emitter.on("close", () => end(new Error("closed")));
    };
    watch(model);
  });
  // Whoever waits for it hears of it; until then it is nobody's unhandled rejection.
  lost.catch(() => undefined);
  const close = async () => {
    closing = true;
    // A broker that does not answer any more must not keep the command line.
    await Promise.race([
      model.close().catch(() => undefined),
      sleep(CLOSE_MS, undefined, { ref: false }),
    ]);
    socket.abort();
  };
  const channel = await within(model.createConfirmChannel(), amqp, lost).catch(
    async (error: unknown) => {
      await close();
      throw error;
    },
  );
  watch(channel);

  const listen: BrokerSession["listen"] = async (keys, onMessage) => {
    const { queue } = await within(channel.assertQueue("", { exclusive: true }), amqp, lost);
    for (const key of keys) {
      await within(channel.bindQueue(queue, amqp.names.eventsExchange, key), amqp, lost);
    }
    const take = (content: Buffer | undefined) => {
      const read = parsed(content);
      if (read !== undefined) onMessage(read);
    };
    const options = { noAck: true, exclusive: true };
    const consume = channel.consume(queue, (message) => take(message?.content), options);
    await within(consume, amqp, lost);
    return queue;
  };

  return {
    lost,
    follow: (server, onEvent) =>
      listen([`*.${server}.*`], (content) => {
        const event = ProgressEvent.safeParse(content);
        if (event.success) onEvent(event.data);
      }),
    listen,
    holdDead: (most) =>
      holdDead(channel, { names: amqp.names, most, within: (work) => within(work, amqp, lost) }),
    async publish({ id, body, replyTo, correlationId = id, anonymous = false }) {
      const { commandsExchange } = amqp.names;
      let returned = false;
      channel.once("return", () => {
        returned = true;
      });
      const confirmed = confirmedPublish(channel, commandsExchange, body, {
        messageId: id,
        persistent: true,
        mandatory: true,
        contentType: "application/json",
        timestamp: Math.floor(Date.now() / 1000),
        appId: "ecs-reinstall-cli",
        // The broker refuses the name of another user: so the worker knows who sent it.
        ...(!anonymous && { userId: user }),
        ...(replyTo !== undefined && { replyTo, correlationId }),
      });
      await within(confirmed, amqp, lost);
      // The return comes before the confirm, which is an ack all the same.
      if (returned) {
        throw new CliFailure(
          `no queue is bound to exchange ${commandsExchange} (AMQP_COMMANDS_EXCHANGE): start a worker first`,
        );
      }
    },
    close,
  };
}

async function connectToAny(
  amqp: Config["amqp"],
): Promise<{ model: ChannelModel; socket: AbortController; user: string }> {
  const failures: string[] = [];
  const { tls, connectTimeoutMs, rpcTimeoutMs, heartbeatSeconds } = amqp;
  const { servername } = tls;
  const settings = {
    connectTimeoutMs,
    rpcTimeoutMs,
    heartbeatSeconds,
    tls: { ...tlsMaterial(tls)(), ...(servername !== undefined && { servername }) },
  };
  for (const url of amqp.urlsNow()) {
    const socket = new AbortController();
    try {
      const model = await openModel("ecs-reinstall-cli", url, settings, socket.signal);
      return { model, socket, user: userOf(url) ?? DEFAULT_USER };
    } catch (error) {
      socket.abort();
      failures.push(addressed(withoutUser(url), reason(error)));
    }
  }
  throw new CliFailure(`cannot reach a broker (AMQP_URL, AMQP_HOST): ${failures.join("; ")}`);
}

function confirmedPublish(
  channel: ConfirmChannel,
  exchange: string,
  body: Buffer,
  options: Parameters<ConfirmChannel["publish"]>[3],
): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.publish(exchange, ROUTING_KEY, body, options, (error: unknown) => {
      if (error === null || error === undefined) resolve();
      else reject(new CliFailure(`the broker refused the command: it is not queued. ${FULL}`));
    });
  });
}

/** A quorum queue refuses by a length limit with `reject-publish`, and where it has no leader. */
const FULL =
  "Its queue is full (a policy with a length limit), or cannot be written to: try again later";

/** amqplib waits for ever, and a channel that is closed never answers. */
async function within<T>(work: Promise<T>, amqp: Config["amqp"], lost: Promise<never>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `the broker did not answer within ${amqp.rpcTimeoutMs} ms (AMQP_RPC_TIMEOUT_MS)`;
    timer = setTimeout(() => reject(new CliFailure(message)), amqp.rpcTimeoutMs);
  });
  try {
    return await Promise.race([work, late, lost]);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(`the broker said no: ${reason(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

function withoutUser(url: string): string {
  return maskedUrl(url).replace(/\/\/[^/@]*@/, "//");
}

/** What a failure says already, and libraries say some of it, is not said twice. */
function addressed(url: string, why: string): string {
  const host = URL.canParse(url) ? new URL(url).host : url;
  return why.includes(host) ? why : `${url}: ${why}`;
}

/** Of an AggregateError (IPv4 and IPv6 both failed) the message is empty, its code is not. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}

function parsed(content: Buffer | undefined): unknown {
  try {
    return JSON.parse(content?.toString("utf8") ?? "");
  } catch {
    return undefined;
  }
}
