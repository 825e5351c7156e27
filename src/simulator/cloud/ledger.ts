/** What a simulator really did, in the order in which it did it. Instants are epoch milliseconds of its clock, unskewed. */
export type LedgerEntry =
  | ReinstallRequest
  | PowerRequest
  | ReinstallFinished
  | PowerFinished
  | OutsideChange;

export interface ReinstallRequest {
  readonly kind: "reinstall-request";
  /** When it was judged: carried out or refused. */
  readonly at: number;
  /** When its last byte had arrived. */
  readonly receivedAt: number;
  readonly serverId: string;
  readonly projectId: string;
  /** From `X-Sdk-Date`; null with token authentication or an unreadable date. */
  readonly signedAt: number | null;
  readonly executed: boolean;
  /** An error code, or `fault` when a fault kept it from being carried out. */
  readonly refusedWith: string | null;
  readonly jobId: string | null;
  readonly oldDiskId: string | null;
  /** The disk that the job is going to attach. */
  readonly newDiskId: string | null;
  readonly requestId: string;
  readonly bodySha256: string;
  /** Another operation was running on the server at that moment. */
  readonly overlapped: boolean;
}

interface PowerRequest {
  readonly kind: "stop-request" | "start-request";
  readonly at: number;
  readonly serverId: string;
  readonly type: "SOFT" | "HARD" | null;
  readonly executed: boolean;
  readonly refusedWith: string | null;
  readonly jobId: string | null;
  readonly requestId: string;
}

interface ReinstallFinished {
  readonly kind: "reinstall-finished";
  readonly at: number;
  readonly serverId: string;
  readonly jobId: string;
  readonly succeeded: boolean;
  readonly errorCode: string | null;
  /** The system disk right afterwards. */
  readonly diskId: string | null;
  /** Whether the server ran right afterwards. */
  readonly isOn: boolean;
}

interface PowerFinished {
  readonly kind: "stop-finished" | "start-finished";
  readonly at: number;
  readonly serverId: string;
  readonly jobId: string;
  readonly succeeded: boolean;
  /** Whether the server ran right afterwards: a start that succeeded may have left it off. */
  readonly isOn: boolean;
}

interface OutsideChange {
  readonly kind: "outside-change";
  readonly at: number;
  readonly serverId: string;
  readonly action: string;
  /** Whether the server ran right afterwards. */
  readonly isOn: boolean;
}

export interface ServerCounters {
  /** Reinstalls that came through the API and were carried out (started). */
  readonly reinstallsExecuted: number;
  readonly reinstallsRequested: number;
  readonly stopsExecuted: number;
  readonly startsExecuted: number;
  /** Starts and stops that came through the API and have ended well. */
  readonly startsSucceeded: number;
  readonly stopsSucceeded: number;
  /** Starts and stops by somebody else. */
  readonly outsideStarts: number;
  readonly outsideStops: number;
  /** Whether it runs, by the last entry that tells; null: none has told yet. */
  readonly isOn: boolean | null;
  /** Most operations that ever ran on the server at one time. */
  readonly maxConcurrent: number;
}

export interface Ledger {
  readonly entries: readonly LedgerEntry[];
  /** By server id; a server that nothing ever happened to is missing. */
  readonly servers: Readonly<Record<string, ServerCounters>>;
}

const NOTHING: ServerCounters = {
  reinstallsExecuted: 0,
  reinstallsRequested: 0,
  stopsExecuted: 0,
  startsExecuted: 0,
  startsSucceeded: 0,
  stopsSucceeded: 0,
  outsideStarts: 0,
  outsideStops: 0,
  isOn: null,
  maxConcurrent: 0,
};

export function createLedger() {
  const entries: LedgerEntry[] = [];
  const concurrency = new Map<string, number>();

  return {
    append(entry: LedgerEntry): void {
      entries.push(Object.freeze(entry));
    },

    /** Remembers how many operations run on a server right now. */
    noteConcurrency(serverId: string, running: number): void {
      concurrency.set(serverId, Math.max(running, concurrency.get(serverId) ?? 0));
    },

    /** A copy: later entries do not appear in it. */
    read(): Ledger {
      const servers: Record<string, ServerCounters> = {};
      for (const entry of entries) {
        servers[entry.serverId] = count(servers[entry.serverId] ?? NOTHING, entry);
      }
      for (const [id, maxConcurrent] of concurrency) {
        servers[id] = { ...(servers[id] ?? NOTHING), maxConcurrent };
      }
      return { entries: [...entries], servers };
    },

    clear(): void {
      entries.length = 0;
      concurrency.clear();
    },
  };
}

function count(seen: ServerCounters, entry: LedgerEntry): ServerCounters {
  if (!("executed" in entry)) return { ...seen, ...changeBy(seen, entry), isOn: entry.isOn };
  const executed = COUNTER_OF[entry.kind];
  const requested = entry.kind === "reinstall-request" ? 1 : 0;
  return {
    ...seen,
    reinstallsRequested: seen.reinstallsRequested + requested,
    [executed]: seen[executed] + (entry.executed ? 1 : 0),
  };
}

function changeBy(
  seen: ServerCounters,
  entry: ReinstallFinished | PowerFinished | OutsideChange,
): Partial<ServerCounters> {
  switch (entry.kind) {
    case "reinstall-finished":
      return {};
    case "start-finished":
      return { startsSucceeded: seen.startsSucceeded + (entry.succeeded ? 1 : 0) };
    case "stop-finished":
      return { stopsSucceeded: seen.stopsSucceeded + (entry.succeeded ? 1 : 0) };
    case "outside-change":
      return {
        outsideStarts: seen.outsideStarts + (entry.action === "start" ? 1 : 0),
        outsideStops: seen.outsideStops + (entry.action === "stop" ? 1 : 0),
      };
  }
}

const COUNTER_OF = {
  "reinstall-request": "reinstallsExecuted",
  "stop-request": "stopsExecuted",
  "start-request": "startsExecuted",
} as const;
