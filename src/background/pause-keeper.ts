import type { SwitchName } from "../contract/brakes.ts";
import type { RememberedSwitch } from "../core/brakes/remembered-switch.ts";
import type { ProjectId } from "../contract/ids.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { Pauses, PauseStore, StandingPause } from "../steps/ports/pauses.ts";
import { type BackgroundTask, createTask } from "./task.ts";

/** Where the pauses are kept, how often they are read, and who is informed. */
export interface PauseKeeperOptions {
  readonly store: PauseStore;
  readonly projects: readonly ProjectId[];
  readonly clock: Clock;
  /** How often the store is asked. A store that forgot must be asked twice before it gives locks again. */
  readonly intervalMs: number;
  /** A pause was set or lifted since the last look, or the first look found it. */
  readonly onChanged: (change: StandingPause) => void;
  /** All projects were asked. */
  readonly onRead: () => void;
  /** The store had lost this many entries of a project; they are in it again. */
  readonly onPutBack: (project: ProjectId, count: number) => void;
}

/** Keeps the pauses in this worker's memory, and puts them back into a store that forgot them (brakes.md §6). */
export interface PauseKeeper extends BackgroundTask {
  /** The pauses that stand, as far as this worker has seen. Answers from memory. */
  standing(): readonly StandingPause[];
  /** Storms that a person keeps off for a while, by this worker's clock. Answers from memory. */
  keptOff(): readonly StandingPause[];
  /** When all projects were last read, epoch ms; null: not yet. */
  readAtMs(): number | null;
  /**
   * Reads before the next turn, for somebody who looks now; after a second, or a second after the last read, it is enough.
   * Is what is known of now?
   */
  refresh(): Promise<boolean>;
}

/** People may look as often as they like: the store is asked no more often for it. */
const FRESH_MS = 1_000;

/** A keeper that has read nothing yet; `start` makes it read at once and then every `intervalMs`. */
export function createPauseKeeper(options: PauseKeeperOptions): PauseKeeper {
  const { store, projects, clock, intervalMs } = options;
  const remembered = new Map<ProjectId, Pauses>();
  let readAtMs: number | null = null;
  let reading: Promise<void> | null = null;

  async function read(project: ProjectId): Promise<boolean> {
    const before = remembered.get(project) ?? new Map<SwitchName, RememberedSwitch>();
    const answer = await store.keep(project, before);
    // Readiness and the log have the reason: every step asks the same store.
    if (answer.kind !== "kept") return false;
    remembered.set(project, answer.pauses);
    for (const [scope, entry] of answer.pauses) {
      const known = before.get(scope);
      if (known?.on !== entry.on && (entry.on || known !== undefined)) {
        options.onChanged({ project, scope, entry });
      }
    }
    if (answer.putBack > 0) options.onPutBack(project, answer.putBack);
    return true;
  }

  async function readAll(): Promise<void> {
    const all = await Promise.all(projects.map(read));
    if (all.every(Boolean)) readAtMs = clock.nowMs();
    options.onRead();
  }

  /** Two reads at one time would inform about each change twice. */
  function readOnce(): Promise<void> {
    reading ??= readAll().finally(() => {
      reading = null;
    });
    return reading;
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await readOnce();
      await clock.sleep(intervalMs, signal);
    }
  }

  const isFresh = () => readAtMs !== null && clock.nowMs() - readAtMs < FRESH_MS;

  const entries = (): readonly StandingPause[] =>
    [...remembered].flatMap(([project, pauses]) =>
      [...pauses].map(([scope, entry]) => ({ project, scope, entry })),
    );

  return {
    ...createTask(run),
    standing: () => entries().filter(({ entry }) => entry.on),
    keptOff: () =>
      entries().filter(({ entry }) => !entry.on && (entry.untilMs ?? 0) > clock.nowMs()),
    readAtMs: () => readAtMs,
    async refresh() {
      if (isFresh()) return true;
      const enough = new AbortController();
      await Promise.race([readOnce(), clock.sleep(FRESH_MS, enough.signal)]);
      enough.abort();
      return isFresh();
    },
  };
}
