import { request } from "undici";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudClient, P } from "./cloud-client.ts";

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator();
});

afterEach(async () => {
  await simulator.close();
});

async function admin(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await request(`${simulator.url}/_sim${path}`, { method, body: text ?? null });
  const content = await answer.body.text();
  return { status: answer.statusCode, json: content === "" ? undefined : JSON.parse(content) };
}

describe("the admin API", () => {
  it("says that it is there", async () => {
    expect(await admin("GET", "/health")).toMatchObject({
      status: 200,
      json: { status: "ok", servers: 0 },
    });
  });

  it("creates, shows, changes, lists and deletes servers", async () => {
    const made = await admin("POST", "/servers", { state: "SHUTOFF", name: "web-01" });
    expect(made).toMatchObject({
      status: 201,
      json: { projectId: P, status: "SHUTOFF", taskState: null },
    });
    const path = `/servers/${made.json.id}`;
    expect((await admin("GET", path)).json).toMatchObject({
      systemDiskId: made.json.systemDiskId,
      server: { name: "web-01" },
    });
    expect(
      (await admin("PATCH", path, { name: "web-02", locked: true, endsAs: "SHUTOFF" })).status,
    ).toBe(200);
    expect((await admin("GET", path)).json.server).toMatchObject({ name: "web-02", locked: true });
    expect(
      (await admin("POST", `${path}/actions`, { action: "swap-disk", diskId: "d" })).json
        .systemDiskId,
    ).toBe("d");
    expect((await admin("GET", "/servers")).json.servers).toHaveLength(1);
    expect((await admin("DELETE", path)).status).toBe(204);
    expect(await admin("GET", path)).toMatchObject({
      status: 404,
      json: { problems: [{ path: "id" }] },
    });
  });

  it("keeps what a patch does not name", async () => {
    const server = simulator.addServer({ locked: true, jobDurationMs: 7, metadata: { a: "1" } });
    await admin("PATCH", `/servers/${server.id}`, { name: "other" });
    const { json } = await admin("GET", `/servers/${server.id}`);
    expect(json.server).toMatchObject({ locked: true, metadata: { a: "1" } });
  });

  it("switches faults on and off and shows how often they met a call", async () => {
    const one = { operation: "server", error: "Ecs.0301", times: 1 };
    const { status, json } = await admin("POST", "/faults", [
      one,
      { operation: "job", blackHole: true },
    ]);
    expect(status).toBe(201);
    expect(json.ids).toHaveLength(2);
    const server = simulator.addServer();
    await cloudClient(simulator).server(server.id);
    const { faults } = (await admin("GET", "/faults")).json;
    expect(faults).toMatchObject([
      { id: json.ids[0], fault: one, matched: 1, applied: 1 },
      { applied: 0 },
    ]);
    await admin("DELETE", `/faults/${json.ids[0]}`);
    expect(simulator.faults.list()).toHaveLength(1);
    await admin("DELETE", "/faults");
    expect(simulator.faults.list()).toEqual([]);
  });

  it("tells the ledger and the calls, for all servers or one", async () => {
    const [one, two] = [simulator.addServer({ state: "SHUTOFF" }), simulator.addServer()];
    const cloud = cloudClient(simulator);
    await cloud.reinstall(one.id);
    await cloud.server(two.id);
    expect((await admin("GET", "/ledger")).json).toMatchObject({
      entries: [{ kind: "reinstall-request", serverId: one.id, executed: true }],
      servers: { [one.id]: { reinstallsExecuted: 1 } },
    });
    expect((await admin("GET", "/calls")).json).toMatchObject({ reinstall: 1, server: 1, job: 0 });
    expect((await admin("GET", `/calls?server=${two.id}`)).json).toMatchObject({
      reinstall: 0,
      server: 1,
    });
  });

  it("never tells user data", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    const user_data = Buffer.from("#!/bin/sh\necho hush").toString("base64");
    await cloudClient(simulator).reinstall(server.id, { userid: "u", metadata: { user_data } });
    for (const path of ["/ledger", "/servers", `/servers/${server.id}`]) {
      expect(JSON.stringify((await admin("GET", path)).json)).not.toContain(user_data);
    }
  });

  it("moves the clock, kills credentials and tokens, changes images", async () => {
    await admin("PUT", "/clock", { skewMs: 3_600_000 });
    const server = simulator.addServer();
    const { server: show } = cloudClient(simulator);
    expect((await show(server.id)).json.error_msg).toContain("signature expired");
    await admin("PUT", "/clock", { skewMs: 0 });
    expect((await show(server.id)).status).toBe(200);
    const key = "SIMULATEDAK000000001";
    await admin("DELETE", `/credentials/${key}`);
    expect((await show(server.id)).status).toBe(401);
    const put = { accessKey: key, secretKey: "simulatedSecretKeySimulatedSecretKey0001" };
    expect((await admin("PUT", "/credentials", put)).status).toBe(204);
    expect((await admin("POST", `/credentials/${key}/unlock`)).status).toBe(204);
    expect((await show(server.id)).status).toBe(200);
    expect((await admin("POST", "/tokens/revoke")).status).toBe(204);
    expect((await admin("PUT", "/images/image-9", { status: "killed" })).status).toBe(204);
    const images = await cloudClient(simulator).get("/v2/cloudimages", {
      query: { id: "image-9" },
    });
    expect(images.json.images).toMatchObject([{ id: "image-9", status: "killed" }]);
    expect((await admin("DELETE", "/images/image-9")).status).toBe(204);
  });

  it("goes back to the start", async () => {
    const server = simulator.addServer();
    simulator.faults.set({ operation: "any", status: 500 });
    await cloudClient(simulator).server(server.id);
    await admin("POST", "/reset");
    expect((await admin("GET", "/servers")).json.servers).toEqual([]);
    expect(simulator.faults.list()).toEqual([]);
    expect(simulator.ledger()).toEqual({ entries: [], servers: {} });
    expect(simulator.calls().server).toBe(0);
  });

  it.each([
    ["POST", "/servers", { jobDurationMs: "long", colour: "red" }, ["jobDurationMs", ""]],
    ["POST", "/servers", "{", [""]],
    ["POST", "/faults", { operation: "reinstall", delayBeforeReplyMs: -1 }, ["delayBeforeReplyMs"]],
    ["POST", "/faults", [{ operation: "job" }, { operation: "reboot" }], ["1.operation"]],
    ["PUT", "/clock", {}, ["skewMs"]],
  ] as const)("names the wrong field of %s %s %j", async (method, path, body, paths) => {
    const { status, json } = await admin(method, path, body);
    expect(status).toBe(400);
    expect(json.problems.map((one: { path: string }) => one.path)).toEqual(paths);
    expect(simulator.servers()).toEqual([]);
  });

  it("does not take one server id twice", async () => {
    const { id } = simulator.addServer();
    expect(await admin("POST", "/servers", { id })).toMatchObject({
      status: 409,
      json: { problems: [{ path: "id", message: expect.stringContaining(id) }] },
    });
  });

  it("says so when there is no such call", async () => {
    expect(await admin("GET", "/nothing")).toMatchObject({
      status: 404,
      json: { problems: expect.any(Array) },
    });
  });
});
