import { z } from "zod";
import type { CommandEvidence } from "../../contract/evidence.ts";
import type { BrakeStatus, CallStatus, KeptOff, SlotStatus } from "../../contract/http.ts";
import type { CommandDetail, CommandStory, ServerDetail } from "../../contract/overview.ts";
import { explainCommand, explainServer } from "../../core/explain/explain.ts";
import type { Away } from "../../core/explain/trouble.ts";
import { instantText } from "../instant-text.ts";
import { EvidenceJson, evidenceJson } from "./evidence-answers.ts";
import {
  BrakeSaidJson,
  brakeSaidJson,
  CommandJson,
  commandJson,
  PastReinstallJson,
  pastReinstallJson,
} from "./overview-answers.ts";

const instant = (description: string) => z.iso.datetime().nullable().describe(description);

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

const explanation = z
  .array(z.string())
  .describe("for people: why it is where it is, and what a person can do; its wording may change");

const Command = CommandJson.extend({
  brakes: z
    .array(BrakeSaidJson)
    .nullable()
    .describe(
      "what each brake says of it now: of one in work only those that are asked again hold it; null: it has ended, or that is not known",
    ),
  explanation,
  evidence: EvidenceJson.optional().describe("with `view=evidence`: all that is kept of it"),
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
      since: instant("since when; null: it does not say so"),
      phase: z.string(),
    })
    .nullable()
    .describe("what holds the server; null: nothing"),
  waiting: z
    .array(z.object({ command_id: z.string(), since: instant("since when") }))
    .describe("commands that wait for the server, in the order in which they get it"),
  history: z.array(PastReinstallJson).describe("its last reinstalls, the youngest first"),
  brakes: z
    .array(BrakeSaidJson)
    .nullable()
    .describe(
      "what each brake would say of a new command without a group; null: that is not known",
    ),
  explanation,
});

export const Brakes = z.object({
  read_at: instant("when the store was last read for them; null: not yet"),
  is_current: z
    .boolean()
    .describe(
      "false: the store does not answer, and what was set or lifted since `read_at` is not known",
    ),
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
  kept_off: z
    .array(
      z.object({
        brake: z.string(),
        project_id: z.string(),
        by: z.string().nullable().describe("who lifted it"),
        since: instant("when it was lifted"),
        until: instant("it does not set itself before"),
        reason: z.string().nullable(),
      }),
    )
    .describe("storms that a person keeps off for a while"),
  quarantined: z
    .array(
      z.object({
        project_id: z.string(),
        server_id: z.string(),
        command_id: z.string().describe("the last command that was turned away"),
        since: instant("when it was turned away"),
      }),
    )
    .nullable()
    .describe(
      "servers that the quarantine turned a command away from in the last day, and still would; at most 10. null: the store does not answer",
    ),
  slots: z
    .array(
      z.object({
        project_id: z.string(),
        taken: z.int().describe("reinstalls in work"),
        cap: z.int().describe("as many may be in work at once, by this worker's configuration"),
        waiting: z.int().describe("commands in line for a slot, which nothing else holds"),
      }),
    )
    .describe("counted once a minute; a project that was not counted yet is left out"),
  calls: z
    .array(
      z.object({
        project_id: z.string(),
        allowed_per_second: z.number().describe("requests a second that may go to the cloud now"),
        configured_per_second: z.number().describe("`ECS_REQUESTS_PER_SECOND`"),
        learned: z.boolean().describe("what is allowed was learned of the cloud's quota"),
        held_until: instant("no request before this; null: nothing holds them"),
        left_ratio: z.number().describe("of those that may go at once, what is left, 0 to 1"),
      }),
    )
    .describe("asked every 15 s; a project that was not asked for yet is left out"),
});

/**
 * One id may occur in several projects: `commands` has them all, the one that moved last first. Its members stand beside
 * the list, too, for readers who know one project only.
 */
export function commandsJson(
  stories: readonly CommandStory[],
  nowMs: number,
  away: readonly Away[],
): object {
  return firstAndAll(stories.map((story) => storyJson(story, nowMs, away)));
}

/** The same, with the evidence of each. */
export function evidencesJson(
  found: readonly CommandEvidence[],
  nowMs: number,
  away: readonly Away[],
): object {
  return firstAndAll(
    found.map((one) => ({
      ...storyJson(one.story, nowMs, away),
      evidence: evidenceJson(one, nowMs),
    })),
  );
}

function firstAndAll(commands: readonly object[]): object {
  return { ...commands[0], commands };
}

function storyJson(story: CommandStory, nowMs: number, away: readonly Away[]): object {
  return {
    ...commandJson(story.command),
    brakes: story.brakes?.map(brakeSaidJson) ?? null,
    explanation: explainCommand(story, nowMs, away),
  };
}

export function brakeJson({ brake, projectId, scope, by, sinceMs, reason }: BrakeStatus): object {
  const since = sinceMs === null ? null : instantText(sinceMs);
  return { brake, project_id: projectId, scope, by, since, reason };
}

export function keptOffJson({ brake, projectId, by, sinceMs, untilMs, reason }: KeptOff): object {
  const since = sinceMs === null ? null : instantText(sinceMs);
  return { brake, project_id: projectId, by, since, until: instantText(untilMs), reason };
}

/** A server that the quarantine keeps from a new command, as it is shown. */
export function quarantinedJson(one: CommandDetail): object {
  const { projectId, serverId, commandId, updatedAtMs } = one;
  return {
    project_id: projectId,
    server_id: serverId,
    command_id: commandId,
    since: instantText(updatedAtMs),
  };
}

/** How fast one project's calls may be made, as it is shown. */
export function callsJson(calls: CallStatus): object {
  const { projectId, perSecond, configuredPerSecond, isLearned, heldUntilMs, left } = calls;
  return {
    project_id: projectId,
    allowed_per_second: Math.round(perSecond * 1000) / 1000,
    configured_per_second: configuredPerSecond,
    learned: isLearned,
    held_until: heldUntilMs === null ? null : instantText(heldUntilMs),
    left_ratio: Math.round(left * 1000) / 1000,
  };
}

export function slotJson({ projectId, taken, cap, waiting }: SlotStatus): object {
  return { project_id: projectId, taken, cap, waiting };
}

export function serverJson(
  of: { readonly project: string; readonly server: string },
  view: ServerDetail,
  nowMs: number,
  away: readonly Away[],
): object {
  const { lock, waiting, history, brakes } = view;
  return {
    project_id: of.project,
    server_id: of.server,
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
    history: history.map(pastReinstallJson),
    brakes: brakes?.map(brakeSaidJson) ?? null,
    explanation: explainServer(of, view, nowMs, away),
  };
}
