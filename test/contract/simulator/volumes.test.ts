import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudClient, KEY_BODY, P, standingClock } from "./cloud-client.ts";

let simulator: Simulator;
let clock: ReturnType<typeof standingClock>;

beforeEach(async () => {
  clock = standingClock();
  simulator = await startSimulator({ clock, jobDurationMs: 100_000 });
});

afterEach(async () => {
  await simulator.close();
});

const sdkDate = () => ({ sdkDate: clock.sdkDate() });
const volume = async (id: string | null, project = P) =>
  await cloudClient(simulator).get(`/v2/${project}/cloudvolumes/${id}`, sdkDate());
const reinstall = async (id: string) =>
  await cloudClient(simulator).reinstall(id, KEY_BODY["os-reinstall"], sdkDate());

describe("a disk", () => {
  it("shows its age in UTC without a zone letter, and who it is attached to", async () => {
    const server = simulator.addServer({ dataDisks: 1 });
    clock.advance(60_000);
    const { status, json } = await volume(server.systemDiskId);
    expect(status).toBe(200);
    expect(json.volume).toMatchObject({
      id: server.systemDiskId,
      status: "in-use",
      bootable: "true",
      size: 40,
      attachments: [{ server_id: server.id, device: "/dev/vda" }],
      created_at: "2024-01-10T08:09:10.000000",
      "os-vol-tenant-attr:tenant_id": P,
    });
  });

  it("is not bootable when it holds data", async () => {
    const server = simulator.addServer({ dataDisks: 1 });
    const shown = await cloudClient(simulator).get(`/v1/${P}/cloudservers/${server.id}`, sdkDate());
    const [, data] = shown.json.server["os-extended-volumes:volumes_attached"];
    expect((await volume(data.id)).json.volume).toMatchObject({ bootable: "false" });
  });

  it("has the age that it is given", async () => {
    const created = Date.UTC(2023, 4, 6, 7, 8, 9, 250);
    const server = simulator.addServer({ systemDiskCreatedAtMs: created, createdAtMs: 0 });
    const age = async () => (await volume(server.systemDiskId)).json.volume.created_at;
    expect(await age()).toBe("2023-05-06T07:08:09.250000");
    server.patch({ systemDiskCreatedAtMs: created + 1_000 });
    expect(await age()).toBe("2023-05-06T07:08:10.250000");
  });

  it.each([
    ["no disk", "d0d0d0d0-0000-4000-8000-000000000000"],
    ["none at all", "nonsense"],
  ])("that is unknown is 404: %s", async (_what, id) => {
    expect(await volume(id)).toMatchObject({
      status: 404,
      json: { itemNotFound: { code: "404", message: `Volume ${id} could not be found.` } },
    });
  });

  it("wants a signature and a project of its own", async () => {
    const { systemDiskId } = simulator.addServer();
    const path = `/v2/${P}/cloudvolumes/${systemDiskId}`;
    expect((await cloudClient(simulator).get(path, { unsigned: true })).status).toBe(401);
    expect((await volume(systemDiskId, "f".repeat(32))).status).toBe(400);
  });

  it("is bent by faults of its server, and counted", async () => {
    const server = simulator.addServer();
    const other = simulator.addServer();
    simulator.faults.set({ operation: "disk", serverId: server.id, status: 503, emptyBody: true });
    expect((await volume(server.systemDiskId)).status).toBe(503);
    expect((await volume(other.systemDiskId)).status).toBe(200);
    expect(simulator.calls().disk).toBe(2);
    expect(simulator.calls(server.id).disk).toBe(1);
  });
});

describe("a reinstall", () => {
  it.each(["task", "invisible"] as const)(
    "makes a new disk with a new age (%s), and the old one goes",
    async (reinstallView) => {
      const server = simulator.addServer({ state: "SHUTOFF", reinstallView });
      const old = server.systemDiskId;
      clock.advance(3_600_000);
      await reinstall(server.id);
      clock.advance(20_000);
      expect((await volume(old)).status).toBe(200);
      clock.advance(80_000);
      expect((await volume(old)).status).toBe(404);
      const { json } = await volume(server.systemDiskId);
      expect(json.volume.created_at).toBe("2024-01-10T09:09:40.000000");
      expect(json.volume.bootable).toBe("true");
    },
  );

  it("of a cloud that keeps the disk keeps its age", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    simulator.faults.set({ operation: "reinstall", run: { keepsDiskId: true } });
    clock.advance(3_600_000);
    await reinstall(server.id);
    clock.advance(100_000);
    const { json } = await volume(server.systemDiskId);
    expect(json.volume.created_at).toBe("2024-01-10T08:09:10.000000");
  });

  it.each(["kept", "replaced", "lost"] as const)(
    "that fails leaves one disk or none: %s",
    async (disk) => {
      const server = simulator.addServer({ state: "SHUTOFF" });
      const old = server.systemDiskId;
      simulator.faults.set({ operation: "reinstall", run: { fail: { disk, atFraction: 0.9 } } });
      await reinstall(server.id);
      const made = simulator.ledger().entries[0];
      if (made?.kind !== "reinstall-request") throw new Error("no request");
      clock.advance(100_000);
      expect((await volume(old)).status).toBe(disk === "kept" ? 200 : 404);
      expect((await volume(made.newDiskId)).status).toBe(disk === "replaced" ? 200 : 404);
    },
  );
});

it("a disk that somebody swaps in is new; the old one is there, detached", async () => {
  const server = simulator.addServer();
  const old = server.systemDiskId;
  clock.advance(5_000);
  server.act({ action: "swap-disk" });
  expect((await volume(server.systemDiskId)).json.volume).toMatchObject({
    created_at: "2024-01-10T08:09:15.000000",
  });
  expect((await volume(old)).json.volume).toMatchObject({ status: "available", attachments: [] });
});
