import type { ProjectId } from "../contract/ids.ts";
import { rejected, type Subject, toProgressEvent } from "../core/messages/events.ts";
import type { Intake } from "../core/intake/intake.ts";
import type { DeferReason } from "../core/waiting/deferred.ts";
import { idReusedMessages } from "./complete/messages.ts";
import { outcomeMessages } from "./complete/messages.ts";
import type { Clock } from "./ports/clock.ts";
import type { Outgoing } from "./ports/outlet.ts";
import type { Refusal } from "./ports/admission.ts";
import type { ReinstallStore } from "./ports/reinstall-store.ts";
import type { StoredOutcome } from "./ports/stored-outcome.ts";

export interface RefuseDeps {
  readonly store: ReinstallStore;
  readonly clock: Clock;
  readonly region: string;
  /** Projects whose keys are ours to write. */
  readonly projects: readonly ProjectId[];
}

export type Refused =
  /** `outcome`: what this message has come to. */
  | {
      readonly kind: "publish";
      readonly messages: readonly Outgoing[];
      readonly outcome: StoredOutcome;
      /** Whose sweeper has to know that it was published; null: nobody's. */
      readonly home: ProjectId | null;
    }
  /** The id is another command's: an answer that is not its event. */
  | { readonly kind: "misuse"; readonly messages: readonly Outgoing[] }
  | ({ readonly kind: "defer"; readonly detail?: string } & DeferReason);

/**
 * Answers a message that was not understood or not allowed: once, under one id, with the field and the rule. It does not
 * use up its id: what is corrected may come under it again, and has the event numbers that follow.
 */
export function createRefuse({ store, clock, region, projects }: RefuseDeps) {
  return async function refuse(intake: Extract<Intake, { kind: "refused" }>): Promise<Refused> {
    const { subject, problems, contentHash } = intake;
    const reason = problems.map((p) => `${p.path || "message"}: ${p.code}`).join(", ");
    const body = { problems, ...intake.copy };
    const atMs = clock.nowMs();
    const outcome = (sequence: number): StoredOutcome => ({
      event: toProgressEvent(region, subject, { sequence, atMs }, rejected(problems)),
      reply: subject.replyTo ?? null,
      dead: { reason: `rejected: ${reason}`, body },
    });
    const home = homeOf(subject, projects);
    const remember = (sequence: number) =>
      store.refuse({ ...home, id: subject.commandId, contentHash, outcome: outcome(sequence) });
    let answer = await remember(1);
    // Others may be refused under the id meanwhile; so many at once are somebody's loop, and wait.
    for (let tries = 0; answer.kind === "renumber" && tries < RENUMBERS; tries++) {
      answer = await remember(answer.sequence);
    }
    switch (answer.kind) {
      case "finished":
        return {
          kind: "publish",
          outcome: answer.outcome,
          home: home.strayFrom === undefined ? home.project : null,
          // Stored with the first copy's address; each copy is answered where it asks itself.
          messages: outcomeMessages({ ...answer.outcome, reply: subject.replyTo ?? null }),
        };
      case "id-reused": {
        const { sinceMs } = answer;
        const reuse = { sinceMs, contentHash, problems, copy: body };
        return { kind: "misuse", messages: idReusedMessages(region, subject, reuse) };
      }
      case "rebuilding":
        return {
          kind: "defer",
          why: "store-rebuilding",
          untilMs: answer.untilMs,
          mayHaveRun: false,
        };
      case "renumber":
      case "refusal-unconfirmed":
        return { kind: "defer", why: "refusal-unconfirmed" };
      case "away":
        return { kind: "defer", why: "store-away" };
      case "corrupt":
        return { kind: "defer", why: "store-unreadable", detail: answer.message };
    }
  };
}

const RENUMBERS = 3;

/**
 * Where a refusal is remembered. We write no keys of a project that is not ours: what names one, or none, is remembered
 * beside the records of the default project, where no id of a command can meet it.
 */
function homeOf(
  { projectId }: Subject,
  projects: readonly ProjectId[],
): Pick<Refusal, "project" | "strayFrom"> {
  const [first] = projects;
  if (first === undefined) throw new Error("a worker has at least one project");
  if (projectId !== null && projects.includes(projectId)) return { project: projectId };
  return { project: first, strayFrom: projectId ?? "-" };
}
