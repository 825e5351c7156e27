import type { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import { keysOf } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { openEpochScript } from "./scripts/memory/open-epoch.ts";

/** Only a memory that began this recently may be opened at once. */
const RECENT_MS = 60_000;
const RETRY_MS = 500;

/**
 * A first installation need not wait: this worker has just created the internal queues, so nothing can be
 * in flight (design §6). Keeps trying until the store answers or the signal is aborted.
 */
export async function openFirstEpoch(
  scripts: ScriptRunner,
  projects: readonly ProjectId[],
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (const project of projects) {
    for (;;) {
      const answer = await scripts.run(
        openEpochScript,
        { epoch: keysOf(project).epoch },
        { candidate: clock.nonce(), recentMs: RECENT_MS },
      );
      if (answer.kind === "saved" || signal.aborted) break;
      await clock.sleep(RETRY_MS, signal);
    }
  }
}
