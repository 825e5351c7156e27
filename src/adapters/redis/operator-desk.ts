import { z } from "zod";
import { type PauseEntry, PauseScope } from "../../contract/brakes.ts";
import { type CommandId, ProjectId, type ServerId } from "../../contract/ids.ts";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/reinstall-store.ts";
import { shownOwner } from "../../core/lock-owner.ts";
import type { RedisClient } from "./client.ts";
import { keysOf, PROJECTS_KEY } from "./keys.ts";
import { StoredPause } from "./replies.ts";
import type { ScriptRunner } from "./script-runner.ts";

const CancelReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("requested"), phase: z.string() }),
  z.object({ kind: z.literal("too-late"), phase: z.string() }),
  z.object({ kind: z.literal("ended"), outcome: z.string() }),
  z.object({ kind: z.literal("unheard-of") }),
]);
export type CancelAnswer = z.infer<typeof CancelReply> | StoreAway | StoreCorrupt;

const UnlockReply = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("freed"), owner: z.string() }),
  z.object({ kind: z.literal("not-locked") }),
  z.object({ kind: z.literal("held-by-another"), owner: z.string(), mark: z.string() }),
  z.object({ kind: z.literal("still-open"), owner: z.string() }),
]);
export type UnlockAnswer = z.infer<typeof UnlockReply> | StoreAway | StoreCorrupt;

const SetPauseReply = z.object({ kind: z.literal("set"), atMs: z.number(), wasOn: z.boolean() });
export type SetPauseAnswer = z.infer<typeof SetPauseReply> | StoreAway | StoreCorrupt;

export interface PauseChange {
  readonly scope: PauseScope;
  readonly on: boolean;
  /** Who does it, and why: shown to everybody who asks what holds a command. */
  readonly by: string;
  readonly reason: string;
}

/** What a person may change in the store. Each may be repeated. */
export interface OperatorDesk {
  /** The command ends `cancelled` at its next step, unless it was submitted by then. */
  cancel(project: ProjectId, command: CommandId): Promise<CancelAnswer>;
  /**
   * Pauses one scope of a project, or lifts that pause: while it stands no intent of a reinstall is recorded in it;
   * what is submitted goes on. `wasOn`: how it stood before.
   */
  setPause(project: ProjectId, change: PauseChange): Promise<SetPauseAnswer>;
  /** Has some worker an entry of this age, or a newer one, in its memory? */
  pauseSeen(project: ProjectId, atMs: number): Promise<boolean>;
  /** The pauses of a project that stand. Rejects when Redis does not answer. */
  standingPauses(project: ProjectId): Promise<ReadonlyMap<PauseScope, PauseEntry>>;
  /** The projects that workers act on, as they say themselves. Rejects when Redis does not answer. */
  projects(): Promise<readonly ProjectId[]>;
  /**
   * Frees the lock that `owner` left behind on a server: a command, or another service, by its name or as that is shown.
   * Never that of an open command.
   */
  unlock(project: ProjectId, server: ServerId, owner: string): Promise<UnlockAnswer>;
}

export function createOperatorDesk(
  redis: RedisClient,
  scripts: Pick<ScriptRunner, "run">,
): OperatorDesk {
  return {
    cancel: (project, command) =>
      scripts.run("cancel", [keysOf(project).command(command)], [], CancelReply),
    setPause(project, { scope, on, by, reason }) {
      const k = keysOf(project);
      const values = [scope, on ? "1" : "0", by, reason];
      return scripts.run("set-pause", [k.pauses, k.paused], values, SetPauseReply);
    },
    async pauseSeen(project, atMs) {
      return Number((await redis.get(keysOf(project).pausesSeen)) ?? 0) >= atMs;
    },
    async standingPauses(project) {
      const standing = new Map<PauseScope, PauseEntry>();
      for (const [field, text] of Object.entries(await redis.hgetall(keysOf(project).pauses))) {
        const scope = PauseScope.safeParse(field);
        const entry = StoredPause.safeParse(text);
        if (scope.success && entry.success && entry.data.on) standing.set(scope.data, entry.data);
      }
      return standing;
    },
    async projects() {
      const named = await redis.smembers(PROJECTS_KEY);
      return named.flatMap((id) => ProjectId.safeParse(id).data ?? []).sort();
    },
    async unlock(project, server, owner) {
      const k = keysOf(project);
      const free = (mark: string) =>
        scripts.run("unlock", [k.lock(server), k.command(owner)], [owner, mark], UnlockReply);
      const answer = await free("");
      if (answer.kind !== "held-by-another") return answer;
      const shown = shownOwner(answer.owner);
      // A name that cannot be typed is given as it was shown; the mark says that it is still the same.
      if (shown === owner) return await free(answer.mark);
      return { ...answer, owner: shown };
    },
  };
}
