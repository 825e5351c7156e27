import { Redis } from "ioredis";
import {
  createRedisClient,
  type RedisClient,
} from "../../../../src/adapters/redis/connection/client.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import {
  createOperatorCommands,
  type OperatorCommands,
} from "../../../../src/adapters/redis/operator-commands.ts";
import { createAuditTrail } from "../../../../src/adapters/redis/audit-trail.ts";
import { createPauseStore } from "../../../../src/adapters/redis/pause-store.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import { runSettle } from "../../../../src/adapters/redis/scripts/end/settle.ts";
import { runNoteWord } from "../../../../src/adapters/redis/scripts/operator/note-word.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { createStrandedCommands } from "../../../../src/adapters/redis/views/stranded-commands.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import type { AuditTrail } from "../../../../src/steps/ports/audit-trail.ts";
import type { StrandedCommands } from "../../../../src/steps/ports/stranded-commands.ts";
import type { NotedAct } from "../../../../src/contract/audit.ts";
import type { StepSettle } from "../../../../src/steps/ports/step-record.ts";
import type { PauseStore } from "../../../../src/steps/ports/pauses.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { order, PROJECT } from "./samples.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { STORE_RULES } from "./store-rules.ts";

const k = keysOf(PROJECT);

/** Everything that runs scripts, as one user of Redis. */
export interface User {
  readonly client: RedisClient;
  readonly store: ReinstallStore;
  readonly operator: OperatorCommands;
  readonly pauses: PauseStore;
  readonly audit: AuditTrail;
  settleByHand(step: StepSettle, act: NotedAct): Promise<{ readonly kind: string }>;
  /** A person's word of the first command, for its inquiry. */
  noteWord(): Promise<{ readonly kind: string }>;
  readonly stranded: StrandedCommands;
}

/** A Redis with a user who may do everything, and one whose rights can be narrowed. */
export interface TwoUsers {
  /** On a connection that stays: they are called thousands of times. */
  readonly redis: Pick<PrivateRedis, "flushAll" | "configSet">;
  readonly whole: User;
  readonly narrow: User;
  /** While `act` runs, `narrow` may not use this command. */
  without(command: string, act: () => Promise<unknown>): Promise<void>;
  /**
   * Everything in Redis, by key. Instants, and numbers that are made of them, are all the same; of a lock's number it is
   * said whether it is the newest: one may be skipped. The index of locks only serves the gauges, and is put right by
   * whoever counts.
   */
  everything(): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
}

/** Starts it; to be stopped by who started it. */
export async function startTwoUsers(): Promise<TwoUsers> {
  const redis = await startRedis();
  const admin = new Redis(redis.url);
  const narrowed = (...rights: readonly string[]) => admin.acl("SETUSER", "narrow", ...rights);
  await narrowed("on", ">narrow", "~*", "&*", "+@all");
  const whole = await connected(redis.url);
  const narrow = await connected(redis.url, "narrow");
  return {
    redis: {
      flushAll: async () => void (await admin.flushall()),
      configSet: async (name, value) => void (await admin.config("SET", name, value)),
    },
    whole,
    narrow,
    async without(command, act) {
      await narrowed(`-${command}`);
      await act();
      await narrowed("+@all");
    },
    everything: () => everythingIn(whole.client),
    async stop() {
      whole.client.disconnect();
      narrow.client.disconnect();
      admin.disconnect();
      await redis.stop();
    },
  };
}

async function connected(url: string, user?: string): Promise<User> {
  const client = createRedisClient({
    url,
    ...(user && { username: () => user, password: () => user }),
    commandTimeoutMs: 2_000,
    connectTimeoutMs: 2_000,
  });
  client.on("error", () => undefined);
  await client.connect();
  const scripts = createScriptRunner(client);
  const rules = {
    ...STORE_RULES,
    brakes: { ...NO_BRAKES, perSourcePerHour: 10 },
    senders: [{ user: "sender", perHour: 10 }],
  };
  const clock = { ...systemClock, nonce: () => "epoch" };
  return {
    client,
    store: createReinstallStore(client, scripts, rules, clock),
    operator: createOperatorCommands(client, scripts),
    pauses: createPauseStore(client, scripts, rules.brakes),
    audit: createAuditTrail(scripts, { nonce: () => "lease" }),
    settleByHand: (step, act) => runSettle({ scripts, ttlMs: 600_000 }, step, act),
    noteWord: () =>
      runNoteWord(scripts, order("cmd-a"), {
        token: 1,
        word: { by: "ada", why: "seen", atMs: 1_800_000_000_000 },
        act: { id: "act-1", by: "ada", reason: "seen", action: "resolve", command: "cmd-a" },
      }),
    stranded: createStrandedCommands(client, systemClock),
  };
}

async function everythingIn(client: RedisClient): Promise<Record<string, unknown>> {
  const counted = (await client.type(k.token)) === "string";
  const newest = counted ? await client.get(k.token) : null;
  const keys = (await client.keys("*")).filter((key) => key !== k.locks && key !== k.token);
  const read = keys.toSorted().map(async (key) => {
    const [value, ttlMs] = await Promise.all([valueOf(client, key, newest), client.pttl(key)]);
    const text = JSON.stringify({ value, expires: ttlMs > 0 });
    return [key, JSON.parse(text.replace(/\b\d{10,13}\b/g, "0"))] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

async function valueOf(client: RedisClient, key: string, newest: string | null): Promise<unknown> {
  switch (await client.type(key)) {
    case "hash": {
      const { token, ...fields } = await client.hgetall(key);
      const sorted = Object.entries(fields).toSorted(([one], [other]) => (one < other ? -1 : 1));
      return [sorted, token === newest];
    }
    case "zset": {
      const members = await client.zrange(key, "0", "-1");
      const scored = members.map(async (member) => [member, await client.zscore(key, member)]);
      // By name: which of two instants is the later one is no part of what is compared.
      return (await Promise.all(scored)).toSorted(([one], [other]) =>
        (one ?? "") < (other ?? "") ? -1 : 1,
      );
    }
    case "list":
      return await client.lrange(key, 0, -1);
    case "set":
      return await client.smembers(key);
    default:
      return await client.get(key);
  }
}
