import { Socket } from "node:net";
import type { LogSink } from "./log-sink.ts";

/**
 * A pipe or a socket, which the event loop waits for. A write to a pipe by `fs` would block the process, or one of the
 * four threads that DNS and files need; here it is tried at once, and the rest follows when the reader has read.
 */
export function createPipeSink(fd: number): LogSink {
  const socket = new StandardStream({ fd, readable: false, writable: true });
  // Each line's own callback says it too; without a listener it would end the process.
  socket.on("error", () => undefined);
  return {
    write(line, done) {
      // Broken for good: its reader is gone (EPIPE).
      if (socket.destroyed) return done(new Error("standard output is closed"));
      socket.write(line, (error) => done(error ?? null));
    },
  };
}

/** Leaves its descriptor open: closed, the next connection would get the number 1, and whatever is printed. */
class StandardStream extends Socket {
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    callback(error);
  }
}
