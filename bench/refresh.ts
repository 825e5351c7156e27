import { FINAL_EVENTS, type ProgressEvent } from "../src/contract/event.ts";
import type { BrakeRules } from "../src/core/brakes/brake-rules.ts";
import { World } from "../test/simulation/world.ts";
import type { BenchCase } from "./case.ts";
import { DEFAULTS, fleetOf, play } from "./support/fleet.ts";

const SERVERS = 200;

/** As a planned refresh is made: `resume storm-asks --for`, and a cap for that time. */
const withCap = (maxRunning: number): BrakeRules => ({
  ...DEFAULTS,
  stormAsks: 0,
  maxRunning,
  stormOpenAt: maxRunning,
});

const SETTINGS = {
  "BRAKES_MAX_RUNNING=10": withCap(10),
  "BRAKES_MAX_RUNNING=50": withCap(50),
  "BRAKES_MAX_RUNNING=100": withCap(100),
};

export const refresh: BenchCase = {
  name: "refresh",
  title: "A planned refresh of 200 servers",
  compared: "BRAKES_MAX_RUNNING=10",
  method:
    "All 200 servers, which run, are asked for at once, with the storm of asks kept off and three caps. The worker plays it in virtual time, on the simulation's ports, without a fault. A reinstall takes up to four minutes, two in the mean, and each server is stopped before and runs afterwards.",
  bounds:
    "The cap: as many servers as it allows are in work all the time, until fewer are left. Then the longest single reinstall. No request quota is played.",
  async run(bench) {
    const minutes: Record<string, number> = {};
    const mostDown: Record<string, number> = {};
    const done: Record<string, number> = {};
    for (const [name, brakes] of Object.entries(SETTINGS)) {
      bench.say(`${name}, ${SERVERS} servers`);
      const played = await playRefresh(brakes);
      minutes[name] = played.ms / 60_000;
      mostDown[name] = played.mostDown;
      done[name] = played.succeeded;
    }
    return [
      { what: "from the first command to the last end", unit: "min", values: minutes },
      { what: "succeeded", unit: "", values: done },
      { what: "most servers down at once", unit: "", values: mostDown },
    ];
  },
};

async function playRefresh(brakes: BrakeRules) {
  const hours = 12;
  const scenario = fleetOf({
    servers: SERVERS,
    brakes,
    image: "good",
    jobsUpToMs: 240_000,
    hours,
  });
  const ids = scenario.servers.map(({ id }) => id);
  const ended = new Map<string, string>();
  class Counted extends World {
    override published(event: ProgressEvent, by: string): void {
      super.published(event, by);
      if (FINAL.has(event.data.event)) ended.set(event.data.command_id, event.data.event);
    }
  }
  const world = new Counted({ scenario });
  const beganMs = world.time.nowMs;
  let mostDown = 0;
  await play(world, hours, () => {
    const down = ids.filter((id) => world.cloud.server(id).vm !== "active").length;
    mostDown = Math.max(mostDown, down);
    return ended.size === SERVERS;
  });
  const succeeded = [...ended.values()].filter((event) => event === "succeeded").length;
  return { ms: world.time.nowMs - beganMs, mostDown, succeeded };
}

const FINAL: ReadonlySet<string> = new Set(FINAL_EVENTS);
