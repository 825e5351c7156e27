import type { BrakeStatus, DependencyHealth, KeptOff, SlotStatus } from "../../../contract/http.ts";
import type { CommandId, ProjectId } from "../../../contract/ids.ts";
import type { CommandDetail, CommandStory, LockView } from "../../../contract/overview.ts";
import { whyItWaits } from "../../../core/explain/explain.ts";
import { DAY_MS, stillQuarantined } from "../../quarantined.ts";
import type { RouteDeps } from "../route.ts";
import { recordOf } from "./final-data.ts";

/** Everything that the first page shows, read at one moment. Bounded, however much is open. */
export interface Board {
  readonly nowMs: number;
  /** Null: all of them. */
  readonly project: ProjectId | null;
  /** Null: the store does not answer, and nothing is known of commands and servers. */
  readonly store: StoreBoard | null;
  readonly dependencies: readonly DependencyHealth[];
  /** Why only a restart of this worker helps; null: no reason. */
  readonly hangs: string | null;
  readonly holding: readonly BrakeStatus[];
  /** When what people have set was read last, null: not yet; absent: now. */
  readonly brakesReadAtMs?: number | null | undefined;
  readonly keptOff: readonly KeptOff[];
  readonly slots: readonly SlotStatus[];
  readonly deadLetters: number | null;
  readonly notTaken: number | null;
  readonly budgetLeft: number | null;
}

/** What was read from the store. */
export interface StoreBoard {
  /** Entries of the index of open commands. */
  readonly open: number;
  readonly inWork: readonly CommandDetail[];
  readonly waiting: readonly WaitGroup[];
  /** There are more open commands than were read. */
  readonly waitingIsCut: boolean;
  /** The youngest end first. */
  readonly ended: readonly CommandDetail[];
  readonly unresolved: readonly LockView[];
  readonly quarantined: readonly CommandDetail[];
  readonly leftOff: readonly CommandDetail[];
}

/** Commands that wait for the same. */
export interface WaitGroup {
  /** A `WaitReason`, or `joined`. */
  readonly reason: string;
  /** Of the one that has not moved for longest, in the words of `explain`. */
  readonly sentence: string;
  readonly commands: readonly CommandDetail[];
}

const MOST_OPEN = 250;
const MOST_ENDED = 200;
const MOST_LOCKS = 250;

const WAITING: readonly string[] = ["waiting", "joined", "admit"];

/** Reads the first page's content. Never rejects for what the store does. */
export async function readBoard(
  deps: RouteDeps,
  project: ProjectId | null,
  nowMs: number,
): Promise<Board> {
  const { health, brakes, situation } = deps;
  const isAsked = (one: { readonly projectId: ProjectId }) =>
    project === null || one.projectId === project;
  const [store, isCurrent] = await Promise.all([
    readStore(deps, project ?? undefined, nowMs),
    brakes.refresh(),
  ]);
  return {
    nowMs,
    project,
    store,
    dependencies: health.dependencies(),
    hangs: health.hangs(),
    holding: brakes.holding().filter(isAsked),
    brakesReadAtMs: isCurrent ? undefined : brakes.readAtMs(),
    keptOff: brakes.keptOff().filter(isAsked),
    slots: brakes.slots().filter(isAsked),
    deadLetters: situation.deadLetters(),
    notTaken: situation.notTaken(),
    budgetLeft: situation.budgetLeft(),
  };
}

async function readStore(
  deps: RouteDeps,
  project: ProjectId | undefined,
  nowMs: number,
): Promise<StoreBoard | null> {
  const { overview } = deps;
  const [work, open, ended, locks] = await Promise.all([
    overview.inWork(project),
    overview.commands({ project }, { limit: MOST_OPEN }),
    overview.commands({ project, state: "ended" }, { limit: MOST_ENDED }),
    overview.locks(project, { limit: MOST_LOCKS }),
  ]);
  if (work.kind !== "found" || open.kind !== "found") return null;
  if (ended.kind !== "found" || locks.kind !== "found") return null;
  const lately = ended.view.entries.filter(({ updatedAtMs }) => nowMs - updatedAtMs < DAY_MS);
  const waiting = open.view.entries.filter(({ phase }) => WAITING.includes(phase));
  return {
    open: work.view.open,
    inWork: work.view.commands.filter(({ outcome }) => outcome === null),
    waiting: await groupsOf(deps, waiting, nowMs),
    waitingIsCut: open.view.next !== null,
    ended: ended.view.entries,
    unresolved: locks.view.entries.filter(({ phase }) => phase === "unresolved"),
    quarantined: await stillQuarantined(deps, lately),
    leftOff: lately.filter(wasLeftOff),
  };
}

/** The largest group first. */
async function groupsOf(
  deps: RouteDeps,
  waiting: readonly CommandDetail[],
  nowMs: number,
): Promise<readonly WaitGroup[]> {
  const groups = new Map<string, CommandDetail[]>();
  for (const one of waiting) {
    const reason = one.phase === "joined" ? "joined" : (one.waitsFor ?? "admission");
    groups.set(reason, [...(groups.get(reason) ?? []), one]);
  }
  const read = [...groups].map(async ([reason, commands]): Promise<WaitGroup> => {
    const [first] = commands;
    const story = first === undefined ? null : await storyOf(deps, first);
    return { reason, commands, sentence: sentenceOf(reason, story, nowMs) };
  });
  return (await Promise.all(read)).toSorted((a, b) => b.commands.length - a.commands.length);
}

function sentenceOf(reason: string, story: CommandStory | null, nowMs: number): string {
  if (reason === "joined") return "Another command does the same: its result is shared.";
  if (reason === "admission" || story === null) return "A worker has it in hand.";
  return whyItWaits(story, nowMs);
}

async function storyOf(
  { views }: RouteDeps,
  { commandId, projectId }: CommandDetail,
): Promise<CommandStory | null> {
  const found = await views.commandById(commandId as CommandId);
  if (found.kind !== "found") return null;
  return found.view.find(({ command }) => command.projectId === projectId) ?? null;
}

/** A server that ran before its command, and did not after it. */
function wasLeftOff({ finalEvent }: CommandDetail): boolean {
  const power = recordOf(recordOf(recordOf(finalEvent)["data"])["power"]);
  return power["before"] === "on" && power["after"] === "off";
}
