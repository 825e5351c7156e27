import { fileURLToPath } from "node:url";
import { run } from "./child-process.ts";

/** The command line, as it is built. */
export const BIN = fileURLToPath(new URL("../../dist/cli/ecs-reinstall.js", import.meta.url));

/** The command line as an operator of one project types it; answers what it says, rejects when it fails. */
export function operatorOf(
  redisUrl: string,
  projectId: string,
): (...args: string[]) => Promise<string> {
  return (...args) =>
    run(process.execPath, [BIN, ...args], {
      env: { PATH: process.env["PATH"], REDIS_URL: redisUrl, ECS_PROJECTS: projectId },
    });
}
