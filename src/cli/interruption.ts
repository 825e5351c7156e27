import { SIGNAL_EXIT_CODES } from "../process/exit-codes.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";

/**
 * Runs `work` until it ends, or until a signal says to end: then it fails at once with what `words` say of how far the
 * work has come, and the exit code of that signal.
 */
export async function untilInterrupted<T>(
  io: Pick<CliIo, "onSignal">,
  words: () => string,
  work: () => Promise<T>,
): Promise<T> {
  let stopListening: () => void = () => undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    stopListening = io.onSignal((signal) => {
      reject(new CliFailure(words(), SIGNAL_EXIT_CODES[signal]));
    });
  });
  try {
    return await Promise.race([work(), interrupted]);
  } finally {
    stopListening();
  }
}
