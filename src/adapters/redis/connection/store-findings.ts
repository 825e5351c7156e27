import { Cluster, type Redis } from "ioredis";
import { type Finding, type Findings, findingsOf } from "../../../contract/finding.ts";
import type { ProjectId } from "../../../contract/ids.ts";
import { asError } from "../../thrown.ts";
import { inWords } from "./in-words.ts";
import { createRedisClient, type RedisClient, type RedisSettings } from "./client.ts";
import { evictionProblem, fieldsOf, persistenceProblem } from "./durability.ts";
import { keysOf } from "../keys.ts";
import { ownerOf, primariesOf, whenConnected } from "./nodes.ts";
import { workersCommands } from "./rights.ts";
import { valueFindings } from "./value-findings.ts";

/** How Redis is asked, and what is expected of it. */
export interface ExaminedStore {
  readonly settings: RedisSettings;
  readonly projects: readonly ProjectId[];
  /** Of the evidence's key. */
  readonly region: string;
  /** So many replicas must have what was written (REDIS_WAIT_REPLICAS). */
  readonly waitReplicas: number;
  /** Further from Redis's clock than this, nothing new is taken in. */
  readonly maxClockOffsetMs: number;
  readonly nowMs: () => number;
}

/**
 * Looks at Redis as the worker would use it, over a connection of its own and with the worker's rights, and changes
 * nothing. Never rejects.
 *
 * @param signal ends it; what was found until then is given
 */
export async function storeFindings(
  store: ExaminedStore,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const found = findingsOf("redis");
  const redis = createRedisClient(store.settings);
  const end = () => redis.disconnect();
  signal.addEventListener("abort", end, { once: true });
  try {
    if (!(await connected(redis, found))) return found.all;
    const onCluster = redis instanceof Cluster;
    for (const node of primariesOf(redis)) {
      await serverFindings(node, onCluster ? ` of ${nameOf(node)}` : "", store, found);
    }
    await clockFinding(redis, store, found);
    // Before the rights: those are asked for inside of a transaction that is never run.
    await valueFindings(redis, store.projects, found);
    await rightFindings(redis, store, found);
  } catch (error) {
    const todo = "Look at Redis's log and its load, then ask again.";
    found.wrong("answers", `Redis stopped answering: ${inWords(asError(error).message)}`, todo);
  } finally {
    signal.removeEventListener("abort", end);
    // A transaction that was opened, and never run, goes with its connection.
    redis.disconnect();
  }
  return found.all;
}

async function connected(redis: RedisClient, found: Findings): Promise<boolean> {
  let reason = "no answer";
  redis.on("error", (error: Error & { readonly lastNodeError?: Error | null }) => {
    reason = error.lastNodeError?.message ?? error.message;
  });
  try {
    await redis.connect();
    await whenConnected(redis);
    found.ok("connection", redis instanceof Cluster ? "to the cluster" : "to the server");
    return true;
  } catch (error) {
    const said = reason === "no answer" ? asError(error).message : reason;
    const todo = "Check address, user and password (REDIS_URL and its neighbours).";
    found.wrong("connection", inWords(said), todo);
    return false;
  }
}

function nameOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}

async function serverFindings(
  node: Redis,
  of: string,
  { waitReplicas }: ExaminedStore,
  found: Findings,
): Promise<void> {
  let info: ReadonlyMap<string, string>;
  try {
    const parts = ["server", "persistence", "memory", "replication"];
    const texts = await Promise.all(parts.map((part) => node.info(part)));
    info = fieldsOf(texts.join("\n"));
  } catch (error) {
    const todo = "Give the user the right info (config/redis-acl.example).";
    found.wrong(`server${of}`, `does not say how it is: ${asError(error).message}`, todo);
    return;
  }
  versionFinding(info, `version${of}`, found);
  const persistence = persistenceProblem(info);
  if (persistence === null) found.ok(`persistence${of}`, "append-only file is on");
  else found.wrong(`persistence${of}`, persistence, "Set appendonly yes in redis.conf.");
  if (info.get("aof_last_write_status") === "err") {
    found.wrong(
      `disk${of}`,
      "the last write of the append-only file failed",
      "Look at Redis's disk.",
    );
  }
  const eviction = evictionProblem(info);
  if (eviction === null) found.ok(`eviction${of}`, "noeviction");
  else found.wrong(`eviction${of}`, eviction, "Set maxmemory-policy noeviction in redis.conf.");
  memoryFinding(info, `memory${of}`, found);
  replicationFinding(info, `replication${of}`, waitReplicas, found);
}

function versionFinding(info: ReadonlyMap<string, string>, check: string, found: Findings): void {
  const valkey = info.get("valkey_version");
  const version = valkey ?? info.get("redis_version") ?? "unknown";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const says = `${valkey === undefined ? "Redis" : "Valkey"} ${version}`;
  if (major > 6 || (major === 6 && minor >= 2)) found.ok(check, says);
  else found.wrong(check, says, "Upgrade to Redis 7 or later: the worker's rights need 6.2.");
}

const FULL = 0.8;

function memoryFinding(info: ReadonlyMap<string, string>, check: string, found: Findings): void {
  const [used, most] = [Number(info.get("used_memory")), Number(info.get("maxmemory"))];
  const mib = (bytes: number) => `${Math.ceil(bytes / 1_048_576)} MiB`;
  if (!(most > 0)) found.ok(check, `${mib(used)} in use, no maxmemory`);
  else if (used / most < FULL) found.ok(check, `${mib(used)} of ${mib(most)} in use`);
  else {
    const todo = "Give Redis more memory: when it is full, nothing new is taken in.";
    found.warning(check, `${mib(used)} of ${mib(most)} in use`, todo);
  }
}

function replicationFinding(
  info: ReadonlyMap<string, string>,
  check: string,
  waitReplicas: number,
  found: Findings,
): void {
  const role = info.get("role") ?? "unknown";
  const replicas = Number(info.get("connected_slaves") ?? 0);
  if (role !== "master") {
    const todo = "Give the address of the primary, or of the Sentinels (REDIS_SENTINEL_HOSTS).";
    found.wrong(check, "this server is a replica: nothing can be written to it", todo);
  } else if (replicas < waitReplicas) {
    const todo = "Connect the replicas, or lower REDIS_WAIT_REPLICAS: until then every step waits.";
    found.wrong(check, `${replicas} replica(s), and REDIS_WAIT_REPLICAS is ${waitReplicas}`, todo);
  } else found.ok(check, `primary with ${replicas} replica(s)`);
}

/** Clocks of healthy machines are milliseconds apart. */
const ODD_OFFSET_MS = 5_000;

async function clockFinding(
  redis: RedisClient,
  { projects, maxClockOffsetMs, nowMs }: ExaminedStore,
  found: Findings,
): Promise<void> {
  const [project] = projects;
  if (project === undefined) return;
  const beforeMs = nowMs();
  const [seconds, micros] = await ownerOf(redis, keysOf(project).epoch).time();
  const redisMs = Number(seconds) * 1000 + Number(micros) / 1000;
  const offsetMs = (beforeMs + nowMs()) / 2 - redisMs;
  const says = `our clock minus Redis's: ${(offsetMs / 1000).toFixed(3)} s`;
  const todo = "Let both machines take their time from NTP.";
  if (Math.abs(offsetMs) > maxClockOffsetMs) {
    found.wrong(
      "clock",
      `${says}, more than MAX_CLOCK_OFFSET_MS: no new command is taken in`,
      todo,
    );
  } else if (Math.abs(offsetMs) > ODD_OFFSET_MS) found.warning("clock", says, todo);
  else found.ok("clock", says);
}

/**
 * Each command that the worker uses, asked in a transaction that cannot run: its first command is malformed, so Redis
 * refuses EXEC. Whether a command is allowed is decided when it is queued.
 */
async function rightFindings(
  redis: RedisClient,
  { projects, region, waitReplicas }: ExaminedStore,
  found: Findings,
): Promise<void> {
  const [project] = projects;
  if (project === undefined) return;
  const node = ownerOf(redis, keysOf(project).epoch);
  const opened = await refusal(node, "multi");
  rightFinding("multi", opened, found);
  // Outside of a transaction they would be run.
  if (opened !== null) return;
  const malformed = await refusal(node, "get");
  if (malformed === null || !/wrong number of arguments/i.test(malformed)) {
    found.warning(
      "rights",
      "could not be asked one by one",
      "Compare them with config/redis-acl.example.",
    );
    return;
  }
  const commands = workersCommands(project, region, redis instanceof Cluster);
  for (const [command, ...rest] of commands) {
    rightFinding(command, noRight(await refusal(node, command, ...rest)), found);
  }
  if (waitReplicas > 0) rightFinding("wait", noRight(await refusal(node, "wait", "0", "1")), found);
  rightFinding("exec", noRight(await refusal(node, "exec")), found);
}

/** What Redis says against a command; null: nothing. */
async function refusal(node: Redis, command: string, ...rest: string[]): Promise<string | null> {
  try {
    await node.call(command, ...rest);
    return null;
  } catch (error) {
    const { message, name } = asError(error);
    if (name !== "ReplyError") throw error;
    return message;
  }
}

const noRight = (said: string | null) => (said?.startsWith("NOPERM") === true ? said : null);

function rightFinding(command: string, refused: string | null, found: Findings): void {
  const check = `right ${command}`;
  if (refused === null) found.ok(check, "given");
  else
    found.wrong(
      check,
      refused,
      `Give the user +${command} and the keys ~ecs:* (config/redis-acl.example).`,
    );
}
