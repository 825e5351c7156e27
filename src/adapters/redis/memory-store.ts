import { ServerId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { StoreMemoryWatch } from "../../steps/ports/store-memory.ts";
import { keysOf } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { watchMemoryScript } from "./scripts/memory/watch-memory.ts";

/** The memory of Redis: one script for each look. */
export function createMemoryWatch(
  scripts: Pick<ScriptRunner, "run">,
  clock: Pick<Clock, "nonce">,
): StoreMemoryWatch {
  return {
    async look(project, remembered) {
      const { epoch, token, active } = keysOf(project);
      const known = remembered === null ? null : { origin: remembered.origin, run: remembered.run };
      const answer = await scripts.run(
        watchMemoryScript,
        { epoch, token, active },
        {
          candidate: clock.nonce(),
          known,
          locks: Object.fromEntries(remembered?.unresolved ?? []),
        },
      );
      if (answer.kind !== "seen") return answer;
      const { kind, unresolved, others, putBack, ...memory } = answer;
      return {
        kind,
        memory: { ...memory, unresolved: byServer(unresolved), others: byServer(others) },
        putBack: byServer(putBack),
      };
    },
  };
}

/** What is locked under a name that is no server's was not locked by us. */
function byServer<T>(named: Readonly<Record<string, T>>): ReadonlyMap<ServerId, T> {
  return new Map(
    Object.entries(named).flatMap(([name, value]) => {
      const server = ServerId.safeParse(name);
      return server.success ? [[server.data, value] as const] : [];
    }),
  );
}
