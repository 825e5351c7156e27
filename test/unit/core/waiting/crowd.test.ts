import { expect, it } from "vitest";
import { waitsInCrowd } from "../../../../src/core/waiting/crowd.ts";
import { PHASES } from "../../../../src/core/state/phases.ts";
import type { Phase } from "../../../../src/core/state/state.ts";
import { LADDER } from "../builders.ts";

const HOUR_MS = 3_600_000;

it.each([
  [0, false],
  [2_000, false],
  [30_000, false],
  [30_001, true],
  [60_000, true],
  [HOUR_MS, true],
])("a command that waits for %i ms is in the crowd: %s", (delayMs, expected) => {
  expect(waitsInCrowd({ phase: "waiting" }, delayMs, LADDER)).toBe(expected);
  expect(waitsInCrowd({ phase: "joined" }, delayMs, LADDER)).toBe(expected);
});

it("everybody who waits is in it where there is one delay only, but for what comes at once", () => {
  expect(waitsInCrowd({ phase: "waiting" }, 1, [2_000])).toBe(true);
  expect(waitsInCrowd({ phase: "waiting" }, 0, [2_000])).toBe(false);
});

it("nobody is in it who does not wait in line, however long the delay", () => {
  const all = Object.keys(PHASES) as Phase[];
  const crowd = all.filter((phase) => waitsInCrowd({ phase }, HOUR_MS, LADDER));
  expect(crowd).toEqual(["waiting", "joined"]);
});
