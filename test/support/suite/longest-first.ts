import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest, longest first: one that came last would run alone while the other processes have nothing
 * left to do. Those that mostly wait stand between those that start many workers, so that these do not all begin at one
 * time. A file that is not named comes after them, project by project: one of half a minute or more is to be named.
 */
const LONGEST = [
  "test/simulation/seeds-1.test.ts",
  "test/chart/alerts-pages.test.ts",
  "test/simulation/seeds-2.test.ts",
  "test/chart/alerts.test.ts",
  "test/fault/hanging.test.ts",
  "test/fault/redis.test.ts",
  "test/integration/doctor.test.ts",
  "test/fault/broker-itself.test.ts",
  "test/integration/security/secrets-sweep.test.ts",
  "test/fault/crash-points.test.ts",
  "test/fault/broker-cluster.test.ts",
  "test/contract/amqp/recovery.test.ts",
  "test/fault/broker.test.ts",
  "test/integration/operator.test.ts",
  "test/contract/store/model.test.ts",
  "test/fault/lists.test.ts",
  "test/fault/random-kills.test.ts",
  "test/fault/brakes.test.ts",
  "test/integration/security/missing-rights.test.ts",
  "test/fault/cloud.test.ts",
  "test/contract/broker/outlet.test.ts",
  "test/fault/zombie.test.ts",
  "test/fault/power.test.ts",
  "test/contract/store/half-way.test.ts",
  "test/fault/quota.test.ts",
  "test/integration/security/redis-rotation.test.ts",
  "test/fault/inquiry.test.ts",
  "test/fault/memory.test.ts",
  "test/integration/status-page-browser.test.ts",
  "test/fault/double-faults.test.ts",
  "test/integration/security/least-privilege.test.ts",
  "test/fault/redis-cluster.test.ts",
  "test/integration/security/tls.test.ts",
  "test/fault/full-queues.test.ts",
  "test/fault/two-versions.test.ts",
  "test/integration/demo.test.ts",
  "test/fault/client.test.ts",
  "test/fault/backlog.test.ts",
  "test/integration/dead-letters.test.ts",
  "test/integration/process.test.ts",
  "test/fault/shutdown.test.ts",
  "test/integration/examples.test.ts",
  "test/fault/ready.test.ts",
  "test/fault/rabbitmq-4.test.ts",
  "test/integration/dashboard.test.ts",
];

/** The order of the test files: group by group (vitest.config.ts), in each the longest first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.indexOf(relative(this.ctx.config.root, moduleId));
      return index === -1 ? LONGEST.length : index;
    };
    const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    const sorted = await super.sort(files);
    return sorted.sort((one, other) => group(one) - group(other) || rank(one) - rank(other));
  }
}
