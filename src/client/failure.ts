import type { Problem } from "../contract/command.ts";

/**
 * - `invalid-command`: nothing was sent; `problems` names each field and rule.
 * - `unroutable`: no queue takes commands: no worker has ever started here.
 * - `refused`: the broker did not take it (a full queue, a right that is missing): send it again later, under its id.
 * - `connection-lost`: the caller's own connection ended. Whether the command was queued is not known: send it again
 *   under its id, which is sending it once.
 * - `events-lost`: the client's queue was gone after a broken connection, so the final event may have been missed. Ask
 *   `/v1/commands/<id>` of a worker.
 * - `unknown-id`: this client has not sent it, and was not told its server.
 * - `closed`: `close` was called.
 */
export type ClientFailureCode =
  | "invalid-command"
  | "unroutable"
  | "refused"
  | "connection-lost"
  | "events-lost"
  | "unknown-id"
  | "closed";

/** Why the client could not do what it was asked. */
export class ReinstallClientError extends Error {
  readonly code: ClientFailureCode;
  /** Of `invalid-command`. */
  readonly problems: readonly Problem[];

  constructor(
    code: ClientFailureCode,
    message: string,
    more: { readonly cause?: unknown; readonly problems?: readonly Problem[] } = {},
  ) {
    super(message, "cause" in more ? { cause: more.cause } : {});
    this.name = "ReinstallClientError";
    this.code = code;
    this.problems = more.problems ?? [];
  }
}
