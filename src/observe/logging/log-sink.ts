/** Where lines go. Nothing here blocks, throws or rejects. */
export interface LogSink {
  /** Calls back once: with null when the line is written, with the error when it is lost. */
  write(line: string, done: (error: Error | null) => void): void;
}
