import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { Act, NotedAct } from "../../contract/audit.ts";
import { actionOf, type SwitchEntry, type SwitchName, subjectOf } from "../../contract/brakes.ts";
import { type CommandId, ProjectId, type ServerId } from "../../contract/ids.ts";
import { SENT_PHASES } from "../../core/state/phases.ts";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/store-trouble.ts";
import { shownOwner } from "../../core/state/lock-owner.ts";
import type { CommandDetail } from "../../contract/overview.ts";
import type { RedisClient } from "./connection/client.ts";
import { readDetail } from "./views/command-record.ts";
import { keysOf, PROJECTS_KEY } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { cancelScript } from "./scripts/operator/cancel.ts";
import { noteActScript } from "./scripts/operator/note-act.ts";
import { setPauseScript } from "./scripts/operator/set-pause.ts";
import { readLeftBehind } from "./views/left-behind.ts";
import { readSending, readStanding, type Sending } from "./views/standing-pauses.ts";
import { redisNowMs } from "./connection/time.ts";
import { type Resolution, resolve, type ResolveAnswer } from "./resolve.ts";
import { unlockScript } from "./scripts/operator/unlock.ts";

type CancelAnswer = z.infer<typeof cancelScript.answer> | StoreAway | StoreCorrupt;
type NoteAnswer = z.infer<typeof noteActScript.answer> | StoreAway | StoreCorrupt;
type UnlockAnswer = z.infer<typeof unlockScript.answer> | StoreAway | StoreCorrupt;
/** @internal */
export type SetPauseAnswer = z.infer<typeof setPauseScript.answer> | StoreAway | StoreCorrupt;

export interface PauseChange {
  readonly scope: SwitchName;
  readonly on: boolean;
  /** Who does it, and why: shown to everybody who asks what holds a command. */
  readonly by: string;
  readonly reason: string;
  /** Of this action (`Act`); made up where it is left out, so that each call is an action of its own. */
  readonly id?: string;
  /** Of a storm that is lifted: for so long it does not set itself. */
  readonly forMs?: number | null;
}

/** What a person may change in the store, each noted in the project's list of actions. Each may be repeated. */
export interface OperatorCommands {
  /** The command ends `cancelled` at its next step, unless it was submitted by then. */
  cancel(project: ProjectId, command: CommandId, act: Act): Promise<CancelAnswer>;
  /**
   * Pauses one scope of a project, or lifts that pause: while it stands no intent of a reinstall is recorded in it;
   * what is submitted goes on. `wasOn`: how it stood before.
   */
  setPause(project: ProjectId, change: PauseChange): Promise<SetPauseAnswer>;
  /** Notes what is about to be done outside of the store. */
  note(project: ProjectId, act: NotedAct): Promise<NoteAnswer>;
  /** How a command stands; null where the project knows none of that id. Rejects when Redis does not answer. */
  standingOf(project: ProjectId, command: CommandId): Promise<CommandStanding | null>;
  /** Has some worker an entry of this age, or a newer one, in its memory? */
  pauseSeen(project: ProjectId, atMs: number): Promise<boolean>;
  /** The pauses of a project that stand. Rejects when Redis does not answer. */
  standingPauses(project: ProjectId): Promise<ReadonlyMap<SwitchName, SwitchEntry>>;
  /**
   * The commands whose intent was recorded by `atMs` and whose request has no answer yet: it may be going out. Rejects when
   * Redis does not answer, or does not allow it.
   */
  sending(project: ProjectId, atMs: number): Promise<readonly Sending[]>;
  /** The projects that workers act on, as they say themselves. Rejects when Redis does not answer. */
  projects(): Promise<readonly ProjectId[]>;
  /**
   * Frees the lock that `owner` left behind on a server: a command, or another service, by its name or as that is shown.
   * Never that of an open command.
   */
  unlock(project: ProjectId, freeing: Freeing, act: Act): Promise<UnlockAnswer>;
  /** Who holds a server, and until when what it has asked of the cloud may still take effect. Rejects when Redis does not answer. */
  holder(project: ProjectId, server: ServerId): Promise<Holder | null>;
  /**
   * Says what became of an `unresolved` command: its server is free, and a worker publishes `settled`.
   */
  resolve(project: ProjectId, resolution: Resolution, act: Act): Promise<ResolveAnswer>;
}

/** How a command stands: where it is, what it waits for, and whom it has joined or waits behind (`holder`). */
export type CommandStanding = Pick<CommandDetail, "outcome" | "phase" | "waitsFor" | "holder">;

/** Who holds a server. */
export interface Holder {
  /** As it stands in the lock. */
  readonly owner: string;
  /** For people. */
  readonly shown: string;
  /** It is a command that is on its way. */
  readonly isOpen: boolean;
  /** Epoch ms; null: nothing that was asked for can still take effect, as far as the store knows. */
  readonly fencedUntilMs: number | null;
  /** The store's memory is new: until then it may not know yet what can still take effect, epoch ms; null: it is not. */
  readonly youngUntilMs: number | null;
}

/**
 * Whose lock on which server is freed.
 *
 * @internal
 */
export interface Freeing {
  readonly server: ServerId;
  readonly owner: string;
}

export function createOperatorCommands(
  redis: RedisClient,
  scripts: Pick<ScriptRunner, "run">,
): OperatorCommands {
  return {
    cancel(project, command, act) {
      const k = keysOf(project);
      return scripts.run(
        cancelScript,
        { cmd: k.command(command), audit: k.audit },
        { act: { ...act, action: "cancel", command }, sentPhases: [...SENT_PHASES] },
      );
    },
    setPause(project, { scope, on, by, reason, forMs = null, id = randomUUID() }) {
      const { pauses, paused, audit } = keysOf(project);
      const duration = forMs === null ? {} : { forMs };
      const act = { id, by, reason, action: actionOf(scope, on), ...subjectOf(scope), ...duration };
      return scripts.run(setPauseScript, { pauses, paused, audit }, { act, scope, on, forMs });
    },
    note: (project, act) => scripts.run(noteActScript, { audit: keysOf(project).audit }, { act }),
    standingOf: (project, command) => readDetail(redis, project, command),
    async pauseSeen(project, atMs) {
      return Number((await redis.get(keysOf(project).pausesSeen)) ?? 0) >= atMs;
    },
    standingPauses: (project) => readStanding(redis, project),
    sending: (project, atMs) => readSending(redis, project, atMs),
    async projects() {
      const named = await redis.smembers(PROJECTS_KEY);
      return named.flatMap((id) => ProjectId.safeParse(id).data ?? []).sort();
    },
    async unlock(project, { server, owner }, by) {
      const k = keysOf(project);
      const keys = { lock: k.lock(server), cmd: k.command(owner), audit: k.audit };
      const act = { ...by, action: "unlock" as const, server, command: owner };
      const free = (mark: string | null) => scripts.run(unlockScript, keys, { act, owner, mark });
      const answer = await free(null);
      if (answer.kind !== "held-by-another") return answer;
      const shown = shownOwner(answer.owner);
      // A name that cannot be typed is given as it was shown; the mark says that it is still the same.
      if (shown === owner) return await free(answer.mark);
      return { ...answer, owner: shown };
    },
    async holder(project, server) {
      const owner = await redis.hget(keysOf(project).lock(server), "owner");
      if (owner === null) return null;
      const known = await readLeftBehind(redis, project, owner);
      const until = known?.fenceAtMs ?? null;
      const nowMs = await redisNowMs(redis, project);
      const openAtMs = Number(await redis.hget(keysOf(project).epoch, "open_at"));
      return {
        owner,
        shown: shownOwner(owner),
        isOpen: known !== null && known.outcome === null,
        fencedUntilMs: until !== null && nowMs < until ? until : null,
        youngUntilMs: nowMs < openAtMs ? openAtMs : null,
      };
    },
    resolve: (project, resolution, act) => resolve({ redis, scripts }, project, resolution, act),
  };
}
