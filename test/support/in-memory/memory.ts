import type { CancelRequest } from "../../../src/core/endings.ts";
import type { SwitchEntry } from "../../../src/contract/brakes.ts";
import type { PastReinstall } from "./brakes/history.ts";
import type { StormRecord } from "./brakes/storm.ts";
import type { CallBucket } from "../../../src/core/calls/call-bucket.ts";
import { type LearnedRate, NOTHING_LEARNED } from "../../../src/core/calls/call-rate.ts";
import type { CommandId, ProjectId } from "../../../src/contract/ids.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { MadeList } from "../../../src/steps/ports/server-lists.ts";
import type { ListRound } from "./script-list.ts";
import type { NotedEntry } from "./script-operator.ts";

/** One command as the store knows it; the fields of the Redis hash `cmd:<id>`. */
export interface CommandRecord {
  readonly content: string;
  readonly wish: string;
  readonly server: string;
  readonly order: string;
  readonly step: number;
  readonly attempt: number;
  readonly phase: string;
  readonly created: number;
  readonly updated: number;
  readonly seq: number;
  readonly claim: string;
  readonly claimBase: number;
  readonly claimAt?: number;
  /** Of the claim of step 0. */
  readonly claimEpoch?: string;
  /** It may have been taken in a memory that is lost. */
  readonly doubt?: boolean;
  readonly attemptClaim?: string;
  readonly outbox?: string;
  /** Notes of its steps, by their place; the first and the last are kept. */
  readonly notes?: { readonly count: number; readonly kept: Readonly<Record<number, string>> };
  /** Put back from the message of this step, because there was no record, or an older one. */
  readonly restored?: { readonly step: number; readonly how: "absent" | "behind" };
  /** The epoch in which it was put back from nothing. */
  readonly rebuilt?: string;
  readonly resume?: string;
  readonly outcome?: string;
  readonly final?: string;
  /** Number of the final event. */
  readonly finalSeq?: number;
  /** Outcomes of other messages that were refused under this id, by the hash of their bytes. */
  readonly refused?: Readonly<Record<string, string>>;
  readonly told?: boolean;
  /** `data` of the `settled` event. */
  readonly settled?: string;
  readonly job?: string;
  /** Who has asked for its end, and why. */
  readonly cancel?: CancelRequest;
  /** The command that it found in its way first, where its order says to wait. */
  readonly behind?: string;
  readonly intent?: {
    readonly attempt: number;
    readonly signedAtMs: number | null;
    readonly disk: string;
    readonly claim: string;
    readonly at: number;
  };
}

export interface LockRecord {
  readonly owner: string;
  readonly token: number;
  readonly since: number;
  readonly phase: string;
  /** Of another service; absent: `reinstall`. */
  readonly operation?: string;
}

interface Epoch {
  readonly id: string;
  readonly run: string;
  readonly since: number;
  readonly openAt: number;
  /** Opened at once by who has created the internal queues. */
  readonly fresh?: boolean;
}

/** `is_young` of `prelude.lua`. */
export function isYoung({ epoch }: ProjectMemory, nowMs: number): boolean {
  return epoch === null || nowMs < epoch.openAt;
}

/** Everything of one project. Values are replaced, never changed, so that a shallow copy is a snapshot. */
export class ProjectMemory {
  records = new Map<string, CommandRecord>();
  /** What was refused for projects that are not ours, by project and id. */
  strays = new Map<string, CommandRecord>();
  locks = new Map<string, LockRecord>();
  active = new Map<string, number>();
  last = new Map<string, number>();
  /** The last commands that ended, by when. */
  ended = new Map<string, number>();
  storm: StormRecord = { ends: [] };
  /** Of each server, by command and attempt. */
  history = new Map<string, ReadonlyMap<string, PastReinstall>>();
  /** Of each server: as it is stored. */
  debts = new Map<string, string>();
  /** Sorted sets of command ids: see line.lua. */
  slots = new Map<string, number>();
  groupSlots = new Map<string, Map<string, number>>();
  waiters = new Map<string, Map<string, number>>();
  line = new Map<string, number>();
  groupLines = new Map<string, Map<string, number>>();
  lineUntil = new Map<string, number>();
  /** Every command that waits, by first arrival. */
  waiting = new Map<string, number>();
  /** Servers by when they were last asked for, since a storm of asks was last over or lifted (`asks.lua`). */
  asks: { readonly after: number; readonly servers: ReadonlyMap<string, number> } = {
    after: 0,
    servers: new Map(),
  };
  /** Of each source, by the hash of its name: its commands that started, by when (`starts.lua`). */
  sourceStarts = new Map<string, ReadonlyMap<string, number>>();
  /** The same of each sender. */
  senderStarts = new Map<string, ReadonlyMap<string, number>>();
  /** How many slots were taken from commands that had ended or were gone. */
  dropped = 0;
  /** Calls to the cloud; what was learned of its quota. */
  calls: CallBucket | null = null;
  learned: LearnedRate = NOTHING_LEARNED;
  /** How long the last jobs took that succeeded, by their kind, the latest first. */
  durations = new Map<string, readonly number[]>();
  /** Polls that may share one list of servers, and the youngest list. */
  listRound: ListRound | undefined;
  list: (MadeList & { readonly atMs: number }) | null = null;
  token = 0;
  epoch: Epoch | null = null;
  /** Of the epoch's hash: stays until the store is emptied. */
  origin: string | null = null;
  /** By scope. */
  pauses: ReadonlyMap<string, SwitchEntry> = new Map();
  /** What people did by hand, the oldest first; up to which number that is published; and who publishes it. */
  audit: readonly NotedEntry[] = [];
  auditPublished = 0;
  auditLease: { readonly name: string; readonly untilMs: number } | null = null;
  sweeperUntilMs = 0;
  /** How many of those that stand still were looked at. */
  sweptTo = 0;
  /** Keys that hold something foreign: `cmd:<id>`, `lock:<server>`, `epoch`. */
  foreign = new Set<string>();

  copy(): ProjectMemory {
    const copy = new ProjectMemory();
    copy.records = new Map(this.records);
    copy.strays = new Map(this.strays);
    copy.locks = new Map(this.locks);
    copy.active = new Map(this.active);
    copy.last = new Map(this.last);
    copy.ended = new Map(this.ended);
    copy.storm = this.storm;
    copy.history = new Map(this.history);
    copy.debts = new Map(this.debts);
    copy.slots = new Map(this.slots);
    copy.groupSlots = copiesOf(this.groupSlots);
    copy.waiters = copiesOf(this.waiters);
    copy.line = new Map(this.line);
    copy.groupLines = copiesOf(this.groupLines);
    copy.lineUntil = new Map(this.lineUntil);
    copy.waiting = new Map(this.waiting);
    copy.asks = this.asks;
    copy.sourceStarts = new Map(this.sourceStarts);
    copy.senderStarts = new Map(this.senderStarts);
    copy.dropped = this.dropped;
    copy.calls = this.calls;
    copy.learned = this.learned;
    copy.durations = new Map(this.durations);
    copy.token = this.token;
    copy.epoch = this.epoch;
    copy.origin = this.origin;
    copy.pauses = this.pauses;
    copy.audit = this.audit;
    copy.auditPublished = this.auditPublished;
    copy.auditLease = this.auditLease;
    copy.sweeperUntilMs = this.sweeperUntilMs;
    copy.sweptTo = this.sweptTo;
    copy.foreign = new Set(this.foreign);
    return copy;
  }
}

function copiesOf(sets: ReadonlyMap<string, ReadonlyMap<string, number>>) {
  return new Map([...sets].map(([name, set]) => [name, new Map(set)]));
}

export interface MemoryOptions {
  readonly nowMs: () => number;
  /** How far back `forgetSince` can go; 0: nothing is kept. */
  readonly historyMs?: number;
  /** Told of every text that is kept. */
  readonly onKept?: (text: string) => void;
  /** Told of every intent that is recorded, and when by the store's clock. */
  readonly onIntent?: (order: Order, atMs: number) => void;
  /** Told when a command's intent is over: proven not carried out, or the command has its final event. */
  readonly onIntentOver?: (command: CommandId) => void;
  /** Told when a command has taken over what another one owed its server. */
  readonly onDebtTaken?: (order: Order) => void;
}

/** What Redis holds: the state behind the in-memory store, evidence and stranded commands. */
export class StoreMemory {
  readonly nowMs: () => number;
  readonly onKept: (text: string) => void;
  readonly onIntent: NonNullable<MemoryOptions["onIntent"]>;
  readonly onIntentOver: NonNullable<MemoryOptions["onIntentOver"]>;
  readonly onDebtTaken: NonNullable<MemoryOptions["onDebtTaken"]>;
  projects = new Map<ProjectId, ProjectMemory>();
  evidence = new Map<string, number>();
  #run = 1;
  #madeUp = 0;
  readonly #historyMs: number;
  #history: {
    atMs: number;
    projects: StoreMemory["projects"];
    evidence: StoreMemory["evidence"];
  }[] = [];

  constructor({
    nowMs,
    historyMs = 0,
    onKept = () => {},
    onIntent = () => {},
    onIntentOver = () => {},
    onDebtTaken = () => {},
  }: MemoryOptions) {
    this.nowMs = nowMs;
    this.onKept = onKept;
    this.onIntent = onIntent;
    this.onIntentOver = onIntentOver;
    this.onDebtTaken = onDebtTaken;
    this.#historyMs = historyMs;
  }

  get run(): string {
    return `run-${this.#run}`;
  }

  of(project: ProjectId): ProjectMemory {
    let memory = this.projects.get(project);
    if (memory === undefined) {
      memory = new ProjectMemory();
      this.projects.set(project, memory);
    }
    return memory;
  }

  /** Called before each change: what `forgetSince` goes back to. */
  remember(): void {
    if (this.#historyMs === 0) return;
    const now = this.nowMs();
    this.#history.push({ atMs: now, ...this.#copy() });
    while ((this.#history[1]?.atMs ?? now) < now - this.#historyMs) this.#history.shift();
  }

  /** FLUSHALL: the process lives on. */
  /** A name that nobody has given. */
  madeUp(): string {
    this.#madeUp += 1;
    return `made-up-${this.#madeUp}`;
  }

  flushAll(): void {
    this.#history = [];
    this.projects = new Map();
    this.evidence = new Map();
  }

  /** A restart, or a failover, with everything there. */
  restart(): void {
    this.#run += 1;
    this.#history = [];
  }

  /** A restart or failover that lost what was written since. */
  forgetSince(ms: number): void {
    const kept = this.#history.find(({ atMs }) => atMs >= ms);
    if (kept !== undefined) {
      this.projects = kept.projects;
      this.evidence = kept.evidence;
    }
    this.restart();
  }

  #copy() {
    return {
      projects: new Map([...this.projects].map(([id, memory]) => [id, memory.copy()])),
      evidence: new Map(this.evidence),
    };
  }
}
