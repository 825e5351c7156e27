import type { Config } from "../config/assemble.ts";
import type { Environment } from "../config/sources.ts";
import type { BrokerSession } from "./broker-session.ts";
import type { EndingSignal } from "../process/exit-codes.ts";
import type { Terminal } from "./live-line.ts";
import type { StoreSession } from "./store-session.ts";

/** What the commands touch of the outside world; tests bring their own. */
export interface CliIo {
  readonly env: Environment;
  /** How a person calls this program, for hints. */
  readonly program: string;
  out(text: string): void;
  err(text: string): void;
  /** Standard output, where it is a terminal. */
  readonly terminal?: Terminal | undefined;
  openBroker(amqp: Config["amqp"]): Promise<BrokerSession>;
  openStore(env: Environment): Promise<StoreSession>;
  fetch(
    url: string,
    init: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
  ): Promise<Response>;
  /** Asks a person at a terminal; absent: there is none. */
  ask?(question: string): Promise<string>;
  /** Listens for signals that would end the program, until the function that is returned is called. */
  onSignal(listener: (signal: EndingSignal) => void): () => void;
}
