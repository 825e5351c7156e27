import type { ProjectId, ServerId } from "../../../src/contract/ids.ts";
import type { RememberedMemory } from "../../../src/core/store-memory.ts";
import type { StoreMemoryWatch } from "../../../src/steps/ports/store-memory.ts";
import type { LockRecord, ProjectMemory } from "./memory.ts";
import { script, type ScriptContext } from "./scripts.ts";

/** `watch-memory.lua`. */
export function watchMemory(
  ctx: ScriptContext,
  project: ProjectId,
  remembered: RememberedMemory | null,
): Awaited<ReturnType<StoreMemoryWatch["look"]>> {
  return script(ctx, project, (m) => {
    const { memory, candidate } = ctx;
    m.origin ??= m.epoch?.id ?? candidate;
    const { epoch, origin } = m;
    const { run } = memory;
    const open = epoch !== null && epoch.run === run && memory.nowMs() >= epoch.openAt;
    const isAnother =
      remembered !== null && (remembered.origin !== origin || remembered.run !== run);
    const putBack = isAnother && !open ? putLocksBack(m, remembered) : new Map<ServerId, string>();
    const locks = [...m.locks] as [ServerId, LockRecord][];
    const ours = locks.filter(([, { operation = "reinstall" }]) => operation === "reinstall");
    return {
      kind: "seen" as const,
      memory: {
        origin,
        run,
        epoch: epoch && { sinceMs: epoch.since, fresh: epoch.fresh === true },
        open,
        commands: m.active.size,
        unresolved: new Map(
          ours.flatMap(([server, { owner, token, since, phase }]) =>
            phase === "unresolved" ? [[server, { owner, token, sinceMs: since }] as const] : [],
          ),
        ),
        others: new Map(
          locks.flatMap(([server, { owner, operation = "reinstall" }]) =>
            operation === "reinstall" ? [] : [[server, owner] as const],
          ),
        ),
      },
      putBack,
    };
  });
}

function putLocksBack(m: ProjectMemory, { unresolved }: RememberedMemory) {
  const putBack = new Map<ServerId, string>();
  for (const [server, { owner, token, sinceMs }] of unresolved) {
    if (m.locks.has(server)) continue;
    m.token = Math.max(m.token, token);
    m.locks.set(server, { owner, token, since: sinceMs, phase: "unresolved" });
    putBack.set(server, owner);
  }
  return putBack;
}
