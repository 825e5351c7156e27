import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const SRC = new URL("../../../../src/", import.meta.url);

it("is never walked through: whoever shares the Redis costs us nothing, nor we them", () => {
  const walks =
    /\b([hsz]?scan(Stream|BufferStream)?|redis\.keys)\s*\(|call\(\s*['"](H|S|Z)?(SCAN|KEYS)['"]/i;
  const walking = readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((file) => /^adapters.redis.*\.(ts|lua)$/.test(file))
    .filter((file) => walks.test(readFileSync(new URL(file, SRC), "utf8")));
  expect(walking).toEqual([]);
});
