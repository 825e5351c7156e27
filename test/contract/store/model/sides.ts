import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { createOperatorCommands } from "../../../../src/adapters/redis/operator-commands.ts";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { createPauseStore } from "../../../../src/adapters/redis/pause-store.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import {
  createScriptRunner,
  type ScriptRunner,
} from "../../../../src/adapters/redis/script-runner.ts";
import { createStrandedCommands } from "../../../../src/adapters/redis/views/stranded-commands.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import type { CommandId, ServerId } from "../../../../src/contract/ids.ts";
import { recordIdOf } from "../../../../src/core/state/envelope.ts";
import type { PauseChange } from "../../../../src/adapters/redis/operator-commands.ts";
import type { BrakeRules } from "../../../../src/core/brakes/brake-rules.ts";
import type { PauseStore } from "../../../../src/steps/ports/pauses.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { StoreMemory } from "../../../support/in-memory/memory.ts";
import { setPause, unlock } from "../../../support/in-memory/script-operator.ts";
import {
  createMemoryPauses,
  createMemoryStore,
  createMemoryStranded,
} from "../../../support/in-memory/store.ts";
import { PROJECT } from "../rig/samples.ts";
import { type Dump, dumpOfMemory, dumpOfRedis } from "./dump.ts";
import type { Fault } from "./steps.ts";
import { NO_BRAKES, NO_WINDOWS } from "../../../support/brake-rules.ts";

/** Two of the model's three servers may be in work, one of the group. All three at once are a storm of asks, and each failure is a storm. Two of its commands are of one source, which may start one. */
const FEW_SLOTS: BrakeRules = {
  ...NO_BRAKES,
  maxRunning: 2,
  maxRunningPerGroup: 1,
  stormAsks: 3,
  stormAsksWindowMs: 60_000,
  stormSame: 1,
  stormCooldownMs: 700,
  stormOpenAt: 4,
  perSourcePerHour: 1,
};

/** Of its commands, two are of this user, which may start one. */
const SENDERS = [{ user: "user", perHour: 1 }];

/** Locks are held back so long after a loss of memory. */
export const HOLD_MS = 300;
const DEDUP_TTL_MS = 7 * 86_400_000;
const k = keysOf(PROJECT);

/** One of the two stores that are played with. Both know the same instant, and name their epochs alike. */
export interface Side {
  readonly store: ReinstallStore;
  readonly pauses: PauseStore;
  setPause(change: PauseChange): Promise<unknown>;
  sweep(olderThanMs: number, limit: number): Promise<unknown>;
  cancel(command: CommandId): Promise<void>;
  /** A person frees a server of the command that left it locked. */
  unlock(server: ServerId, owner: CommandId): Promise<unknown>;
  flushAll(): Promise<void>;
  /** Another run of the server, with everything there. */
  restart(): Promise<void>;
  /** The number of the lock that was given last. */
  token(): Promise<number>;
  skipTo(token: number): Promise<void>;
  /** Everything of the project that both keep, in one form. */
  dump(): Promise<Dump>;
}

/** The instant, epoch ms, and the step by which epochs are named. */
export interface Present {
  nowMs: number;
  step: number;
}

/** The same action for both, asked once or twice. */
const freedBy = (present: Present) => ({ id: `free-${present.step}`, by: "ada", reason: "z" });

const epochName = (present: Present) => () => `epoch-${present.step}`;

export function memorySide(present: Present): Side {
  const memory = new StoreMemory({ nowMs: () => present.nowMs });
  const nonce = epochName(present);
  const options = { memory, nonce, rebuildHoldMs: HOLD_MS, brakes: FEW_SLOTS, senders: SENDERS };
  const stranded = createMemoryStranded(memory);
  return {
    store: createMemoryStore(options),
    pauses: createMemoryPauses(options),
    setPause: async (change) =>
      setPause(
        { memory, switches: {}, holdMs: 0, candidate: "", brakes: NO_BRAKES },
        PROJECT,
        change,
      ),
    sweep(olderThanMs, limit) {
      memory.of(PROJECT).sweeperUntilMs = 0;
      return stranded.find(PROJECT, olderThanMs, limit);
    },
    async cancel(command) {
      const { records } = memory.of(PROJECT);
      const record = records.get(command);
      if (record !== undefined) records.set(command, { ...record, cancel: {} });
    },
    async unlock(server, owner) {
      const ctx = { memory, switches: {}, holdMs: 0, candidate: "", brakes: NO_BRAKES };
      const { kind } = unlock(ctx, PROJECT, { server, owner }, freedBy(present));
      return { kind };
    },
    flushAll: async () => memory.flushAll(),
    restart: async () => memory.restart(),
    token: async () => memory.of(PROJECT).token,
    async skipTo(token) {
      memory.of(PROJECT).token = token;
    },
    dump: async () => dumpOfMemory(memory),
  };
}

/** Where a script reads the time: our own clock instead of the server's. */
const TIME_KEY = "model:time";
const CLOCK = "local time = redis.call('TIME')";

export function redisSide(client: RedisClient, present: Present): Side {
  const scripts = onTime(client);
  const clock = { ...systemClock, nonce: epochName(present) };
  const stranded = createStrandedCommands(client, clock);
  return {
    store: createReinstallStore(
      client,
      scripts,
      {
        rebuildHoldMs: HOLD_MS,
        dedupTtlMs: DEDUP_TTL_MS,
        waitReplicas: 0,
        waitTimeoutMs: 0,
        brakes: FEW_SLOTS,
        windows: NO_WINDOWS,
        senders: SENDERS,
      },
      clock,
    ),
    pauses: createPauseStore(client, scripts, FEW_SLOTS),
    setPause: (change) => createOperatorCommands(client, scripts).setPause(PROJECT, change),
    async sweep(olderThanMs, limit) {
      await client.del(k.sweeper);
      // It asks the server for the time.
      return stranded.find(PROJECT, Date.now() - present.nowMs + olderThanMs, limit);
    },
    async cancel(command) {
      if ((await client.hexists(k.command(command), "content")) === 1) {
        await client.hset(k.command(command), "cancel", "1");
      }
    },
    async unlock(server, owner) {
      const operator = createOperatorCommands(client, scripts);
      const { kind } = await operator.unlock(PROJECT, { server, owner }, freedBy(present));
      return { kind };
    },
    flushAll: async () => void (await client.flushall()),
    async restart() {
      if ((await client.exists(k.epoch)) === 1) await client.hset(k.epoch, "run", "another");
    },
    token: async () => Number((await client.get(k.token)) ?? 0),
    skipTo: async (token) => void (await client.set(k.token, token)),
    dump: () => dumpOfRedis(client),
  };
}

/** Tells the scripts what time it is: before each call, and before it may be refused. */
export async function setTime(
  client: RedisClient,
  { nowMs }: Pick<Present, "nowMs">,
): Promise<void> {
  await client.hset(TIME_KEY, { s: Math.floor(nowMs / 1_000), us: (nowMs % 1_000) * 1_000 });
}

/** Runs each script with its clock replaced. */
export function onTime(client: RedisClient): ScriptRunner {
  const runner = createScriptRunner(client);
  const texts = new Map<string, { readonly text: string; readonly sha: string }>();
  const run: ScriptRunner["run"] = async (script, keys, argument) => {
    const changed = texts.get(script.name) ?? withClock(script.text);
    texts.set(script.name, changed);
    return await runner.run({ ...script, ...changed }, keys, argument);
  };
  return { run, confirmedBy: () => ({ run }) };
}

function withClock(text: string) {
  const pieces = text.split(CLOCK);
  if (pieces.length !== 2) throw new Error(`the scripts ask for the time otherwise than ${CLOCK}`);
  const changed = pieces.join(`local time = redis.call('HMGET', '${TIME_KEY}', 's', 'us')`);
  return { text: changed, sha: createHash("sha1").update(changed).digest("hex") };
}

/** Puts a fault in the way of a call, and takes it away again. `admin` may do everything to that Redis. */
export async function under<T>(
  admin: Redis,
  user: string,
  fault: Fault,
  about: { readonly command: CommandId; readonly server: ServerId },
  call: () => Promise<T>,
): Promise<T> {
  if (fault.kind === "right") {
    await admin.call("ACL", "SETUSER", user, `-${fault.missing}`);
    try {
      return await call();
    } finally {
      await admin.call("ACL", "SETUSER", user, `+${fault.missing}`);
    }
  }
  if (fault.kind === "memory-full") {
    await admin.config("SET", "maxmemory", "1");
    try {
      return await call();
    } finally {
      await admin.config("SET", "maxmemory", "0");
    }
  }
  const key = keyOf(fault.key, about);
  const there = await admin.exists(key);
  if (there === 1) await admin.rename(key, "model:aside");
  await admin.lpush(key, "foreign");
  try {
    return await call();
  } finally {
    await admin.del(key);
    if (there === 1) await admin.rename("model:aside", key);
  }
}

function keyOf(
  key: Extract<Fault, { kind: "foreign" }>["key"],
  { command, server }: { readonly command: CommandId; readonly server: ServerId },
): string {
  switch (key) {
    case "command":
      return k.command(command);
    case "inquiry":
      return k.command(recordIdOf(command, "inquiry"));
    case "lock":
      return k.lock(server);
    case "slots":
    case "line":
    case "lineUntil":
      return k[key];
    case "waiters":
      return k.waiters(server);
    case "last":
      return k.last(server);
    default:
      return k[key];
  }
}
