import { setTimeout as sleep } from "node:timers/promises";
import { ReinstallClientError } from "./failure.ts";
import {
  asError,
  type LinkOptions,
  listenTo,
  openSession,
  publishOn,
  type Session,
  unlistenTo,
  withinMs,
} from "./session.ts";

/** The client's place at the broker: one channel, one queue for events and replies. */
export interface Link {
  /** Listens to the events of a server, from when it resolves on; after each new connection too. */
  listen(serverId: string, signal?: AbortSignal): Promise<void>;
  unlisten(serverId: string): void;
  /** Resolves when the broker has confirmed it. A lasting link sends it again after a broken connection. */
  publish(id: string, body: Buffer, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

export function createLink(options: LinkOptions): Link {
  const { lasting, answerMs } = options;
  const servers = new Set<string>();
  const closing = new AbortController();
  let queue: string | null = null;
  let session: Promise<Session> | null = null;

  /** The present session, or the one that comes. */
  function present(): Promise<Session> {
    session ??= openLasting();
    return session;
  }

  async function openLasting(): Promise<Session> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      closing.signal.throwIfAborted();
      try {
        const opened = await openSession(options, queue, servers);
        queue = opened.queue;
        void opened.ended.then(onEnded);
        return opened;
      } catch (error) {
        if (!lasting) {
          const why = new ReinstallClientError("connection-lost", asError(error).message, {
            cause: error,
          });
          options.onEnd(why);
          throw why;
        }
        // Cut short by `close`, which the next round says.
        await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  function onEnded(): void {
    session = null;
    if (closing.signal.aborted) return;
    if (lasting) present().catch(() => undefined);
    else options.onEnd(new ReinstallClientError("connection-lost", "the connection has ended"));
  }

  /** Does it on the present session; again on the next one, when that ends first. */
  async function lastingly(
    work: (session: Session) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (;;) {
      const current = await abortable(present(), signal);
      const done = work(current).then(
        () => null,
        (error: unknown) => asError(error),
      );
      const gone = current.ended.then((error) => error ?? new Error("the connection has ended"));
      const failure = await abortable(Promise.race([done, gone]), signal);
      if (failure === null) return;
      if (failure instanceof ReinstallClientError) throw failure;
      closing.signal.throwIfAborted();
      const said = await Promise.race([current.ended, sleep(FIRST_PAUSE_MS)]);
      // About this very request: a right or an exchange that is missing is so on the next channel, too.
      if (said instanceof Error) {
        throw new ReinstallClientError("refused", said.message, { cause: said });
      }
      if (!lasting)
        throw new ReinstallClientError("connection-lost", failure.message, { cause: failure });
      leave(current);
    }
  }

  function leave(old: Session): void {
    old.model.close().catch(() => undefined);
  }

  return {
    async listen(serverId, signal) {
      servers.add(serverId);
      await lastingly((current) => listenTo(current, serverId, options), signal);
    },
    unlisten(serverId) {
      servers.delete(serverId);
      void session
        ?.then((current) => unlistenTo(current, serverId, options))
        .catch(() => undefined);
    },
    publish: (id, body, signal) =>
      lastingly((current) => publishOn(current, options, id, body), signal),
    async close() {
      if (closing.signal.aborted) return;
      closing.abort(new ReinstallClientError("closed", "the client was closed"));
      const open = await session?.catch(() => undefined);
      if (open === undefined) return;
      const { channel, model } = open;
      await withinMs(channel.deleteQueue(open.queue), answerMs).catch(() => undefined);
      await withinMs(channel.close(), answerMs).catch(() => undefined);
      if (lasting) await withinMs(model.close(), answerMs).catch(() => undefined);
    },
  };
}

async function abortable<T>(asked: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return asked;
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason as Error);
  });
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([asked, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
