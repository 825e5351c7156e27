import { z } from "zod";
import { OVERRIDABLE_BRAKES } from "../contract/brakes.ts";
import {
  type EventName,
  FINAL_EVENTS,
  type FinalEventName,
  type ProgressEvent,
  SETTLED_AS,
  WaitReason,
} from "../contract/event.ts";
import type { ReconcileEvidence } from "../contract/labels.ts";
import { notesData } from "../core/intake/notes.ts";
import { endVerdict } from "../core/objective.ts";
import type { Order } from "../core/state/order.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { Journal } from "../steps/ports/journal.ts";
import type { Logger } from "./logging/logger.ts";
import type { Metrics } from "./metrics/metrics.ts";

/** Where it writes and counts. */
export interface JournalDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Of a failed command, by its class and the cloud's code: did the emitter ask for what cannot be? */
  readonly isEmittersMistake: (errorClass: string, cloudCode: string | null) => boolean;
}

/** The diary on the logger and the metrics: one line for each change of state, one count for each fact. */
export function createJournal(deps: JournalDeps): Journal {
  const { logger, metrics, clock } = deps;
  return {
    moved(order, from, to, events) {
      for (const { data } of events) {
        metrics.event(data.event);
        const waitsFor = WaitReason.safeParse(data["waits_for"]);
        if (data.event === "waiting" && waitsFor.success)
          metrics.waits(waitsFor.data, order.projectId);
        if (data.event === "accepted") countOverrides(metrics, order);
        countCloudMark(metrics, data);
        countLeftOff(metrics, data);
      }
      if (from === "reconcile" && (to === "submit" || to === "prepare")) {
        metrics.reconciled("not-executed", order.projectId);
      }
      // A poll that found nothing new is no change of state.
      const level = from === to && events.length === 0 ? "trace" : from === to ? "debug" : "info";
      logger[level](
        {
          commandId: order.commandId,
          projectId: order.projectId,
          serverId: order.serverId,
          from,
          phase: to,
          ...detailsOf(events),
        },
        "command moved",
      );
    },

    ended(from, outcome, observedAtMs) {
      const { data } = outcome.event;
      metrics.event(data.event);
      countCloudMark(metrics, data);
      countLeftOff(metrics, data);
      countEnd(deps, data, observedAtMs === null ? null : clock.nowMs() - observedAtMs);
      const settledAs = SETTLED_AS.find((as) => data.event === "settled" && as === data["as"]);
      if (settledAs !== undefined) metrics.settled(settledAs, String(data.project_id));
      if (from === "reconcile") countProof(metrics, data);
      if (outcome.dead !== null) metrics.deadLetter(outcome.dead.reason.split(":")[0] ?? "other");
      const level = data.event === "unresolved" ? "error" : "info";
      logger[level](
        {
          commandId: data.command_id,
          projectId: data.project_id,
          serverId: data.server_id,
          from,
          outcome: data.event,
          ...detailsOf([outcome.event]),
        },
        "command ended",
      );
    },

    dropped(commandId, phase, why) {
      if (why === "duplicate") {
        metrics.duplicate("command");
        metrics.event("duplicate");
      }
      // Its answer is a `rejected`, with a copy in the dead queue.
      if (why === "id-reused") {
        metrics.event("rejected");
        metrics.deadLetter("rejected");
      }
      if (why === "stale" || why === "fenced" || why === "finished") metrics.duplicate("step");
      logger.info({ commandId, phase, why }, "delivery dropped");
    },

    deferred(commandId, phase, why, delayMs) {
      logger.warn({ commandId, phase, why, delayMs }, "delivery deferred");
    },

    noted(commandId, notes) {
      const { unknownFields, ignoredTimestamp } = notes;
      metrics.unknownFields(unknownFields.length);
      if (ignoredTimestamp !== undefined) metrics.implausibleTimestamp(ignoredTimestamp);
      const said = notesData(notes);
      if (Object.keys(said).length === 0) return;
      logger.warn({ commandId, ...said }, "parts of a command are not used");
    },

    gaveUp(reason, fields) {
      metrics.deadLetter(reason);
      logger.error({ reason, ...fields }, "internal message copied to the dead queue");
    },

    unreadable({ commandId, serverId }, detail) {
      metrics.storeUnreadable();
      logger.error({ commandId, serverId, detail }, "the store holds what cannot be read");
    },

    inquiryOver({ commandId, projectId, serverId }, why) {
      if (why === "given-up") metrics.inquiryGivenUp(projectId);
      const level = why === "given-up" ? "error" : "info";
      logger[level]({ commandId, projectId, serverId, why }, "inquiry ended");
    },

    trouble(message, fields) {
      logger.error(fields, message);
    },
  };
}

/** A mark that a look has shown: no script of the gate decides by it, so that the store's meter does not see it. */
function countCloudMark(metrics: Metrics, data: ProgressEvent["data"]): void {
  const brake = CloudMark.safeParse(data["brake"]);
  if (brake.success) metrics.brakeDecision("protected", "no", String(data.project_id));
}

const CloudMark = z.object({ name: z.literal("protected"), scope: z.literal("cloud mark") });

/** Members of an event that help who reads the log, beside the ids that every line has. */
const LOGGED = [
  "as",
  "job_id",
  "job_status",
  "waits_for",
  "holder",
  "leader",
  "detail",
  "next_step",
  "class",
  "cloud_code",
  "message",
  "evidence",
  "verified",
  "duration_seconds",
  "ready",
  "ready_detail",
  "why",
  "seen",
  "problems",
  "override",
  "system_disk_before",
] as const;

function detailsOf(events: readonly ProgressEvent[]): Record<string, unknown> {
  const details = events.flatMap(({ data }) =>
    LOGGED.flatMap((key) => (data[key] === undefined ? [] : [[key, data[key]] as const])),
  );
  return {
    ...(events.length === 0 ? {} : { events: events.map(({ data }) => data.event) }),
    ...Object.fromEntries(details),
  };
}

type EventData = ProgressEvent["data"];

function countEnd(
  { metrics, isEmittersMistake }: JournalDeps,
  data: EventData,
  recoveryMs: number | null,
): void {
  const outcome: FinalEventName | undefined = FINAL_EVENTS.find((known) => known === data.event);
  if (outcome === undefined) return;
  const project = String(data["project_id"]);
  const errorClass = String(data["class"]);
  const joined = data["leader"] !== undefined;
  metrics.commandEnded(outcome, project);
  const emittersMistake = isEmittersMistake(errorClass, textOf(data["cloud_code"]));
  metrics.endJudged(endVerdict({ event: outcome, joined, emittersMistake }), project);
  if (outcome === "failed") metrics.commandFailed(errorClass, project);
  if (outcome !== "succeeded" || joined) return;
  // The server was reinstalled before it was asked whether it answers.
  const askedSeconds = numberOf(data["ready_seconds"]) ?? 0;
  const endSeconds = recoveryMs === null ? null : recoveryMs / 1000;
  if (data["ready"] === false) metrics.notReady(project);
  metrics.reinstalled({
    duration: numberOf(data["duration_seconds"]),
    recovery: endSeconds === null ? null : endSeconds - askedSeconds,
    ready: data["ready"] === true ? endSeconds : null,
    project,
    source: textOf(data["source"]) ?? "",
  });
}

function countOverrides(metrics: Metrics, { override = [], projectId }: Order): void {
  const lifted = OVERRIDABLE_BRAKES.filter((brake) => override.includes(brake));
  for (const brake of lifted) metrics.override(brake, projectId);
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Only a server that should run and was not seen running has something for a person to do. */
function countLeftOff(metrics: Metrics, { power, project_id: project }: EventData): void {
  const isLeftOff = typeof power === "object" && power !== null && "next_step" in power;
  if (isLeftOff) metrics.serverLeftOff(String(project));
}

/** How it was found out whether a reinstall has run. */
function countProof(metrics: Metrics, data: EventData): void {
  const evidence = proofOf(data.event, data["class"]);
  if (evidence !== null) metrics.reconciled(evidence, String(data["project_id"]));
}

function proofOf(name: EventName, failureClass: unknown): ReconcileEvidence | null {
  if (name === "succeeded") return "system-disk-replaced";
  if (name === "unresolved") return "deadline";
  if (name !== "failed") return null;
  if (failureClass === "not-executed") return "not-executed";
  return failureClass === "server-broken" ? "server-error" : "server-gone";
}
