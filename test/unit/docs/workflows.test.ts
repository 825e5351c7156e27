import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const FOLDER = join(ROOT, ".github/workflows");
const TARGETS = [...readFileSync(join(ROOT, "Makefile"), "utf8").matchAll(/^([\w-]+):/gm)].map(
  ([, target]) => target,
);

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<
    Record<
      string,
      { readonly "timeout-minutes"?: number; readonly steps: readonly { run?: string }[] }
    >
  >;
}

describe.each(readdirSync(FOLDER))("the workflow %s", (file) => {
  const workflow = load(readFileSync(join(FOLDER, file), "utf8")) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const commands = jobs.flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));

  it("runs what a person can run here: make targets and scripts that exist", () => {
    const ours = commands.filter((command) => !/^(?:apt-get|echo|gh) /.test(command));
    expect(ours.length).toBeGreaterThan(0);
    for (const command of ours) {
      const [, target] = /^make ([\w-]+)/.exec(command) ?? [];
      const [, script] = /^(scripts\/[\w-]+\.sh)/.exec(command) ?? [];
      if (script !== undefined) accessSync(join(ROOT, script), constants.X_OK);
      else expect(TARGETS, command).toContain(target);
    }
  });

  it("has few rights unless a job asks for more, and each job an end", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const job of jobs) expect(job["timeout-minutes"]).toBeGreaterThan(0);
  });
});
