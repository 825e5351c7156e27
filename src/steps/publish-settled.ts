import type { CommandId, ProjectId } from "../contract/ids.ts";
import { recordIdOf, restoreEnvelope } from "../core/state/envelope.ts";
import { outcomeMessages } from "./complete/messages.ts";
import type { Outlet } from "./ports/outlet.ts";
import type { ReinstallStore } from "./ports/reinstall-store.ts";
import type { Clock } from "./ports/clock.ts";
import type { Stranded, StrandedCommands } from "./ports/stranded-commands.ts";

export interface PublishSettledDeps {
  readonly store: Pick<ReinstallStore, "published">;
  readonly stranded: Pick<StrandedCommands, "one">;
  readonly outlet: Pick<Outlet, "publish">;
  readonly clock: Pick<Clock, "nowMs">;
}

/**
 * Publishes `settled` for a command that a person has resolved, as soon as that is known; or has its inquiry take its turn now, where
 * the server is to be started first. What fails here is done by the
 * message of its inquiry, or by the sweeper.
 */
export function createPublishSettled({ store, stranded, outlet, clock }: PublishSettledDeps) {
  /** Its own message finds that step taken when it is due. */
  async function hurry({ resume }: Stranded, signal: AbortSignal): Promise<void> {
    const next = restoreEnvelope(resume, undefined);
    if (next === null) return;
    const revived = next.revived + 1;
    const envelope = { ...next, revived, dueMs: clock.nowMs(), unseenUntilMs: undefined };
    await outlet.publish([{ kind: "step", envelope, delayMs: 0 }], signal);
  }

  return async function publishSettled(
    project: ProjectId,
    command: CommandId,
    signal: AbortSignal,
  ): Promise<void> {
    const id = recordIdOf(command, "inquiry");
    const inquiry = await stranded.one(project, id);
    if (inquiry === null || inquiry.published === true) return;
    const { outcome } = inquiry;
    if (outcome === null) return await hurry(inquiry, signal);
    if ((await outlet.publish(outcomeMessages(outcome), signal)) !== "confirmed") return;
    await store.published(project, id, outcome.event.data.sequence);
  };
}
