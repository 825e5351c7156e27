import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createReadiness } from "../../../../src/adapters/readiness.ts";
import { startSimulator } from "../../../../src/simulator/server.ts";
import type { SimulatedServer, Simulator } from "../../../../src/simulator/simulator.ts";
import { eventually } from "../../../support/eventually.ts";
import { freePort } from "../../../support/network/free-port.ts";
import { cloudClient, KEY_BODY, P, standingClock } from "../cloud-client.ts";

let simulator: Simulator;
let port: number;
const clock = standingClock();

beforeEach(async () => {
  port = await freePort();
  simulator = await startSimulator({
    clock,
    jobDurationMs: 1_000,
    answers: { port, afterMs: 500 },
  });
});

afterEach(async () => {
  await simulator.close();
});

const reinstall = async ({ id }: SimulatedServer) =>
  await cloudClient(simulator).post(`/v2/${P}/cloudservers/${id}/reinstallos`, KEY_BODY, {
    sdkDate: clock.sdkDate(),
  });
async function addressOf({ id }: SimulatedServer): Promise<string> {
  const answer = await fetch(`${simulator.url}/_sim/servers/${id}`);
  const { server } = (await answer.json()) as {
    server: { addresses: Record<string, { addr: string }[]> };
  };
  return Object.values(server.addresses).flat()[0]?.addr ?? "";
}
async function ask(server: SimulatedServer, kind: "tcp" | "http" = "tcp") {
  const probe = kind === "tcp" ? { kind, port } : { kind, port, path: "/" };
  const readiness = createReadiness({ probe, loopback: true });
  return await readiness.ask(await addressOf(server), new AbortController().signal);
}
const answers = async (server: SimulatedServer) =>
  await eventually(async () => (await ask(server)).kind === "answered");
const isSilent = async (server: SimulatedServer) =>
  await eventually(async () => (await ask(server)).kind === "silent");

describe("a server that answers", () => {
  it("does so at an address of its own on this machine, while it runs", async () => {
    const [one, two] = [simulator.addServer(), simulator.addServer({ state: "SHUTOFF" })];
    expect(await addressOf(one)).toMatch(/^127\./);
    await answers(one);
    expect(await ask(one, "http")).toEqual({ kind: "answered" });
    expect(await ask(two)).toMatchObject({ kind: "silent" });
    two.act({ action: "start" });
    await answers(two);
    one.act({ action: "stop" });
    await isSilent(one);
  });

  it("does not while it is reinstalled, and only a while later", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    await reinstall(server);
    clock.advance(1_000);
    expect(server).toMatchObject({ status: "ACTIVE", runningJobs: [] });
    await isSilent(server);
    clock.advance(499);
    await isSilent(server);
    clock.advance(1);
    await answers(server);
  });

  it("never does again where the image does not come up, until somebody says otherwise", async () => {
    const server = simulator.addServer({ state: "SHUTOFF", answers: { port, afterMs: null } });
    await reinstall(server);
    clock.advance(100_000);
    await isSilent(server);
    server.patch({ answers: { port, afterMs: 0, status: 503 } });
    await answers(server);
    expect(await ask(server, "http")).toMatchObject({
      detail: expect.stringContaining("it answered 503"),
    });
    server.patch({ answers: null });
    await isSilent(server);
  });

  it("does not when it is gone", async () => {
    const server = simulator.addServer();
    const address = await addressOf(server);
    await answers(server);
    simulator.removeServer(server.id);
    const readiness = createReadiness({ probe: { kind: "tcp", port }, loopback: true });
    await eventually(
      async () => (await readiness.ask(address, new AbortController().signal)).kind === "silent",
    );
  });
});

it("a server answers nobody unless it is told to", async () => {
  const server = simulator.addServer({ answers: null });
  expect(await addressOf(server)).toMatch(/^10\./);
});
