import { defineConfig } from "vitest/config";

interface ProjectOptions {
  readonly testTimeoutMs: number;
  /** Files side by side; those that start servers of their own take turns: two cores are enough for one. */
  readonly parallel: boolean;
  /** One RabbitMQ and one Redis for the whole run. */
  readonly services: boolean;
}

/** One project per test folder. */
function project(name: string, { testTimeoutMs, parallel, services }: ProjectOptions) {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: testTimeoutMs,
      hookTimeout: 120_000,
      fileParallelism: parallel,
      globalSetup: services ? ["test/support/global-setup.ts"] : [],
    },
  };
}

export default defineConfig({
  test: {
    coverage: { include: ["src/**"] },
    projects: [
      project("unit", { testTimeoutMs: 10_000, parallel: true, services: false }),
      project("contract", { testTimeoutMs: 30_000, parallel: false, services: true }),
      project("simulation", { testTimeoutMs: 180_000, parallel: true, services: false }),
      project("integration", { testTimeoutMs: 90_000, parallel: false, services: true }),
      project("fault", { testTimeoutMs: 180_000, parallel: false, services: true }),
      project("chart", { testTimeoutMs: 60_000, parallel: false, services: false }),
    ],
  },
});
