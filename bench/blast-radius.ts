import type { BenchCase, Figure } from "./case.ts";
import { DEFAULTS } from "./support/fleet.ts";
import { playBlastRadius } from "./support/play-blast-radius.ts";

/** The limits that each column has instead of the defaults. */
const SETTINGS = {
  defaults: DEFAULTS,
  "BRAKES_MAX_RUNNING=3": { ...DEFAULTS, maxRunning: 3, stormOpenAt: 3 },
  "BRAKES_MAX_RUNNING=50": { ...DEFAULTS, maxRunning: 50, stormOpenAt: 50 },
  "BRAKES_STORM_ASKS=0": { ...DEFAULTS, stormAsks: 0 },
};

export const blastRadius: BenchCase = {
  name: "blast-radius",
  title: "The blast radius",
  compared: "defaults",
  method:
    "A detector asks for all servers at once: 1 000 with `--long`, else 200. The worker plays it in virtual time, on the simulation's ports, without a fault: first with an image that fails every time, in changing ways, then with a good one. Reinstalls take up to two minutes.",
  bounds:
    "The brakes: what is in work when the project stops is lost, so the cap bounds it. Afterwards one probe goes after 10 minutes, the next after 20, and so on: each may lose one more server.",
  async run(bench) {
    const { long } = bench;
    const servers = long ? 1_000 : 200;
    const values = { lost: {}, down: {}, slow: {}, said: {} } as Record<
      "lost" | "down" | "slow" | "said",
      Record<string, number>
    >;
    for (const [name, brakes] of Object.entries(SETTINGS)) {
      bench.say(`${name}, ${servers} servers`);
      const bad = await playBlastRadius({ servers, brakes, image: "bad", hours: 0.1 });
      const good = await playBlastRadius({ servers, brakes, image: "good", hours: 0.1 });
      // What nobody stops, or says, within the time that is played has no figure.
      if (bad.lostBeforeStop !== null) values.lost[name] = bad.lostBeforeStop;
      values.down[name] = good.mostDown;
      values.slow[name] = good.mostDownInStorm ?? good.mostDown;
      const saidMs = good.saidAfterMs ?? bad.saidAfterMs;
      if (saidMs !== null) values.said[name] = saidMs;
    }
    const row = (what: string, unit: string, of: Record<string, number>): Figure => ({
      what,
      unit,
      values: of,
    });
    return [
      row("failing image: servers lost before the project stops by itself", "", values.lost),
      row("good image: most servers down at once", "", values.down),
      row("the same, once those ended that ran when the storm of asks began", "", values.slow),
      row("from the first command to the event that says why", "ms", values.said),
    ];
  },
};
