import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from "pino";
import { createScrubber, type SecretSource, withoutSecretFields } from "./scrub.ts";

/** The log as everybody uses it: fields first, then a constant message. */
export type Logger = PinoLogger;
/** The least level that is written. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** How much is logged, where to, and what must never be in it. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** Values that no line may hold, wherever in it. */
  readonly secrets?: readonly SecretSource[];
  /** Fields of every line, besides `service`. */
  readonly base?: Readonly<Record<string, string | number>>;
  /** Gets each finished line (src/observe/logging/log-output.ts). */
  readonly destination: DestinationStream;
}

/**
 * The logger of the process: one JSON object a line. Two nets keep secrets out (P6): fields are dropped by
 * their name, at any depth, and the finished line is searched for known values and for what looks like a
 * password in a URL, so that error messages and stacks are covered too.
 */
export function createLogger({
  level,
  secrets = [],
  base = {},
  destination,
}: LoggerOptions): Logger {
  const scrub = createScrubber(secrets);
  const clean = (fields: object) =>
    withoutSecretFields(fields, (error) => ({ ...stdSerializers.errWithCause(error) })) as Record<
      string,
      unknown
    >;
  return pino(
    {
      level,
      base: { service: "ecs-reinstall-worker", ...base },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: clean },
      // Errors are plain by then: pino's own would take the plain object for an error of type "Object".
      serializers: { err: (plain: unknown) => plain },
      hooks: { streamWrite: scrub },
    },
    destination,
  );
}
