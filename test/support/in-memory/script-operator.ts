import { z } from "zod";
import { type Act, AuditEntry, type NotedAct } from "../../../src/contract/audit.ts";
import { actionOf, subjectOf } from "../../../src/contract/brakes.ts";
import type { CommandId, ProjectId } from "../../../src/contract/ids.ts";
import type { Freeing, PauseChange } from "../../../src/adapters/redis/operator-commands.ts";
import type { cancelScript } from "../../../src/adapters/redis/scripts/operator/cancel.ts";
import type { unlockScript } from "../../../src/adapters/redis/scripts/operator/unlock.ts";
import { storedJson } from "../../../src/adapters/redis/stored/stored-json.ts";
import { SENT_PHASES } from "../../../src/core/state/phases.ts";
import type { AuditTrail, Unpublished } from "../../../src/steps/ports/audit-trail.ts";
import type { ProjectMemory } from "./memory.ts";
import { REFUSED, script, type ScriptContext } from "./scripts.ts";

/** `AUDIT_MOST` of audit.lua. */
const AUDIT_MOST = 1_000;
/** `AUDIT_AGAIN` of audit.lua. */
const AUDIT_AGAIN = 200;
/** Of one turn. */
const MOST = 100;

/** An entry, with what the first run of its script saw. */
export interface NotedEntry extends AuditEntry {
  readonly answer?: unknown;
}

/** `note_act` of audit.lua. */
export function noteAct(
  ctx: ScriptContext,
  m: ProjectMemory,
  act: NotedAct,
  answer?: unknown,
): NotedEntry {
  const known = m.audit.slice(-AUDIT_AGAIN).find(({ id }) => id === act.id);
  if (known !== undefined) return known;
  const number = (m.audit.at(-1)?.number ?? 0) + 1;
  const entry = { ...act, number, at: ctx.memory.nowMs(), ...(answer !== undefined && { answer }) };
  m.audit = [...m.audit, entry].slice(-AUDIT_MOST);
  return entry;
}

/** `set-pause.lua`. */
export function setPause(ctx: ScriptContext, project: ProjectId, change: PauseChange) {
  return script(ctx, project, (m) => {
    const { scope, on, by, reason, forMs = null, id = ctx.memory.madeUp() } = change;
    const before = m.pauses.get(scope);
    const at = Math.max(ctx.memory.nowMs(), before === undefined ? 0 : before.atMs + 1);
    const duration = forMs === null ? {} : { forMs };
    const act = { id, by, reason, action: actionOf(scope, on), ...subjectOf(scope), ...duration };
    const seen = { wasOn: before?.on === true, at };
    const first = noteAct(ctx, m, act, seen).answer as typeof seen;
    if (before === undefined || before.atMs < first.at) {
      m.pauses = new Map(m.pauses).set(scope, {
        on,
        atMs: first.at,
        by,
        reason,
        ...(forMs !== null && { untilMs: first.at + forMs }),
      });
    }
    return { kind: "set" as const, atMs: first.at, wasOn: first.wasOn };
  });
}

/** Of the message of a command whose server is being started again: it waits again then. */
const GoesBack = storedJson(
  z.object({ state: z.object({ after: z.object({ kind: z.literal("wait") }) }) }),
);
const goesBack = (resume: string | undefined) => GoesBack.safeParse(resume).success;

/** `cancel.lua`. */
export function cancel(
  ctx: ScriptContext,
  project: ProjectId,
  command: CommandId,
  act: Act,
): z.infer<typeof cancelScript.answer> {
  return script(ctx, project, (m) => {
    const record = m.records.get(command);
    if (record === undefined || record.claim === REFUSED) return { kind: "unheard-of" as const };
    const { outcome, phase } = record;
    if (outcome !== undefined) return { kind: "ended" as const, outcome };
    if (SENT_PHASES.some((one) => one === phase) && !goesBack(record.resume))
      return { kind: "too-late" as const, phase };
    noteAct(ctx, m, { ...act, action: "cancel", command });
    m.records.set(command, {
      ...record,
      cancel: record.cancel ?? { by: act.by, why: act.reason },
    });
    return { kind: "requested" as const, phase };
  });
}

/** `unlock.lua`, for a name that can be typed. */
export function unlock(
  ctx: ScriptContext,
  project: ProjectId,
  { server, owner }: Freeing,
  act: Act,
): z.infer<typeof unlockScript.answer> {
  return script(ctx, project, (m) => {
    const lock = m.locks.get(server);
    if (lock === undefined) {
      const noted = m.audit.find(({ id }) => id === act.id);
      return noted === undefined
        ? { kind: "not-locked" as const }
        : { kind: "freed" as const, owner };
    }
    if (lock.owner !== owner) {
      return { kind: "held-by-another" as const, owner: lock.owner, mark: "" };
    }
    const holder = m.records.get(owner);
    const open = holder !== undefined && holder.claim !== REFUSED && holder.outcome === undefined;
    if (open) return { kind: "still-open" as const, owner };
    noteAct(ctx, m, { ...act, action: "unlock", server, command: owner }, { owner });
    m.locks.delete(server);
    return { kind: "freed" as const, owner };
  });
}

/** `take-audit.lua` and `published-audit.lua`. */
export function createMemoryAudit(context: () => ScriptContext): AuditTrail {
  return {
    async take(project, leaseMs) {
      const ctx = context();
      return script(ctx, project, (m): Unpublished | { kind: "none" } => {
        const last = m.audit.at(-1)?.number;
        const now = ctx.memory.nowMs();
        if (last === undefined || last === m.auditPublished) return { kind: "none" };
        if (m.auditLease !== null && m.auditLease.untilMs > now) return { kind: "none" };
        const after = m.auditPublished;
        const from = last < after ? 0 : after;
        const lease = ctx.candidate;
        m.auditLease = { name: lease, untilMs: now + leaseMs };
        const entries = m.audit
          .filter(({ number }) => number > from)
          .slice(0, MOST)
          .map((entry) => AuditEntry.parse(entry));
        const missed = (entries[0]?.number ?? 0) - from - 1;
        return { kind: "taken", entries, missed, after, lease };
      });
    },
    async published(project, { after, lease }, upTo) {
      return script(context(), project, (m) => {
        if (upTo !== null && m.auditPublished === after) m.auditPublished = upTo;
        if (m.auditLease?.name === lease) m.auditLease = null;
        return { kind: "saved" as const };
      });
    },
  };
}
