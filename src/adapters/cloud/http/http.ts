import { Pool } from "undici";
import type { Connect } from "./connect.ts";
import { asError } from "../../thrown.ts";
import { deadline } from "../../time-limits.ts";
import { exchange, type Send } from "./exchange.ts";
import type { Timeouts } from "../settings.ts";

/** How long an idle connection is kept: shorter than gateways do, so that they seldom close first. */
const KEEP_ALIVE_MS = 15_000;
export const MAX_HEADER_BYTES = 16_384;

export interface HttpOptions {
  readonly connect: Connect;
  readonly timeouts: Timeouts;
  readonly maxAnswerBytes: number;
  readonly poolConnections: number;
}

/** For requests that may be repeated freely: connections are kept and used again. It repeats none by itself. */
export interface HttpClient {
  readonly send: Send;
  /** Ends what is under way and closes every connection. */
  close(): Promise<void>;
}

export function createHttpClient(options: HttpOptions): HttpClient {
  const { connect, timeouts, maxAnswerBytes, poolConnections } = options;
  const pools = new Map<string, Pool>();
  const closing = new AbortController();
  /** Whatever single time-outs add up to, and whoever drips a body byte by byte: this is the end. */
  const totalMs = timeouts.connectMs + timeouts.headersMs + timeouts.bodyMs;
  /** Undici's words for silence, in ours. */
  const silences = new Map([
    ["Headers Timeout Error", `no answer within ${timeouts.headersMs} ms`],
    ["Body Timeout Error", `the answer stopped: no more of it within ${timeouts.bodyMs} ms`],
  ]);

  function poolOf(origin: URL): Pool {
    const found = pools.get(origin.origin);
    if (found !== undefined) return found;
    const pool = new Pool(origin.origin, {
      connections: poolConnections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: timeouts.headersMs,
      bodyTimeout: timeouts.bodyMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      maxResponseSize: maxAnswerBytes,
      connect(_target, callback) {
        // oxlint-disable promise/no-callback-in-promise -- undici asks for a callback
        connect(origin, closing.signal).then(
          ({ stream }) => callback(null, stream),
          (error: unknown) => callback(asError(error), null),
        );
        // oxlint-enable promise/no-callback-in-promise
      },
    });
    pools.set(origin.origin, pool);
    return pool;
  }

  return {
    async send(origin, request, signal, mayBegin) {
      const limit = deadline(totalMs, signal);
      try {
        const result = await exchange(poolOf(origin), request, {
          maxAnswerBytes,
          signal: limit.signal,
          mayBegin,
        });
        if (result.kind === "answered") return result;
        if (limit.timedOut()) return { ...result, message: `no answer within ${totalMs} ms` };
        return { ...result, message: silences.get(result.message) ?? result.message };
      } finally {
        limit.clear();
      }
    },
    async close() {
      closing.abort();
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}
