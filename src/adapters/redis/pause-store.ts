import { SwitchName } from "../../contract/brakes.ts";
import type { BrakeRules } from "../../core/brakes/brake-rules.ts";
import { RememberedSwitch } from "../../core/brakes/remembered-switch.ts";
import type { PauseStore } from "../../steps/ports/pauses.ts";
import type { RedisClient } from "./connection/client.ts";
import { keysOf, PROJECTS_KEY } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { keepPausesScript } from "./scripts/operator/keep-pauses.ts";

/** A lifted pause is remembered this long: longer than any worker stands still and comes back. */
const LIFTED_KEPT_MS = 30 * 86_400_000;

/** The pauses on Redis; each call also names the project as one that workers act on. */
export function createPauseStore(
  redis: RedisClient,
  scripts: ScriptRunner,
  rules: BrakeRules,
): PauseStore {
  return {
    async keep(project, remembered) {
      const k = keysOf(project);
      const answer = await scripts.run(
        keepPausesScript,
        { pauses: k.pauses, seen: k.pausesSeen, storm: k.storm, waiting: k.waiting },
        { remembered: Object.fromEntries(remembered), keepMs: LIFTED_KEPT_MS, rules },
      );
      if (answer.kind !== "kept") return answer;
      try {
        await redis.sadd(PROJECTS_KEY, project);
      } catch (error) {
        return { kind: "away", message: error instanceof Error ? error.message : String(error) };
      }
      const pauses = new Map<SwitchName, RememberedSwitch>();
      for (const [scope, entry] of Object.entries(answer.entries)) {
        const known = SwitchName.safeParse(scope);
        const read = RememberedSwitch.safeParse(entry);
        if (known.success && read.success) pauses.set(known.data, read.data);
      }
      return { kind: "kept", pauses, putBack: answer.putBack };
    },
  };
}
