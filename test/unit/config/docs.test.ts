import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { configurationDocs } from "../../../scripts/generate-configuration-docs.ts";
import { ownFolder } from "../../../src/config/sources.ts";

it("docs/configuration.md names every setting as it is now", () => {
  const page = readFileSync(join(ownFolder(), "..", "docs", "configuration.md"), "utf8");
  expect(page, "run: npx tsx scripts/generate-configuration-docs.ts").toBe(configurationDocs());
});

it("every variable of the contract is documented", () => {
  const page = configurationDocs();
  for (const name of [
    "AMQP_URL",
    "REDIS_URL",
    "ECS_ENDPOINT",
    "IAM_ENDPOINT",
    "ECS_REGION",
    "ECS_PROJECTS",
    "ECS_ACCESS_KEY",
    "ECS_SECRET_KEY",
    "ECS_SECURITY_TOKEN",
    "ECS_ACCESS_KEY_FILE",
    "ECS_SECRET_KEY_FILE",
    "ECS_SECURITY_TOKEN_FILE",
    "IAM_USERNAME",
    "IAM_PASSWORD",
    "IAM_DOMAIN",
    "IAM_USERNAME_FILE",
    "IAM_PASSWORD_FILE",
    "IAM_DOMAIN_FILE",
    "POLL_INTERVALS_MS",
    "JOB_DEADLINE_MS",
    "POST_FENCE_MS",
    "REBUILD_HOLD_MS",
    "SETTLE_MS",
    "EVIDENCE_MIN_SAMPLES",
    "UNSAFE_TEST_WINDOWS",
    "STOP_RUNNING",
    "STOP_BY",
    "LOG_LEVEL",
    "HTTP_PORT",
    "SHUTDOWN_GRACE_MS",
    "PREFETCH",
    "DEDUP_TTL_MS",
    "COMMAND_MAX_AGE_MS",
    "AMQP_DECLARE",
    "REDIS_DURABILITY",
  ]) {
    expect(page).toContain(`| \`${name}\` |`);
  }
});
