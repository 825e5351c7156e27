import { ServerId } from "../../src/contract/ids.ts";
import type { BrakeRules } from "../../src/core/brake-rules.ts";
import type { ProgressEvent } from "../../src/contract/event.ts";
import { NO_BRAKES } from "../../test/support/brake-rules.ts";
import { RULES } from "../../test/simulation/rules.ts";
import { commandOf, type Scenario } from "../../test/simulation/scenario.ts";
import { World } from "../../test/simulation/world.ts";

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

/** What a detector that asks for every server at once comes to. */
export interface BlastRadius {
  /** Servers whose reinstall failed before the worker stopped the project; null: it never did. */
  readonly lostBeforeStop: number | null;
  /** The most servers that were down at one instant. */
  readonly mostDown: number;
  /** The same, once what was in work when the storm of asks began has ended. */
  readonly mostDownInStorm: number | null;
  /** From the first command to the first `waiting` event that says why, ms. */
  readonly saidAfterMs: number | null;
}

/** Plays it in virtual time, on the simulation's ports: the worker itself, no network, no fault. */
export async function playBlastRadius(options: {
  readonly servers: number;
  readonly brakes: BrakeRules;
  readonly image: "good" | "bad";
  readonly hours: number;
}): Promise<BlastRadius> {
  const { hours } = options;
  const scenario = fleetOf(options);
  const ids = scenario.servers.map(({ id }) => id);
  let saidAtMs: number | null = null;
  class Watched extends World {
    override published(event: ProgressEvent, by: string): void {
      super.published(event, by);
      const brake = event.data["brake"] as { lowered_by?: string; name?: string } | undefined;
      const why = brake?.lowered_by ?? brake?.name;
      if (why !== "storm-asks" && why !== "storm-failures") return;
      saidAtMs ??= this.time.nowMs;
    }
  }
  const world = new Watched({ scenario });
  const beganMs = world.time.nowMs;
  const endsMs = beganMs + hours * 3_600_000;
  let glanceMs = beganMs;
  let mostDown = 0;
  let mostDownInStorm: number | null = null;
  let settledInStorm = false;
  let lostBeforeStop: number | null = null;
  const lost = () => world.cloud.ledger.filter(({ course }) => course.end !== "success").length;
  while (world.monitor.violation === null && world.time.nowMs < endsMs && world.time.step(endsMs)) {
    if (world.dirty) {
      world.dirty = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (lostBeforeStop === null && world.project.pauses.get("storm-failures")?.on) {
      lostBeforeStop = lost();
    }
    if (world.time.nowMs < glanceMs) continue;
    glanceMs = world.time.nowMs + 1_000;
    const down = ids.filter((id) => {
      const server = world.cloud.server(id);
      return server.vm !== "active" || server.running.size > 0;
    }).length;
    mostDown = Math.max(mostDown, down);
    if (world.project.pauses.get("storm-asks")?.on) {
      settledInStorm ||= world.project.slots.size <= 1;
      if (settledInStorm) mostDownInStorm = Math.max(mostDownInStorm ?? 0, down);
    }
  }
  const { violation } = world.monitor;
  if (violation !== null) throw new Error(`${violation.promise}: ${violation.text}`);
  return {
    lostBeforeStop,
    mostDown,
    mostDownInStorm,
    saidAfterMs: saidAtMs === null ? null : saidAtMs - beganMs,
  };
}

/** A fleet of running servers, each asked for a millisecond after the one before, without a fault. */
export function fleetOf({
  servers: count,
  brakes,
  image,
  hours,
}: Parameters<typeof playBlastRadius>[0]): Scenario {
  const ids = Array.from({ length: count }, (_, n) =>
    ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-${String(n).padStart(12, "0")}`),
  );
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
      jobsUpToMs: 120_000,
    },
    samples: { replaced: 5, kept: 0 },
    emissions: ids.map((id, n) => commandOf(`heal-${n}`, id, n, { userid: "user" }, {})),
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
