import type { ProjectId } from "../contract/ids.ts";
import { rejected, toProgressEvent } from "../core/events.ts";
import type { Intake } from "../core/intake.ts";
import type { PutAsideWhy } from "../core/put-aside.ts";
import { outcomeMessages } from "./finish.ts";
import type { Clock } from "./ports/clock.ts";
import type { Outgoing } from "./ports/outlet.ts";
import type { ReinstallStore, StoredOutcome } from "./ports/reinstall-store.ts";

export interface RefuseDeps {
  readonly store: ReinstallStore;
  readonly clock: Clock;
  readonly region: string;
  /** Projects whose keys are ours to write. */
  readonly projects: readonly ProjectId[];
}

export type Refused =
  | {
      readonly kind: "tell";
      readonly messages: readonly Outgoing[];
      readonly outcome: StoredOutcome;
    }
  | ({ readonly kind: "defer" } & PutAsideWhy);

/** Answers a command that was not understood or not allowed: once, under one id, with the field and the rule. */
export function createRefuse({ store, clock, region, projects }: RefuseDeps) {
  return async function refuse(intake: Extract<Intake, { kind: "refused" }>): Promise<Refused> {
    const { subject, problems, contentHash, copy } = intake;
    const reason = problems.map((p) => `${p.path || "message"}: ${p.code}`).join(", ");
    const outcome = (idSuffix: string, atMs = clock.nowMs()): StoredOutcome => ({
      event: toProgressEvent(region, subject, 1, rejected(problems), atMs, idSuffix),
      reply: subject.replyTo ?? null,
      dead: { reason: `rejected: ${reason}`, body: { problems, ...withCopy(copy) } },
    });
    const told = (stored: StoredOutcome): Refused => ({
      kind: "tell",
      outcome: stored,
      messages: outcomeMessages(stored),
    });
    const { projectId } = subject;
    // Not a project of ours: we keep no records there, and none of its ids can meet one of ours.
    if (projectId === null || !projects.includes(projectId)) return told(outcome(""));
    const answer = await store.refuse(projectId, subject.commandId, contentHash, outcome(""));
    switch (answer.kind) {
      case "finished":
        return told(answer.outcome);
      case "id-reused":
        return told(outcome(reuseSuffix(contentHash), answer.sinceMs));
      case "corrupt":
        return told(outcome(reuseSuffix(contentHash)));
      case "rebuilding":
        return { kind: "defer", why: "store-rebuilding", untilMs: answer.untilMs, doubt: false };
      case "away":
        return { kind: "defer", why: "store-away" };
    }
  };
}

/**
 * Event ids of a command that uses another command's id must not meet that command's own: `~` is no
 * character of a command id.
 */
export function reuseSuffix(contentHash: string): string {
  return `~${contentHash.slice(0, 12)}`;
}

function withCopy(copy: unknown): object {
  return typeof copy === "object" && copy !== null ? copy : { copy };
}
