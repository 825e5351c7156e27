import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cliDocs } from "../../../scripts/generate-cli-docs.ts";

it("docs/cli.md is what the program says of itself", () => {
  const page = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");
  expect(page, "run: npx tsx scripts/generate-cli-docs.ts").toBe(cliDocs());
  // Nothing of the machine that wrote it.
  expect(page).toContain("| `--by <name>` | who does it | your login name |");
});
