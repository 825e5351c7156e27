import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { statesDocs } from "../../../scripts/generate-states.ts";
import { TRANSITIONS } from "../../../src/core/state/transitions.ts";

it("docs/states.md is drawn from the table of transitions as it is now", () => {
  const page = readFileSync(new URL("../../../docs/states.md", import.meta.url), "utf8");
  expect(page, "run: npx tsx scripts/generate-states.ts").toBe(statesDocs());
});

it.each(Object.entries(TRANSITIONS))("the page names every way out of %s", (from, to) => {
  const row = statesDocs()
    .split("\n")
    .find((line) => line.startsWith(`| \`${from}\` |`));
  for (const next of to) expect(row).toContain(`\`${next}\``);
});
