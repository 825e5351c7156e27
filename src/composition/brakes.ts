import { createMemoryWatch } from "../adapters/redis/memory-store.ts";
import { createPauseStore } from "../adapters/redis/pause-store.ts";
import { createMemoryKeeper } from "../background/memory-keeper.ts";
import { configWarnings } from "../config/warnings.ts";
import { createPauseKeeper } from "../background/pause-keeper.ts";
import type { BackgroundTask } from "../background/task.ts";
import { createBrakesView, watchPauses } from "../observe/brakes-view.ts";
import { memoryLog } from "../observe/logging/memory-log.ts";
import type { Ground } from "./ground.ts";
import { brakeRules, pauseIntervalMs, windowsOf } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** What this worker remembers of the store's memory: whether it is the same one, and the locks that no message carries. */
export function createMemory(
  { config, projects, clock, metrics, logger }: Ground,
  { scripts }: Stores,
  queuesExisted: () => boolean | null,
): BackgroundTask {
  return createMemoryKeeper({
    store: createMemoryWatch(scripts, clock),
    projects,
    clock,
    intervalMs: pauseIntervalMs(config),
    queuesExisted,
    onChanged: memoryLog(metrics, logger),
  });
}

/** The pauses in this worker's memory, and what people and metrics see of them. */
export function createBrakes(
  { config, projects, clock, metrics, logger }: Ground,
  { redis, scripts }: Stores,
) {
  for (const { variable, message } of configWarnings(config, clock.nowMs())) {
    logger.warn({ variable, detail: message }, "the configuration may not be meant so");
  }
  const windows = windowsOf(config.brakes);
  const view = createBrakesView({
    projects,
    closed: () => windows.closedAt(clock.nowMs()),
    pausedByConfiguration: config.brakes.paused,
    standing: () => keeper.standing(),
    keptOff: () => keeper.keptOff(),
    readAtMs: () => keeper.readAtMs(),
    refresh: () => keeper.refresh(),
  });
  const keeper = createPauseKeeper({
    store: createPauseStore(redis, scripts, brakeRules(config)),
    projects,
    clock,
    intervalMs: pauseIntervalMs(config),
    ...watchPauses(view, projects, metrics, logger),
  });
  return { view, keeper };
}
