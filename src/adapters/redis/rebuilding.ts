import type { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { ReinstallStore } from "../../steps/ports/reinstall-store.ts";

/**
 * The store, saying once for each project and each new memory that nothing new starts there for a while. A command that
 * comes in that time gets no event of its own: whether its id is new, or whose number comes next, is what nobody knows.
 */
export function watchRebuilding(
  store: ReinstallStore,
  clock: Pick<Clock, "nowMs">,
  onRebuilding: (project: ProjectId, forMs: number) => void,
): ReinstallStore {
  const said = new Map<ProjectId, number>();
  const notice = (project: ProjectId, untilMs: number | null) => {
    if (untilMs === null) return;
    // Translated between clocks, the same instant differs by some milliseconds.
    if (Math.abs((said.get(project) ?? 0) - untilMs) < SAME_MS) return;
    said.set(project, untilMs);
    onRebuilding(project, Math.max(0, untilMs - clock.nowMs()));
  };
  return {
    ...store,
    async admit(order, delivery) {
      const answer = await store.admit(order, delivery);
      if (answer.kind === "rebuilding") notice(order.projectId, answer.untilMs);
      return answer;
    },
    async claim(envelope, delivery) {
      const answer = await store.claim(envelope, delivery);
      if (answer.kind === "claimed") {
        notice(envelope.order.projectId, answer.claim.rebuildingUntilMs);
      } else if (answer.kind === "rebuilding") notice(envelope.order.projectId, answer.untilMs);
      return answer;
    },
  };
}

const SAME_MS = 1_000;
