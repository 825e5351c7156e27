import type { Mutation } from "./mutation.ts";
import type { Violation } from "./monitor/promises.ts";
import { scenarioOf } from "./scenario.ts";
import { World } from "./world.ts";

/** After the faults every command must be at rest within this: several fences, deadlines and ages of a command. */
const REST_WITHIN_MS = 4 * 3_600_000;
/** At rest is who stays so while a sweeper comes by and finds nothing to do. */
const STILL_MS = 300_000;
const GLANCE_MS = 20_000;

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly events: number;
  readonly checks: number;
  readonly virtualMs: number;
  /** Final events by name. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  readonly executions: number;
}

export interface RunOptions {
  readonly mutation?: Mutation | undefined;
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** Plays one seed to its end: the same seed, the same run. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const world = new World({ scenario: scenarioOf(seed), ...options });
  const { time, monitor } = world;
  const beganMs = time.nowMs;
  const endsMs = beganMs + world.scenario.faultsForMs + REST_WITHIN_MS;
  let events = 0;
  let stillSinceMs: number | null = null;
  let glanceMs = 0;
  while (monitor.violation === null) {
    if (!time.step(endsMs)) {
      monitor.fail("P9", stuck(world));
      break;
    }
    events += 1;
    if (world.dirty) {
      world.dirty = false;
      await settled();
    }
    if (time.nowMs < glanceMs) continue;
    glanceMs = time.nowMs + GLANCE_MS;
    stillSinceMs = world.isIdle() ? (stillSinceMs ?? time.nowMs) : null;
    if (stillSinceMs !== null && time.nowMs - stillSinceMs >= STILL_MS) break;
  }
  if (monitor.violation === null) monitor.atRest(world.loss.happened);
  if (monitor.violation !== null)
    world.trace(`BROKEN   ${monitor.violation.promise}: ${monitor.violation.text}`);
  return {
    seed,
    violation: monitor.violation,
    events,
    checks: monitor.checks,
    virtualMs: time.nowMs - beganMs,
    outcomes: outcomesOf(world),
    faults: world.dice.happened,
    executions: world.cloud.ledger.length,
  };
}

/** Every promise that can go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function stuck(world: World): string {
  const left = world.broker.contents().map(({ about, label }) => `${about} ${label}`);
  return `not at rest, left are: ${left.join(", ")}`;
}

function outcomesOf(world: World): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { finals } of world.monitor.tracks.values()) {
    for (const { data } of finals.values()) {
      const name = data.event === "failed" ? `failed ${String(data["class"])}` : data.event;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}
