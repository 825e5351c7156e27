import { EXIT_FAILURE } from "../process/exit-codes.ts";

/** Ends the program with one line for a person (none when it is empty) and an exit code. */
export class CliFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_FAILURE) {
    super(message);
    this.exitCode = exitCode;
  }
}
