import type { ChannelModel } from "amqplib";
import { backoffMs } from "./backoff.ts";
import { Changes } from "../changes.ts";
import { nodeOf, openModel } from "./opening.ts";
import type { AmqpAccess, AmqpSettings, OnAmqpEvent } from "../settings.ts";
import { asError } from "../../thrown.ts";
import { manyMayListen, pause, withDeadline, within } from "../../time-limits.ts";

/** One connection while it lives. */
export interface LiveConnection {
  readonly model: ChannelModel;
  /** The node, without the password. */
  readonly node: string;
  /** Why the broker takes no messages from us now. It says so only after we published something (3.10). */
  readonly blockedBy: string | undefined;
  /** Why it has ended; undefined: it lives, as far as anybody knows. */
  readonly endedBy: Error | undefined;
}

/** How one connection stands, from memory. */
export interface ConnectionStatus {
  readonly name: string;
  readonly state: "connecting" | "open" | "stopped";
  readonly node: string | null;
  readonly blockedBy: string | null;
  readonly lastError: string | null;
}

interface Opened extends LiveConnection {
  blockedBy: string | undefined;
  endedBy: Error | undefined;
  /** Resolves when it has ended, with the reason. */
  readonly ended: Promise<Error>;
  readonly cut: () => void;
}

/*
 * A connection that comes back for as long as it takes. amqplib's own recovery is not used because it knows one URL
 * only, because its connect time-out is one of inactivity (a peer that drips bytes keeps it waiting), and because a
 * connection that the broker closes in the same packet that opened it stays "connected" for ever in it.
 */
export class SupervisedConnection {
  readonly name: string;
  /** Rings when the connection opens, ends, is blocked or unblocked. */
  readonly changed = new Changes();
  readonly #settings: AmqpSettings;
  readonly #onEvent: OnAmqpEvent;
  readonly #stopping = new AbortController();
  /** One for each socket that may still be open. */
  readonly #sockets = new Set<AbortController>();
  /** How many channels use a connection. */
  readonly #users = new Map<ChannelModel, number>();
  #live: Opened | undefined;
  #moving: Promise<void> | undefined;
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

  /**
   * Passwords or certificates are new: opens another connection with them and moves over to it; what is in hand is
   * finished on the old one. A broker that does not take them yet is asked again, and meanwhile nothing changes.
   */
  renew(): void {
    const { signal } = this.#stopping;
    if (this.#live === undefined || signal.aborted) return;
    this.#moving ??= this.#moveOver(this.#live, signal).finally(() => {
      this.#moving = undefined;
    });
  }

  /** Keeps a connection that was left for a renewed one until the channel is done; gives back what ends that. */
  use(model: ChannelModel): () => void {
    this.#users.set(model, (this.#users.get(model) ?? 0) + 1);
    return () => {
      const left = (this.#users.get(model) ?? 1) - 1;
      if (left > 0) this.#users.set(model, left);
      else this.#users.delete(model);
      this.changed.notify();
    };
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
    await Promise.all([this.#running, this.#moving]);
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
    const { reconnect } = this.#settings;
    let failures = 0;
    for (let turn = 0; !signal.aborted; turn += 1) {
      const { urls } = this.#access();
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

  /** From the attempt to its result. */
  async #liveOnce(url: string): Promise<Error> {
    let opened: Opened;
    try {
      opened = await this.#open(url);
    } catch (error) {
      return asError(error);
    }
    this.#goLive(opened);
    for (;;) {
      const live = this.#live ?? opened;
      const moved = this.changed.until(() => this.#live !== live, this.#stopping.signal);
      const why = await Promise.race([live.ended, moved]);
      if (this.#live !== live) continue;
      this.#live = undefined;
      this.changed.notify();
      return why instanceof Error ? why : new Error("stopped");
    }
  }

  #goLive(opened: Opened): void {
    this.#live = opened;
    this.#lastError = null;
    const fields = { connection: this.name, node: opened.node };
    this.#onEvent("info", "broker connection is open", fields);
    this.changed.notify();
  }

  async #moveOver(old: Opened, signal: AbortSignal): Promise<void> {
    const { reconnect } = this.#settings;
    for (let turn = 0; this.#live === old && !signal.aborted; turn += 1) {
      const { urls } = this.#access();
      const url = urls[turn % urls.length] ?? "";
      try {
        const opened = await this.#open(url);
        if (this.#live !== old || signal.aborted) {
          opened.cut();
          return;
        }
        this.#goLive(opened);
        await this.#leave(old, signal);
        return;
      } catch (error) {
        const why = asError(error).message;
        const fields = { connection: this.name, node: nodeOf(url), error: why };
        this.#onEvent(
          "warn",
          "changed credentials are not taken yet; the connection stays",
          fields,
        );
        await pause(backoffMs(turn, reconnect), signal);
      }
    }
  }

  /** Closes the old connection when the last channel on it is done. */
  async #leave(old: Opened, signal: AbortSignal): Promise<void> {
    await withDeadline(signal, MOVE_TIMEOUT_MS, (deadline) =>
      this.changed.until(() => !this.#users.has(old.model), deadline),
    );
    await within(old.model.close(), CLOSE_TIMEOUT_MS, "connection.close").catch(() => undefined);
    old.cut();
  }

  #access(): AmqpAccess {
    const { access, urls, tls } = this.#settings;
    return access?.() ?? { urls, ...(tls && { tls }) };
  }

  async #open(url: string): Promise<Opened> {
    const { rpcTimeoutMs } = this.#settings;
    const socket = new AbortController();
    this.#sockets.add(socket);
    const cut = () => {
      socket.abort();
      this.#sockets.delete(socket);
    };
    let opened: Opened | undefined;
    try {
      const settings = { ...this.#settings, ...this.#access() };
      const model = await openModel(this.name, url, settings, socket.signal);
      opened = this.#watch(model, nodeOf(url), cut);
      // A connection that was closed before anybody could listen looks open: only an answer proves that it lives.
      const probe = await within(opened.model.createChannel(), rpcTimeoutMs, "channel.open");
      await within(probe.close(), rpcTimeoutMs, "channel.close");
      return opened;
    } catch (error) {
      cut();
      throw opened?.endedBy ?? error;
    }
  }

  #watch(model: ChannelModel, node: string, cut: () => void): Opened {
    const inner = model.connection as { readonly blocked?: boolean };
    let lastError: Error | undefined;
    let end: (why: Error) => void = () => undefined;
    const opened: Opened = {
      model,
      node,
      cut,
      // The event may have come together with the end of the handshake, before there was a listener.
      blockedBy: inner.blocked === true ? "said while connecting" : undefined,
      endedBy: undefined,
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
      const why = error ?? lastError ?? new Error("connection closed");
      opened.endedBy = why;
      end(why);
    });
    model.on("blocked", (reason) => {
      opened.blockedBy = reason;
      this.#onEvent("warn", "broker takes no messages", { connection: this.name, reason });
      this.changed.notify();
    });
    model.on("unblocked", () => {
      opened.blockedBy = undefined;
      this.#onEvent("info", "broker takes messages again", { connection: this.name });
      this.changed.notify();
    });
    return opened;
  }
}

const CLOSE_TIMEOUT_MS = 1_000;
/** Longer than any step in hand takes. What is not done by then is delivered again. */
const MOVE_TIMEOUT_MS = 60_000;
