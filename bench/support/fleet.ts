import { ServerId } from "../../src/contract/ids.ts";
import type { BrakeRules } from "../../src/core/brakes/brake-rules.ts";
import { NO_BRAKES } from "../../test/support/brake-rules.ts";
import { BEGINNING_MS } from "../../test/support/in-memory/virtual-time.ts";
import { RULES } from "../../test/simulation/rules.ts";
import { commandOf, type Scenario } from "../../test/simulation/scenario.ts";
import type { World } from "../../test/simulation/world.ts";

/** The brakes as config/default.yaml has them. */
export const DEFAULTS: BrakeRules = {
  ...NO_BRAKES,
  cooldownMs: 600_000,
  serverLimit: 3,
  stormSame: 5,
  stormShare: 0.5,
  stormCooldownMs: 600_000,
  stormOpenAt: 10,
  stormAsks: 20,
  maxRunning: 10,
};

/** Servers that are all asked for at once. */
export interface Fleet {
  readonly servers: number;
  readonly brakes: BrakeRules;
  readonly image: "good" | "bad";
  /** A reinstall takes up to so long, evenly spread (ms); unless said, two minutes. */
  readonly jobsUpToMs?: number;
  readonly hours: number;
}

/** All servers run, each asked for a millisecond after the one before; nothing goes wrong but what the image does. */
export function fleetOf({ servers, brakes, image, jobsUpToMs = 120_000, hours }: Fleet): Scenario {
  const ids = Array.from({ length: servers }, (_, n) =>
    ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-${String(n).padStart(12, "0")}`),
  );
  const expiry = { expires_at: new Date(BEGINNING_MS + hours * 3_600_000).toISOString() };
  return {
    seed: 1,
    workers: 2,
    prefetch: 10,
    rules: { ...RULES, ladderMs: [2_000, 5_000, 10_000, 30_000, 60_000] },
    brakes,
    servers: ids.map((id) => ({
      id,
      status: "ACTIVE",
      view: "shown",
      softStopWorks: true,
      endsAs: "ACTIVE",
    })),
    cloud: {
      lax: false,
      keepsDisk: false,
      failShare: image === "bad" ? 1 : 0,
      stuckShare: 0,
      strangeJobs: false,
      jobsUpToMs,
    },
    samples: { replaced: 5, kept: 0 },
    emissions: ids.map((id, n) => commandOf(`heal-${n}`, id, n, { userid: "user" }, expiry)),
    rates: {},
    focus: [],
    focusFactor: 1,
    faultsForMs: hours * 3_600_000,
    disks: false,
    rudeOutsiders: false,
    retryAfterUpToMs: 0,
    skewMs: 0,
    slowNetwork: false,
    deliveryLimit: { commands: 100, work: 1_000 },
  };
}

/** Plays on for so long, in virtual time, until `glance`, which is asked every second of it, says that it is enough. */
export async function play(world: World, hours: number, glance: () => boolean): Promise<void> {
  const endsMs = world.time.nowMs + hours * 3_600_000;
  let glanceMs = world.time.nowMs;
  while (world.monitor.violation === null && world.time.nowMs < endsMs && world.time.step(endsMs)) {
    if (world.dirty) {
      world.dirty = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (world.time.nowMs < glanceMs) continue;
    glanceMs = world.time.nowMs + 1_000;
    if (glance()) break;
  }
  const { violation } = world.monitor;
  if (violation !== null) throw new Error(`${violation.promise}: ${violation.text}`);
}
