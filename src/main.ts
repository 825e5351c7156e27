import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { closeUnaskedInspector, listenToSignals } from "./process/signals.ts";
import type { ReachPoint } from "./steps/ports/clock.ts";

/**
 * Runs the worker until SIGTERM, SIGINT or SIGHUP. Exit codes: 0 stopped as asked, 78 the configuration is wrong
 * (every problem is on standard error), 1 a bug.
 */
export async function main(options: { readonly reach?: ReachPoint } = {}): Promise<void> {
  const signals = listenToSignals();
  // Loaded after that: reading a thousand files takes long enough for a signal.
  const { run } = await import("./process/run.ts");
  closeUnaskedInspector();
  await run(signals, options);
}

// By its real path: a release may be started through a link.
const started = process.argv[1] === undefined ? undefined : realpathOf(process.argv[1]);
if (started !== undefined && import.meta.url === pathToFileURL(started).href) {
  await main();
}

function realpathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Not the path of a file: a test that imports this one, started by a program without a file.
    return path;
  }
}
