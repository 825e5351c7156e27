import type { BrakeRules } from "../../src/core/brakes/brake-rules.ts";
import { createWindows } from "../../src/core/brakes/windows.ts";

/** Always open. */
export const NO_WINDOWS = createWindows([]);

/**
 * Every brake that has a number is off: for tests that ask for many servers, or for one server often, and are about
 * something else. The product's defaults are on.
 */
export const NO_BRAKES: BrakeRules = {
  pausedByConfiguration: false,
  protected: [],
  approval: [],
  cooldownMs: 0,
  serverLimit: 0,
  serverWindowMs: 86_400_000,
  stormSame: 0,
  stormShare: 0,
  stormCooldownMs: 600_000,
  stormOpenAt: 10,
  stormAsks: 0,
  stormAsksWindowMs: 300_000,
  perSourcePerHour: 0,
  maxRunning: 1_000,
  maxRunningPerGroup: 0,
  callsPerSecond: 0,
  callBurst: 1,
};
