import { defineConfig } from "vitest/config";
import { chosenBroker } from "./test/support/rabbitmq/chosen-broker.ts";
import { LongestFirst } from "./test/support/suite/longest-first.ts";

interface ProjectOptions {
  readonly testTimeoutMs: number;
  /** One RabbitMQ and one Redis for the whole run; files that hurt theirs start their own. */
  readonly services: boolean;
}

/** One for each of two cores; vitest leaves one core for itself, which does next to nothing. */
const FILES_THAT_COMPUTE = 2;
/**
 * Files with services mostly wait: for heartbeats to be missed, for a fence to pass. So many run side by side on two
 * cores, but not beside those that compute, which go first. A variable so that what failed is run again one by one.
 */
const FILES_THAT_WAIT = Number(process.env["TEST_FILES_AT_ONCE"] ?? 6);
/** Of one file. More workers that start at one time than the cores can serve make each of them late. */
const TESTS_THAT_WAIT = 3;

/** One project per test folder. */
function project(name: string, { testTimeoutMs, services }: ProjectOptions) {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: testTimeoutMs,
      hookTimeout: 120_000,
      // Files share no module that they change, and a process for each costs more than most files do. But what a file on real servers has
      // left open is looked for in its whole process, where it must not meet what another file has not closed yet.
      isolate: services,
      ...(services
        ? {
            globalSetup: ["test/support/suite/global-setup.ts"],
            setupFiles: ["test/support/suite/report-failures.ts"],
            maxWorkers: FILES_THAT_WAIT,
            maxConcurrency: TESTS_THAT_WAIT,
            sequence: { groupOrder: 1 },
          }
        : { maxWorkers: FILES_THAT_COMPUTE, sequence: { groupOrder: 0 } }),
    },
  };
}

// The one switch between brokers: RABBITMQ=4 make test ARGS=test/fault. Passed on to the processes of the tests.
const brokerRoot = await chosenBroker(process.env["RABBITMQ"]);
if (brokerRoot !== "") process.env["TEST_RABBITMQ_ROOT"] ??= brokerRoot;

export default defineConfig({
  test: {
    coverage: { include: ["src/**"] },
    sequence: { sequencer: LongestFirst },
    projects: [
      project("unit", { testTimeoutMs: 60_000, services: false }),
      project("contract", { testTimeoutMs: 60_000, services: true }),
      project("simulation", { testTimeoutMs: 600_000, services: false }),
      project("integration", { testTimeoutMs: 90_000, services: true }),
      project("fault", { testTimeoutMs: 180_000, services: true }),
      project("chart", { testTimeoutMs: 60_000, services: false }),
    ],
  },
});
