import { type ChannelModel, connect } from "amqplib";
import { backoffMs } from "./backoff.ts";
import { Bell } from "./bell.ts";
import { logIn } from "./log-in.ts";
import type { AmqpSettings, OnAmqpEvent } from "./settings.ts";
import { asError, manyMayListen, pause, within } from "./waiting.ts";

/** One connection while it lives. */
export interface LiveConnection {
  readonly model: ChannelModel;
  /** The node, without the password. */
  readonly node: string;
  /** Why the broker takes no messages from us now. It says so only after we published something (3.10). */
  readonly blockedBy: string | undefined;
}

export interface ConnectionStatus {
  readonly name: string;
  readonly state: "connecting" | "open" | "stopped";
  readonly node: string | null;
  readonly blockedBy: string | null;
  readonly lastError: string | null;
}

interface Opened extends LiveConnection {
  blockedBy: string | undefined;
  /** Resolves when it has ended, with the reason. */
  readonly ended: Promise<Error>;
}

/*
 * A connection that comes back for as long as it takes. amqplib's own recovery is not used because it knows one URL
 * only, because its connect time-out is one of inactivity (a peer that drips bytes keeps it waiting), and because a
 * connection that the broker closes in the same packet that opened it stays "connected" for ever in it.
 */
export class SupervisedConnection {
  readonly name: string;
  /** Rings when the connection opens, ends, is blocked or unblocked. */
  readonly changed = new Bell();
  readonly #settings: AmqpSettings;
  readonly #onEvent: OnAmqpEvent;
  readonly #stopping = new AbortController();
  /** One for each socket that may still be open. */
  readonly #sockets = new Set<AbortController>();
  #live: Opened | undefined;
  #lastError: string | null = null;
  #running: Promise<void> | undefined;

  constructor(name: string, settings: AmqpSettings, onEvent: OnAmqpEvent) {
    this.name = name;
    this.#settings = settings;
    this.#onEvent = onEvent;
    manyMayListen(this.#stopping.signal);
  }

  get live(): LiveConnection | undefined {
    return this.#live;
  }

  start(): void {
    if (this.#stopping.signal.aborted) return;
    this.#running ??= this.#run(this.#stopping.signal);
  }

  /** Closes in good order where the broker answers, else without it. May come first, or twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const live = this.#live;
    if (live !== undefined) {
      await within(live.model.close(), CLOSE_TIMEOUT_MS, "connection.close").catch(() => undefined);
    }
    for (const socket of this.#sockets) socket.abort();
    this.#sockets.clear();
    await this.#running;
  }

  status(): ConnectionStatus {
    const open = this.#live !== undefined;
    const stopped = this.#running === undefined || this.#stopping.signal.aborted;
    return {
      name: this.name,
      state: open ? "open" : stopped ? "stopped" : "connecting",
      node: this.#live?.node ?? null,
      blockedBy: this.#live?.blockedBy ?? null,
      lastError: this.#lastError,
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { urls, reconnect } = this.#settings;
    let failures = 0;
    for (let turn = 0; !signal.aborted; turn += 1) {
      const url = urls[turn % urls.length] ?? "";
      const startedMs = performance.now();
      const why = await this.#liveOnce(url);
      if (signal.aborted) return;
      this.#lastError = why.message;
      const livedMs = performance.now() - startedMs;
      // A connection that is always lost again right after the handshake must not be tried in a tight loop.
      if (livedMs > this.#settings.connectTimeoutMs + reconnect.maxMs) failures = 0;
      const delayMs = backoffMs(Math.floor(failures / urls.length), reconnect);
      failures += 1;
      const fields = { connection: this.name, node: nodeOf(url), error: why.message, delayMs };
      this.#onEvent("warn", "broker connection is away", fields);
      await pause(delayMs, signal);
    }
  }

  /** From the attempt to the end of what came of it. */
  async #liveOnce(url: string): Promise<Error> {
    let opened: Opened;
    try {
      opened = await this.#open(url);
    } catch (error) {
      return asError(error);
    }
    this.#live = opened;
    this.#lastError = null;
    this.#onEvent("info", "broker connection is open", {
      connection: this.name,
      node: opened.node,
    });
    this.changed.ring();
    const why = await opened.ended;
    this.#live = undefined;
    this.changed.ring();
    return why;
  }

  async #open(url: string): Promise<Opened> {
    const { connectTimeoutMs, rpcTimeoutMs, heartbeatSeconds } = this.#settings;
    const socket = new AbortController();
    this.#sockets.add(socket);
    const cut = () => {
      socket.abort();
      this.#sockets.delete(socket);
    };
    try {
      const options = {
        ...socketOptions(this.name, this.#settings, socket.signal),
        ...logIn(url),
      };
      const connecting = connect(withHeartbeat(url, heartbeatSeconds), options);
      const what = `connecting to ${nodeOf(url)}`;
      const opened = this.#watch(
        await within(connecting, connectTimeoutMs, what),
        nodeOf(url),
        cut,
      );
      // A connection that was closed before anybody could listen looks open: only an answer proves that it lives.
      const probe = await within(opened.model.createChannel(), rpcTimeoutMs, "channel.open");
      await within(probe.close(), rpcTimeoutMs, "channel.close");
      return opened;
    } catch (error) {
      cut();
      throw error;
    }
  }

  #watch(model: ChannelModel, node: string, cut: () => void): Opened {
    const inner = model.connection as { readonly blocked?: boolean };
    let lastError: Error | undefined;
    let end: (why: Error) => void = () => undefined;
    const opened: Opened = {
      model,
      node,
      // The event may have come together with the end of the handshake, before there was a listener.
      blockedBy: inner.blocked === true ? "said while connecting" : undefined,
      ended: new Promise((resolve) => {
        end = resolve;
      }),
    };
    model.on("error", (error) => {
      lastError = error;
    });
    model.on("close", (error) => {
      // amqplib only half-closes: on a dead network such a socket would stay. Our last frame gets a moment to leave.
      setTimeout(cut, CLOSE_TIMEOUT_MS).unref();
      end(error ?? lastError ?? new Error("connection closed"));
    });
    model.on("blocked", (reason) => {
      opened.blockedBy = reason;
      this.#onEvent("warn", "broker takes no messages", { connection: this.name, reason });
      this.changed.ring();
    });
    model.on("unblocked", () => {
      opened.blockedBy = undefined;
      this.#onEvent("info", "broker takes messages again", { connection: this.name });
      this.changed.ring();
    });
    return opened;
  }
}

const CLOSE_TIMEOUT_MS = 1_000;

function withHeartbeat(url: string, heartbeatSeconds: number): string {
  const parsed = new URL(url);
  parsed.searchParams.set("heartbeat", String(heartbeatSeconds));
  return parsed.href;
}

/** The signal destroys the socket: amqplib gives no other way to it. */
function socketOptions(name: string, { tls }: AmqpSettings, signal: AbortSignal) {
  return {
    signal,
    noDelay: true,
    keepAlive: true,
    keepAliveDelay: 30_000,
    // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
    rejectUnauthorized: true,
    clientProperties: { connection_name: name },
    ...(tls?.caPem === undefined ? {} : { ca: tls.caPem }),
    ...(tls?.certPem === undefined ? {} : { cert: tls.certPem }),
    ...(tls?.keyPem === undefined ? {} : { key: tls.keyPem }),
    ...(tls?.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
    ...(tls?.servername === undefined ? {} : { servername: tls.servername }),
  };
}

/** For logs: host and vhost, no user, no password. */
function nodeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "(not a URL)";
  }
}
