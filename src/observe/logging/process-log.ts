import type { Metrics } from "../metrics/metrics.ts";
import { createLogOutput } from "./log-output.ts";
import { createLogger, type Logger, type LogLevel } from "./logger.ts";
import type { SecretSource } from "./scrub.ts";

/** The log, and its end. */
export interface ProcessLog {
  readonly logger: Logger;
  /** Resolves when every line is written, or after `limitMs`. */
  readonly flush: (limitMs: number) => Promise<void>;
}

/** The log of the process on standard output. It never blocks: what cannot be written is counted, and said afterwards. */
export function createProcessLog(
  options: { readonly level: LogLevel; readonly secrets: readonly SecretSource[] },
  metrics: Pick<Metrics, "logLineLost">,
): ProcessLog {
  const output = createLogOutput({
    fd: 1,
    onLost: () => metrics.logLineLost(),
    onRecovered: (lines) =>
      logger.warn({ lines }, "log lines were lost: nobody read them, or there was no room"),
  });
  const logger = createLogger({ ...options, destination: output });
  return { logger, flush: (limitMs) => output.flush(limitMs) };
}
