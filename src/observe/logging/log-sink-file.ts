import { constants, openSync, writeSync } from "node:fs";
import type { LogSink } from "./log-sink.ts";

interface Waiting {
  rest: Buffer;
  readonly done: (error: Error | null) => void;
}

/** A terminal that was stopped is asked again this often. */
const ASK_AGAIN_MS = 100;

/**
 * A file, or what looks like one (`/dev/null`, `/dev/full`): written before the call returns. A terminal is opened once more,
 * so that it does not block: the mode of the descriptor we were given belongs to everybody who shares it.
 */
export function createFileSink(given: number, isTerminal: boolean): LogSink {
  const fd = isTerminal ? openedAgain(given) : given;
  const queue: Waiting[] = [];
  let again: NodeJS.Timeout | undefined;

  function writeOn(): void {
    again = undefined;
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const outcome = writeSome(fd, first.rest);
      if (outcome === "full") {
        again = setTimeout(writeOn, ASK_AGAIN_MS);
        return;
      }
      if (typeof outcome === "number") first.rest = first.rest.subarray(outcome);
      if (typeof outcome === "number" && first.rest.length > 0) continue;
      queue.shift();
      first.done(outcome instanceof Error ? outcome : null);
    }
  }

  return {
    write(line, done) {
      queue.push({ rest: Buffer.from(line), done });
      // Whoever is writing already, or waits, takes this one too.
      if (queue.length === 1 && again === undefined) writeOn();
    },
  };
}

function writeSome(fd: number, bytes: Buffer): number | "full" | Error {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "full";
    return error instanceof Error ? error : new Error(String(error));
  }
}

function openedAgain(fd: number): number {
  try {
    const flags = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK;
    return openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    // Not Linux, or not allowed: as it was given.
    return fd;
  }
}
