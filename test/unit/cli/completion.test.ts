import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { runCli } from "../../../src/cli/program.ts";

async function script(shell: string): Promise<string> {
  let out = "";
  const never = () => Promise.reject(new Error("not asked for here"));
  const code = await runCli(["completion", shell], {
    env: {},
    program: "ecs-reinstall",
    out: (text) => void (out += text),
    err: (text) => void (out += text),
    openBroker: never,
    openStore: never,
    fetch: never,
    onSignal: () => () => undefined,
  });
  expect(code).toBe(0);
  return out;
}

describe("completion", () => {
  it.each([
    ["ecs-reinstall re", ["release", "resolve", "resume"]],
    ["ecs-reinstall config ", ["check"]],
    ["ecs-reinstall list u", ["unresolved"]],
    ["ecs-reinstall resolve heal-1 --as r", ["reinstalled"]],
    ["ecs-reinstall unlock x --f", ["--force"]],
    ["ecs-reinstall completion ", ["bash", "zsh", "fish"]],
    ["ecs-reinstall send --keyname ", []],
  ])("of bash: %j", async (line, wanted) => {
    const words = line.split(" ");
    const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
      _ecs_reinstall; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const said = execFileSync("bash", ["-c", `${await script("bash")}\n${ask}`], {
      encoding: "utf8",
    });
    const offered = said.split("\n").filter((word) => word !== "");
    if (wanted.length === 0 || line.endsWith("completion "))
      expect(offered.slice(-3)).toEqual(wanted);
    else expect(offered).toEqual(expect.arrayContaining(wanted));
  });

  it("of zsh is that of bash; fish has a line for each command and option", async () => {
    expect(await script("zsh")).toMatch(/^#compdef ecs-reinstall\n[\s\S]*bashcompinit\n/);
    const fish = await script("fish");
    expect(fish).toContain("-f -a resolve -d 'say what became");
    expect(fish).toContain("-l as -x -a 'reinstalled not-reinstalled'");
    for (const line of fish.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
      expect(line).toMatch(/^complete -c ecs-reinstall /);
    }
  });
});
