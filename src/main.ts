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

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main();
}
