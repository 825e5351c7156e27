import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fleetOf } from "../../bench/support/fleet.ts";
import { NO_BRAKES } from "../support/brake-rules.ts";
import { BEGINNING_MS } from "../support/in-memory/virtual-time.ts";
import { commandOf, type Scenario } from "./scenario.ts";
import { World } from "./world.ts";

const CAP = 5;
const WAITERS = 200;

/** How many that arrived later were given a slot earlier, for each command that had to wait. */
async function overtakings(changed: Partial<Scenario>): Promise<readonly number[]> {
  const brakes = { ...NO_BRAKES, maxRunning: CAP };
  const hours = 6;
  const fleet = fleetOf({ servers: WAITERS + CAP, brakes, image: "good", hours });
  const cloud = { ...fleet.cloud, jobsUpToMs: 30_000 };
  const expires = { expires_at: new Date(BEGINNING_MS + hours * 3_600_000).toISOString() };
  const emissions = fleet.servers.map(({ id }, n) =>
    commandOf(`heal-${n}`, id, n * 1_000, { userid: "user" }, expires),
  );
  const world = new World({ scenario: { ...fleet, cloud, emissions, ...changed } });
  const { project } = world;
  const endsMs = world.time.nowMs + hours * 3_600_000;
  const arrivedAtMs = new Map<string, number>();
  const given = new Set<string>();
  while (world.monitor.violation === null && given.size < WAITERS + CAP) {
    if (!world.time.step(endsMs)) break;
    if (world.dirty) {
      world.dirty = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    for (const [id, atMs] of project.waiting) arrivedAtMs.set(id, atMs);
    for (const id of project.slots.keys()) given.add(id);
  }
  expect(world.monitor.violation).toBeNull();
  expect(given.size).toBe(WAITERS + CAP);
  const waited = [...given].filter((id) => arrivedAtMs.has(id));
  expect(waited.length).toBeGreaterThanOrEqual(WAITERS);
  expect(new Set(arrivedAtMs.values()).size).toBe(arrivedAtMs.size);
  return waited.map((id, place) => {
    const arrivedMs = arrivedAtMs.get(id) ?? 0;
    return waited.slice(0, place).filter((one) => (arrivedAtMs.get(one) ?? 0) > arrivedMs).length;
  });
}

function figure(all: readonly number[]) {
  const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
  return { most: Math.max(...all), mean };
}

/** What docs/brakes.md says after these words. */
function said(words: string) {
  const page = readFileSync(new URL("../../docs/brakes.md", import.meta.url), "utf8");
  const [, most, mean] =
    new RegExp(`${words} at most (\\d+), on average ([\\d.]+)`).exec(page) ?? [];
  return { most: Number(most), mean: Number(mean) };
}

// Every change of a step's time moves the figures a little: the page must not be far from them.
it("of 200 that wait for five slots, none is overtaken by more than five; docs/brakes.md has the figure", async () => {
  const { most, mean } = figure(await overtakings({}));
  expect(most).toBeLessThanOrEqual(CAP);
  const page = said("overtaken by");
  expect(Math.abs(page.most - most)).toBeLessThanOrEqual(2);
  expect(Math.abs(page.mean - mean)).toBeLessThanOrEqual(0.2);
});

it("where every call takes up to five seconds, turns are missed; docs/brakes.md says how many", async () => {
  const { most, mean } = figure(await overtakings({ slowNetwork: true }));
  const page = said("up to five seconds:");
  expect(Math.abs(page.most - most)).toBeLessThanOrEqual(5);
  expect(Math.abs(page.mean - mean)).toBeLessThanOrEqual(1);
});
