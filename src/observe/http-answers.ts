import { z } from "zod";
import type { BrakeStatus, CommandStatus, ServerStatus } from "../contract/http.ts";

const instant = (description: string) => z.iso.datetime().nullable().describe(description);

/** Every answer that is no 200, but for the probes'. */
export const Fault = z.object({
  error: z
    .enum(["bad-request", "not-found", "method-not-allowed", "internal", "store-away"])
    .describe("for programs"),
  message: z.string().describe("for people; holds no value of the request"),
});

export const Alive = z.object({
  status: z.enum(["alive", "needs a restart"]),
  detail: z.string().optional().describe("for people: why only a restart helps"),
});

export const Ready = z.object({
  status: z.enum(["ready", "not ready"]),
  dependencies: z.array(
    z.object({
      name: z.string(),
      state: z.enum(["up", "degraded", "untested", "down", "starting", "stopping"]),
      since: instant("the last change of state"),
      detail: z.string().nullable().describe("for people"),
    }),
  ),
});

const Command = z.object({
  command_id: z.string(),
  project_id: z.string(),
  server_id: z.string().nullable(),
  phase: z.string().describe("where it stands (docs/states.md)"),
  sequence: z.int().describe("number of its last event"),
  updated_at: instant("when that was stored"),
  outcome: z.string().nullable().describe("the name of its final event; null while it is open"),
  job_id: z.string().nullable().describe("id of the cloud's job"),
  final_event: z
    .unknown()
    .describe(
      "the final event as it was published, docs/contract/events.md; null while it is open",
    ),
});

export const Commands = Command.extend({
  commands: z
    .array(Command)
    .min(1)
    .describe("one for each project where the id occurs, the one that moved last first"),
}).describe("the members of the first of `commands`, and all of them");

export const Server = z.object({
  project_id: z.string(),
  server_id: z.string(),
  lock: z
    .object({
      owner: z.string().describe("a command's id, or the name of another service"),
      token: z.number().describe("fencing number: grows with each owner"),
      operation: z.string(),
      since: instant("since when"),
      phase: z.string(),
    })
    .nullable()
    .describe("what holds the server; null: nothing"),
  waiting: z
    .array(z.object({ command_id: z.string(), since: instant("since when") }))
    .describe("commands that wait for the server, the oldest first"),
});

export const Brakes = z.object({
  read_at: instant("when the store was last read for them; null: not yet"),
  holding: z.array(
    z.object({
      brake: z.string(),
      project_id: z.string(),
      scope: z.string().describe("what of the project it holds"),
      by: z.string().nullable().describe("who set it"),
      since: instant("since when"),
      reason: z.string().nullable(),
    }),
  ),
});

/**
 * One id may occur in several projects: `commands` has them all, the one that moved last first. Its members stand beside
 * the list, too, for readers who know one project only.
 */
export function commandsJson(views: readonly CommandStatus[]): object {
  const commands = views.map(commandJson);
  return { ...commands[0], commands };
}

function commandJson(view: CommandStatus): object {
  return {
    command_id: view.commandId,
    project_id: view.projectId,
    server_id: view.serverId,
    phase: view.phase,
    sequence: view.sequence,
    updated_at: instantText(view.updatedAtMs),
    outcome: view.outcome,
    job_id: view.jobId,
    final_event: view.finalEvent,
  };
}

export function brakeJson({ brake, projectId, scope, by, sinceMs, reason }: BrakeStatus): object {
  const since = sinceMs === null ? null : instantText(sinceMs);
  return { brake, project_id: projectId, scope, by, since, reason };
}

export function serverJson({ lock, waiting }: ServerStatus): object {
  return {
    lock: lock && {
      owner: lock.owner,
      token: lock.token,
      operation: lock.operation,
      since: instantText(lock.sinceMs),
      phase: lock.phase,
    },
    waiting: waiting.map(({ commandId, sinceMs }) => ({
      command_id: commandId,
      since: instantText(sinceMs),
    })),
  };
}

/** What another version of us left in the store may be no time at all. */
export function instantText(ms: number): string | null {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null;
}
