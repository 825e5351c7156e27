import { z } from "zod";
import type { BrakeSaid, CommandDetail, LockView, PastReinstall } from "../../contract/overview.ts";
import { instantText } from "../instant-text.ts";
import { next } from "./paging.ts";

const instant = (description: string) => z.iso.datetime().nullable().describe(description);
const text = (description: string) => z.string().nullable().describe(description);

/** A command in a list. */
export const CommandJson = z.object({
  command_id: z.string(),
  project_id: z.string(),
  server_id: z.string().nullable(),
  phase: z.string().describe("where it stands (docs/states.md)"),
  waits_for: text("what it waits for (docs/symptoms.md); null: it does not wait"),
  holder: text("the command, or other service, that it waits for"),
  since: instant("since when it is in this phase, or waits for this"),
  next_try: instant("when its next step is due; null: it has none"),
  attempt: z.int().describe("number of its present, or next, try to send the request"),
  sequence: z.int().describe("number of its last event"),
  created_at: instant("when the store took it up"),
  updated_at: instant("when its last step was stored"),
  expires_at: instant("it is not started after this"),
  not_before: instant("nor before this"),
  source: text("what its emitter said"),
  reason: text("what its emitter said"),
  group: text("what its emitter said"),
  outcome: text("the name of its final event; null while it is open"),
  job_id: text("id of the cloud's job"),
  final_event: z
    .unknown()
    .describe(
      "the final event as it was published, docs/contract/events.md; null while it is open",
    ),
  settled: z
    .unknown()
    .describe("what became of it after it ended `unresolved`: `data` of its `settled` event"),
});

export const BrakeSaidJson = z.object({
  brake: z.string(),
  verdict: z.enum(["go", "wait", "no"]),
  detail: text("in a sentence; null: it says go"),
  scope: text("what it covers, or where it is set"),
  until: instant("when it ends, where that is known"),
});

export const PastReinstallJson = z.object({
  command_id: z.string(),
  attempt: z.int(),
  at: instant("when its request was about to be sent"),
  ended_at: instant("null: it goes on"),
  outcome: text("its final event, or what was found out after `unresolved`; null: it goes on"),
  duration_seconds: z.number().nullable().describe("from `at` to `ended_at`; null: it goes on"),
  source: text("what its emitter said"),
  reason: text("what its emitter said"),
});

export const LockJson = z.object({
  project_id: z.string(),
  server_id: z.string(),
  owner: z.string().describe("a command's id, or the name of another service"),
  token: z.number().describe("fencing number: grows with each owner"),
  operation: z.string(),
  since: instant("since when; null: it does not say so"),
  phase: z.string().describe("`unresolved`: nobody knows whether the server was reinstalled"),
});

export const CommandList = z.object({
  commands: z.array(CommandJson).describe("in the order that the request's `state` says"),
  next,
});

export const LockList = z.object({
  locks: z.array(LockJson).describe("the oldest first"),
  next,
});

export function commandJson(view: CommandDetail): z.input<typeof CommandJson> {
  return {
    command_id: view.commandId,
    project_id: view.projectId,
    server_id: view.serverId,
    phase: view.phase,
    waits_for: view.waitsFor,
    holder: view.holder,
    since: instantText(view.sinceMs),
    next_try: instantText(view.nextTryMs),
    attempt: view.attempt,
    sequence: view.sequence,
    created_at: instantText(view.createdAtMs),
    updated_at: instantText(view.updatedAtMs),
    expires_at: instantText(view.expiresAtMs),
    not_before: instantText(view.notBeforeMs),
    source: view.source,
    reason: view.reason,
    group: view.group,
    outcome: view.outcome,
    job_id: view.jobId,
    final_event: view.finalEvent,
    settled: view.settled,
  };
}

export function brakeSaidJson({ untilMs, ...said }: BrakeSaid): z.input<typeof BrakeSaidJson> {
  return { ...said, until: instantText(untilMs) };
}

export function pastReinstallJson(one: PastReinstall): z.input<typeof PastReinstallJson> {
  const { attempt, atMs, endedMs, outcome, source, reason } = one;
  return {
    command_id: one.commandId,
    attempt,
    at: instantText(atMs),
    ended_at: instantText(endedMs),
    outcome,
    duration_seconds: endedMs === null ? null : (endedMs - atMs) / 1000,
    source,
    reason,
  };
}

export function lockJson(lock: LockView): z.input<typeof LockJson> {
  const { owner, token, operation, phase, sinceMs } = lock;
  const since = instantText(sinceMs);
  return {
    project_id: lock.projectId,
    server_id: lock.serverId,
    owner,
    token,
    operation,
    since,
    phase,
  };
}
