import { BROKER_METRICS } from "./metrics-broker.ts";
import { CLOUD_METRICS } from "./metrics-cloud.ts";
import { COMMANDS_METRICS } from "./metrics-commands.ts";
import { PROCESS_METRICS } from "./metrics-process.ts";
import { STORE_METRICS } from "./metrics-store.ts";

/** Every metric of the worker: what docs/metrics.md and the registry are made from. */
export const CATALOGUE = {
  ...COMMANDS_METRICS,
  ...BROKER_METRICS,
  ...CLOUD_METRICS,
  ...STORE_METRICS,
  ...PROCESS_METRICS,
} as const;
