/** A command as the store knows it. Holds nothing of the command's body. */
export interface CommandStatus {
  readonly commandId: string;
  readonly projectId: string;
  readonly serverId: string | null;
  readonly phase: string;
  readonly sequence: number;
  readonly updatedAtMs: number;
  /** The final event's name; null while the command is open. */
  readonly outcome: string | null;
  readonly jobId: string | null;
  /** As it was published, word for word; null while the command is open. */
  readonly finalEvent: unknown;
}

/** What holds a server (contract §4). */
interface ServerLock {
  readonly owner: string;
  /** Fencing number. */
  readonly token: number;
  readonly operation: string;
  /** Null: another service has not said it, or nobody can read it. */
  readonly sinceMs: number | null;
  readonly phase: string;
}

/** What holds a server and what waits for it; nothing of ours may hold it (`lock` null). */
export interface ServerStatus {
  readonly lock: ServerLock | null;
  /** Commands that wait for the server, in the order in which they get it. */
  readonly waiting: readonly { readonly commandId: string; readonly sinceMs: number }[];
}
