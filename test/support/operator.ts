import { fileURLToPath } from "node:url";
import { openBrokerSession } from "../../src/cli/broker-session.ts";
import { runCli } from "../../src/cli/program.ts";
import { openStoreSession } from "../../src/cli/store-session.ts";
import { run } from "./processes/child-process.ts";

/** The command line, as it is built. */
export const BIN = fileURLToPath(new URL("../../dist/cli/ecs-reinstall.js", import.meta.url));

/** One line of an operator; answers what the program says, rejects when it fails. */
type Operator = (...args: string[]) => Promise<string>;

/** The command line as an operator of one project types it, in a process of its own. */
export function operatorOf(redisUrl: string, projectId: string): Operator {
  return (...args) =>
    run(process.execPath, [BIN, ...args], {
      env: { PATH: process.env["PATH"], ...environmentOf(redisUrl, projectId) },
    });
}

/** The same in this process: for a fault that does not wait until a program has started. */
export const operatorInProcess = (redisUrl: string, projectId: string): Operator =>
  cliInProcess(environmentOf(redisUrl, projectId));

/** The command line with this environment, in this process. */
export function cliInProcess(env: Readonly<Record<string, string>>): Operator {
  return async (...args) => {
    const said = { out: "", err: "" };
    const code = await runCli(args, {
      env,
      program: "ecs-reinstall",
      out: (text) => void (said.out += text),
      err: (text) => void (said.err += text),
      openBroker: openBrokerSession,
      openStore: openStoreSession,
      fetch,
      onSignal: () => () => undefined,
    });
    if (code !== 0) throw new Error(`exit code ${code}: ${said.err}${said.out}`);
    return said.out;
  };
}

const environmentOf = (redisUrl: string, projectId: string) => ({
  REDIS_URL: redisUrl,
  ECS_PROJECTS: projectId,
});
