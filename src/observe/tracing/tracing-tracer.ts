import { AsyncLocalStorage } from "node:async_hooks";
import { type Span, type SpanContext, type SpanOptions, SpanStatusCode } from "@opentelemetry/api";

/** A span that is to begin. Its attributes never hold a body, a URL's query, or a message of somebody else. */
export interface SpanStart extends SpanOptions {
  readonly name: string;
}

/** Where a trace begins, or goes on. */
export type Origin =
  | { readonly kind: "within"; readonly parent: SpanContext }
  /** Nobody began this trace; `traceId` (32 hex digits) makes all who trace one thing choose the same. */
  | { readonly kind: "root"; readonly traceId: string | null };

/** Who records spans: the SDK of OpenTelemetry, or a test. */
export interface SpanRecorder {
  begin(start: SpanStart, origin: Origin): Span;
  /** Hands over what is recorded and ends. May take long, may reject. */
  shutdown(): Promise<void>;
}

/** Spans around what the worker does; which span is whose child follows the asynchronous calls. */
export interface Tracer {
  /** Runs `work` in a span that begins here: a delivery's. Null: nothing is recorded. */
  enter<T>(start: SpanStart, origin: Origin, work: (span: Span | null) => Promise<T>): Promise<T>;
  /** Runs `work` in a child of the span that is here, or, where there is none, simply runs it. */
  within<T>(start: SpanStart, work: (span: Span | null) => Promise<T>): Promise<T>;
  /** A child that is over already, and took this long. */
  past(start: SpanStart, durationMs: number, describe?: (span: Span) => void): void;
  /** The span of the delivery that is being worked on here. */
  delivery(): Span | null;
}

/** `recorder` may be null for as long as there is none. Nothing global is used: OpenTelemetry's own may be another's. */
export function createTracer(recorder: () => SpanRecorder | null): Tracer {
  const here = new AsyncLocalStorage<{ readonly span: Span; readonly delivery: Span }>();

  async function run<T>(
    span: Span | null,
    delivery: Span | null,
    work: (span: Span | null) => Promise<T>,
  ): Promise<T> {
    if (span === null) return work(null);
    try {
      return await here.run({ span, delivery: delivery ?? span }, () => work(span));
    } catch (error) {
      // Its name alone: a message may quote what was being worked on.
      fail(span, error instanceof Error ? error.name : "thrown");
      throw error;
    } finally {
      span.end();
    }
  }

  const childOf = (outer: Span, start: SpanStart) =>
    recorder()?.begin(start, { kind: "within", parent: outer.spanContext() }) ?? null;

  return {
    enter: (start, origin, work) => run(recorder()?.begin(start, origin) ?? null, null, work),
    within(start, work) {
      const outer = here.getStore();
      if (outer === undefined) return work(null);
      return run(childOf(outer.span, start), outer.delivery, work);
    },
    past(start, durationMs, describe) {
      const outer = here.getStore();
      if (outer === undefined) return;
      const span = childOf(outer.span, { ...start, startTime: Date.now() - durationMs });
      if (span === null) return;
      describe?.(span);
      span.end();
    },
    delivery: () => here.getStore()?.delivery ?? null,
  };
}

/** The span went wrong; `type` is one of few words, never a message. */
export function fail(span: Span | null, type: string): void {
  span?.setAttribute("error.type", type).setStatus({ code: SpanStatusCode.ERROR });
}
