import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { startSimulator } from "../../../src/simulator/server.ts";

const PAGE = readFileSync(new URL("../../../docs/simulator.md", import.meta.url), "utf8");
const LINES = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) =>
  block.trim().split("\n"),
);
const sh = promisify(execFile);

describe("the requests of docs/simulator.md", () => {
  it("are enough, and nothing but requests", () => {
    expect(LINES.length).toBeGreaterThan(20);
    expect(LINES.filter((line) => !line.startsWith("curl -sSf "))).toEqual([]);
  });

  it("are taken by a simulator, one after the other", async () => {
    const simulator = await startSimulator({});
    const server = simulator.addServer({ state: "SHUTOFF" });
    const env = { ...process.env, SIM: simulator.url, SERVER: server.id };
    try {
      for (const line of LINES) {
        const before = simulator.faults.list().length;
        // `-f` makes a refusal an error of curl's, with the status in its words.
        await expect(sh("sh", ["-c", line], { env }), line).resolves.toBeDefined();
        if (/_sim\/faults" -d/.test(line)) {
          expect(simulator.faults.list().length, line).toBe(before + 1);
        }
      }
      expect(simulator.servers()).toEqual([]);
    } finally {
      await simulator.close();
    }
  });
});
