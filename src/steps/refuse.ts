import type { ProjectId } from "../contract/ids.ts";
import { rejected, toProgressEvent } from "../core/events.ts";
import type { Intake } from "../core/intake.ts";
import type { PutAsideWhy } from "../core/put-aside.ts";
import { idReusedMessages } from "./answer-duplicate.ts";
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
  /** `outcome`: what this message has come to. */
  | {
      readonly kind: "tell";
      readonly messages: readonly Outgoing[];
      readonly outcome: StoredOutcome;
    }
  /** The id is another command's: an answer that is not its event. */
  | { readonly kind: "misuse"; readonly messages: readonly Outgoing[] }
  | ({ readonly kind: "defer" } & PutAsideWhy);

/** Answers a command that was not understood or not allowed: once, under one id, with the field and the rule. */
export function createRefuse({ store, clock, region, projects }: RefuseDeps) {
  return async function refuse(intake: Extract<Intake, { kind: "refused" }>): Promise<Refused> {
    const { subject, problems, contentHash } = intake;
    const { projectId, commandId } = subject;
    const reason = problems.map((p) => `${p.path || "message"}: ${p.code}`).join(", ");
    const body = { problems, ...asObject(intake.copy) };
    const outcome: StoredOutcome = {
      event: toProgressEvent(region, subject, 1, rejected(problems), clock.nowMs()),
      reply: subject.replyTo ?? null,
      dead: { reason: `rejected: ${reason}`, body },
    };
    // Stored with the first copy's address; each copy is answered where it asks itself.
    const told = (stored: StoredOutcome): Refused => ({
      kind: "tell",
      outcome: stored,
      messages: outcomeMessages({ ...stored, reply: subject.replyTo ?? null }),
    });
    const misuse = (sinceMs: number): Refused => ({
      kind: "misuse",
      messages: idReusedMessages(region, subject, { sinceMs, problems, copy: body }),
    });
    // Not a project of ours: we keep no records there, and none of its ids can meet one of ours.
    if (projectId === null || !projects.includes(projectId)) return told(outcome);
    const answer = await store.refuse(projectId, commandId, contentHash, outcome);
    switch (answer.kind) {
      case "finished":
        return told(answer.outcome);
      case "id-reused":
        return misuse(answer.sinceMs);
      case "corrupt":
        return misuse(clock.nowMs());
      case "rebuilding":
        return { kind: "defer", why: "store-rebuilding", untilMs: answer.untilMs, doubt: false };
      case "away":
        return { kind: "defer", why: "store-away" };
    }
  };
}

function asObject(copy: unknown): object {
  return typeof copy === "object" && copy !== null ? copy : { copy };
}
