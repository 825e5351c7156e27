import type { Config } from "../config/assemble.ts";
import type { Environment } from "../config/sources.ts";
import type { BrokerSession } from "./broker-session.ts";
import type { EndingSignal } from "./exit-signals.ts";
import type { StoreSession } from "./store-session.ts";

/** What the commands touch of the outside world; tests bring their own. */
export interface CliIo {
  readonly env: Environment;
  /** How a person calls this program, for hints. */
  readonly program: string;
  out(text: string): void;
  err(text: string): void;
  openBroker(amqp: Config["amqp"]): Promise<BrokerSession>;
  openStore(env: Environment): Promise<StoreSession>;
  fetch(url: string): Promise<Response>;
  /** Listens for signals that would end the program, until the function that is returned is called. */
  onSignal(listener: (signal: EndingSignal) => void): () => void;
}

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
/** EX_CONFIG of sysexits.h. */
export const EXIT_CONFIG = 78;

/** Ends the program with one line for a person (none when it is empty) and an exit code. */
export class CliFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_FAILURE) {
    super(message);
    this.exitCode = exitCode;
  }
}
