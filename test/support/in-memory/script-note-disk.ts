import { diskEntry, type KnownAge } from "../../../src/core/brakes/disk-age.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { StepClaim } from "../../../src/steps/ports/step-claim.ts";
import type { ReinstallStore } from "../../../src/steps/ports/reinstall-store.ts";
import { noteReinstall } from "./brakes/history.ts";
import { everyVerdict } from "./script-brakes.ts";
import { tryStart, wouldStart } from "./script-slots.ts";
import {
  claimLost,
  corrupt,
  ensureEpoch,
  FORGOTTEN,
  foreignKey,
  lockOf,
  script,
  type ScriptContext,
} from "./scripts.ts";

type Answer = Awaited<ReturnType<ReinstallStore["noteDisk"]>>;

/** `note-disk.lua`. */
export function noteDisk(
  ctx: ScriptContext,
  order: Order,
  claim: StepClaim,
  age: KnownAge,
): Answer {
  return script(ctx, order.projectId, (m): Answer => {
    const foreign = foreignKey(m, { server: order.serverId });
    if (foreign !== undefined) return corrupt(foreign);
    const epoch = ensureEpoch(m, ctx);
    const { commandId, serverId, dryRun } = order;
    const record = m.records.get(commandId);
    if (record === undefined) return FORGOTTEN;
    if (record.claim !== `${claim.step}:${claim.nonce}`) return claimLost(m, claim, ctx);
    const hasBoth = lockOf(m, serverId, ctx)?.owner === commandId && m.slots.has(commandId);
    const said = <L>(lock: L, verdicts: ReturnType<typeof everyVerdict> | null = null) =>
      ({ kind: "noted", lock, verdicts }) as const;
    if (!dryRun && !hasBoth && ctx.memory.nowMs() < epoch.openAt) {
      return said({ kind: "rebuilding" as const, untilMs: epoch.openAt });
    }
    const { by, entry, healedAt } = diskEntry(age);
    if ((m.history.get(serverId)?.size ?? 0) === 0 && !ctx.switches.ignoreDiskAge) {
      if (healedAt !== null && !m.last.has(serverId)) m.last.set(serverId, healedAt);
      noteReinstall(m, serverId, { command: by, attempt: 0 }, entry);
    }
    if (dryRun) return said(wouldStart(ctx, m, order), everyVerdict(ctx, m, order));
    return said(tryStart(ctx, m, { order, mayHaveRun: false, arrivedMs: record.created }));
  });
}
