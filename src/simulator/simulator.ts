import type { ImageRecord } from "./cloud/cloud-state.ts";
import type { Faults } from "./faults/faults.ts";
import type { RefusalCounts } from "./access/key-access.ts";
import type { Ledger } from "./cloud/ledger.ts";
import type { Operation } from "./requests/operation.ts";
import type { Credential } from "./options.ts";
import type { OutsideAction } from "./cloud/outside-actions.ts";
import type { Quota, QuotaCounts } from "./requests/quota.ts";
import type { ServerPatch, ServerSpec } from "./cloud/server-record.ts";

/** How often each operation was called, whatever became of the calls. */
export type CallCounts = Readonly<Record<Operation, number>>;

/** One simulated server, read live: every property tells the state at the moment of reading. */
export interface SimulatedServer {
  readonly id: string;
  readonly projectId: string;
  /** As a query would show it, e.g. `ACTIVE`. */
  readonly status: string;
  readonly vmState: string;
  readonly taskState: string | null;
  /** Whether it runs, whatever is being done to it. */
  readonly isOn: boolean;
  /** Id of the volume with boot index 0; null when there is none. */
  readonly systemDiskId: string | null;
  /** Jobs that run on it right now, whatever it shows. */
  readonly runningJobs: readonly string[];
  /** What somebody else does to it, at once and without asking whether it fits. */
  act(action: OutsideAction): void;
  /** Changes its properties and its behaviour. */
  patch(patch: ServerPatch): void;
}

/** A running simulator. Its methods are those of the admin API; durations and instants are in milliseconds. */
export interface Simulator {
  /** e.g. `http://127.0.0.1:41234`, without a slash at the end: ECS, IAM, IMS, EVS and `/_sim/` live there. */
  readonly url: string;
  readonly port: number;

  /** Throws `ZodError` on a bad spec, `RangeError` on an id that is taken. */
  addServer(spec?: ServerSpec): SimulatedServer;
  server(id: string): SimulatedServer | undefined;
  servers(): readonly SimulatedServer[];
  removeServer(id: string): void;

  readonly faults: Faults;

  /** What was really done, in order. */
  ledger(): Ledger;
  /** Calls since the start or the last reset; with a server id only those that concern it. */
  calls(serverId?: string): CallCounts;

  /** Limits calls from now on, with a new window and new counts; null: no limit. Throws `ZodError` on a bad quota. */
  setQuota(quota: Quota | null): void;
  /** The quota, and how many of the calls that it is about passed and were refused since it was set. */
  quota(): QuotaCounts & { readonly quota: Quota | null };

  /** Signatures that were refused, by reason; `date` is a clock that is wrong. */
  refusals(): RefusalCounts;

  /** Registers or changes an image; servers register theirs by themselves. */
  putImage(image: Partial<ImageRecord> & Pick<ImageRecord, "id">): void;
  removeImage(id: string): void;

  /** Adds an access key or replaces the one of that name. */
  putCredential(credential: Credential): void;
  removeCredential(accessKey: string): void;
  /** Lifts the lock that too many failures put on a key. */
  unlockCredential(accessKey: string): void;
  /** Kills every token that was given out. */
  revokeTokens(): void;

  /** How far the cloud's clock is ahead of the real one; running jobs are not touched by it. */
  setClockSkew(skewMs: number): void;

  /** Refuses connections, and ends those that are open, until `comeBack`: an API that is away. Its state stays. */
  goAway(): Promise<void>;
  /** Listens again on the same port. */
  comeBack(): Promise<void>;

  /** Back to the start: no servers, jobs, faults, ledger, tokens; the credentials and skew of the options. */
  reset(): void;
  /** Ends at once, open connections included. May be called twice. */
  close(): Promise<void>;
}

/** What needs no network: the admin API offers the same. */
export type InProcess = Omit<Simulator, "url" | "port" | "goAway" | "comeBack" | "close">;
