import { unescape } from "node:querystring";
import { type ChannelModel, connect as connectTo } from "amqplib";
import type { ReinstallEvent } from "../contract/event-data.ts";
import { ReinstallClientError } from "./failure.ts";
import { asEvent, createFollowed, type Followed, heardEvent, type Result } from "./followed.ts";
import { createLink, type Link } from "./link.ts";
import { type CommandInput, readyCommand } from "./ready-command.ts";

export type { Problem } from "../contract/command.ts";
export type {
  ContractEventName,
  EventOf,
  ReinstallEvent,
} from "../contract/event-data.ts";
export type { FinalEventName } from "../contract/event.ts";
export { type ClientFailureCode, ReinstallClientError } from "./failure.ts";
export type { Result } from "./followed.ts";
export type { CommandInput } from "./ready-command.ts";

/** How the client reaches the broker. */
type Reach =
  /** Opened by the client, and again after it broke. Anything amqplib takes: `amqps://user:password@host/vhost`. */
  | { readonly url: string }
  /** The same, opened by the caller's function: for TLS files, several brokers, passwords that change. */
  | { readonly connect: () => Promise<ChannelModel> }
  /** The caller's own connection, which stays open after `close`. When it ends, the client ends with it. */
  | { readonly connection: ChannelModel };

export type ReinstallClientOptions = Reach & {
  /** Default `ecs.reinstall.commands`. */
  readonly commandsExchange?: string;
  /** Default `ecs.reinstall.events`. */
  readonly eventsExchange?: string;
  /** Beginning of the name of the client's own queue; default `ecs-client.`, as in config/rabbitmq-permissions.example. */
  readonly queuePrefix?: string;
  /** The broker removes that queue when nobody has listened for so long; default 30 minutes. */
  readonly queueExpiresMs?: number;
  /**
   * The user that the connection logs in as: the `user_id` of every command, which the broker checks.
   * Default: the user of `url`; with `connect` and `connection`: none. `null`: none.
   */
  readonly userId?: string | null;
  /** `http://worker:8080`: where to ask for final events that may have been missed. */
  readonly statusUrl?: string;
};

export interface SendOptions {
  /** When the fault was seen, for a command that does not say `observed_at` itself. */
  readonly observedAt?: Date;
  readonly signal?: AbortSignal;
}

export interface FollowOptions {
  /** Of a command that this client has not sent: its server. Only events from now on are heard. */
  readonly serverId?: string;
  /** After `unresolved`, wait on until it is known what became of it (`settled`). That may take days, or never come. */
  readonly untilSettled?: boolean;
  /** Ends the wait; the promise rejects with its reason. `AbortSignal.timeout(ms)` for a longest wait. */
  readonly signal?: AbortSignal;
}

/** A command that the broker has. */
export interface Sent {
  readonly commandId: string;
  readonly serverId: string;
}

/** Sends commands and follows them. Every promise rejects with a ReinstallClientError, or with the reason of its signal. */
export interface ReinstallClient {
  /**
   * Publishes a command, and resolves when the broker has it. A command without `command_id` gets one. Safe to repeat with
   * the same id and content: the second is no second reinstall.
   */
  reinstall(command: CommandInput, options?: SendOptions): Promise<Sent>;
  /** Waits for how a command ends. */
  result(commandId: string, options?: FollowOptions): Promise<Result>;
  /** Its events, each once, from the first that this client heard; ends with the result. */
  events(commandId: string, options?: FollowOptions): AsyncIterableIterator<ReinstallEvent>;
  /** Forgets a command: frees its memory. Its waits end with `closed`. */
  forget(commandId: string): void;
  /** Removes the client's queue and closes its connection. May be repeated. */
  close(): Promise<void>;
}

const ANSWER_MS = 10_000;
const QUEUE_EXPIRES_MS = 30 * 60_000;
const STATUS_MS = 5_000;

/** Connects when it is first needed. */
export function createReinstallClient(options: ReinstallClientOptions): ReinstallClient {
  const followed = new Map<string, Followed>();
  const { statusUrl } = options;
  let closed = false;

  const link: Link = createLink({
    ...reach(options),
    commandsExchange: options.commandsExchange ?? "ecs.reinstall.commands",
    eventsExchange: options.eventsExchange ?? "ecs.reinstall.events",
    queuePrefix: options.queuePrefix ?? "ecs-client.",
    queueExpiresMs: options.queueExpiresMs ?? QUEUE_EXPIRES_MS,
    answerMs: ANSWER_MS,
    userId: options.userId === undefined ? userOfUrl(options) : options.userId,
    onMessage: (content) => {
      const event = heardEvent(content);
      if (event !== null) for (const one of followed.values()) one.take(event);
    },
    onQueueLost: () => {
      for (const one of followed.values()) if (isOpen(one)) void catchUp(one);
    },
    onEnd: (why) => {
      for (const one of followed.values()) if (isOpen(one)) one.breakOff(why);
    },
  });

  /** Asks a worker for what may have been missed. Where nobody can say, the wait ends. */
  async function catchUp(one: Followed): Promise<void> {
    const said = statusUrl === undefined ? null : await statusOf(statusUrl, one.commandId);
    if (said === null) {
      const { commandId } = one;
      const message = `events of ${commandId} may have been missed: ask /v1/commands/${commandId} of a worker`;
      one.breakOff(new ReinstallClientError("events-lost", message));
    } else for (const event of said) one.take(event);
  }

  async function follow(commandId: string, { serverId, signal }: FollowOptions): Promise<Followed> {
    const known = followed.get(commandId);
    if (known !== undefined) return known;
    if (serverId === undefined) {
      const message = `${commandId} was not sent by this client: name its server (serverId)`;
      throw new ReinstallClientError("unknown-id", message);
    }
    const one = createFollowed(commandId, serverId.toLowerCase(), undefined);
    followed.set(commandId, one);
    await link.listen(one.serverId, signal);
    if (statusUrl !== undefined) {
      for (const event of (await statusOf(statusUrl, commandId)) ?? []) one.take(event);
    }
    return one;
  }

  function mustBeOpen(): void {
    if (closed) throw new ReinstallClientError("closed", "the client was closed");
  }

  function drop(one: Followed): void {
    followed.delete(one.commandId);
    one.breakOff(new ReinstallClientError("closed", `${one.commandId} is not followed any more`));
    if (![...followed.values()].some(({ serverId }) => serverId === one.serverId)) {
      link.unlisten(one.serverId);
    }
  }

  async function* events(
    commandId: string,
    how: FollowOptions = {},
  ): AsyncIterableIterator<ReinstallEvent> {
    mustBeOpen();
    const one = await follow(commandId, how);
    for (let next = 0; ; ) {
      const event = one.events[next];
      if (event !== undefined) {
        next += 1;
        yield event;
      } else if (outcomeOf(one, how) !== null) return;
      else await more(one, how.signal);
    }
  }

  return {
    async reinstall(command, { observedAt, signal } = {}) {
      mustBeOpen();
      const ready = readyCommand(command, observedAt);
      const { commandId, serverId, projectId, body } = ready;
      const one = followed.get(commandId) ?? createFollowed(commandId, serverId, projectId);
      one.again();
      followed.set(commandId, one);
      // Before it is sent, so that no event is missed.
      await link.listen(serverId, signal);
      await link.publish(commandId, body, signal);
      return { commandId, serverId };
    },
    async result(commandId, how = {}) {
      mustBeOpen();
      const one = await follow(commandId, how);
      for (;;) {
        const outcome = outcomeOf(one, how);
        if (outcome !== null) return outcome;
        await more(one, how.signal);
      }
    },
    events,
    forget(commandId) {
      const one = followed.get(commandId);
      if (one !== undefined) drop(one);
    },
    async close() {
      closed = true;
      for (const one of followed.values()) {
        one.breakOff(new ReinstallClientError("closed", "the client was closed"));
      }
      await link.close();
    },
  };
}

/** Null: not yet. */
function outcomeOf(one: Followed, { untilSettled = false }: FollowOptions): Result | null {
  const { result } = one;
  const inDoubt = result?.kind === "ended" && result.outcome === "unresolved";
  return untilSettled && inDoubt ? one.settled : result;
}

function isOpen(one: Followed): boolean {
  return outcomeOf(one, { untilSettled: true }) === null;
}

async function more(one: Followed, signal: AbortSignal | undefined): Promise<void> {
  if (one.broken !== null) throw one.broken;
  await one.changed(signal);
}

function reach(options: Reach): { connect: () => Promise<ChannelModel>; lasting: boolean } {
  if ("connection" in options) {
    const { connection } = options;
    return { connect: () => Promise.resolve(connection), lasting: false };
  }
  if ("connect" in options) return { connect: options.connect, lasting: true };
  const { url } = options;
  const clientProperties = { connection_name: "ecs-reinstall-client" };
  return { connect: () => connectTo(url, { timeout: ANSWER_MS, clientProperties }), lasting: true };
}

/** Whom amqplib logs in; null: the caller does. */
function userOfUrl(options: Reach): string | null {
  return "url" in options ? unescape(new URL(options.url).username) || "guest" : null;
}

/** The final event of a command, none while it is open; null: nobody can say. */
async function statusOf(base: string, commandId: string): Promise<ReinstallEvent[] | null> {
  try {
    const answer = await fetch(new URL(`/v1/commands/${commandId}`, base), {
      signal: AbortSignal.timeout(STATUS_MS),
    });
    if (!answer.ok) return null;
    const { commands } = (await answer.json()) as { commands: { final_event: unknown }[] };
    return commands.flatMap(({ final_event: final }) => asEvent(final) ?? []);
  } catch {
    return null;
  }
}
