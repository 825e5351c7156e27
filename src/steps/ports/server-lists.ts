import type { ProjectId, ServerId } from "../../contract/ids.ts";
import type { ListedServer } from "../../core/calls/listed-server.ts";
import type { ListEnd, RoundAnswer } from "../../core/calls/list-round.ts";

/** Servers of one project as a list showed them. */
export type ListedServers = ReadonlyMap<ServerId, ListedServer>;

/**
 * Lists of a project's servers, each made by one poll for all that are due with it, of all replicas (core/calls/list-round.ts).
 * Nothing but the instant of a poll rests on them.
 */
export interface ServerLists {
  /** What a poll that is due now is to do. While the store is away: ask for its job. */
  take(project: ProjectId): Promise<RoundAnswer>;
  /** The list that was begun then; null: it is not there (any more). */
  listed(project: ProjectId, atMs: number): Promise<ListedServers | null>;
  /** The list that was begun then is made. May be repeated. */
  made(project: ProjectId, begunMs: number, list: MadeList): Promise<void>;
  /** It was not made; `why`: for people. */
  unmade(project: ProjectId, begunMs: number, end: UnmadeList): Promise<void>;
}

export interface MadeList {
  readonly pages: number;
  readonly servers: ListedServers;
}

export type UnmadeList = Exclude<ListEnd, { kind: "listed" }> & { readonly why: string };
