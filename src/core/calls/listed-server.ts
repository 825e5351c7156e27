import type { Condition } from "../server/observations.ts";
import { isIdle } from "../server/server-fitness.ts";
import type { Before } from "../state/state.ts";

/**
 * What is kept of a server in a list: the id of its system disk where nothing runs on it; `error`: its status is `ERROR`;
 * `busy`: something runs, or it has no system disk now.
 */
export type ListedServer = { readonly disk: string } | "error" | "busy";

export function listedServer(server: Condition): ListedServer {
  if (!isIdle(server)) return "busy";
  if (server.status === "ERROR") return "error";
  return server.systemDiskId === null ? "busy" : { disk: server.systemDiskId };
}

/**
 * Does this look like the end of a reinstall of that server? It decides no more than that the job is asked. An `ERROR` that was
 * there before says nothing.
 */
export function looksOver(listed: ListedServer, before: Before): boolean {
  if (listed === "busy") return false;
  if (listed === "error") return !before.status.startsWith("ERROR");
  return listed.disk !== before.systemDiskId;
}
