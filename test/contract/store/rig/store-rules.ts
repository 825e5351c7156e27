import type { StoreRules } from "../../../../src/adapters/redis/store-rules.ts";
import { NO_BRAKES, NO_WINDOWS } from "../../../support/brake-rules.ts";

/** Nothing is held back, and a store that forgot gives locks at once. */
export const STORE_RULES: StoreRules = {
  rebuildHoldMs: 0,
  dedupTtlMs: 600_000,
  waitReplicas: 0,
  waitTimeoutMs: 1_000,
  brakes: NO_BRAKES,
  windows: NO_WINDOWS,
};
