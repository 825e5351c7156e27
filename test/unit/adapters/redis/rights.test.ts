import { expect, it } from "vitest";
import { workersCommands } from "../../../../src/adapters/redis/connection/rights.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";
import { documentedRedisRules } from "../../../support/rabbitmq/documented-users.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");

it("the rights that doctor asks for are those of config/redis-acl.example", () => {
  const asked = workersCommands(PROJECT, "eu-west-0").map(([command, sub]) =>
    command === "client" ? `client|${sub}` : command,
  );
  const documented = documentedRedisRules("ecs-worker")
    .filter((rule) => rule.startsWith("+"))
    .map((rule) => rule.slice(1));
  // These two open and end the transaction in which the others are asked.
  expect([...asked, "multi", "exec"].sort()).toEqual(documented.toSorted());
});

it("on a cluster all are asked of one node: every key has the project's tag", () => {
  const keys = workersCommands(PROJECT, "eu-west-0", true)
    .flat()
    .filter((word) => word.startsWith("ecs:"));
  expect(keys.length).toBeGreaterThan(10);
  for (const key of keys) expect(key).toContain(`{${PROJECT}}`);
});
