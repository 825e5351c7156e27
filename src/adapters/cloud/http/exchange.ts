import type { Dispatcher } from "undici";

/** A whole answer, as it arrived: nothing in it is understood yet. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; several of one name joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** From the first byte written to the last byte read, by the monotonic clock. */
  readonly elapsedMs: number;
}

export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** Path and query as sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

/** What became of one request, as far as the wire shows it. */
export type Exchange =
  | { readonly kind: "answered"; readonly answer: HttpAnswer }
  /** Proven: not one byte of the request was written. */
  | { readonly kind: "not-sent"; readonly message: string }
  /** At least one byte may have been written, and no whole answer arrived. */
  | { readonly kind: "unknown"; readonly message: string };

/** Sends one request, never twice, and never rejects. `mayBegin` has the last word before the first byte. */
export type Send = (
  origin: URL,
  request: HttpRequest,
  signal: AbortSignal,
  mayBegin: () => boolean,
) => Promise<Exchange>;

export interface ExchangeOptions {
  readonly maxAnswerBytes: number;
  readonly signal: AbortSignal;
  readonly mayBegin: () => boolean;
  /** For a connection that is used once: asks for its end, and hears of the last byte before undici closes it. */
  readonly onAnswered?: () => void;
}

/**
 * One request and its whole answer over a dispatcher. No redirect is followed, nothing is sent twice: at its
 * second start, which undici may try on a new connection, the request is taken back.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: HttpRequest,
  { signal, maxAnswerBytes, mayBegin, onAnswered }: ExchangeOptions,
): Promise<Exchange> {
  let startedMs = performance.now();
  return new Promise((resolve) => {
    let begun = false;
    let status = 0;
    let headers: ReadonlyMap<string, string> = new Map();
    const chunks: Buffer[] = [];
    let bytes = 0;
    let control: Dispatcher.DispatchController | undefined;

    const settle = (result: Exchange) => {
      signal.removeEventListener("abort", onAbort);
      resolve(result);
    };
    const fail = (message: string) => settle({ kind: begun ? "unknown" : "not-sent", message });
    const onAbort = () => {
      control?.abort(new Error("aborted"));
      fail("aborted");
    };
    if (signal.aborted) return fail("aborted");
    signal.addEventListener("abort", onAbort, { once: true });

    dispatcher.dispatch(
      {
        path: request.target,
        method: request.method,
        headers: { ...request.headers },
        body: request.body === undefined ? null : Buffer.from(request.body),
        ...(onAnswered === undefined ? {} : { reset: true }),
      },
      {
        // Called right before the first byte is written, and in the same turn.
        onRequestStart(controller) {
          control = controller;
          if (begun || signal.aborted || !mayBegin()) {
            return controller.abort(new Error("held back at the last moment"));
          }
          begun = true;
          startedMs = performance.now();
        },
        onResponseStart(_controller, statusCode, incoming) {
          status = statusCode;
          headers = joined(incoming);
        },
        onResponseData(controller, chunk) {
          bytes += chunk.length;
          if (bytes > maxAnswerBytes) {
            controller.abort(new Error(`the answer is longer than ${maxAnswerBytes} bytes`));
          } else {
            chunks.push(Buffer.from(chunk));
          }
        },
        onResponseEnd() {
          onAnswered?.();
          const body = Buffer.concat(chunks).toString("utf8");
          const elapsedMs = performance.now() - startedMs;
          settle({ kind: "answered", answer: { status, headers, body, elapsedMs } });
        },
        onResponseError(_controller, error) {
          fail(error.message || error.name);
        },
      },
    );
  });
}

function joined(
  incoming: Readonly<Record<string, string | string[] | undefined>>,
): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(incoming).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), [value].flat().join(", ")] as const],
    ),
  );
}
