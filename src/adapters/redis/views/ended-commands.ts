import type { ProjectId } from "../../../contract/ids.ts";
import type { CommandDetail } from "../../../contract/overview.ts";
import type { Page, PageAsked, PageMark } from "../../../contract/page.ts";
import type { RedisClient } from "../connection/client.ts";
import { readDetail } from "./command-record.ts";
import { keysOf } from "../keys.ts";
import { scoredOf } from "./server-record.ts";

/** So many of a project are listed at most: as many as `ended.lua` keeps. */
const MOST = 200;
/** So many records are read at once. */
const BATCH = 50;

/** The last commands that ended, of all projects together: the youngest end first. */
export async function endedCommands(
  redis: RedisClient,
  projects: readonly ProjectId[],
  { limit, cursor }: PageAsked,
  fits: (command: CommandDetail) => boolean,
): Promise<Page<CommandDetail>> {
  const listed = await Promise.all(projects.map((project) => lastOf(redis, project)));
  const marks = listed
    .flat()
    .toSorted(youngestFirst)
    .filter((mark) => cursor === undefined || youngestFirst(cursor, mark) < 0);
  const entries: CommandDetail[] = [];
  for (let from = 0; from < marks.length; from += BATCH) {
    const batch = marks.slice(from, from + BATCH);
    const found = await Promise.all(batch.map((one) => readDetail(redis, one.project, one.id)));
    for (const [at, entry] of found.entries()) {
      // Its record is gone; or its id, which had only named refusals, is a command's by now.
      if (entry !== null && entry.outcome !== null && fits(entry)) entries.push(entry);
      const mark = batch[at];
      const isLast = from + at + 1 === marks.length;
      if (entries.length === limit && mark !== undefined) {
        return { entries, next: isLast ? null : mark };
      }
    }
  }
  return { entries, next: null };
}

interface EndMark extends PageMark {
  readonly project: ProjectId;
}

async function lastOf(redis: RedisClient, project: ProjectId): Promise<readonly EndMark[]> {
  const { ended } = keysOf(project);
  const found = await redis.call("ZRANGE", ended, -MOST, -1, "WITHSCORES");
  return scoredOf(found).map((one) => ({ project, ...one }));
}

function youngestFirst(a: PageMark, b: PageMark): number {
  return b.score - a.score || compared(a.project, b.project) || compared(a.id, b.id);
}

function compared(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
