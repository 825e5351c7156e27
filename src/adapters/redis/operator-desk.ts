import { z } from "zod";
import type { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/reinstall-store.ts";
import type { RedisClient } from "./client.ts";
import { keysOf } from "./keys.ts";
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
  z.object({ kind: z.literal("held-by-another"), owner: z.string() }),
  z.object({ kind: z.literal("still-open"), owner: z.string() }),
]);
export type UnlockAnswer = z.infer<typeof UnlockReply> | StoreAway | StoreCorrupt;

/** What a person may change in the store. Each may be repeated. */
export interface OperatorDesk {
  /** The command ends `cancelled` at its next step, unless it was submitted by then. */
  cancel(project: ProjectId, command: CommandId): Promise<CancelAnswer>;
  /** New reinstalls of the project wait (`waiting`: `paused`); what is submitted goes on. */
  pause(project: ProjectId, reason: string): Promise<void>;
  /** False: it was not paused. */
  resume(project: ProjectId): Promise<boolean>;
  /** Frees the lock that `owner` left behind on a server. Never that of an open command. */
  unlock(project: ProjectId, server: ServerId, owner: CommandId): Promise<UnlockAnswer>;
}

export function createOperatorDesk(redis: RedisClient, scripts: ScriptRunner): OperatorDesk {
  return {
    cancel: (project, command) =>
      scripts.run("cancel", [keysOf(project).command(command)], [], CancelReply),
    async pause(project, reason) {
      await redis.set(keysOf(project).paused, reason);
    },
    async resume(project) {
      return (await redis.del(keysOf(project).paused)) === 1;
    },
    unlock: (project, server, owner) =>
      scripts.run(
        "unlock",
        [keysOf(project).lock(server), keysOf(project).command(owner)],
        [owner],
        UnlockReply,
      ),
  };
}
