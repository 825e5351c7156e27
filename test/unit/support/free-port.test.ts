import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { afterEach, expect, it } from "vitest";
import { freePort } from "../../support/network/free-port.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** Another process that asks for so many ports, and stays. */
async function portsOfAnotherProcess(count: number): Promise<readonly number[]> {
  const script = `
    import { freePort } from ${JSON.stringify(new URL("../../support/network/free-port.ts", import.meta.url))};
    const ports = [];
    for (let n = 0; n < ${count}; n += 1) ports.push(await freePort());
    process.stdout.write(JSON.stringify(ports) + "\\n");
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  let out = "";
  for await (const chunk of child.stdout) {
    out += String(chunk);
    if (out.endsWith("\n")) break;
  }
  return JSON.parse(out) as number[];
}

it("gives no port twice, here or in another process that has its ports still", async () => {
  const all = await Promise.all([portsOfAnotherProcess(120), portsOfAnotherProcess(120)]);
  const own: number[] = [];
  for (let n = 0; n < 120; n += 1) own.push(await freePort());
  const ports = [...all.flat(), ...own];
  expect(ports).toHaveLength(360);
  expect(new Set(ports).size).toBe(360);
}, 30_000);

it("gives ports that can be listened on", async () => {
  const server = createServer();
  const port = await freePort();
  await new Promise<void>((listening) => server.listen(port, "127.0.0.1", listening));
  await new Promise((closed) => server.close(closed));
});
