import type { Redis } from "ioredis";

/**
 * What is wrong with this server for a store that must not forget: it keeps nothing on disk, or throws keys
 * away when memory is short. Reads INFO only: managed services and least-privilege users have no CONFIG.
 */
export async function durabilityProblems(redis: Redis): Promise<string[]> {
  const persistence = fieldsOf(await redis.info("persistence"));
  const memory = fieldsOf(await redis.info("memory"));
  const problems: string[] = [];
  if (persistence.get("aof_enabled") !== "1") {
    problems.push(
      "append-only file is off: the last writes are lost when Redis stops (set appendonly yes)",
    );
  }
  const policy = memory.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    problems.push(
      `eviction is on (maxmemory-policy ${policy}): records and locks may vanish (set noeviction)`,
    );
  }
  return problems;
}

function fieldsOf(info: string): Map<string, string> {
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
