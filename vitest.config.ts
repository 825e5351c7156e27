import { defineConfig } from "vitest/config";

interface ProjectOptions {
  readonly testTimeoutMs: number;
  /** One RabbitMQ and one Redis for the whole run; files that hurt theirs start their own. */
  readonly services: boolean;
}

/**
 * Files with services mostly wait: for heartbeats to be missed, for a fence to pass. So many run side by side on two
 * cores, but not beside those that compute, which go first.
 */
const FILES_THAT_WAIT = 3;

/** One project per test folder. */
function project(name: string, { testTimeoutMs, services }: ProjectOptions) {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: testTimeoutMs,
      hookTimeout: 120_000,
      ...(services
        ? {
            globalSetup: ["test/support/global-setup.ts"],
            maxWorkers: FILES_THAT_WAIT,
            sequence: { groupOrder: 1 },
          }
        : { sequence: { groupOrder: 0 } }),
    },
  };
}

export default defineConfig({
  test: {
    coverage: { include: ["src/**"] },
    projects: [
      project("unit", { testTimeoutMs: 10_000, services: false }),
      project("contract", { testTimeoutMs: 30_000, services: true }),
      project("simulation", { testTimeoutMs: 180_000, services: false }),
      project("integration", { testTimeoutMs: 90_000, services: true }),
      project("fault", { testTimeoutMs: 180_000, services: true }),
      project("chart", { testTimeoutMs: 60_000, services: false }),
    ],
  },
});
