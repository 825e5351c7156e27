import { EXIT_FAILURE } from "../process/exit-codes.ts";
import { type Terminal, terminalOf } from "./live-line.ts";

/** 128 + SIGPIPE: what a shell reports of a program whose reader has gone. */
const EXIT_READER_GONE = 141;
const LONGEST_QUOTE = 300;

/** Writes for people and scripts. A reader that has read enough (`| head -1`) ends the program quietly. */
export function createStandardStreams(): {
  out(text: string): void;
  err(text: string): void;
  readonly terminal: Terminal | undefined;
} {
  let last = "";
  let listening = false;

  function listen(): void {
    listening = true;
    process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "EPIPE") process.exit(EXIT_READER_GONE);
      // It may be the id of a command that is queued by now: whoever does not get it would send another one.
      const lost = last.split("\n", 1)[0]?.slice(0, LONGEST_QUOTE);
      process.stderr.write(`error: standard output cannot be written (${code}): ${lost}\n`, () =>
        process.exit(EXIT_FAILURE),
      );
    });
    // Nobody is left who could read it; the exit code still says how it went.
    process.stderr.on("error", () => undefined);
  }

  return {
    out(text) {
      if (!listening) listen();
      last = text;
      process.stdout.write(text);
    },
    terminal: terminalOf(process.stdout, process.env["TERM"]),
    err(text) {
      if (!listening) listen();
      process.stderr.write(text);
    },
  };
}
