import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { IMAGE_NODE_OPTIONS } from "../../test/support/worker/image-command.ts";
import type { BareName, ChildOrder, ChildSays } from "../bare/child.ts";
import type { Program } from "./program.ts";

/** Starts `bench/bare/<name>.ts` in a process of its own, which ends with this one. Resolves when it takes commands. */
export async function startBare(name: BareName, order: ChildOrder): Promise<Program> {
  const child = fork(fileURLToPath(new URL(`../bare/${name}.ts`, import.meta.url)), {
    env: { PATH: process.env["PATH"], BENCH_CHILD: JSON.stringify(order) },
    // Not by the loader that this process runs with: Node.js takes the types away by itself.
    execArgv: [...IMAGE_NODE_OPTIONS],
  });
  const says = async (kind: ChildSays["kind"]) => {
    const gone = once(child, "exit").then(() => {
      throw new Error(`the bare program ${name} ended`);
    });
    for (;;) {
      const [said] = (await Promise.race([once(child, "message"), gone])) as [ChildSays];
      if (said.kind === kind) return said;
    }
  };
  await says("ready");
  return {
    async cpuSeconds() {
      const said = says("cpu");
      child.send("cpu");
      const answer = await said;
      return answer.kind === "cpu" ? answer.seconds : 0;
    },
    async stop() {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
