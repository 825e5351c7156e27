import type { z } from "zod";
import { type SwitchEntry, SwitchName } from "../../contract/brakes.ts";
import { type CommandId, ProjectId, type ServerId } from "../../contract/ids.ts";
import { SENT_PHASES } from "../../core/phases.ts";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/store-trouble.ts";
import { shownOwner } from "../../core/lock-owner.ts";
import type { RedisClient } from "./client.ts";
import { keysOf, PROJECTS_KEY } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { cancelScript } from "./scripts/cancel.ts";
import { setPauseScript } from "./scripts/set-pause.ts";
import { unlockScript } from "./scripts/unlock.ts";
import { StoredPause } from "./stored-pause.ts";

type CancelAnswer = z.infer<typeof cancelScript.answer> | StoreAway | StoreCorrupt;
type UnlockAnswer = z.infer<typeof unlockScript.answer> | StoreAway | StoreCorrupt;
/** @internal */
export type SetPauseAnswer = z.infer<typeof setPauseScript.answer> | StoreAway | StoreCorrupt;

export interface PauseChange {
  readonly scope: SwitchName;
  readonly on: boolean;
  /** Who does it, and why: shown to everybody who asks what holds a command. */
  readonly by: string;
  readonly reason: string;
}

/** What a person may change in the store. Each may be repeated. */
export interface OperatorCommands {
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
  standingPauses(project: ProjectId): Promise<ReadonlyMap<SwitchName, SwitchEntry>>;
  /** The projects that workers act on, as they say themselves. Rejects when Redis does not answer. */
  projects(): Promise<readonly ProjectId[]>;
  /**
   * Frees the lock that `owner` left behind on a server: a command, or another service, by its name or as that is shown.
   * Never that of an open command.
   */
  unlock(project: ProjectId, server: ServerId, owner: string): Promise<UnlockAnswer>;
}

export function createOperatorCommands(
  redis: RedisClient,
  scripts: Pick<ScriptRunner, "run">,
): OperatorCommands {
  return {
    cancel: (project, command) =>
      scripts.run(
        cancelScript,
        { cmd: keysOf(project).command(command) },
        { sentPhases: [...SENT_PHASES] },
      ),
    setPause(project, change) {
      const { pauses, paused } = keysOf(project);
      return scripts.run(setPauseScript, { pauses, paused }, change);
    },
    async pauseSeen(project, atMs) {
      return Number((await redis.get(keysOf(project).pausesSeen)) ?? 0) >= atMs;
    },
    async standingPauses(project) {
      const standing = new Map<SwitchName, SwitchEntry>();
      for (const [field, text] of Object.entries(await redis.hgetall(keysOf(project).pauses))) {
        const scope = SwitchName.safeParse(field);
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
      const keys = { lock: k.lock(server), cmd: k.command(owner) };
      const free = (mark: string | null) => scripts.run(unlockScript, keys, { owner, mark });
      const answer = await free(null);
      if (answer.kind !== "held-by-another") return answer;
      const shown = shownOwner(answer.owner);
      // A name that cannot be typed is given as it was shown; the mark says that it is still the same.
      if (shown === owner) return await free(answer.mark);
      return { ...answer, owner: shown };
    },
  };
}
