import { describe, expect, it } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { runSeed } from "./run.ts";

/** Enough for each, with room: the slowest needs about half of it. */
const MOST_SEEDS = 2_500;

describe("a protocol that is broken on purpose", () => {
  it.each(MUTANTS)("is caught: $what ($name)", async (mutation) => {
    for (let seed = 1; seed <= MOST_SEEDS; seed++) {
      const { violation } = await runSeed(seed, { mutation });
      if (violation === null) continue;
      console.log(`${mutation.name}: ${violation.promise} after ${seed} seeds`);
      return;
    }
    expect.fail(`${mutation.name} was not caught within ${MOST_SEEDS} seeds`);
  });
});
