import { collectDefaultMetrics, Registry } from "prom-client";
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
  const { version, projects = [] } = options;
  const registry = new Registry();
  const instruments = createInstruments(CATALOGUE, registry, projects);
  const ours = (project: string) => (projects.includes(project) ? project : "other");
  instruments.build.set({ version, node: process.version }, 1);
  if (options.processMetrics !== false) addProcessMetrics(registry);
  return {
    ...commandsMetrics(instruments, ours),
    ...brokerMetrics(instruments),
    ...cloudMetrics(instruments),
    ...storeMetrics(instruments),
    ...processMetrics(instruments),
    registry,
    contentType: registry.contentType,
    page: () => registry.metrics(),
  };
}

/** prom-client's own, without three gauges that call themselves `_total`, which is for counters. */
function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const misnamed of ["handles", "requests", "resources"]) {
    registry.removeSingleMetric(`nodejs_active_${misnamed}_total`);
  }
}
