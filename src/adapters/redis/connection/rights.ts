import type { ProjectId } from "../../../contract/ids.ts";
import { evidenceKey, keysOf, PROJECTS_KEY } from "../keys.ts";

/** A command as it goes over the wire. */
type Words = readonly [command: string, ...rest: string[]];

/**
 * Every command that the worker and its scripts use (config/redis-acl.example has the same, a test compares), each with
 * arguments that Redis takes. They are never run: `store-findings.ts` asks whether they would be allowed.
 */
export function workersCommands(
  project: ProjectId,
  region: string,
  onCluster = false,
): readonly Words[] {
  const k = keysOf(project);
  const key = `${k.commandPrefix}doctor`;
  // On a cluster these two belong to other nodes, and one transaction to one node.
  const evidence = onCluster ? key : evidenceKey(region);
  const projects = onCluster ? key : PROJECTS_KEY;
  const sha = "0".repeat(40);
  return [
    ["info", "server"],
    ["time"],
    ["evalsha", sha, "1", key],
    ["eval", "return 1", "1", key],
    ["type", key],
    ["exists", k.epoch],
    ["get", k.epoch],
    ["set", key, "1"],
    ["del", key],
    ["incr", k.token],
    ["pexpire", key, "1"],
    ["pttl", key],
    ["hget", key, "f"],
    ["hmget", key, "f"],
    ["hgetall", evidence],
    ["hset", key, "f", "1"],
    ["hsetnx", key, "f", "1"],
    ["hdel", key, "f"],
    ["hincrby", evidence, "f", "1"],
    ["zadd", k.active, "1", "m"],
    ["zrem", k.active, "m"],
    ["zrange", k.active, "0", "0"],
    ["zrangebyscore", k.active, "0", "1"],
    ["zcard", k.slots],
    ["zrank", k.line, "m"],
    ["zscore", k.line, "m"],
    ["sadd", projects, "m"],
    ["lrange", key, "0", "0"],
    ["client", "setname", "ecs-reinstall-doctor"],
  ];
}
