import type { ProjectMemory } from "../memory.ts";

/** One reinstall of a server's history, as `history.lua` keeps it. */
export interface PastReinstall {
  readonly at: number;
  readonly source?: string | undefined;
  readonly reason?: string | undefined;
  readonly ended?: number | undefined;
  readonly outcome?: string | undefined;
}

const MOST = 20;

/** `history_of`. */
export function historyOf(m: ProjectMemory, server: string) {
  return [...(m.history.get(server) ?? [])]
    .map(([field, entry]) => ({ ...entry, field, command: field.replace(/#\d+$/, "") }))
    .sort((a, b) => a.at - b.at || (a.field < b.field ? -1 : 1));
}

/** `note_reinstall`. */
export function noteReinstall(
  m: ProjectMemory,
  server: string,
  { command, attempt }: { readonly command: string; readonly attempt: number },
  entry: PastReinstall,
): void {
  const field = `${command}#${attempt}`;
  const known = m.history.get(server) ?? new Map<string, PastReinstall>();
  if (known.has(field)) return;
  m.history.set(server, new Map(known).set(field, entry));
  const entries = historyOf(m, server);
  const kept = new Map(m.history.get(server));
  for (const old of entries.slice(0, Math.max(0, entries.length - MOST))) {
    if (old.field !== field) kept.delete(old.field);
  }
  m.history.set(server, kept);
}

/** `carry_history`. */
export function carryHistory(
  m: ProjectMemory,
  server: string,
  command: string,
  change: {
    readonly allOut?: boolean;
    readonly out?: number | undefined;
    readonly ended?: number | undefined;
    readonly outcome?: string | undefined;
    readonly replaces?: boolean;
  },
): void {
  const known = m.history.get(server);
  if (known === undefined) return;
  const own = (field: string) => field.replace(/#\d+$/, "") === command;
  const kept = new Map([...known].filter(([field]) => !change.allOut || !own(field)));
  if (change.out !== undefined) kept.delete(`${command}#${change.out}`);
  if (change.ended !== undefined) {
    for (const [field, entry] of kept) {
      if (!own(field)) continue;
      const ended = change.replaces ? change.ended : (entry.ended ?? change.ended);
      kept.set(field, { ...entry, ended, outcome: change.outcome });
    }
  }
  m.history.set(server, kept);
}
