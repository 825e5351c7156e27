import type { ProjectId, ServerId } from "../../contract/ids.ts";
import { sha256 } from "../../core/identity.ts";

/** All keys of one project share a hash tag: one script sees them all, on Redis Cluster too (design §6). */
export function keysOf(project: ProjectId) {
  const prefix = `ecs:{${project}}:`;
  return {
    /** Script side: the record of a command that is known by id only. */
    commandPrefix: `${prefix}cmd:`,
    /** Of a command id, or of whatever a lock says its owner is. */
    command: (id: string) => `${prefix}cmd:${id}`,
    /** What was refused under an id for a project that is not ours; `-`: for none. */
    stray: (of: string, id: string) => `${prefix}stray:${of}:${id}`,
    /** Public: other services honour and take it (contract §4). */
    lock: (server: ServerId) => `${prefix}lock:${server}`,
    lockPrefix: `${prefix}lock:`,
    /** Servers that are locked, by when: for the gauges (prelude.lua). */
    locks: `${prefix}locks`,
    /** Who waits for a server, by first arrival. */
    waiters: (server: ServerId) => `${prefix}waiters:${server}`,
    /** Commands in work, by when they got their slot: of the project, of a group. */
    slots: `${prefix}slots`,
    groupSlots: (group: string) => `${prefix}slots-of:${group}`,
    /** Who waits for a slot, by first arrival: of the project, of a group. */
    line: `${prefix}line`,
    groupLine: (group: string) => `${prefix}line-of:${group}`,
    /** Until when each who waits keeps its turn. */
    lineUntil: `${prefix}line-until`,
    /** Every command that waits, by first arrival. */
    waiting: `${prefix}waiting`,
    /** How many slots were taken from commands that had ended or were gone. */
    dropped: `${prefix}slots-dropped`,
    /** Calls to the cloud that may be made, and what was learned of its quota (calls.lua). */
    calls: `${prefix}calls`,
    /** How long the last jobs took that succeeded, by their kind (learn-duration.lua). */
    durations: `${prefix}durations`,
    /** Polls of jobs that may share one list of servers (list-round.lua), and the youngest list. */
    listRound: `${prefix}list-round`,
    list: `${prefix}list`,
    last: (server: ServerId) => `${prefix}last:${server}`,
    /** The project's last ends, and what a storm of failures is at (storm.lua). */
    storm: `${prefix}storm`,
    /** Servers by when they were last asked for (asks.lua). */
    asks: `${prefix}asks`,
    /** The server's last reinstalls (history.lua). */
    history: (server: ServerId) => `${prefix}history:${server}`,
    /** Commands of a source that started within an hour (starts.lua); a source is any text, and no part of a key. */
    sourceStarts: (source = "") => `${prefix}starts-of-source:${sha256(source)}`,
    /** The same of a broker user. */
    senderStarts: (sender = "") => `${prefix}starts-of-sender:${sha256(sender)}`,
    /** A start that a command owes the server and could not ask for, for its next owner (core/state/debt.ts). */
    debt: (server: ServerId) => `${prefix}debt:${server}`,
    token: `${prefix}token`,
    active: `${prefix}active`,
    /** The last commands that ended, by when (ended.lua). */
    ended: `${prefix}ended`,
    epoch: `${prefix}epoch`,
    /** Pauses by scope, lifted ones included. */
    pauses: `${prefix}pauses`,
    /** How versions before 0.2 pause a project. */
    paused: `${prefix}paused`,
    /** The newest entry of `pauses` that some worker has in its memory. */
    pausesSeen: `${prefix}pauses-seen`,
    /** What people did by hand, a list (audit.lua); up to which entry that is published; and who publishes it now. */
    audit: `${prefix}audit`,
    auditPublished: `${prefix}audit-published`,
    auditLease: `${prefix}audit-lease`,
    sweeper: `${prefix}sweeper`,
    /** How many of those that stand still were looked at: the next sweep goes on behind them. */
    sweptTo: `${prefix}swept-to`,
  };
}

type ProjectKeys = ReturnType<typeof keysOf>;
/** Keys of a project that are there once, by their name in {@link keysOf}. */
export type ProjectKey = {
  [Name in keyof ProjectKeys]: ProjectKeys[Name] extends string
    ? Name extends `${string}Prefix`
      ? never
      : Name
    : never;
}[keyof ProjectKeys];

/** What workers write at each of them; `counter`: a string of digits. Scripts declare the same of those that they use. */
export const KEY_TYPES = {
  epoch: "hash",
  pauses: "hash",
  paused: "string",
  pausesSeen: "counter",
  token: "counter",
  active: "zset",
  locks: "zset",
  slots: "zset",
  line: "zset",
  lineUntil: "hash",
  waiting: "zset",
  dropped: "counter",
  calls: "hash",
  durations: "hash",
  listRound: "hash",
  list: "string",
  storm: "hash",
  asks: "zset",
  ended: "zset",
  audit: "list",
  auditPublished: "counter",
  auditLease: "string",
  sweeper: "string",
  sweptTo: "counter",
} as const satisfies Record<ProjectKey, "hash" | "string" | "counter" | "zset" | "list">;

/** The projects that workers act on: a set, for whoever must reach all of them. */
export const PROJECTS_KEY = "ecs:projects";

/** What reinstalls taught about disks, for one region: counters by volume type. */
export function evidenceKey(region: string): string {
  return `ecs:evidence:${region}`;
}

/** Refusals in a row of an access key or a user, all replicas together; `name` is a hash, and the tag of both keys. */
export function refusalsKey(name: string): string {
  return `ecs:refusals:{${name}}`;
}
