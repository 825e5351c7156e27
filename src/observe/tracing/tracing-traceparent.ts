import { createTraceState, type SpanContext, TraceFlags } from "@opentelemetry/api";

/*
 * Own code: OpenTelemetry's propagator is in a package that is no dependency of ours, and keeps flags that we do not know.
 */

/** `00-<trace id>-<span id>-<flags>`; later versions may say more after it (W3C Trace Context §3.2). */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** What an emitter, or a step before, said of its span. Null: nothing, or nothing that is valid. */
export function parseTraceparent(traceparent: unknown, tracestate?: unknown): SpanContext | null {
  const [, traceId, spanId, flags] =
    (typeof traceparent === "string" ? TRACEPARENT.exec(traceparent.trim()) : null) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return {
    traceId,
    spanId,
    // The one flag that means the same in every version.
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    ...(typeof tracestate === "string" && tracestate !== ""
      ? { traceState: createTraceState(tracestate) }
      : {}),
  };
}

/** The headers that carry a span's context with a message. */
export function traceHeaders({ traceId, spanId, traceFlags, traceState }: SpanContext) {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  const tracestate = traceState?.serialize();
  return { traceparent, ...(tracestate ? { tracestate } : {}) };
}
