import type { ProgressEvent } from "../src/contract/event.ts";
import { isFinal, outcomeOf, stateOf } from "./outcome.ts";
import type { Scene } from "./story.ts";

/** What is known of one command from its events alone, as any other program would know it. */
export interface Account {
  readonly scene: Scene;
  readonly sentMs: number | null;
  readonly endedMs: number | null;
  /** The latest word, for people. */
  readonly state: string;
  readonly lastEventMs: number | null;
  readonly outcome: string | null;
  readonly events: number;
  readonly duplicates: number;
  /** Final events with different ids: more than one is one too many. */
  readonly finals: number;
  /** Two events of one id that say different things. */
  readonly contradictions: number;
}

export interface Chronicle {
  accounts(): readonly Account[];
  sent(commandId: string, nowMs: number): void;
  /** What the store says about a command that has not told anything for a while. Answers whether that is news. */
  noted(commandId: string, state: string): boolean;
  /** Answers whether it was new and belongs to the story. */
  heard(event: ProgressEvent, nowMs: number): boolean;
  isOver(): boolean;
}

/** Collects the events of the story's commands. Repeats of an event are recognised by their id, as the contract says. */
export function createChronicle(scenes: readonly Scene[]): Chronicle {
  const entries = new Map(scenes.map((scene) => [scene.commandId, newEntry(scene)]));

  return {
    accounts: () => [...entries.values()].map(accountOf),
    sent(commandId, nowMs) {
      const entry = entries.get(commandId);
      if (entry === undefined) return;
      entry.sentMs = nowMs;
      entry.state = "sent";
    },
    noted(commandId, state) {
      const entry = entries.get(commandId);
      if (entry === undefined || entry.endedMs !== null || entry.state === state) return false;
      entry.state = state;
      return true;
    },
    heard(event, nowMs) {
      const { command_id: about, reused_command_id: reused } = event.data;
      const entry = entries.get(typeof reused === "string" ? reused : about);
      if (entry === undefined) return false;
      if (event.data.event === "duplicate") {
        entry.duplicates += 1;
        return true;
      }
      const told = JSON.stringify(event);
      const before = entry.told.get(event.id);
      if (before !== undefined) {
        if (before !== told) entry.contradictions += 1;
        return false;
      }
      entry.told.set(event.id, told);
      entry.lastEventMs = nowMs;
      entry.state = stateOf(event.data);
      if (isFinal(event.data)) {
        entry.finals += 1;
        entry.outcome ??= outcomeOf(event.data);
        entry.endedMs ??= nowMs;
      }
      return true;
    },
    isOver: () => [...entries.values()].every(({ endedMs }) => endedMs !== null),
  };
}

function newEntry(scene: Scene) {
  return {
    scene,
    sentMs: null as number | null,
    endedMs: null as number | null,
    lastEventMs: null as number | null,
    state: "",
    outcome: null as string | null,
    told: new Map<string, string>(),
    duplicates: 0,
    finals: 0,
    contradictions: 0,
  };
}

function accountOf({ told, ...entry }: ReturnType<typeof newEntry>): Account {
  return { ...entry, events: told.size };
}
