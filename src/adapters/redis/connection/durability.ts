import type { Redis } from "ioredis";

/** What INFO says, field by field. */
export type Info = ReadonlyMap<string, string>;

/**
 * What is wrong with this server for a store that must not forget: it keeps nothing on disk, or throws keys
 * away when memory is short. Reads INFO only: managed services and least-privilege users have no CONFIG.
 */
export async function durabilityProblems(redis: Redis): Promise<string[]> {
  const texts = [await redis.info("persistence"), await redis.info("memory")];
  const info = fieldsOf(texts.join("\n"));
  return [persistenceProblem(info), evictionProblem(info)].filter((one) => one !== null);
}

/** Null: what is written survives a restart. */
export function persistenceProblem(info: Info): string | null {
  return info.get("aof_enabled") === "1"
    ? null
    : "append-only file is off: the last writes are lost when Redis stops (set appendonly yes)";
}

/** Null: no key is thrown away for want of memory. */
export function evictionProblem(info: Info): string | null {
  const policy = info.get("maxmemory_policy");
  return policy === undefined || policy === "noeviction"
    ? null
    : `eviction is on (maxmemory-policy ${policy}): records and locks may vanish (set noeviction)`;
}

/** Of one or more sections of INFO. */
export function fieldsOf(info: string): Info {
  return new Map(
    info
      .split(/\r?\n/)
      .filter((line) => line.includes(":"))
      .map((line) => {
        const [key = "", ...value] = line.split(":");
        return [key, value.join(":")];
      }),
  );
}
