import { hostname } from "node:os";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { TracingSettings } from "./tracing-settings.ts";
import type { SpanRecorder } from "./tracing-tracer.ts";

/*
 * The only file that knows the SDK of OpenTelemetry, and it is loaded only when there is a collector. Nothing is
 * registered globally: who is whose parent is said with each span.
 */

/** Records spans and sends them, in the background, to the collector. */
export function createOtlpRecorder(
  settings: TracingSettings,
  onExport: (result: ExportResult) => void,
): SpanRecorder {
  const { endpoint, headers } = settings;
  const exporter = new OTLPTraceExporter({
    url: `${endpoint}/v1/traces`,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value()])),
    timeoutMillis: EXPORT_TIMEOUT_MS,
    // One at a time: a collector that is slow must not gather requests in our memory.
    concurrencyLimit: 1,
  });
  return createRecorder(
    settings,
    new BatchSpanProcessor({
      exporter: watched(exporter, onExport),
      scheduledDelayMillis: BATCH_MS,
      exportTimeoutMillis: 2 * EXPORT_TIMEOUT_MS,
      // Beyond it spans are dropped.
      maxQueueSize: MAX_QUEUE,
      maxExportBatchSize: MAX_BATCH,
    }),
  );
}

/** What became of one batch of spans. */
export type ExportResult =
  | { readonly kind: "exported"; readonly spans: number }
  | { readonly kind: "lost"; readonly spans: number; readonly detail: string };

const EXPORT_TIMEOUT_MS = 5_000;
const BATCH_MS = 1_000;
const MAX_QUEUE = 4_096;
const MAX_BATCH = 512;
/** Ids are at most 128 characters, routing keys 255. */
const MAX_VALUE_CHARACTERS = 256;

/**
 * Records spans with the given processor.
 *
 * @internal
 */
export function createRecorder(
  settings: Pick<TracingSettings, "serviceName" | "resourceAttributes" | "sampleRatio" | "version">,
  processor: SpanProcessor,
): SpanRecorder {
  const random = new RandomIdGenerator();
  /** Of the root span that is being begun. */
  let chosenTraceId: string | null = null;
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        "service.version": settings.version,
        "host.name": hostname(),
        "process.pid": process.pid,
        ...settings.resourceAttributes,
        "service.name": settings.serviceName,
      }),
    ),
    // What the emitter decided holds for the whole trace.
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.sampleRatio) }),
    idGenerator: {
      generateTraceId: () => chosenTraceId ?? random.generateTraceId(),
      generateSpanId: () => random.generateSpanId(),
    },
    spanLimits: { attributeValueLengthLimit: MAX_VALUE_CHARACTERS },
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("ecs-reinstall-worker", settings.version);

  return {
    begin({ name, ...options }, origin) {
      const isRoot = origin.kind === "root";
      chosenTraceId = isRoot ? origin.traceId : null;
      const context = isRoot ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, origin.parent);
      return tracer.startSpan(name, options, context);
    },
    shutdown: () => provider.shutdown(),
  };
}

/** `ExportResultCode` of @opentelemetry/core, which is no dependency of ours. */
const SUCCESS = 0;

/** Reports what became of each batch. */
function watched(
  exporter: OTLPTraceExporter,
  onExport: (result: ExportResult) => void,
): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const code: number = result.code;
        onExport(
          code === SUCCESS
            ? { kind: "exported", spans: spans.length }
            : { kind: "lost", spans: spans.length, detail: detailOf(result.error) },
        );
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

/** The status or the system's word: a message may quote the answer's body. */
function detailOf(error: (Error & { readonly code?: unknown }) | undefined): string {
  const { code } = error ?? {};
  if (typeof code === "string" || typeof code === "number") return String(code);
  return error?.message.slice(0, 100) || "no answer";
}
