import { expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };
import { isUntested, OLDEST_NODE } from "../../../src/process/node-version.ts";

it("the oldest version is what the manifest says", () => {
  expect([`>=${OLDEST_NODE}`, `>=${OLDEST_NODE.replace(/\.0$/, "")}`]).toContain(
    manifest.engines.node,
  );
});

it.each([
  ["20.20.2", true],
  ["22.18.1", true],
  ["22.19.0", false],
  ["22.23.3", false],
  ["24.0.0", false],
  ["26.10.0", false],
])("%s is untested: %s", (version, untested) => {
  expect(isUntested(version)).toBe(untested);
});
