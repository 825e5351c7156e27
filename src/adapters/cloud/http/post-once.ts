import type { Socket } from "node:net";
import { Client } from "undici";
import type { Connect, Connection } from "./connect.ts";
import { deadline } from "../../time-limits.ts";
import { type Exchange, exchange, type HttpRequest, type Send } from "./exchange.ts";
import { MAX_HEADER_BYTES } from "./http.ts";

export interface PostOnceOptions {
  /** Of resettable connections. */
  readonly connect: Connect;
  /** Connecting, writing and reading together. */
  readonly totalMs: number;
  readonly maxAnswerBytes: number;
}

/**
 * Sends a POST on a connection of its own, once: head and body in one write, no keep-alive, no redirect, no
 * second try. When it ends without a whole answer the TCP socket is *reset*, so that the kernel throws away
 * what it still holds and delivers nothing later.
 */
export function createPostOnce(options: PostOnceOptions): Send {
  return async function postOnce(origin, request, signal, mayBegin) {
    const limit = deadline(options.totalMs, signal);
    const whyAborted = () =>
      limit.timedOut() ? `no answer within ${options.totalMs} ms` : "aborted";
    try {
      const run = { signal: limit.signal, mayBegin, whyAborted };
      return await post(origin, request, options, run);
    } finally {
      limit.clear();
    }
  };
}

/** What undici would make, with a stack, at each end of a connection. Whoever asked has its answer by then. */
const ENDED = new Error("the client is destroyed");

/** One try. */
interface Run {
  readonly signal: AbortSignal;
  /** Asked when the connection is there: may the request still go out? */
  readonly mayBegin: () => boolean;
  readonly whyAborted: () => string;
}

async function post(
  origin: URL,
  request: HttpRequest,
  { connect, maxAnswerBytes }: PostOnceOptions,
  { signal, mayBegin, whyAborted }: Run,
): Promise<Exchange> {
  let connection: Connection;
  try {
    connection = await connect(origin, signal);
  } catch (error) {
    // Whatever it was: there was no connection to write to.
    return { kind: "not-sent", message: signal.aborted ? whyAborted() : messageOf(error) };
  }
  let answered = false;
  resetOnDestroy(connection, () => !answered);
  const client = clientOver(origin, connection, maxAnswerBytes);
  const result = await exchange(client, request, {
    maxAnswerBytes,
    signal,
    mayBegin,
    onAnswered() {
      answered = true;
    },
  });
  await client.destroy(ENDED);
  connection.stream.destroy();
  connection.raw.destroy();
  if (result.kind === "answered" || !signal.aborted) return result;
  return { ...result, message: whyAborted() };
}

/**
 * Whoever ends this connection before its answer (undici on a protocol error, or we) ends it by a reset. An
 * orderly close would let the kernel deliver what it still holds, and undici closes before we hear of it. It
 * is the raw socket that is reset, and first: TLS, when destroyed, closes what lies below in an orderly way.
 */
function resetOnDestroy({ raw, stream }: Connection, unanswered: () => boolean): void {
  let resetting = false;
  for (const socket of new Set<Socket>([raw, stream])) {
    const destroy = socket.destroy.bind(socket);
    socket.destroy = (error?: Error) => {
      if (unanswered() && !resetting && !raw.destroyed) {
        resetting = true;
        raw.resetAndDestroy();
      }
      // After the answer it ends as it should, whatever reason undici gives.
      return destroy(unanswered() ? error : undefined);
    };
  }
}

/** An HTTP client for this one connection: it never opens another. */
function clientOver(origin: URL, { stream }: Connection, maxAnswerBytes: number): Client {
  let handedOver = false;
  return new Client(origin.origin, {
    pipelining: 1,
    allowH2: false,
    // The total time-out governs: it covers a server that drips its answer.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
    maxResponseSize: maxAnswerBytes,
    connect(_target, callback) {
      if (handedOver) return callback(new Error("the connection was lost"), null);
      handedOver = true;
      // Not at once: undici takes the request up only after its own call to here has returned.
      queueMicrotask(() => callback(null, stream));
    },
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
