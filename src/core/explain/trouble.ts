import { since } from "../times-in-words.ts";

/** Something that every command needs, as the worker that is asked sees it. */
export interface Away {
  readonly name: string;
  readonly sinceMs: number;
  /** Why, for people. */
  readonly detail: string | null;
  /** It works, and stops only the commands that `detail` is about: the page that says what to do. */
  readonly page?: string;
}

/** Keys that one command, or the commands of one server, need. */
const OF_ONE = /\}:(?:cmd|lock|last|history|debt|waiters):/;

/**
 * What concerns a command or a server: what is down, and what is said of its project's keys, or of its own.
 *
 * @param ids the command's, the server's
 */
export function about(
  project: string,
  ids: readonly (string | null)[],
  away: readonly Away[],
): readonly Away[] {
  return away.filter(({ page, detail }) => {
    if (page === undefined) return true;
    if (detail?.includes(project) !== true) return false;
    return !OF_ONE.test(detail) || ids.some((id) => id !== null && detail.includes(id));
  });
}

/** The page for what is down: that of the alert that it causes. A cloud's `detail` has its parts: src/adapters/cloud/standing.ts. */
export function runbookOf({
  name,
  detail,
}: Pick<Away, "name"> & { readonly detail?: string | null }): string {
  if (name === "rabbitmq") return "docs/runbooks/EcsReinstallNoConsumers.md";
  if (/\bcredentials: down\b/.test(detail ?? "")) return "docs/runbooks/EcsReinstallAuthFailing.md";
  if (/\bclock: down\b/.test(detail ?? "")) return "docs/runbooks/EcsReinstallClockOff.md";
  return "docs/runbooks/EcsReinstallDependencyDown.md";
}

/** In a sentence. */
export function whatIsAway({ name, sinceMs, detail, page }: Away, nowMs: number): string {
  if (page !== undefined)
    return `For the worker that says this ${name}, of this project, ${detail ?? "is not as it should be"}; since ${since(sinceMs, nowMs)}. What does not need it goes on.`;
  const why = detail === null ? "" : ` (${detail})`;
  return `For the worker that says this ${name} is down since ${since(sinceMs, nowMs)}${why}: steps that need it come no further; when it is back they go on by themselves.`;
}
