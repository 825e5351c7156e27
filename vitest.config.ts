import { defineConfig } from "vitest/config";

/** One project per test folder. Folders that start real servers run one file at a time: two cores. */
function project(name: string, options: { testTimeoutMs: number; parallel: boolean }) {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: options.testTimeoutMs,
      hookTimeout: 120_000,
      fileParallelism: options.parallel,
    },
  };
}

export default defineConfig({
  test: {
    coverage: { include: ["src/**"] },
    projects: [
      project("unit", { testTimeoutMs: 10_000, parallel: true }),
      project("contract", { testTimeoutMs: 30_000, parallel: false }),
      project("simulation", { testTimeoutMs: 120_000, parallel: true }),
      project("integration", { testTimeoutMs: 90_000, parallel: false }),
      project("fault", { testTimeoutMs: 180_000, parallel: false }),
    ],
  },
});
