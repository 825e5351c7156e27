import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { startSimulator } from "../../../src/simulator/server.ts";
import { cloudClient } from "./cloud-client.ts";

describe("a simulator", () => {
  it("closes at once, twice if asked, with calls held up and connections idle", async () => {
    const simulator = await startSimulator();
    const server = simulator.addServer({ state: "SHUTOFF" });
    simulator.faults.set([
      { operation: "reinstall", delayBeforeExecutionMs: 600_000 },
      { operation: "server", blackHole: true },
      { operation: "job", bytesPerSecond: 0.1 },
    ]);
    const idle = connect(simulator.port, "127.0.0.1");
    idle.on("error", () => {});
    const cloud = cloudClient(simulator);
    const calls = [cloud.reinstall(server.id), cloud.server(server.id), cloud.job("x")];
    const ended = Promise.allSettled(calls);
    const total = () => Object.values(simulator.calls()).reduce((sum, count) => sum + count, 0);
    await expect.poll(total, { interval: 5 }).toBe(3);
    const begun = performance.now();
    await simulator.close();
    await simulator.close();
    expect(performance.now() - begun).toBeLessThan(500);
    expect((await ended).map((one) => one.status)).toEqual(["rejected", "rejected", "rejected"]);
    // What was held up before its execution is not carried out by closing.
    expect(simulator.ledger().entries).toEqual([]);
  });

  it("goes away and comes back with all that it knows", async () => {
    const simulator = await startSimulator();
    const server = simulator.addServer();
    const { server: show } = cloudClient(simulator);
    await simulator.goAway();
    await expect(show(server.id)).rejects.toThrow(/ECONNREFUSED/);
    await simulator.comeBack();
    expect((await show(server.id)).status).toBe(200);
    await simulator.goAway();
    await simulator.close();
  });

  it("refuses bad options by name", async () => {
    await expect(startSimulator({ port: 70_000 })).rejects.toThrow(/port/);
    await expect(startSimulator({ colour: "red" } as object)).rejects.toThrow(/colour/);
  });

  it("refuses a port that is taken", async () => {
    const simulator = await startSimulator();
    await expect(startSimulator({ port: simulator.port })).rejects.toThrow(/EADDRINUSE/);
    await simulator.close();
  });

  it("may leave out X-Request-Id", async () => {
    const simulator = await startSimulator({ sendRequestId: false });
    const answer = await cloudClient(simulator).job("x");
    expect(answer.headers).not.toHaveProperty("x-request-id");
    await simulator.close();
  });
});

const openssl = spawnSync("openssl", ["version"]).status === 0;

describe.skipIf(!openssl)("a simulator with TLS", () => {
  it("answers over HTTPS, and its resets are resets of the connection", async () => {
    const simulator = await startSimulator({ tls: selfSigned() });
    expect(simulator.url).toMatch(/^https:/);
    const server = simulator.addServer({ state: "SHUTOFF" });
    const cloud = cloudClient(simulator, false);
    expect((await cloud.server(server.id)).status).toBe(200);
    simulator.faults.set({ operation: "reinstall", lostReply: true });
    await expect(cloud.reinstall(server.id)).rejects.toThrow(/ECONNRESET/);
    expect(simulator.ledger().servers[server.id]?.reinstallsExecuted).toBe(1);
    await simulator.close();
  });
});

function selfSigned(): { key: string; cert: string } {
  const args =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 2";
  const { stdout } = spawnSync("openssl", [...args.split(" "), "-keyout", "-", "-out", "-"], {
    encoding: "utf8",
  });
  const mark = stdout.indexOf("-----BEGIN CERTIFICATE");
  return { key: stdout.slice(0, mark), cert: stdout.slice(mark) };
}
