import { createApp } from "../app.ts";
import { loadConfig } from "../config/load.ts";
import { formatProblems } from "../config/problem.ts";
import { createLogOutput } from "../observe/logging/log-output.ts";
import { EXIT_CONFIG, EXIT_FAILURE, EXIT_OK } from "./exit-codes.ts";
import { isUntested, OLDEST_NODE } from "./node-version.ts";
import type { ProcessSignals } from "./signals.ts";
import type { ReachPoint } from "../steps/ports/clock.ts";

/** For the last lines, where the reader is behind; within the grace time. */
const LAST_LINES_MS = 5_000;
/** The same after a bug: half a worker is worse than a line that is missing. */
const LAST_WORDS_MS = 500;

/** The worker as a process: configuration, signals, exit codes. */
export async function run(
  signals: ProcessSignals,
  options: { readonly reach?: ReachPoint },
): Promise<void> {
  const loaded = loadConfig();
  if (loaded.kind === "invalid") {
    const stderr = createLogOutput({ fd: 2 });
    stderr.write(`${formatProblems(loaded.problems)}\n`);
    await stderr.flush(LAST_WORDS_MS);
    process.exit(EXIT_CONFIG);
  }
  const app = createApp(loaded.config, options);
  const { logger } = app;
  if (isUntested(process.versions.node)) {
    logger.warn(
      { node: process.versions.node, oldest: OLDEST_NODE },
      "the worker is not tested on this version of Node.js: take a newer one",
    );
  }
  const exitAfterFlush = async (limitMs: number, exitCode: number) => {
    await app.flushLog(limitMs);
    process.exit(exitCode);
  };
  const fail = (error: unknown, message: string, exitCode = EXIT_FAILURE) => {
    logger.fatal({ err: error }, message);
    void exitAfterFlush(LAST_WORDS_MS, exitCode);
  };

  const stopInOrder = async () => {
    await app.stop();
    await app.flushLog(LAST_LINES_MS);
  };

  signals.onStop((signal) => {
    logger.info({ signal }, "signal received");
    const overdue = setTimeout(() => {
      logger.error("the grace time is over; what was in hand is carried on by another worker");
      process.exit(EXIT_OK);
    }, loaded.config.shutdown.graceMs);
    overdue.unref();
    stopInOrder().then(
      () => process.exit(EXIT_OK),
      (error: unknown) => fail(error, "stopping failed"),
    );
  });
  signals.onIgnored((signal) => logger.warn({ signal }, "signal ignored"));
  // A bug ends the process loudly: half a worker without consumers is worse than none.
  process.on("uncaughtException", (error) => fail(error, "uncaught exception"));
  process.on("unhandledRejection", (reason) => fail(reason, "unhandled rejection"));
  // Node prints them to standard error, and waits for its reader.
  process.removeAllListeners("warning");
  process.on("warning", (warning) => logger.warn({ err: warning }, "node warns"));

  app.fatal.catch((error: unknown) =>
    fail(error, "the worker must not run like this", EXIT_CONFIG),
  );
  try {
    await app.start();
  } catch (error) {
    fail(error, "the worker cannot start");
  }
}
