import type { Findings } from "../../../contract/finding.ts";
import { type ProjectId, ServerId } from "../../../contract/ids.ts";
import { asError } from "../../thrown.ts";
import { KEY_TYPES, keysOf, type ProjectKey } from "../keys.ts";
import type { RedisClient } from "./client.ts";

/** So many locked servers of a project are looked at, and so many projects. */
const MOST = 100;

/** Is at each key of a project what workers write there? What somebody else has written stops that project, and only the log says so. */
export async function valueFindings(
  redis: RedisClient,
  projects: readonly ProjectId[],
  found: Findings,
): Promise<void> {
  for (const project of projects.slice(0, MOST)) {
    const check = `keys of project ${project}`;
    const wrong = await wrongOf(redis, project);
    if (typeof wrong === "string")
      found.warning(check, `could not be looked at: ${wrong}`, "See the rights below.");
    else if (wrong.length === 0) found.ok(check, "each holds what workers write");
    else
      found.wrong(
        check,
        `what needs these waits: ${wrong.join("; ")}`,
        "No worker wrote that. Have each renamed and looked at: docs/runbooks/EcsReinstallStepErrors.md.",
      );
  }
}

/** What is wrong, key by key; a text: Redis refuses to say. */
async function wrongOf(
  redis: RedisClient,
  project: ProjectId,
): Promise<readonly string[] | string> {
  try {
    return (await Promise.all(await foreignOf(redis, project))).filter((one) => one !== null);
  } catch (error) {
    const { name, message } = asError(error);
    if (name !== "ReplyError") throw error;
    return message;
  }
}

/** Of each key: what is wrong with it, or null. */
async function foreignOf(
  redis: RedisClient,
  project: ProjectId,
): Promise<readonly Promise<string | null>[]> {
  const k = keysOf(project);
  const names = Object.keys(KEY_TYPES) as ProjectKey[];
  const hasLocks = (await redis.type(k.locks)) === "zset";
  const servers = hasLocks ? await redis.zrange(k.locks, "0", String(MOST - 1)) : [];
  const locks = servers.flatMap((id) => {
    const server = ServerId.safeParse(id);
    return server.success ? [foreignAt(redis, k.lock(server.data), "hash")] : [];
  });
  return [...names.map((name) => foreignAt(redis, k[name], KEY_TYPES[name])), ...locks];
}

async function foreignAt(
  redis: RedisClient,
  key: string,
  type: (typeof KEY_TYPES)[ProjectKey],
): Promise<string | null> {
  const is = await redis.type(key);
  if (is === "none") return null;
  const wanted = type === "counter" ? "string" : type;
  if (is !== wanted) return `${key} is a ${is}, not a ${wanted}`;
  if (type !== "counter" || /^\d+$/.test((await redis.get(key)) ?? "0")) return null;
  return `${key} is not a whole number`;
}
