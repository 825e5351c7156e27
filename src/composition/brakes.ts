import { createPauseStore } from "../adapters/redis/pause-store.ts";
import { createPauseKeeper } from "../background/pause-keeper.ts";
import { createBrakesView, watchPauses } from "../observe/brakes-view.ts";
import type { Ground } from "./ground.ts";
import { pauseIntervalMs } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** The pauses in this worker's memory, and what people and metrics see of them. */
export function createBrakes(
  { config, projects, clock, metrics, logger }: Ground,
  { redis, scripts }: Stores,
) {
  const view = createBrakesView({
    projects,
    pausedByConfiguration: config.brakes.paused,
    standing: () => keeper.standing(),
    readAtMs: () => keeper.readAtMs(),
  });
  const keeper = createPauseKeeper({
    store: createPauseStore(redis, scripts),
    projects,
    clock,
    intervalMs: pauseIntervalMs(config),
    ...watchPauses(view, projects, metrics, logger),
  });
  return { view, keeper };
}
