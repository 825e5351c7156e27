import type { Found } from "../../../contract/found.ts";
import { type ProjectId, ServerId } from "../../../contract/ids.ts";
import type {
  CommandDetail,
  CommandFilter,
  InWork,
  LockView,
  Overview,
} from "../../../contract/overview.ts";
import type { Page, PageAsked, PageMark } from "../../../contract/page.ts";
import type { RedisClient } from "../connection/client.ts";
import { readDetail } from "./command-record.ts";
import { endedCommands } from "./ended-commands.ts";
import { keysOf } from "../keys.ts";
import { readLock, readWaiters, scoredOf } from "./server-record.ts";

/** So many entries are read at once: about as many as a page has. */
const BATCH = { least: 25, most: 250 } as const;
/** So many are looked at for one page: a filter that fits nothing must not read everything at one go. */
const MOST_LOOKED_AT = 2_500;
/** So many commands in work are read of a project: more than a sensible cap. */
const MOST_IN_WORK = 200;

/** Lists of commands and of locks, by the indexes that the scripts keep: no SCAN. */
export function createOverview(redis: RedisClient, projects: readonly ProjectId[]): Overview {
  const ordered = [...projects].sort();

  async function listed<View>(
    project: ProjectId | undefined,
    look: (wanted: readonly ProjectId[]) => Promise<View>,
  ): Promise<Found<View>> {
    const wanted = ordered.filter((one) => project === undefined || one === project);
    if (wanted.length === 0) return { kind: "absent" };
    try {
      return { kind: "found", view: await look(wanted) };
    } catch {
      // Whatever Redis says, a person is answered that nothing can be said now; readiness has the reason.
      return { kind: "unavailable" };
    }
  }

  return {
    commands: (filter, page) =>
      listed(filter.project, async (wanted) => {
        const nowMs = Date.now();
        const { server } = filter;
        if (filter.state === "ended") {
          const fitting = { ...filter, state: undefined };
          return endedCommands(redis, wanted, page, (one) => matches(one, fitting, nowMs));
        }
        const fits = (command: CommandDetail) => matches(command, filter, nowMs);
        if (server !== undefined) return commandsOf(redis, wanted, server, fits);
        return pageOf(redis, wanted, page, {
          index: (project) => keysOf(project).active,
          read: (project, id) => readDetail(redis, project, id),
          fits,
        });
      }),
    inWork: (project) => listed(project, (wanted) => commandsInWork(redis, wanted)),
    locks: (project, page) =>
      listed(project, (wanted) =>
        pageOf<LockView>(redis, wanted, page, {
          index: (one) => keysOf(one).locks,
          read: async (one, id) => {
            const server = ServerId.safeParse(id);
            return server.success ? readLock(redis, one, server.data) : null;
          },
          fits: () => true,
        }),
      ),
  };
}

async function commandsInWork(redis: RedisClient, projects: readonly ProjectId[]): Promise<InWork> {
  const found = await Promise.all(
    projects.map(async (project) => {
      const { slots, active } = keysOf(project);
      const ids = await redis.zrange(slots, "0", String(MOST_IN_WORK - 1));
      const details = await Promise.all(ids.map((id) => readDetail(redis, project, id)));
      return { details, open: await redis.zcard(active) };
    }),
  );
  return {
    commands: found.flatMap(({ details }) => details).filter((one) => one !== null),
    open: found.reduce((sum, { open }) => sum + open, 0),
  };
}

/** What a list is made of. */
interface Listing<Entry> {
  /** Key of the sorted set that names the entries. */
  readonly index: (project: ProjectId) => string;
  /** Null: it is gone since it was listed. */
  readonly read: (project: ProjectId, id: string) => Promise<Entry | null>;
  readonly fits: (entry: Entry) => boolean;
}

async function pageOf<Entry>(
  redis: RedisClient,
  projects: readonly ProjectId[],
  { limit, cursor }: PageAsked,
  { index, read, fits }: Listing<Entry>,
): Promise<Page<Entry>> {
  const entries: Entry[] = [];
  const size = Math.min(Math.max(limit, BATCH.least), BATCH.most);
  let looked = 0;
  for (const project of projects) {
    if (cursor !== undefined && project < cursor.project) continue;
    const from = cursor?.project === project ? cursor : { score: 0, id: "" };
    // Who moves meanwhile stands further back in the index, and comes again.
    const seen = new Set<string>();
    for await (const batch of batchesAfter(redis, index(project), { from, size })) {
      const found = await Promise.all(batch.map(({ id }) => read(project, id)));
      for (const [at, entry] of found.entries()) {
        const here = batch[at];
        if (here === undefined) continue;
        if (entry !== null && fits(entry) && !seen.has(here.id)) entries.push(entry);
        seen.add(here.id);
        looked += 1;
        if (entries.length >= limit || looked >= MOST_LOOKED_AT) {
          return { entries, next: { project, ...here } };
        }
      }
    }
  }
  return { entries, next: null };
}

type Entry = Pick<PageMark, "score" | "id">;

/** Of a sorted set everything behind an entry, in its order: by score, then by name. */
async function* batchesAfter(
  redis: RedisClient,
  key: string,
  { from, size }: { readonly from: Entry; readonly size: number },
): AsyncGenerator<readonly Entry[]> {
  let last = from;
  let skipped = 0;
  for (;;) {
    const { score } = last;
    const limit = ["WITHSCORES", "LIMIT", skipped, size];
    const batch = scoredOf(await redis.call("ZRANGEBYSCORE", key, score, "+inf", ...limit));
    if (batch.length === 0) return;
    const behind = batch.filter((one) => one.score > last.score || one.id > last.id);
    const end = behind.at(-1);
    if (end === undefined) {
      // So many have the very score: go on among them.
      skipped += batch.length;
      continue;
    }
    yield behind;
    last = end;
    skipped = 0;
  }
}

/** The one who holds a server, and those who wait for it. */
async function commandsOf(
  redis: RedisClient,
  projects: readonly ProjectId[],
  server: ServerId,
  fits: (command: CommandDetail) => boolean,
): Promise<Page<CommandDetail>> {
  const found = await Promise.all(
    projects.map(async (project) => {
      const lock = await readLock(redis, project, server);
      const waiting = await readWaiters(redis, project, server);
      const ids = new Set([...(lock === null ? [] : [lock.owner]), ...waitersOf(waiting)]);
      return Promise.all([...ids].map((id) => readDetail(redis, project, id)));
    }),
  );
  const entries = found.flat().filter((one) => one !== null);
  return { entries: entries.filter(fits), next: null };
}

function waitersOf(waiting: readonly { readonly commandId: string }[]): readonly string[] {
  return waiting.map(({ commandId }) => commandId);
}

function matches(command: CommandDetail, filter: CommandFilter, nowMs: number): boolean {
  const { state, outcome, waitsFor, server, source, group, minAgeMs } = filter;
  const { createdAtMs } = command;
  return (
    (state === undefined || command.phase === state) &&
    (outcome === undefined || command.outcome === outcome) &&
    (waitsFor === undefined || command.waitsFor === waitsFor) &&
    (server === undefined || command.serverId === server) &&
    (source === undefined || command.source === source) &&
    (group === undefined || command.group === group) &&
    (minAgeMs === undefined || (createdAtMs !== null && nowMs - createdAtMs >= minAgeMs))
  );
}
