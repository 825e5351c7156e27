import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { STEP_TYPE } from "../adapters/amqp/marks.ts";
import { createCommonClock } from "../adapters/common-clock.ts";
import { systemClock } from "../adapters/system-clock.ts";
import type { Config } from "../config/assemble.ts";
import { secretsOf } from "../config/secrets-of.ts";
import { createMetrics } from "../observe/metrics/metrics.ts";
import { createProcessLog } from "../observe/logging/process-log.ts";
import { createTracing } from "../observe/tracing/tracing.ts";

/** What every other part is made with: configuration, clock, log, metrics, traces, and the signal that ends all. */
export type Ground = ReturnType<typeof createGround>;

/** Nothing here talks to another system before it is started. */
export function createGround(config: Config) {
  const { projects } = config.cloud;
  const version = versionOfPackage();
  const metrics = createMetrics({
    version,
    projects,
    sources: config.metrics.sources,
    ...(config.tracing && { traceId: () => tracing?.traceId() ?? null }),
  });
  const log = createProcessLog({ level: config.log.level, secrets: secretsOf(config) }, metrics);
  const { logger } = log;
  const tracing = createTracing(config.tracing && { ...config.tracing, version }, {
    stepType: STEP_TYPE,
    endpoints: config.cloud,
    onProblem: (message, fields) => logger.warn(fields, message),
  });
  /** Ends everything in hand: a step goes on with another worker. */
  const hardStop = new AbortController();
  // One signal for everything in hand: more than ten listeners are no leak.
  setMaxListeners(0, hardStop.signal);
  return {
    config,
    projects,
    clock: createCommonClock(systemClock),
    metrics,
    logger,
    flushLog: log.flush,
    /** Null: nobody traces. */
    tracing,
    hardStop,
    signal: hardStop.signal,
    /** Takes what the adapters say of what happens. */
    report: (
      level: "debug" | "info" | "warn" | "error",
      message: string,
      fields: Readonly<Record<string, unknown>>,
    ) => logger[level](fields, message),
  };
}

function versionOfPackage(): string {
  const file = new URL("../../package.json", import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof parsed === "object" && parsed !== null && "version" in parsed
    ? String(parsed.version)
    : "unknown";
}
