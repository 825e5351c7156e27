import type { BrakeRules } from "../../../../src/core/brakes/brake-rules.ts";
import type { StormEnd } from "../../../../src/core/brakes/storm.ts";
import type { SwitchEntry } from "../../../../src/contract/brakes.ts";
import type { RememberedSwitch } from "../../../../src/core/brakes/remembered-switch.ts";
import type { ProjectMemory } from "../memory.ts";

/** `storm.lua`: the hash `storm`. */
export interface StormRecord {
  readonly ends: readonly {
    readonly c: string;
    readonly f: boolean;
    readonly at: number;
    readonly k: string;
  }[];
  readonly cooldown?: number | undefined;
  readonly closedAt?: number | undefined;
  readonly probe?: string | undefined;
  readonly level?: number | undefined;
  readonly levelAt?: number | undefined;
  readonly levelBy?: string | undefined;
  readonly changedMs?: number;
  readonly probeAtMs?: number;
}

const DAY_MS = 86_400_000;
const ENDS_MOST = 20;
const COOLDOWN_MOST_MS = 7_200_000;

const NEVER: SwitchEntry = { on: false, atMs: 0, by: "", reason: "" };

export const stormIsOff = (rules: BrakeRules) => rules.stormSame === 0 && rules.stormShare === 0;

export function stormEntry(m: ProjectMemory): SwitchEntry {
  return m.pauses.get("storm-failures") ?? NEVER;
}

function setStorm(m: ProjectMemory, on: boolean, reason: string, nowMs: number): number {
  const atMs = Math.max(nowMs, stormEntry(m).atMs + 1);
  m.pauses = new Map(m.pauses).set("storm-failures", { on, atMs, by: "worker", reason });
  return atMs;
}

/** `put_storm`. */
export function putStorm(
  m: ProjectMemory,
  nowMs: number,
  change: Partial<Omit<StormRecord, "changedMs" | "probeAtMs">>,
): void {
  const { changedMs = 0, probeAtMs = 0 } = m.storm;
  const isStorms = "cooldown" in change || "level" in change;
  m.storm = {
    ...m.storm,
    ...change,
    ...(isStorms && { changedMs: Math.max(nowMs, changedMs + 1) }),
    ...("probe" in change && { probeAtMs: Math.max(nowMs, probeAtMs + 1) }),
  };
}

/** `storm_progress`. */
export function stormProgress(m: ProjectMemory, atMs: number): Pick<RememberedSwitch, "storm"> {
  const { changedMs = -1, probeAtMs = -1, cooldown, closedAt, probe, levelBy } = m.storm;
  if (changedMs < 0 && probeAtMs < 0) return {};
  const level = m.storm.levelAt === atMs ? m.storm.level : undefined;
  return {
    storm: {
      changedMs,
      probeAtMs,
      ...(cooldown !== undefined && { cooldownMs: cooldown }),
      ...(closedAt !== undefined && { closedAtMs: closedAt }),
      ...(probe !== undefined && { probe }),
      ...(level !== undefined && { level }),
      ...(level !== undefined && levelBy !== undefined && { levelBy }),
    },
  };
}

/** `put_back_storm`. */
export function putBackStorm(
  m: ProjectMemory,
  progress: NonNullable<RememberedSwitch["storm"]>,
  atMs: number,
): boolean {
  const { changedMs, probeAtMs, cooldownMs, closedAtMs, probe, level, levelBy } = progress;
  const older = (m.storm.changedMs ?? -1) < changedMs;
  const probeOlder = (m.storm.probeAtMs ?? -1) < probeAtMs;
  const levelAt = level === undefined ? undefined : atMs;
  const storm = { changedMs, cooldown: cooldownMs, closedAt: closedAtMs, level, levelAt, levelBy };
  m.storm = { ...m.storm, ...(older && storm), ...(probeOlder && { probe, probeAtMs }) };
  return older || probeOlder;
}

/** `storm_reason`. */
function reasonOf(counted: StormRecord["ends"], rules: BrakeRules): string | null {
  const failed = counted.filter(({ f }) => f);
  const row = counted.length - 1 - counted.findLastIndex(({ f }) => !f);
  const times = new Map<string, number>();
  for (const { k } of failed) times.set(k, (times.get(k) ?? 0) + 1);
  const [most] = [...times].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const often = `most often: ${most?.[0]}`;
  if (rules.stormSame > 0 && row >= rules.stormSame) {
    return `${row} reinstalls in a row failed, ${often}`;
  }
  const share = rules.stormShare;
  if (share > 0 && counted.length >= 10 && failed.length >= share * counted.length) {
    return `${failed.length} of the last ${counted.length} reinstalls failed, ${often}`;
  }
  return null;
}

/** `carry_storm`. */
export function carryStorm(
  m: ProjectMemory,
  command: string,
  change: {
    readonly rules: BrakeRules;
    readonly end: StormEnd | null;
    readonly intendedMs: number | undefined;
    readonly nowMs: number;
  },
): void {
  const { rules, nowMs } = change;
  if (stormIsOff(rules)) return;
  const intendedMs = change.intendedMs ?? 0;
  const end = change.intendedMs === undefined ? null : change.end;
  const entry = stormEntry(m);
  if (m.storm.probe === command) {
    if (entry.on) return afterProbe(m, command, end, { rules, nowMs });
    putStorm(m, nowMs, { probe: undefined });
  }
  if (end === null || entry.on || intendedMs <= entry.atMs) return;
  const f = end.result === "failure";
  if (!m.storm.ends.some(({ c }) => c === command)) {
    const ends = [...m.storm.ends, { c: command, f, at: nowMs, k: end.cause }].slice(-ENDS_MOST);
    m.storm = { ...m.storm, ends };
  }
  const { level, levelAt, levelBy, cooldown } = m.storm;
  const opening = level !== undefined && levelAt === entry.atMs;
  if (!f) {
    if (!opening || levelBy === command) return;
    const open = { level: undefined, levelAt: undefined, levelBy: undefined, cooldown: undefined };
    const further = { level: 2 * level, levelBy: command };
    putStorm(m, nowMs, 2 * level >= rules.stormOpenAt ? open : further);
    return;
  }
  const since = Math.max(nowMs - DAY_MS, entry.atMs);
  const reason = opening
    ? `a reinstall failed again: ${end.cause}`
    : reasonOf(
        m.storm.ends.filter(({ at }) => at > since),
        rules,
      );
  if (reason === null) return;
  const longer = Math.min(COOLDOWN_MOST_MS, 2 * (cooldown ?? rules.stormCooldownMs));
  const lasts = opening ? longer : rules.stormCooldownMs;
  putStorm(m, nowMs, { cooldown: lasts, closedAt: nowMs, probe: undefined });
  setStorm(m, true, reason, nowMs);
}

function afterProbe(
  m: ProjectMemory,
  command: string,
  end: StormEnd | null,
  { rules, nowMs }: { readonly rules: BrakeRules; readonly nowMs: number },
): void {
  const probe = undefined;
  if (end?.result === "success") {
    const levelAt = setStorm(m, false, `${command} succeeded`, nowMs);
    putStorm(m, nowMs, { level: 1, levelAt, levelBy: command, probe });
  } else if (end?.result === "failure") {
    const before = m.storm.cooldown ?? rules.stormCooldownMs;
    const cooldown = Math.min(COOLDOWN_MOST_MS, 2 * before);
    putStorm(m, nowMs, { cooldown, closedAt: nowMs, probe });
  } else {
    putStorm(m, nowMs, { probe });
  }
}
