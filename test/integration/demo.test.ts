import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

it("plays the demo to its end, passes, and leaves no worker behind", async () => {
  const { exitCode, text } = await playDemo();

  expect(text).toMatch(/^PASS: 17 commands, 10 reinstalls/m);
  expect(text).toMatch(/worker-\d killed \(-9\) in the middle of its request for web-12/);
  expect(text).toMatch(/\d+ of 60 servers wiped, \d+ commands cancelled before anything was done/);
  expect(text).toMatch(/✓ the other three are not touched, not even stopped/);
  expect(text).toMatch(/✓ the five that wait say who paused, and why/);
  expect(text).toMatch(/✓ no reinstall began after the pause/);
  expect(text).toMatch(/^PASS: three scenes about the brakes/m);
  expect(exitCode).toBe(0);
  const workers = [...text.matchAll(/ pid (\d+)$/gm)].map(([, pid]) => Number(pid));
  expect(workers).toHaveLength(2);
  await eventually(() => workers.every((pid) => !isRunning(pid)), { what: "the workers' end" });
}, 240_000);

/** As `npm run demo` does after its build, with the output into a pipe. */
async function playDemo(): Promise<{ exitCode: number | null; text: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", "demo/main.ts"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { exitCode, text };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
