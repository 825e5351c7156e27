import { describe, expect, it } from "vitest";
import { allows } from "../../../../src/adapters/amqp/findings/sender-findings.ts";

describe("a right, as the broker reads it", () => {
  it.each([
    ["", "amq.default", false],
    ["^$", "amq.default", false],
    [".*", "amq.default", true],
    ["work", "ecs.reinstall.work.dead", true],
    ["^ecs\\.reinstall\\.commands$", "ecs.reinstall.work", false],
    ["^(amq\\.default|x)$", "amq.default", true],
  ])("%j allows %s: %s", (pattern, name, allowed) => {
    expect(allows(pattern, name)).toBe(allowed);
  });

  it("that only the broker understands counts as one that allows", () => {
    expect(allows("(?i)nothing", "amq.default")).toBe(true);
  });
});
