import { collectDefaultMetrics, Registry, type RegistryContentType } from "prom-client";
import { CATALOGUE } from "./catalogue.ts";
import { createInstruments } from "./instruments.ts";
import { type BrokerMetrics, brokerMetrics } from "./metrics-broker.ts";
import { type CloudMetrics, cloudMetrics } from "./metrics-cloud.ts";
import { type CommandsMetrics, commandsMetrics } from "./metrics-commands.ts";
import { type ProcessMetrics, processMetrics } from "./metrics-process.ts";
import { type StoreMetrics, storeMetrics } from "./metrics-store.ts";

/** Whose metrics they are. */
export interface MetricsOptions {
  /** Version of the worker, for `build_info`. */
  readonly version: string;
  /** Memory, CPU, event loop and garbage collection of the process; `false` keeps a test's page small. */
  readonly processMetrics?: boolean;
  /** Values of the label `project`, those of ECS_PROJECTS; what is of no such project counts as `other`. */
  readonly projects?: readonly string[];
  /** Values of the label `source`, those of METRICS_SOURCES; every other name that an emitter gives itself counts as `other`. */
  readonly sources?: readonly string[];
  /** Where somebody traces: the trace that is recorded here. The page is then OpenMetrics, with exemplars. */
  readonly traceId?: () => string | null;
}

/** Everything that is counted. Each method is one fact; labels come from closed unions, so that no id becomes a time series. */
export interface Metrics
  extends CommandsMetrics,
    BrokerMetrics,
    CloudMetrics,
    StoreMetrics,
    ProcessMetrics {
  /** The page for Prometheus. */
  page(): Promise<string>;
  readonly contentType: string;
  readonly registry: Registry;
}

/** Metrics on a registry of their own: several in one process do not meet. */
export function createMetrics(options: MetricsOptions): Metrics {
  const { version, projects = [], sources = [], traceId } = options;
  const registry = traceId === undefined ? new Registry() : openMetrics();
  const sets = { project: projects, source: [...sources, OTHER] };
  const instruments = createInstruments(CATALOGUE, registry, { sets, traceId });
  const ours = closedBy(projects);
  instruments.build.set({ version, node: process.version }, 1);
  if (options.processMetrics !== false) addProcessMetrics(registry);
  return {
    ...commandsMetrics(instruments, { project: ours, source: closedBy(sources) }),
    ...brokerMetrics(instruments),
    ...cloudMetrics(instruments, ours),
    ...storeMetrics(instruments, ours),
    ...processMetrics(instruments),
    registry,
    contentType: registry.contentType,
    page: () => registry.metrics(),
  };
}

/** Only its format has exemplars. */
function openMetrics(): Registry {
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry as Registry;
}

const OTHER = "other";

/** A message may say anything: what is not in the list is `other`, so that no message makes a time series. */
function closedBy(values: readonly string[]): (value: string) => string {
  const known = new Set(values);
  return (value) => (known.has(value) ? value : OTHER);
}

/** prom-client's own, without three gauges that call themselves `_total`, which is for counters. */
function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const misnamed of ["handles", "requests", "resources"]) {
    registry.removeSingleMetric(`nodejs_active_${misnamed}_total`);
  }
}
