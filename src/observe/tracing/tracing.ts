import { setTimeout as sleep } from "node:timers/promises";
import type { CloudApi } from "../../steps/ports/cloud-api.ts";
import type { DiskEvidence } from "../../steps/ports/disk-evidence.ts";
import type { Journal } from "../../steps/ports/journal.ts";
import type { Disposition } from "../../steps/ports/outlet.ts";
import type { StoreWatch } from "../watched-store.ts";
import {
  type CloudEndpoints,
  recordRequest,
  type TracedRequest,
  tracedCloud,
} from "./tracing-cloud.ts";
import { type TracedDelivery, tracedDelivery } from "./tracing-delivery.ts";
import { tracedJournal } from "./tracing-journal.ts";
import type { ExportResult } from "./tracing-opentelemetry.ts";
import {
  type TracedMessage,
  type TracedPublication,
  tracedPublication,
} from "./tracing-publication.ts";
import type { TracingSettings } from "./tracing-settings.ts";
import { storeTracing, tracedEvidence } from "./tracing-store.ts";
import { createTracer, type SpanRecorder } from "./tracing-tracer.ts";

/** What tracing asks of who puts it together. */
export interface TracingOptions {
  /** AMQP `type` of internal messages. */
  readonly stepType: string;
  readonly endpoints: CloudEndpoints;
  /** Called once in a while, not for each span. */
  readonly onProblem: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Tests record in memory. */
  readonly recorder?: SpanRecorder;
}

/**
 * Traces of what the worker does, wrapped around it from outside: neither steps nor ports know of them. Nothing
 * here ever fails or waits for the collector: what cannot be exported is dropped.
 */
export interface Tracing {
  /** Loads OpenTelemetry. Never rejects: without it nothing is recorded. */
  start(): Promise<void>;
  /** Hands over what is recorded, within a second. */
  stop(): Promise<void>;
  delivery<D extends TracedDelivery>(
    take: (delivery: D) => Promise<Disposition>,
  ): (delivery: D) => Promise<Disposition>;
  cloud(cloud: CloudApi): CloudApi;
  /** One request of the cloud's adapter is over. */
  cloudRequest(request: TracedRequest): void;
  /** Looks on while the store is asked. */
  readonly store: StoreWatch;
  evidence(evidence: DiskEvidence): DiskEvidence;
  journal(journal: Journal): Journal;
  /** Of the delivery that is worked on here, if its trace is recorded: 32 hex digits. */
  traceId(): string | null;
  /** Publishes one message. */
  readonly publication: <P extends TracedPublication, O extends string>(
    message: TracedMessage,
    publication: P,
    send: (publication: P) => Promise<O>,
  ) => Promise<O>;
}

/** Null when there are no settings: then nothing is wrapped and OpenTelemetry is not loaded. */
export function createTracing(
  settings: TracingSettings | null,
  options: TracingOptions,
): Tracing | null {
  if (settings === null) return null;
  const { stepType, endpoints, onProblem } = options;
  let recorder: SpanRecorder | null = options.recorder ?? null;
  const tracer = createTracer(() => recorder);
  return {
    async start() {
      if (recorder !== null) return;
      try {
        const { createOtlpRecorder } = await import("./tracing-opentelemetry.ts");
        recorder = createOtlpRecorder(settings, createExportWatch(onProblem));
      } catch (error) {
        onProblem("tracing could not be started", { err: error });
      }
    },
    async stop() {
      if (recorder === null) return;
      const ending = recorder.shutdown();
      recorder = null;
      await within(ending, FLUSH_MS);
    },
    delivery: (take) => tracedDelivery(tracer, stepType, take),
    cloud: (cloud) => tracedCloud(cloud, tracer),
    cloudRequest: (request) => recordRequest(tracer, request, endpoints),
    store: storeTracing(tracer),
    evidence: (evidence) => tracedEvidence(evidence, tracer),
    journal: (journal) => tracedJournal(journal, tracer),
    traceId() {
      const here = tracer.delivery()?.spanContext();
      return here !== undefined && here.traceFlags & SAMPLED ? here.traceId : null;
    },
    publication: (message, publication, send) =>
      tracedPublication(tracer, message, publication, send),
  };
}

/**
 * The first loss is logged at once, then the sum of them every minute, then that it works again.
 *
 * @internal
 */
export function createExportWatch(
  onProblem: TracingOptions["onProblem"],
  nowMs: () => number = () => performance.now(),
) {
  let lost = 0;
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  let failing = false;
  return (result: ExportResult): void => {
    if (result.kind === "exported") {
      if (failing) onProblem("traces are exported again", { lost });
      [failing, lost] = [false, 0];
      return;
    }
    failing = true;
    lost += result.spans;
    if (nowMs() - loggedAtMs < LOG_EVERY_MS) return;
    loggedAtMs = nowMs();
    onProblem("traces cannot be exported", { lost, detail: result.detail });
  };
}

/** W3C Trace Context: the flag of a trace that is recorded. */
const SAMPLED = 1;

/** A collector that hangs must not hold the worker's exit up. */
const FLUSH_MS = 1_000;
const LOG_EVERY_MS = 60_000;

/** Resolves when it has ended, in whichever way, or when the time is over. */
async function within(ending: Promise<void>, ms: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal });
  await Promise.race([ending, late]).catch(() => undefined);
  timer.abort();
  await late.catch(() => undefined);
}
