import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { DEFAULTS } from "../../bench/support/fleet.ts";
import { playBlastRadius } from "../../bench/support/play-blast-radius.ts";
import { storeRules } from "../../src/composition/settings.ts";
import { loadConfig } from "../../src/config/load.ts";

const SMALL = { servers: 40, brakes: DEFAULTS, hours: 0.1 } as const;

/** The number of the row that begins so, in the table of docs/promises.md. */
function documented(row: string): number {
  const page = readFileSync(new URL("../../docs/promises.md", import.meta.url), "utf8");
  const line = page.split("\n").find((one) => one.startsWith(`| ${row}`));
  return Number(line?.split("|").at(-2));
}

it("the blast radius is played with the defaults of the product", () => {
  const loaded = loadConfig({
    ECS_PROJECTS: "0123456789abcdef0123456789abcdef",
    ECS_ACCESS_KEY: "AK",
    ECS_SECRET_KEY: "a secret",
  });
  if (loaded.kind === "invalid") throw new Error(JSON.stringify(loaded.problems));
  const { brakes } = storeRules(loaded.config);
  expect({ ...brakes, callsPerSecond: 0, callBurst: 0 }).toMatchObject({
    ...DEFAULTS,
    callsPerSecond: 0,
    callBurst: 0,
  });
});

it("an image that fails every time loses as many servers as docs/promises.md says", async () => {
  const { lostBeforeStop, saidAfterMs } = await playBlastRadius({ ...SMALL, image: "bad" });
  expect(lostBeforeStop).toBe(documented("an image that fails every time"));
  expect(saidAfterMs).toBeLessThan(1_000);
});

it("a good image takes down as many servers at once as docs/promises.md says", async () => {
  const { mostDown, mostDownInStorm } = await playBlastRadius({ ...SMALL, image: "good" });
  expect(mostDown).toBe(documented("a good image: down at once, at most"));
  expect(mostDownInStorm).toBe(documented("a good image: down at once, when"));
});
