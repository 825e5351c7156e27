import { defineConfig } from "vitest/config";

/** Vitest heeds it in a project too; its types know it only for the whole. */
const IN_MEMORY = { testNamePattern: "in memory" };

/**
 * What shows a slip within a minute, while one works: units, the seeds that once broke a promise, and the contract
 * tests of the in-memory twins. Starts no server. All tests: vitest.config.ts.
 */
export default defineConfig({
  test: {
    env: { TEST_SERVICES: "none" },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 10_000,
          isolate: false,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/{network,regressions}.test.ts"],
          testTimeout: 60_000,
          isolate: false,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "contract in memory",
          include: ["test/contract/{store,broker,cloud}/**/*.test.ts"],
          ...IN_MEMORY,
          testTimeout: 30_000,
          isolate: false,
          maxWorkers: 2,
        },
      },
    ],
  },
});
