import { FINAL_EVENTS } from "../../../src/contract/event.ts";
import type { Emitter } from "./emitter.ts";
import { eventually } from "../eventually.ts";

/** What was heard of many commands, counted as it comes: `Emitter.outcome` reads everything again for each of them. */
export interface Tally {
  /** Commands that anything was heard of. */
  seen(): number;
  /** Resolves when so many commands have ended. */
  ended(count: number, timeoutMs: number): Promise<void>;
  /** Final events so far, of all commands; of one kind, if it is named. */
  ends(kind?: string): number;
  /** The final event of one command; undefined: it has none yet. */
  end(id: string): string | undefined;
  /** `waiting` events of the command that has most. */
  mostWaiting(): number;
}

const FINAL: ReadonlySet<string> = new Set(FINAL_EVENTS);

export function tallyOf(emitter: Pick<Emitter, "heard">): Tally {
  const waits = new Map<string, number>();
  const ends = new Map<string, string>();
  const seen = new Set<string>();
  let read = 0;
  const count = () => {
    for (const { event } of emitter.heard().slice(read)) {
      read += 1;
      const { command_id: id, event: name } = event.data;
      seen.add(id);
      if (name === "waiting") waits.set(id, (waits.get(id) ?? 0) + 1);
      if (FINAL.has(name)) ends.set(id, name);
    }
  };
  return {
    seen() {
      count();
      return seen.size;
    },
    ends(kind) {
      count();
      return kind === undefined
        ? ends.size
        : [...ends.values()].filter((event) => event === kind).length;
    },
    end(id) {
      count();
      return ends.get(id);
    },
    mostWaiting() {
      count();
      return Math.max(0, ...waits.values());
    },
    async ended(wanted, timeoutMs) {
      await eventually(
        () => {
          count();
          if (ends.size >= wanted) return true;
          const open = [...seen].find((id) => !ends.has(id));
          const last = open === undefined ? undefined : emitter.heard(open).at(-1)?.text;
          throw new Error(`${ends.size} have, ${seen.size} were heard of; one of them: ${last}`);
        },
        { what: `the end of ${wanted} commands`, timeoutMs },
      );
    },
  };
}
