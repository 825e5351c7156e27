import type { ProgressEvent } from "../../src/contract/event.ts";
import { World } from "../../test/simulation/world.ts";
import { type Fleet, fleetOf, play } from "./fleet.ts";

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
export async function playBlastRadius(fleet: Fleet): Promise<BlastRadius> {
  const scenario = fleetOf(fleet);
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
  let mostDown = 0;
  let mostDownInStorm: number | null = null;
  let settledInStorm = false;
  let lostBeforeStop: number | null = null;
  const lost = () => world.cloud.ledger.filter(({ course }) => course.end !== "success").length;
  await play(world, fleet.hours, () => {
    if (world.project.pauses.get("storm-failures")?.on) lostBeforeStop ??= lost();
    const down = ids.filter((id) => {
      const server = world.cloud.server(id);
      return server.vm !== "active" || server.running.size > 0;
    }).length;
    mostDown = Math.max(mostDown, down);
    if (world.project.pauses.get("storm-asks")?.on) {
      settledInStorm ||= world.project.slots.size <= 1;
      if (settledInStorm) mostDownInStorm = Math.max(mostDownInStorm ?? 0, down);
    }
    return false;
  });
  return {
    lostBeforeStop,
    mostDown,
    mostDownInStorm,
    saidAfterMs: saidAtMs === null ? null : saidAtMs - beganMs,
  };
}
