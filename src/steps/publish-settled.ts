import type { CommandId, ProjectId } from "../contract/ids.ts";
import { recordIdOf } from "../core/envelope.ts";
import { outcomeMessages } from "./messages.ts";
import type { Outlet } from "./ports/outlet.ts";
import type { ReinstallStore } from "./ports/reinstall-store.ts";
import type { StrandedCommands } from "./ports/stranded-commands.ts";

export interface PublishSettledDeps {
  readonly store: Pick<ReinstallStore, "published">;
  readonly stranded: Pick<StrandedCommands, "one">;
  readonly outlet: Pick<Outlet, "publish">;
}

/**
 * Publishes `settled` for a command that a person has resolved, as soon as that is known. What fails here is done by the
 * message of its inquiry, or by the sweeper.
 */
export function createPublishSettled({ store, stranded, outlet }: PublishSettledDeps) {
  return async function publishSettled(
    project: ProjectId,
    command: CommandId,
    signal: AbortSignal,
  ): Promise<void> {
    const id = recordIdOf(command, "inquiry");
    const inquiry = await stranded.one(project, id);
    if (inquiry === null || inquiry.outcome === null || inquiry.published === true) return;
    const { outcome } = inquiry;
    if ((await outlet.publish(outcomeMessages(outcome), signal)) !== "confirmed") return;
    await store.published(project, id, outcome.event.data.sequence);
  };
}
