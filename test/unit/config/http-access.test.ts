import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { assembleHttp, tokensIn } from "../../../src/config/http-access.ts";
import type { Broken } from "../../../src/config/inequalities.ts";

const folder = mkdtempSync(join(tmpdir(), "ecs-tokens-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const path = join(folder, `${Math.random()}`);
  writeFileSync(path, content);
  return path;
}

function assembled(more: Partial<Parameters<typeof assembleHttp>[0]>) {
  const broken: Broken[] = [];
  const http = assembleHttp({ port: 8080, host: "::", api: "open", ...more }, (one) =>
    broken.push(one),
  );
  return { http, said: broken.map(({ path, message }) => `${path} ${message}`) };
}

const [ONE, TWO] = ["a-token-of-24-characters", "another/token+of~27.chars=="];

describe("tokens of the HTTP API", () => {
  it("stand one a line, with comments between, and are read again when the file changes", () => {
    const apiTokensFile = file(`# the platform\n${ONE}\n\n  ${TWO}\r\n`);
    const { http, said } = assembled({ api: "token", apiTokensFile });
    expect(said).toEqual([]);
    expect(tokensIn(http.apiTokens?.() ?? "")).toEqual([ONE, TWO]);
    writeFileSync(apiTokensFile, TWO);
    expect(tokensIn(http.apiTokens?.() ?? "")).toEqual([TWO]);
    // Perhaps somebody is between truncating and writing.
    writeFileSync(apiTokensFile, "");
    expect(tokensIn(http.apiTokens?.() ?? "")).toEqual([TWO]);
    writeFileSync(apiTokensFile, "# nobody\n");
    expect(tokensIn(http.apiTokens?.() ?? "")).toEqual([]);
  });

  it("are not read where nobody is asked for one", () => {
    expect(assembled({ api: "off", apiTokensFile: "/nowhere" })).toEqual({
      http: { port: 8080, host: "::", api: "off" },
      said: [],
    });
  });

  it.each<[string, string | undefined, string]>([
    ["no file", undefined, "is missing: HTTP_API=token needs the tokens that it lets in"],
    ["a file that is not there", "/nowhere", "cannot be read (ENOENT)"],
    ["an empty file", file("\n"), "is an empty file"],
    ["a file of comments", file("# none\n"), "holds no token"],
    ["a short token", file(`${ONE}\nshort`), "token 2 must be 16-256 characters"],
    ["a token with a space", file("two words of a sentence"), "token 1 must be 16-256 characters"],
    ["too many", file(`${ONE}\n`.repeat(101)), "must hold at most 100 tokens"],
  ])("%s is refused, and nothing of it is shown", (_what, apiTokensFile, message) => {
    const given = apiTokensFile === undefined ? {} : { apiTokensFile };
    const { said } = assembled({ api: "token", ...given });
    expect(said).toEqual([expect.stringContaining(`http.apiTokensFile ${message}`)]);
    expect(said.join()).not.toContain("sentence");
  });

  it("what is no token later lets nobody in", () => {
    expect(tokensIn(`short\n${ONE}\n# ${TWO}`)).toEqual([ONE]);
  });
});

it.each<[number, number, boolean]>([
  [8080, 8081, true],
  [8080, 8080, false],
  [0, 0, true],
])("HTTP_PORT %d and METRICS_PORT %d: %s", (port, metricsPort, fits) => {
  expect(assembled({ port, metricsPort }).said).toEqual(
    fits ? [] : ["http.metricsPort must differ from HTTP_PORT; without it both are one"],
  );
});
