import { describe, expect, it } from "vitest";
import type { Standing } from "../../../../src/adapters/cloud/standing.ts";
import { createHealth } from "../../../../src/observe/health.ts";
import { cloudProbe } from "../../../../src/observe/http/probes.ts";

const standing = (
  name: Standing["name"],
  state: Standing["state"] = "up",
  cause: string | null = null,
): Standing => ({ name, state, cause });

describe("the cloud", () => {
  it.each<[string, readonly Standing[], string, string]>([
    [
      "everything proven",
      [standing("ecs"), standing("credentials")],
      "up",
      "ecs: up; credentials: up",
    ],
    [
      "nothing asked yet",
      [standing("ecs", "untested", "no answer yet"), standing("iam", "untested", "no answer yet")],
      "untested",
      "ecs: untested, no answer yet; iam: untested, no answer yet",
    ],
    [
      "IAM away",
      [standing("ecs"), standing("iam", "down", "the API does not answer (HTTP 502)")],
      "down",
      "ecs: up; iam: down, the API does not answer (HTTP 502)",
    ],
    [
      "one away and one untested",
      [standing("ims", "untested", "no answer yet"), standing("ecs", "down", "x")],
      "down",
      "ims: untested, no answer yet; ecs: down, x",
    ],
  ])("is as its worst part: %s", (_what, standings, state, detail) => {
    expect(cloudProbe({ standings: () => standings }).check()).toEqual({ state, detail });
  });

  it("holds nobody up while it is untested: a worker can take another's place while it is away", () => {
    const probe = (state: Standing["state"]) =>
      cloudProbe({ standings: () => [standing("ecs", state)] });
    const up = (state: Standing["state"]) =>
      createHealth(
        [probe(state)],
        () => 0,
        () => null,
      ).allUp();
    expect([up("up"), up("untested"), up("down")]).toEqual([true, true, false]);
  });
});
