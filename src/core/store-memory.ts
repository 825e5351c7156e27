import type { ProjectId, ServerId } from "../contract/ids.ts";
import type { EpochCause } from "../contract/labels.ts";

/** The lock of a server whose command ended `unresolved`. */
interface UnresolvedLock {
  /** The command, as the lock says it. */
  readonly owner: string;
  readonly token: number;
  /** Epoch ms by the store's clock. */
  readonly sinceMs: number;
}

/** Of a memory of the store: what a worker keeps of it, in case the store forgets. */
export interface RememberedMemory {
  /** Stays until the store is emptied. */
  readonly origin: string;
  /** Of the server process that answered. */
  readonly run: string;
  readonly unresolved: ReadonlyMap<ServerId, UnresolvedLock>;
  /** Owners of the locks of other services, by server, as far as a command of ours has met them. */
  readonly others: ReadonlyMap<ServerId, string>;
  /** Commands whose final event was not confirmed. */
  readonly commands: number;
}

/** The store's memory of one project, as it was seen. */
export interface MemorySeen extends RememberedMemory {
  /** Null: no step has asked it anything since it was emptied. `fresh`: the internal queues were new with it. */
  readonly epoch: { readonly sinceMs: number; readonly fresh: boolean } | null;
  /** It gives new locks. */
  readonly open: boolean;
}

/** The store's memory of a project is not the one before, or it is seen for the first time. */
export interface MemoryChange {
  readonly project: ProjectId;
  readonly cause: EpochCause;
  /** As it was seen last; null: this worker had not seen it before. */
  readonly before: MemorySeen | null;
  readonly now: MemorySeen;
  /** Locks of unresolved servers that this worker has put back: their owners, by server. */
  readonly putBack: ReadonlyMap<ServerId, string>;
}

/** What became of a memory that this worker knew. Null: it is the same. */
export function changeOf(
  before: RememberedMemory,
  now: Pick<MemorySeen, "origin" | "run">,
): Exclude<EpochCause, "first"> | null {
  if (before.origin !== now.origin) return "emptied";
  return before.run === now.run ? null : "restarted";
}

/** What a worker knows that has just started, and remembers no earlier memory. */
export interface Newcomer {
  /** Did the internal queues exist before this worker? Null: the broker has not been asked yet. */
  readonly queuesExisted: boolean | null;
  /** How often it has looked, this look included. */
  readonly looks: number;
}

/**
 * What the first memories are that a worker sees, one for each of its projects: nobody remembers an earlier one. A store
 * that has nothing, or has just begun, was emptied where the internal queues are older than it: commands may be in them.
 * Unless the store knows another project longer: then this one is new. Null: that cannot be said yet.
 */
export function firstSeen(
  now: MemorySeen,
  others: readonly MemorySeen[],
  { queuesExisted, looks }: Newcomer,
): Exclude<EpochCause, "restarted"> | null {
  if (!isNew(now) || others.some((one) => !isNew(one))) return "first";
  if (queuesExisted === null) return null;
  if (!queuesExisted) return "first";
  // Another worker may be about to open it: that one has created the queues.
  return looks > 1 ? "emptied" : null;
}

function isNew({ epoch, open }: MemorySeen): boolean {
  return epoch === null || (!open && !epoch.fresh);
}
