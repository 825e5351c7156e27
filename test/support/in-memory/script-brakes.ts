import type { ReinstallStore } from "../../../src/steps/ports/reinstall-store.ts";
import { recordIdOf } from "../../../src/core/state/envelope.ts";
import type { SwitchName } from "../../../src/contract/brakes.ts";
import type { ProjectId } from "../../../src/contract/ids.ts";
import type { RememberedSwitch } from "../../../src/core/brakes/remembered-switch.ts";
import type { BrakeRules } from "../../../src/core/brakes/brake-rules.ts";
import type { Pace } from "../../../src/core/calls/call-bucket.ts";
import { paceOf, slotsAt } from "../../../src/core/calls/call-rate.ts";
import type { BrakeVerdict, Hold } from "../../../src/core/brakes/hold.ts";
import { perHourOf } from "../../../src/core/intake/senders.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { Held } from "../../../src/steps/ports/admission.ts";
import type { StepClaim } from "../../../src/steps/ports/step-claim.ts";
import type { Pauses } from "../../../src/steps/ports/pauses.ts";
import { endAsks } from "./brakes/asks.ts";
import { approval } from "./brakes/approval.ts";
import { capOf, type EffectiveCap, groupCap } from "./brakes/cap.ts";
import { cooldown } from "./brakes/cooldown.ts";
import { pause } from "./brakes/pause.ts";
import { protectedServer } from "./brakes/protected.ts";
import { quarantine } from "./brakes/quarantine.ts";
import { source } from "./brakes/source.ts";
import { sender } from "./brakes/sender.ts";
import { stormAsks } from "./brakes/storm-asks.ts";
import { putBackStorm, stormProgress } from "./brakes/storm.ts";
import { stormFailures } from "./brakes/storm-failures.ts";
import type { BrakeQuestion, GatePlace, TwinBrake } from "./brakes/twin-brake.ts";
import { windows } from "./brakes/windows.ts";
import type { ProjectMemory } from "./memory.ts";
import { claimLost, type FENCED, FORGOTTEN, script, type ScriptContext } from "./scripts.ts";

/** `BRAKES` of `script.ts`. */
const BRAKES: readonly TwinBrake[] = [
  pause,
  protectedServer,
  stormFailures,
  stormAsks,
  quarantine,
  approval,
  windows,
  cooldown,
  source,
  sender,
  groupCap,
  capOf((question) => leastOf(question, question.rules.maxRunning)),
];

/** What is asked about a command; a new one was asked for at `askedAtMs`. */
export function questionOf(
  ctx: ScriptContext,
  m: ProjectMemory,
  { order, askedAtMs }: Pick<BrakeQuestion, "order" | "askedAtMs">,
): BrakeQuestion {
  const closed = ctx.switches.ignoreWindows ? null : (ctx.closed ?? null);
  const senderPerHour = ctx.switches.ignoreSenders ? 0 : perHourOf(ctx.senders, order.sender);
  const nowMs = ctx.memory.nowMs();
  return { m, order, rules: ctx.brakes, senderPerHour, nowMs, askedAtMs, closed };
}

const overrides = ({ order }: BrakeQuestion, { name }: TwinBrake) =>
  order.override?.includes(name) === true;

const holdOf = (brake: TwinBrake, question: BrakeQuestion) =>
  overrides(question, brake) ? null : brake.ask(question);

/** `brakes` of `brakes.lua`: what holds a command, or null. */
export function brakes(
  ctx: ScriptContext,
  m: ProjectMemory,
  of: Pick<BrakeQuestion, "order" | "askedAtMs">,
  where: GatePlace,
): Hold | null {
  const question = questionOf(ctx, m, of);
  if (where === "admission") for (const { before } of BRAKES) before?.(question);
  for (const brake of BRAKES) {
    if (ctx.switches.ignoreStorms && brake.name === "storm-failures") continue;
    if (ctx.switches.ignoreSources && brake.name === "source") continue;
    if (ctx.switches.ignoreApprovals && brake.name === "approval") continue;
    const hold = brake.at.includes(where) ? holdOf(brake, question) : null;
    // Who is asked at a gate holds.
    if (hold !== null) return hold as Hold;
  }
  for (const { at, passed } of BRAKES) if (at.includes(where)) passed?.(question);
  return null;
}

/** What the brakes count once a command gets its lock and slot. */
export function noteStarted(ctx: ScriptContext, m: ProjectMemory, order: Order): void {
  const question = questionOf(ctx, m, { order });
  for (const { started } of BRAKES) started?.(question);
}

/** `every_verdict` of `brakes.lua`. */
export function everyVerdict(ctx: ScriptContext, m: ProjectMemory, order: Order): BrakeVerdict[] {
  const question = questionOf(ctx, m, { order });
  return BRAKES.map((brake) => {
    const lifted = overrides(question, brake);
    const more = lifted ? { overridden: true } : brake.goes?.(question);
    return holdOf(brake, question) ?? { brake: brake.name, verdict: "go", ...more };
  });
}

/** `effective_cap` of `brakes/table.lua`. */
export function effectiveCap(
  ctx: ScriptContext,
  m: ProjectMemory,
  order: Order,
  cap: number,
): EffectiveCap {
  return leastOf(questionOf(ctx, m, { order }), cap, ctx.switches.ignoreAsks);
}

/** `pace_of` of `calls.lua`; null: nobody counts calls. */
export function callPace(
  { callsPerSecond: perSecond, callBurst: burst }: BrakeRules,
  { learned }: ProjectMemory,
): Pace | null {
  return perSecond === 0 ? null : paceOf(learned, { perSecond, burst });
}

function leastOf(question: BrakeQuestion, cap: number, ignoreAsks = false): EffectiveCap {
  let least: EffectiveCap = { slots: cap, by: null };
  for (const brake of BRAKES) {
    if (ignoreAsks && brake.name === "storm-asks") continue;
    const left = brake.slots?.(question) ?? null;
    if (left !== null && left.slots < least.slots) least = { ...left, by: brake.name };
  }
  const pace = callPace(question.rules, question.m);
  const carried = pace === null ? least.slots : slotsAt(pace);
  if (carried < least.slots) return { slots: carried, by: "throttled" };
  return least;
}

/** `may-stop.lua`. */
export function mayStop(
  ctx: ScriptContext,
  order: Order,
  claim: StepClaim,
): { kind: "go" } | Held | typeof FENCED | typeof FORGOTTEN {
  return script(ctx, order.projectId, (m) => {
    const record = m.records.get(order.commandId);
    if (record === undefined) return FORGOTTEN;
    if (record.claim !== `${claim.step}:${claim.nonce}`) return claimLost(m, claim, ctx);
    const hold = brakes(ctx, m, { order }, "stop");
    return hold === null ? { kind: "go" as const } : { kind: "held" as const, hold };
  });
}

/** `may-start.lua`. */
export function mayStart(
  ctx: ScriptContext,
  order: Order,
  claim: StepClaim,
  { token, phase }: Parameters<ReinstallStore["mayStart"]>[2],
): { kind: "go" } | typeof FENCED | typeof FORGOTTEN {
  return script(ctx, order.projectId, (m) => {
    const record = m.records.get(recordIdOf(order.commandId, phase));
    if (record === undefined) return FORGOTTEN;
    if (record.claim !== `${claim.step}:${claim.nonce}`) return claimLost(m, claim, ctx);
    const lock = m.locks.get(order.serverId);
    const ours = lock?.owner === order.commandId && lock.token === token;
    return ours ? { kind: "go" as const } : FORGOTTEN;
  });
}

/** A lifted pause is remembered this long. */
const LIFTED_KEPT_MS = 30 * 86_400_000;

/** `keep-pauses.lua`. */
export function keepPauses(
  ctx: ScriptContext,
  project: ProjectId,
  remembered: Pauses,
): { kind: "kept"; pauses: Pauses; putBack: number } {
  return script(ctx, project, (m) => {
    const pauses = new Map(m.pauses);
    let putBack = 0;
    for (const [scope, { storm, ...entry }] of remembered) {
      const known = pauses.get(scope);
      const newer = known === undefined || known.atMs < entry.atMs;
      const wins = newer || (ctx.switches.lastWriterPauses && known.on !== entry.on);
      if (wins) pauses.set(scope, entry);
      const itsOwn = storm !== undefined && pauses.get(scope)?.atMs === entry.atMs;
      const progress = itsOwn && !ctx.switches.forgetStorm && putBackStorm(m, storm, entry.atMs);
      if (wins || progress) putBack += 1;
    }
    for (const [scope, { on, atMs }] of pauses) {
      if (!on && atMs < ctx.memory.nowMs() - LIFTED_KEPT_MS) pauses.delete(scope);
    }
    m.pauses = pauses;
    endAsks(m, ctx.brakes, ctx.memory.nowMs());
    const answered = new Map<SwitchName, RememberedSwitch>();
    for (const [scope, entry] of m.pauses) {
      const isStorm = scope === "storm-failures";
      answered.set(scope, isStorm ? { ...entry, ...stormProgress(m, entry.atMs) } : entry);
    }
    return { kind: "kept" as const, pauses: answered, putBack };
  });
}
