import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { cancelLine, resolveLine, shellWord } from "../../../src/core/command-line.ts";

/** The words that a shell makes of a line. */
function wordsOf(line: string): readonly string[] {
  const said = execFileSync("sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" });
  return said.split("\0").slice(0, -1);
}

describe("a line for people to type", () => {
  const ids = { commandId: "heal:web-01.2_x", projectId: "0123456789abcdef0123456789abcdef" };

  it.each([
    ["resolve", resolveLine(ids)],
    ["cancel", cancelLine(ids)],
  ])("is taken by a shell as it stands: %s", (verb, line) => {
    expect(wordsOf(line).slice(0, 5)).toEqual([
      "ecs-reinstall",
      verb,
      ids.commandId,
      "--project",
      ids.projectId,
    ]);
  });

  it.each(["ops/resizer", "it's", "'; echo hi; '", "$(echo hi) `echo hi`", "a\\'b", "", "-x *"])(
    "has somebody else's name as one word: %j",
    (name) => {
      expect(wordsOf(`x ${shellWord(name)} y`)).toEqual(["x", name, "y"]);
    },
  );
});
