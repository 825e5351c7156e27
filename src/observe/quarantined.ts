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
 * youngest, at most 10. Of `wanted` alone, where it is given: one that is no project has none. Null: the store does not answer.
 */
export async function quarantinedServers(
  sources: Sources,
  wanted: string | undefined,
  nowMs: number,
): Promise<readonly CommandDetail[] | null> {
  const project = ProjectId.safeParse(wanted).data;
  if (wanted !== undefined && project === undefined) return [];
  const asked = { project, state: "ended", outcome: "quarantined" } as const;
  const ended = await sources.overview.commands(asked, { limit: MOST_ENDED });
  if (ended.kind === "absent") return [];
  if (ended.kind !== "found") return null;
  const lately = ended.view.entries.filter(({ updatedAtMs }) => nowMs - updatedAtMs < DAY_MS);
  return stillQuarantined(sources, lately);
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
