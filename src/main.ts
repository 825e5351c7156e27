import { pathToFileURL } from "node:url";
import { createApp } from "./app.ts";
import { loadConfig } from "./config/load.ts";
import { formatProblems } from "./config/problem.ts";
import type { ReachPoint } from "./steps/ports/clock.ts";

/** sysexits.h EX_CONFIG: the configuration is wrong, a restart will not help. */
const EXIT_CONFIG = 78;
const EXIT_FAILURE = 1;

/**
 * Runs the worker until SIGTERM or SIGINT. Exit codes: 0 stopped as asked, 78 the configuration is wrong
 * (every problem is on standard error), 1 a bug.
 */
export async function main(options: { readonly reach?: ReachPoint } = {}): Promise<void> {
  const loaded = loadConfig();
  if (loaded.kind === "invalid") {
    process.stderr.write(`${formatProblems(loaded.problems)}\n`);
    process.exit(EXIT_CONFIG);
  }
  const app = createApp(loaded.config, options);
  const { logger } = app;

  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    // A second signal changes nothing: the grace time is the limit.
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, "signal received");
    const overdue = setTimeout(() => {
      logger.error("the grace time is over; what was in hand is carried on by another worker");
      process.exit(0);
    }, loaded.config.shutdown.graceMs);
    overdue.unref();
    app.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.fatal({ err: error }, "stopping failed");
        process.exit(EXIT_FAILURE);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // A bug ends the process loudly: half a worker without consumers is worse than none.
  process.on("uncaughtException", (error) => {
    logger.fatal({ err: error }, "uncaught exception");
    process.exit(EXIT_FAILURE);
  });
  process.on("unhandledRejection", (reason) => {
    logger.fatal({ err: reason }, "unhandled rejection");
    process.exit(EXIT_FAILURE);
  });

  app.fatal.catch((error: unknown) => {
    logger.fatal({ err: error }, "the worker must not run like this");
    process.exit(EXIT_CONFIG);
  });
  try {
    await app.start();
  } catch (error) {
    logger.fatal({ err: error }, "the worker cannot start");
    process.exit(EXIT_FAILURE);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main();
}
