import { AsyncLocalStorage } from "node:async_hooks";
import type { Origin, Span, SpanRecorder, SpanStart } from "./tracing-spans.ts";

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

/** `recorder` may be null for as long as there is none. */
export function createTracer(recorder: () => SpanRecorder | null): Tracer {
  const here = new AsyncLocalStorage<{ readonly span: Span; readonly delivery: Span }>();

  async function run<T>(
    start: SpanStart,
    origin: Origin,
    delivery: Span | null,
    work: (span: Span | null) => Promise<T>,
  ): Promise<T> {
    const span = recorder()?.begin(start, origin) ?? null;
    if (span === null) return work(null);
    try {
      return await here.run({ span, delivery: delivery ?? span }, () => work(span));
    } catch (error) {
      // Its name alone: a message may quote what was being worked on.
      span.fail(error instanceof Error ? error.name : "thrown");
      throw error;
    } finally {
      span.end();
    }
  }

  return {
    enter: (start, origin, work) => run(start, origin, null, work),
    within(start, work) {
      const outer = here.getStore();
      if (outer === undefined) return work(null);
      const origin: Origin = { kind: "within", parent: outer.span.context };
      return run(start, origin, outer.delivery, work);
    },
    past(start, durationMs, describe) {
      const outer = here.getStore();
      if (outer === undefined) return;
      const origin: Origin = { kind: "within", parent: outer.span.context };
      const span = recorder()?.begin(start, origin, Date.now() - durationMs);
      if (span === undefined) return;
      describe?.(span);
      span.end();
    },
    delivery: () => here.getStore()?.delivery ?? null,
  };
}
