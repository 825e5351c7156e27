import { afterAll, beforeAll } from "vitest";
import type { NotedAct } from "../../../../src/contract/audit.ts";
import type { CommandId, ServerId } from "../../../../src/contract/ids.ts";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { createDiskEvidence } from "../../../../src/adapters/redis/disk-evidence.ts";
import { createJobDurations } from "../../../../src/adapters/redis/job-durations.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import {
  createOperatorCommands,
  type OperatorCommands,
  type PauseChange,
  type SetPauseAnswer,
} from "../../../../src/adapters/redis/operator-commands.ts";
import { createMemoryWatch } from "../../../../src/adapters/redis/memory-store.ts";
import { createAuditTrail } from "../../../../src/adapters/redis/audit-trail.ts";
import { createPauseStore } from "../../../../src/adapters/redis/pause-store.ts";
import type { StoreRules } from "../../../../src/adapters/redis/store-rules.ts";
import { runSettle } from "../../../../src/adapters/redis/scripts/end/settle.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { createStrandedCommands } from "../../../../src/adapters/redis/views/stranded-commands.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import type { DiskEvidence } from "../../../../src/steps/ports/disk-evidence.ts";
import type { JobDurations } from "../../../../src/steps/ports/job-durations.ts";
import { LIST_RULES, type ListRules } from "../../../../src/core/calls/list-round.ts";
import { createServerLists } from "../../../../src/adapters/redis/server-lists.ts";
import type { ServerLists } from "../../../../src/steps/ports/server-lists.ts";
import type { StoreMemoryWatch } from "../../../../src/steps/ports/store-memory.ts";
import type { AuditTrail } from "../../../../src/steps/ports/audit-trail.ts";
import type { StepSettle } from "../../../../src/steps/ports/step-record.ts";
import type { PauseStore } from "../../../../src/steps/ports/pauses.ts";
import type { BrakeRules } from "../../../../src/core/brakes/brake-rules.ts";
import { sha256 } from "../../../../src/core/identity.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import type { StrandedCommands } from "../../../../src/steps/ports/stranded-commands.ts";
import { eventually } from "../../../support/eventually.ts";
import { settleByHand } from "../../../support/in-memory/script-step.ts";
import { StoreMemory } from "../../../support/in-memory/memory.ts";
import {
  cancel,
  createMemoryAudit,
  setPause,
  unlock,
} from "../../../support/in-memory/script-operator.ts";
import {
  createMemoryDurations,
  createMemoryEvidence,
  createMemoryLists,
  createMemoryLook,
  createMemoryPauses,
  createMemoryStore,
  createMemoryStranded,
} from "../../../support/in-memory/store.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { connected } from "./connected.ts";
import { PROJECT } from "./samples.ts";
import type { SenderRule } from "../../../../src/core/intake/senders.ts";
import type { Windows } from "../../../../src/core/brakes/windows.ts";
import { NO_BRAKES, NO_WINDOWS } from "../../../support/brake-rules.ts";

/** What else a worker has of its own. */
interface WorkerMore {
  /** A store that forgot gives no lock for so long. */
  readonly holdMs?: number;
  readonly windows?: Windows;
  readonly senders?: readonly SenderRule[];
}

/** A store under test, and what its surroundings may do to it. */
export interface StoreRig {
  readonly store: ReinstallStore;
  readonly evidence: DiskEvidence;
  /** Of a replica that remembers nothing beside the store. */
  readonly durations: JobDurations;
  /** Of a replica that has read none yet; a list is used for so long, and made at every poll. */
  listsOf(rules?: Partial<ListRules>): ServerLists;
  readonly stranded: StrandedCommands;
  /** The same memory with another hold; 0: a new epoch is open at once. */
  withHold(holdMs: number): ReinstallStore;
  flushAll(): Promise<void>;
  /** Another run of the server with everything there. */
  restart(): Promise<void>;
  /** Something foreign at one of our keys. */
  breakKey(key: { command: CommandId } | { server: ServerId } | "epoch"): Promise<void>;
  lockOwner(server: ServerId): Promise<string | null>;
  /** What a person does who pauses or resumes. */
  setPause(change: PauseChange): Promise<SetPauseAnswer>;
  /** The same by its id, and what else a person does. */
  readonly operator: Pick<OperatorCommands, "setPause" | "cancel" | "unlock">;
  /** A person's word about an unresolved command. */
  settleByHand(step: StepSettle, act: NotedAct): Promise<{ readonly kind: string }>;
  readonly audit: AuditTrail;
  readonly pauses: PauseStore;
  /** The same, of a worker with these brakes. */
  pausesWith(brakes: BrakeRules): PauseStore;
  readonly memory: StoreMemoryWatch;
  /** The same memory, asked by a worker with other limits. */
  withBrakes(brakes: BrakeRules, more?: WorkerMore): ReinstallStore;
  /** Another service takes the lock of a server, under whatever name. */
  lockFor(server: ServerId, owner: string): Promise<void>;
  /** The lease of whoever sweeps is over. */
  releaseSweep(): Promise<void>;
  /** Will the record of a command be forgotten some day? */
  expires(command: CommandId): Promise<boolean>;
  /** The commands that ended last, the oldest end first. */
  ended(): Promise<readonly string[]>;
  requestCancel(command: CommandId): Promise<void>;
  /** A slot that nobody has given back, as a lost write leaves it. */
  leaveSlot(command: CommandId): Promise<void>;
  /** A command of the source got its slot at that time, epoch ms. */
  leaveStart(source: string, command: CommandId, atMs: number): Promise<void>;
  /** What a person does who frees a server. */
  freeLock(server: ServerId): Promise<void>;
}

export const HOLD_MS = 60_000;
const MIN_SAMPLES = 3;

/** The in-memory store and the real one, on a Redis of its own: each test starts empty. */
export const RIGS = [
  ["in memory", memoryRigs],
  ["on Redis", redisRigs],
] as const;

function memoryRigs(): () => Promise<StoreRig> {
  return async () => {
    const memory = new StoreMemory({ nowMs: () => Date.now() });
    const nonce = () => systemClock.nonce();
    const withHold = (rebuildHoldMs: number) => createMemoryStore({ memory, nonce, rebuildHoldMs });
    const scriptContext = () => ({
      memory,
      switches: {},
      holdMs: 0,
      candidate: nonce(),
      brakes: NO_BRAKES,
    });
    return {
      store: withHold(0),
      evidence: createMemoryEvidence(memory, MIN_SAMPLES),
      durations: createMemoryDurations(memory),
      listsOf: (rules) => createMemoryLists(memory, { ...LIST_RULES, worth: 0, ...rules }),
      stranded: createMemoryStranded(memory),
      withHold,
      flushAll: async () => memory.flushAll(),
      restart: async () => memory.restart(),
      async breakKey(key) {
        const { foreign } = memory.of(PROJECT);
        if (key === "epoch") foreign.add("epoch");
        else if ("command" in key) foreign.add(`cmd:${key.command}`);
        else foreign.add(`lock:${key.server}`);
      },
      lockOwner: async (server) => memory.of(PROJECT).locks.get(server)?.owner ?? null,
      setPause: async (change) => setPause(scriptContext(), PROJECT, change),
      operator: {
        setPause: async (project, change) => setPause(scriptContext(), project, change),
        cancel: async (...asked) => cancel(scriptContext(), ...asked),
        unlock: async (...asked) => unlock(scriptContext(), ...asked),
      },
      settleByHand: async (step, act) => settleByHand(scriptContext(), step, act),
      audit: createMemoryAudit(scriptContext),
      pauses: createMemoryPauses({ memory, nonce, rebuildHoldMs: 0 }),
      memory: createMemoryLook({ memory, nonce, rebuildHoldMs: 0 }),
      pausesWith: (brakes) => createMemoryPauses({ memory, nonce, rebuildHoldMs: 0, brakes }),
      withBrakes: (brakes, { holdMs = 0, windows = NO_WINDOWS, senders = [] } = {}) =>
        createMemoryStore({
          memory,
          nonce,
          rebuildHoldMs: holdMs,
          brakes,
          senders,
          closedNow: () => windows.closedAt(Date.now()),
        }),
      async lockFor(server, owner) {
        const lock = { owner, token: 1, operation: "resize", since: Date.now(), phase: "running" };
        memory.of(PROJECT).locks.set(server, lock);
      },
      releaseSweep: async () => {
        memory.of(PROJECT).sweeperUntilMs = 0;
      },
      // Kept for good here: what has ended may be forgotten.
      expires: async (id) => memory.of(PROJECT).records.get(id)?.final !== undefined,
      ended: async () => {
        const { ended } = memory.of(PROJECT);
        return [...ended].toSorted(([, at], [, by]) => at - by).map(([id]) => id);
      },
      leaveSlot: async (id) => void memory.of(PROJECT).slots.set(id, Date.now()),
      async leaveStart(source, id, atMs) {
        const { sourceStarts } = memory.of(PROJECT);
        const name = sha256(source);
        sourceStarts.set(name, new Map(sourceStarts.get(name)).set(id, atMs));
      },
      freeLock: async (server) => void memory.of(PROJECT).locks.delete(server),
      async requestCancel(command) {
        const { records } = memory.of(PROJECT);
        const record = records.get(command);
        if (record !== undefined) records.set(command, { ...record, cancel: {} });
      },
    };
  };
}

/** Each look at it is a minute after the last one. */
function everLater() {
  let minutes = 0;
  return { monotonicMs: () => (minutes += 1) * 60_000 };
}

function redisRigs(): () => Promise<StoreRig> {
  let redis: PrivateRedis;
  let client: RedisClient;
  beforeAll(async () => {
    redis = await startRedis({ appendOnly: true, extraArgs: ["--appendfsync", "always"] });
    client = await connected(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });
  return async () => {
    await redis.flushAll();
    const k = keysOf(PROJECT);
    const scripts = createScriptRunner(client);
    const storeWith = (
      rules: Pick<StoreRules, "rebuildHoldMs" | "brakes" | "windows" | "senders">,
    ) =>
      createReinstallStore(
        client,
        scripts,
        { dedupTtlMs: 600_000, waitReplicas: 0, waitTimeoutMs: 1_000, ...rules },
        systemClock,
      );
    const withHold = (rebuildHoldMs: number) =>
      storeWith({ rebuildHoldMs, brakes: NO_BRAKES, windows: NO_WINDOWS });
    return {
      store: withHold(0),
      evidence: createDiskEvidence(client, "test", MIN_SAMPLES),
      listsOf: (rules) =>
        createServerLists({ redis: client, scripts, rules: { ...LIST_RULES, worth: 0, ...rules } }),
      durations: createJobDurations({ redis: client, scripts, clock: everLater() }),
      stranded: createStrandedCommands(client, systemClock),
      withHold,
      flushAll: () => redis.flushAll(),
      async restart() {
        await redis.kill();
        await redis.start();
        await eventually(async () => void (await client.ping()), { what: "Redis is back" });
      },
      async breakKey(key) {
        const name =
          key === "epoch"
            ? k.epoch
            : "command" in key
              ? k.command(key.command)
              : k.lock(key.server);
        await redis.command("SET", name, "foreign");
      },
      async lockOwner(server) {
        return client.hget(k.lock(server), "owner");
      },
      setPause: (change) => createOperatorCommands(client, scripts).setPause(PROJECT, change),
      operator: createOperatorCommands(client, scripts),
      settleByHand: (step, act) => runSettle({ scripts, ttlMs: 600_000 }, step, act),
      audit: createAuditTrail(scripts, systemClock),
      pauses: createPauseStore(client, scripts, NO_BRAKES),
      memory: createMemoryWatch(scripts, systemClock),
      pausesWith: (brakes) => createPauseStore(client, scripts, brakes),
      withBrakes: (brakes, { holdMs = 0, windows = NO_WINDOWS, senders = [] } = {}) =>
        storeWith({ rebuildHoldMs: holdMs, brakes, windows, senders }),
      async lockFor(server, owner) {
        const lock = { owner, token: 1, operation: "resize", since: Date.now(), phase: "running" };
        await client.hset(k.lock(server), lock);
      },
      releaseSweep: async () => void (await redis.command("DEL", k.sweeper)),
      expires: async (id) => (await client.pttl(k.command(id))) > 0,
      ended: () => client.zrange(k.ended, "0", "-1"),
      leaveSlot: async (id) => void (await client.zadd(k.slots, Date.now(), id)),
      leaveStart: async (source, id, atMs) =>
        void (await client.zadd(k.sourceStarts(source), atMs, id)),
      freeLock: async (server) => void (await redis.command("DEL", k.lock(server))),
      requestCancel: async (id) => void (await redis.command("HSET", k.command(id), "cancel", "1")),
    };
  };
}
