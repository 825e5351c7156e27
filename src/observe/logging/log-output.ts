import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { createFileSink } from "./log-sink-file.ts";
import { createPipeSink } from "./log-sink-pipe.ts";
import type { LogSink } from "./log-sink.ts";

/** Which file descriptor is written to, how much may wait, and who hears of lost lines. */
export interface LogOutputOptions {
  /** 1 or 2; stays open whatever happens to it. */
  readonly fd: number;
  /** Characters that may wait for the reader; a line that would make it more is lost. */
  readonly maxWaiting?: number;
  /** A line is lost. */
  readonly onLost?: () => void;
  /** This many lines were lost, and lines are written again. */
  readonly onRecovered?: (lost: number) => void;
}

/** The output of a logger that never blocks the process (the reader may stand still, the disk be full, the pipe closed). */
export interface LogOutput {
  /** One line. Written before the call returns where the reader keeps up, so that the last words of a crash are there. */
  write(line: string): void;
  /** Resolves when nothing waits any more, or after `limitMs`. */
  flush(limitMs: number): Promise<void>;
}

/** Some ten thousand lines: minutes of a stuck log driver, and no danger to the memory limit of a small pod. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;

/** Writes lines without ever blocking; beyond the limit new ones are dropped and counted. */
export function createLogOutput({
  fd,
  maxWaiting = MAX_WAITING_CHARS,
  onLost = () => {},
  onRecovered = () => {},
}: LogOutputOptions): LogOutput {
  const sink = sinkFor(fd);
  let waiting = 0;
  let unreported = 0;
  let whenEmpty: (() => void)[] = [];

  function lose(): void {
    unreported += 1;
    onLost();
  }

  function ended(chars: number, error: Error | null): void {
    waiting -= chars;
    if (error !== null) lose();
    if (error === null && unreported > 0 && waiting <= maxWaiting / 2) {
      const count = unreported;
      unreported = 0;
      onRecovered(count);
    }
    if (waiting > 0) return;
    for (const resolve of whenEmpty) resolve();
    whenEmpty = [];
  }

  return {
    write(line) {
      if (waiting > 0 && waiting + line.length > maxWaiting) return lose();
      waiting += line.length;
      sink.write(line, (error) => ended(line.length, error));
    },
    flush(limitMs) {
      if (waiting === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const late = setTimeout(resolve, limitMs);
        whenEmpty.push(() => {
          clearTimeout(late);
          resolve();
        });
      });
    },
  };
}

function sinkFor(fd: number): LogSink {
  const stat = fstatSync(fd);
  // A pipe or socket is waited for by the event loop; a file is never waited for, a terminal can be stopped (ctrl-S).
  return stat.isFIFO() || stat.isSocket() ? createPipeSink(fd) : createFileSink(fd, isatty(fd));
}
