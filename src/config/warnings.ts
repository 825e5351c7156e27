import { toWindow } from "../core/brakes/window-text.ts";
import { HORIZON_MS, longestClosedMs } from "../core/brakes/windows.ts";
import type { Config } from "./assemble.ts";
import type { Problem } from "./problem.ts";

/** What is not wrong, and hardly meant. */
export function configWarnings(
  { brakes, protocol, misspelt }: Pick<Config, "brakes" | "protocol" | "misspelt">,
  nowMs: number,
): readonly Problem[] {
  return [...misspelt, ...closedForLong({ brakes, protocol }, nowMs)];
}

function closedForLong(
  { brakes, protocol }: Pick<Config, "brakes" | "protocol">,
  nowMs: number,
): readonly Problem[] {
  const longestMs = longestClosedMs(brakes.windows.map(toWindow), nowMs);
  const { commandMaxAgeMs } = protocol;
  if (longestMs <= commandMaxAgeMs) return [];
  const closed =
    longestMs >= HORIZON_MS
      ? `do not open within ${HORIZON_MS / 86_400_000} days`
      : `are closed for ${hours(longestMs)} h in a row`;
  const message = `${closed}, and a command without expires_at expires after ${hours(commandMaxAgeMs)} h (COMMAND_MAX_AGE_MS)`;
  return [{ path: "brakes.windows", variable: "BRAKES_WINDOWS", message }];
}

function hours(ms: number): number {
  return Math.round(ms / 360_000) / 10;
}
