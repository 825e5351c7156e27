import { z } from "zod";
import type {
  AskedFor,
  CommandEvidence,
  RecordedIntent,
  StoredSwitch,
  TakenStep,
} from "../../contract/evidence.ts";
import { instantText } from "../instant-text.ts";
import { AuditJson, auditJson } from "./audit-json.ts";
import { LockJson, lockJson, PastReinstallJson, pastReinstallJson } from "./overview-answers.ts";

const instant = (description: string) => z.iso.datetime().nullable().describe(description);
const text = (description: string) => z.string().nullable().describe(description);

const AskedJson = z.object({
  on_busy: z.string(),
  dry_run: z.boolean(),
  override: z.array(z.string()).describe("brakes that do not apply to it"),
  received_at: instant("when the worker took the message"),
  observed_at: instant("when the emitter saw the fault"),
  expected_system_disk: text("the disk that the emitter saw"),
  wish_hash: z.string().describe("two commands with the same may share one reinstall"),
  content_hash: z.string().describe("the same id with another hash is another command"),
});

const StepJson = z.object({
  step: z.int().describe("counts the command's steps; not every step publishes something"),
  at: instant("when a worker took it, by the store's clock"),
  phase: z.string().describe("the phase that it led to (docs/states.md)"),
  attempt: z.int().describe("number of the present, or next, try to send the request"),
  events: z.array(
    z.object({
      event: z.string(),
      sequence: z.int(),
      time: z.string().describe("when it became true"),
      data: z
        .record(z.string(), z.unknown())
        .nullable()
        .describe(
          "what it adds to the members that every event has (docs/contract/events.md); null: it was too long to be kept",
        ),
    }),
  ),
});

const SwitchJson = z.object({
  brake: z.string(),
  scope: z.string().describe("what of the project it covers"),
  on: z.boolean().describe("false: it was lifted"),
  at: instant("when it was set or lifted"),
  by: z.string().describe("who did it"),
  reason: z.string(),
});

/** What stands beside a command's own members in an evidence bundle. */
export const EvidenceJson = z.object({
  taken_at: instant("when this was read"),
  asked: AskedJson.nullable().describe(
    "what the emitter asked for, without the body; null: it was refused, or that is not known",
  ),
  steps: z
    .array(StepJson)
    .describe(
      "decisions in their order, with the events that they published, the waits and their brakes, and the cloud's jobs and request ids as events show them. Of many the first 40 and the last 20 are kept; none from before Redis was emptied",
    ),
  intent: z
    .object({
      attempt: z.int(),
      at: instant("when it was recorded, right before the request was sent"),
      signed_at: instant("null: a token was used"),
      system_disk: z.string().describe("the system disk before it"),
    })
    .nullable()
    .describe(
      "the last request; null: none was sent, or it is proven not to have been carried out",
    ),
  reinstalls: z
    .array(PastReinstallJson)
    .describe("its own requests in the server's history, the youngest first"),
  lock: LockJson.omit({ project_id: true, server_id: true })
    .nullable()
    .describe("what holds its server now; null: nothing, or the server is not known"),
  waiting: z.array(z.string()).describe("who waits for its server now, in their order"),
  manual_actions: z
    .array(SwitchJson)
    .describe(
      "pauses, protections and releases that cover it, and storms of its project, standing or lifted within 30 days, the youngest first",
    ),
  acts: z
    .array(AuditJson)
    .describe(
      "what people did by hand about it or its server, and what they did since it arrived to what covers it: of the list of actions, the youngest first, at most 100",
    ),
  cancel_asked: z.boolean().describe("a person has asked for its end"),
});

export function evidenceJson(
  evidence: CommandEvidence,
  nowMs: number,
): z.input<typeof EvidenceJson> {
  const { story, asked, steps, intent, switches, acts, cancelAsked } = evidence;
  const { command, server } = story;
  const own = server?.history.filter(({ commandId }) => commandId === command.commandId);
  return {
    taken_at: instantText(nowMs),
    asked: asked && askedJson(asked),
    steps: steps.map(stepJson),
    intent: intent && intentJson(intent),
    reinstalls: (own ?? []).map(pastReinstallJson),
    lock: lockOf(evidence),
    waiting: server?.waiting.map(({ commandId }) => commandId) ?? [],
    manual_actions: switches.map(switchJson),
    acts: acts.map((act) => auditJson({ ...act, projectId: command.projectId })),
    cancel_asked: cancelAsked,
  };
}

function lockOf({ story }: CommandEvidence): z.input<typeof EvidenceJson>["lock"] {
  const { command, server } = story;
  if (server === null || server.lock === null) return null;
  const at = { projectId: command.projectId, serverId: command.serverId ?? "" };
  const { project_id: _project, server_id: _server, ...lock } = lockJson({ ...at, ...server.lock });
  return lock;
}

function askedJson(asked: AskedFor): z.input<typeof AskedJson> {
  return {
    on_busy: asked.onBusy,
    dry_run: asked.dryRun,
    override: [...asked.override],
    received_at: instantText(asked.receivedAtMs),
    observed_at: instantText(asked.observedAtMs),
    expected_system_disk: asked.expectedSystemDisk,
    wish_hash: asked.wishHash,
    content_hash: asked.contentHash,
  };
}

function stepJson({ step, atMs, phase, attempt, events }: TakenStep): z.input<typeof StepJson> {
  const published = events.map(({ event, sequence, time, data }) => ({
    event,
    sequence,
    time,
    data,
  }));
  return { step, at: instantText(atMs), phase, attempt, events: published };
}

function intentJson({ attempt, atMs, signedAtMs, systemDisk }: RecordedIntent) {
  return {
    attempt,
    at: instantText(atMs),
    signed_at: instantText(signedAtMs),
    system_disk: systemDisk,
  };
}

function switchJson({ brake, scope, on, atMs, by, reason }: StoredSwitch) {
  return { brake, scope, on, at: instantText(atMs), by, reason };
}
