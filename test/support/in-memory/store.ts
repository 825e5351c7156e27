import type { z } from "zod";
import type { EventData as EventDataShape } from "../../../src/contract/event.ts";
import type { ProjectId } from "../../../src/contract/ids.ts";
import type { BrakeRules } from "../../../src/core/brakes/brake-rules.ts";
import type { SenderRule } from "../../../src/core/intake/senders.ts";
import type { Closed } from "../../../src/core/brakes/windows.ts";
import { Order } from "../../../src/core/state/order.ts";
import { DURATIONS_KEPT, likelyEnd } from "../../../src/core/calls/likely-end.ts";
import type { ListEnd, ListRules } from "../../../src/core/calls/list-round.ts";
import type { MadeList, ServerLists } from "../../../src/steps/ports/server-lists.ts";
import type { DiskEvidence } from "../../../src/steps/ports/disk-evidence.ts";
import type { JobDurations } from "../../../src/steps/ports/job-durations.ts";
import type { Outbox, StoredOutcome } from "../../../src/steps/ports/stored-outcome.ts";
import type { ReinstallStore } from "../../../src/steps/ports/reinstall-store.ts";
import type { StoreAway } from "../../../src/steps/ports/store-trouble.ts";
import type { StoreMemoryWatch } from "../../../src/steps/ports/store-memory.ts";
import type { PauseStore } from "../../../src/steps/ports/pauses.ts";
import type { Stranded, StrandedCommands } from "../../../src/steps/ports/stranded-commands.ts";
import { NO_BRAKES } from "../brake-rules.ts";
import type { CommandRecord, StoreMemory } from "./memory.ts";
import { admit, refuse } from "./script-admit.ts";
import { keepPauses, mayStart, mayStop } from "./script-brakes.ts";
import { claim, hop } from "./script-claim.ts";
import { endRound, takeRound } from "./script-list.ts";
import { noteDisk } from "./script-note-disk.ts";
import { watchMemory } from "./script-memory.ts";
import {
  acquire,
  endInquiry,
  finish,
  recordIntent,
  save,
  settle,
  takeAttempt,
  published,
} from "./script-step.ts";
import type { ScriptContext } from "./scripts.ts";
import type { StoreSwitches } from "./switches.ts";

/** How a call reaches the memory: at once, or with the delays and failures of a network. */
export type StoreTransport = <T>(label: string, effect: () => T) => Promise<T | StoreAway>;

const atOnce: StoreTransport = async (_label, effect) => effect();

export interface MemoryStoreOptions {
  readonly memory: StoreMemory;
  readonly nonce: () => string;
  readonly rebuildHoldMs: number;
  /** Of this worker; unless said, every brake is off that has a number. */
  readonly brakes?: BrakeRules;
  /** Unless said, there are none. */
  readonly closedNow?: () => Closed | null;
  /** What each broker user may ask for; unless said, nobody is named. */
  readonly senders?: readonly SenderRule[];
  readonly transport?: StoreTransport;
  readonly switches?: StoreSwitches;
}

/** The store of the steps in memory: the Lua scripts, written again. The contract tests hold the two together. */
export function createMemoryStore(options: MemoryStoreOptions): ReinstallStore {
  const { memory, nonce, rebuildHoldMs, transport = atOnce, switches = {} } = options;
  const { brakes = NO_BRAKES, closedNow = () => null, senders = [] } = options;
  const run = <T>(label: string, body: (ctx: ScriptContext) => T): Promise<T | StoreAway> => {
    const ctx: ScriptContext = {
      memory,
      switches,
      holdMs: rebuildHoldMs,
      candidate: nonce(),
      brakes,
      closed: closedNow(),
      senders,
    };
    return transport(label, () => body(ctx));
  };
  return {
    admit: (order, delivery) => run("admit", (ctx) => admit(ctx, order, delivery)),
    refuse: (refusal) => run("refuse", (ctx) => refuse(ctx, refusal)),
    claim: (envelope, delivery) => run("claim", (ctx) => claim(ctx, envelope, delivery)),
    hop: (envelope, delivery) => run("hop", (ctx) => hop(ctx, envelope, delivery)),
    acquire: (order, held, mayHaveRun) =>
      run("acquire", (ctx) => acquire(ctx, order, held, mayHaveRun)),
    noteDisk: (order, held, age) => run("note-disk", (ctx) => noteDisk(ctx, order, held, age)),
    mayStop: (order, held) => run("may-stop", (ctx) => mayStop(ctx, order, held)),
    mayStart: (order, held, token) => run("may-start", (ctx) => mayStart(ctx, order, held, token)),
    takeAttempt: (order, held, attempt) =>
      run("take-attempt", (ctx) => takeAttempt(ctx, order, held, attempt)),
    async recordIntent(order, held, intent) {
      const once = () => run("intent", (ctx) => recordIntent(ctx, order, held, intent));
      const answer = await once();
      return answer.kind === "away" ? await once() : answer;
    },
    save: (step) => run("save", (ctx) => save(ctx, step)),
    finish: (step) => run("finish", (ctx) => finish(ctx, step)),
    settle: (step) => run("settle", (ctx) => settle(ctx, step)),
    endInquiry: (order) => run("end-inquiry", (ctx) => endInquiry(ctx, order)),
    async published(project, id, sequence) {
      await run("published", (ctx) => published(ctx, project, id, sequence));
    },
    outcomeOf: (project, id, server) =>
      run("outcome-of", () => {
        const record = memory.of(project).records.get(id);
        if (record === undefined) return { kind: "unheard-of" as const };
        const holdsLock = memory.of(project).locks.get(server)?.owner === id;
        if (record.final === undefined) return { kind: "open" as const, holdsLock };
        const outcome = JSON.parse(record.final) as StoredOutcome;
        const settled =
          record.settled === undefined
            ? null
            : (JSON.parse(record.settled) as z.infer<typeof EventDataShape>);
        return { kind: "finished" as const, outcome, holdsLock, settled };
      }),
  };
}

/** The pauses, as the workers keep them. */
export function createMemoryPauses(options: MemoryStoreOptions): PauseStore {
  const { memory, nonce, rebuildHoldMs, transport = atOnce, switches = {} } = options;
  const { brakes = NO_BRAKES } = options;
  return {
    keep: (project, remembered) =>
      transport("keep-pauses", () => {
        const ctx = { memory, switches, holdMs: rebuildHoldMs, candidate: nonce() };
        return keepPauses({ ...ctx, brakes }, project, remembered);
      }),
  };
}

/** The memory, as the workers look at it. */
export function createMemoryLook(options: MemoryStoreOptions): StoreMemoryWatch {
  const { memory, nonce, rebuildHoldMs, transport = atOnce, switches = {} } = options;
  return {
    look: (project, remembered) =>
      transport("watch-memory", () => {
        const ctx = { memory, switches, holdMs: rebuildHoldMs, candidate: nonce() };
        return watchMemory({ ...ctx, brakes: NO_BRAKES }, project, remembered);
      }),
  };
}

/** What reinstalls taught about disks. */
export function createMemoryEvidence(
  memory: StoreMemory,
  minSamples: number,
  transport: StoreTransport = atOnce,
): DiskEvidence {
  const key = (type: string | null, disk: "replaced" | "kept") => `${type ?? "untyped"}:${disk}`;
  return {
    async trust(type) {
      const answer = await transport("trust", () => ({
        kind: "counts" as const,
        replaced: memory.evidence.get(key(type, "replaced")) ?? 0,
        kept: memory.evidence.get(key(type, "kept")) ?? 0,
      }));
      if (answer.kind === "away") return "untested";
      if (answer.kept > 0) return "contradicted";
      return answer.replaced >= minSamples ? "trusted" : "untested";
    },
    async count(type, disk) {
      const answer = await transport("count", () => {
        memory.remember();
        memory.evidence.set(key(type, disk), (memory.evidence.get(key(type, disk)) ?? 0) + 1);
        return { kind: "counted" as const };
      });
      return answer.kind;
    },
  };
}

/** How long jobs took. Nobody remembers it beside the store. */
export function createMemoryDurations(memory: StoreMemory): JobDurations {
  return {
    likelyEnd: async (project, kind) => likelyEnd(memory.of(project).durations.get(kind) ?? []),
    async learn(project, kind, tookMs) {
      memory.remember();
      const { durations } = memory.of(project);
      const latest = [tookMs, ...(durations.get(kind) ?? [])];
      durations.set(kind, latest.slice(0, DURATIONS_KEPT));
      return "kept";
    },
  };
}

/** Lists of servers. Nobody remembers one beside the store. */
export function createMemoryLists(
  memory: StoreMemory,
  rules: ListRules,
  transport: StoreTransport = atOnce,
): ServerLists {
  async function ended(
    project: ProjectId,
    begunMs: number,
    { end, made }: { readonly end: ListEnd; readonly made: MadeList | null },
  ): Promise<void> {
    await transport("list-ended", () => {
      memory.remember();
      const m = memory.of(project);
      if (m.listRound?.begunMs !== begunMs) return;
      m.listRound = endRound(m.listRound, { begunMs, end }, rules, memory.nowMs());
      if (made !== null) m.list = { ...made, atMs: begunMs };
    });
  }
  return {
    async take(project) {
      const taken = await transport("list-round", () => {
        memory.remember();
        const m = memory.of(project);
        const { round, answer } = takeRound(m.listRound, rules, memory.nowMs());
        m.listRound = round;
        return answer;
      });
      return taken.kind === "away" ? { kind: "alone", why: "held" } : taken;
    },
    async listed(project, atMs) {
      const { list } = memory.of(project);
      return list !== null && list.atMs >= atMs ? list.servers : null;
    },
    made: (project, begunMs, made) =>
      ended(project, begunMs, { end: { kind: "listed", pages: made.pages }, made }),
    unmade: (project, begunMs, { why: _forPeople, ...end }) =>
      ended(project, begunMs, { end, made: null }),
  };
}

const LEASE_MS = 60_000;

/** Open commands that have not moved for a while. */
export function createMemoryStranded(
  memory: StoreMemory,
  transport: StoreTransport = atOnce,
): StrandedCommands {
  function lookFor(project: ProjectId, olderThanMs: number, limit: number): Stranded[] {
    const m = memory.of(project);
    const now = memory.nowMs();
    if (m.sweeperUntilMs > now) return [];
    memory.remember();
    m.sweeperUntilMs = now + LEASE_MS;
    const old = [...m.active].filter(([, at]) => at <= now - olderThanMs);
    const from = m.sweptTo;
    const ids = old.sort(([, a], [, b]) => a - b).slice(from, from + limit);
    const gone = ids.filter(([id]) => !m.records.has(id));
    m.sweptTo = ids.length < limit ? 0 : from + ids.length - gone.length;
    const found: Stranded[] = [];
    for (const [id] of ids) {
      const record = m.records.get(id);
      if (record === undefined) m.active.delete(id);
      else found.push(strandedFrom(id, record));
    }
    return found;
  }
  return {
    async find(project, olderThanMs, limit) {
      const answer = await transport("find-stranded", () => ({
        kind: "found" as const,
        found: lookFor(project, olderThanMs, limit),
      }));
      return answer.kind === "away" ? [] : answer.found;
    },
    async one(project, id) {
      const record = memory.of(project).records.get(id);
      const published = !memory.of(project).active.has(id);
      return record === undefined ? null : { ...strandedFrom(id, record), published };
    },
  };
}

function strandedFrom(id: string, record: CommandRecord): Stranded {
  return {
    commandId: id,
    order: record.order === "" ? null : (Order.safeParse(JSON.parse(record.order)).data ?? null),
    resume: record.resume === undefined ? null : (JSON.parse(record.resume) as unknown),
    outcome: record.final === undefined ? null : (JSON.parse(record.final) as StoredOutcome),
    events: record.outbox === undefined ? [] : (JSON.parse(record.outbox) as Outbox).events,
  };
}
