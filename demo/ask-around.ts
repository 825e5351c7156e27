import type { Chronicle } from "./chronicle.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** No event for this long: time to ask. */
const QUIET_MS = 900;
const LOOKING = "no answer: wants proof";

/**
 * Reads every worker's metrics, and asks for the phase of commands that tell nothing for a while: while a doubtful
 * request is being cleared up there is no event to tell.
 */
export async function askAround(
  chronicle: Chronicle,
  workers: readonly WorkerProcess[],
  nowMs: number,
  onNews: (commandId: string, state: string) => void,
): Promise<void> {
  const alive = workers.filter(({ ending }) => ending === undefined);
  await Promise.all(alive.map((worker) => worker.scrape()));
  for (const { scene, endedMs, lastEventMs } of chronicle.accounts()) {
    if (endedMs !== null || lastEventMs === null || nowMs - lastEventMs < QUIET_MS) continue;
    const phase = await alive[0]?.phaseOf(scene.commandId);
    if (phase === "reconcile" && chronicle.noted(scene.commandId, LOOKING)) {
      onNews(scene.commandId, LOOKING);
    }
  }
}
