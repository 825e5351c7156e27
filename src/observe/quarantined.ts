import type { Found } from "../contract/found.ts";
import type { CommandViews } from "../contract/http.ts";
import { ProjectId, ServerId } from "../contract/ids.ts";
import type { CommandDetail, Overview } from "../contract/overview.ts";

interface Sources {
  readonly views: Pick<CommandViews, "serverStatus">;
  readonly overview: Pick<Overview, "commands">;
}

/** What ended so long ago needs nobody any more. */
export const DAY_MS = 86_400_000;

const MOST_QUARANTINED = 10;
const MOST_ENDED = 200;

/**
 * The servers that the quarantine keeps from a new command, by the commands that it turned away in the last day: of each the
 * youngest, at most 10. Of `project` alone, where it is given: `absent` when this worker does not have it.
 */
export async function quarantinedServers(
  sources: Sources,
  project: ProjectId | undefined,
  nowMs: number,
): Promise<Found<readonly CommandDetail[]>> {
  const asked = { project, state: "ended", outcome: "quarantined" } as const;
  const ended = await sources.overview.commands(asked, { limit: MOST_ENDED });
  if (ended.kind !== "found") return ended;
  const lately = ended.view.entries.filter(({ updatedAtMs }) => nowMs - updatedAtMs < DAY_MS);
  return { kind: "found", view: await stillQuarantined(sources, lately) };
}

/** Whose server the brake still keeps from a new command: a person may have released it, and time may have. */
export async function stillQuarantined(
  { views }: Pick<Sources, "views">,
  ended: readonly CommandDetail[],
): Promise<readonly CommandDetail[]> {
  const byServer = new Map<string, CommandDetail>();
  for (const one of ended) {
    const key = `${one.projectId} ${one.serverId}`;
    if (one.outcome === "quarantined" && !byServer.has(key)) byServer.set(key, one);
  }
  const asked = [...byServer.values()].slice(0, MOST_QUARANTINED).map(async (one) => {
    const project = ProjectId.safeParse(one.projectId);
    const server = ServerId.safeParse(one.serverId);
    if (!project.success || !server.success) return [];
    const found = await views.serverStatus(project.data, server.data);
    if (found.kind !== "found") return [one];
    const { brakes } = found.view;
    const said = brakes?.find(({ brake }) => brake === "quarantine");
    return said === undefined || said.verdict === "no" ? [one] : [];
  });
  return (await Promise.all(asked)).flat();
}
