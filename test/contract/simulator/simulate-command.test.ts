import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { cloudClient } from "./cloud-client.ts";

// What was built: a process that first compiles its sources costs two seconds of a core.
const CLI = fileURLToPath(new URL("../../../dist/cli/ecs-reinstall.js", import.meta.url));

let child: ChildProcess | undefined;

afterEach(() => {
  child?.kill("SIGKILL");
});

function run(...args: string[]) {
  const started = spawn(process.execPath, [CLI, "simulate", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child = started;
  return started;
}

describe("the simulate command", () => {
  it("says where it is and what the worker needs, and ends on SIGTERM", async () => {
    const process = run(
      "--json",
      "--servers",
      "3",
      "--job-duration-ms",
      "50",
      "--state",
      "SHUTOFF",
    );
    const [line] = await once(createInterface(process.stdout), "line");
    const said = JSON.parse(String(line));
    expect(said).toMatchObject({
      admin: `${said.url}/_sim`,
      env: {
        ECS_ENDPOINT: said.url,
        IAM_ENDPOINT: said.url,
        ECS_REGION: "eu-west-0",
        ECS_PROJECTS: expect.any(String),
        ECS_ACCESS_KEY: expect.any(String),
        ECS_SECRET_KEY: expect.any(String),
      },
    });
    expect(said.servers).toHaveLength(3);
    expect((await cloudClient(said).reinstall(said.servers[0])).status).toBe(200);
    process.kill("SIGTERM");
    expect(await once(process, "exit")).toEqual([0, null]);
  });

  it("prints lines to copy where JSON is not asked for", async () => {
    const process = run("--servers", "1", "--project", "p1", "--ak", "a", "--sk", "s");
    const lines: string[] = [];
    for await (const line of createInterface(process.stdout)) {
      lines.push(line);
      if (line.startsWith("server ")) break;
    }
    expect(lines[0]).toMatch(/^simulated cloud: http:\/\/127\.0\.0\.1:\d+ /);
    expect(lines).toEqual(
      expect.arrayContaining(["ECS_PROJECTS=p1", "ECS_ACCESS_KEY=a", "ECS_SECRET_KEY=s"]),
    );
    process.kill("SIGINT");
    expect(await once(process, "exit")).toEqual([0, null]);
  });

  it.each([
    [["--port", "many"], "--port"],
    [["--job-duration-ms", "-1"], "--job-duration-ms"],
    [["--view", "rosy"], "--view"],
    [["--tls-key", "/nowhere"], "--tls-key"],
    [["--colour"], "--colour"],
  ])("ends with 2 and names the option for %j", async (args, option) => {
    const process = run(...args);
    const [message, [code]] = await Promise.all([text(process.stderr), once(process, "exit")]);
    expect(message).toContain(option);
    expect(code).toBe(2);
  });
});
