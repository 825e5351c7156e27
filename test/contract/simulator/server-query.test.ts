import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { statusOf } from "../../../src/simulator/requests/server-view.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudClient, P, standingClock } from "./cloud-client.ts";

let simulator: Simulator;
const clock = standingClock();
const signedNow = (headers: Record<string, string> = {}) => ({ sdkDate: clock.sdkDate(), headers });

beforeEach(async () => {
  simulator = await startSimulator({ clock });
});

afterEach(async () => {
  await simulator.close();
});

const v1 = async (id: string) =>
  await cloudClient(simulator).get(`/v1/${P}/cloudservers/${id}`, signedNow());
const native = async (id: string, headers?: Record<string, string>) =>
  await cloudClient(simulator).get(`/v2.1/${P}/servers/${id}`, signedNow(headers));

describe("a server query", () => {
  it("has the fields that the notes list, in their types", async () => {
    const server = simulator.addServer({
      name: "web-01",
      imageId: "image-1",
      keyName: "ops-key-01",
      dataDisks: 1,
      address: "10.1.2.3",
      tags: ["env=prod"],
    });
    const { json, headers } = await v1(server.id);
    expect(headers["content-type"]).toBe("application/json");
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(json).toEqual({
      server: {
        id: server.id,
        name: "web-01",
        status: "ACTIVE",
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:task_state": null,
        "OS-EXT-STS:power_state": 1,
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
        "OS-SRV-USG:launched_at": "2024-01-10T08:09:10.000000",
        "os-extended-volumes:volumes_attached": [
          {
            id: server.systemDiskId,
            bootIndex: "0",
            device: "/dev/vda",
            delete_on_termination: "true",
          },
          {
            id: expect.any(String),
            bootIndex: "-1",
            device: "/dev/vdb",
            delete_on_termination: "false",
          },
        ],
        addresses: {
          "0431c5e5-0000-4000-8000-000000000003": [
            { addr: "10.1.2.3", version: "4", "OS-EXT-IPS:type": "fixed" },
          ],
        },
        tags: ["env=prod"],
        flavor: { id: "s3.large.2" },
        image: {},
        key_name: "ops-key-01",
        user_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        tenant_id: P,
        progress: 0,
        locked: false,
        fault: null,
        created: "2024-01-10T08:09:10Z",
        updated: "2024-01-10T08:09:10Z",
        metadata: {
          os_type: "Linux",
          os_bit: "64",
          image_name: expect.any(String),
          "metering.image_id": "image-1",
          "metering.imagetype": "private",
          charging_mode: "0",
          vpc_id: expect.any(String),
        },
      },
    });
  });

  it("shows a freeze in the metadata, and its end", async () => {
    const server = simulator.addServer({ metadata: { agency_name: "a" } });
    server.act({ action: "freeze" });
    expect((await v1(server.id)).json.server.metadata).toMatchObject({
      EcmResStatus: "freeze",
      agency_name: "a",
    });
    server.act({ action: "unfreeze" });
    expect((await v1(server.id)).json.server.metadata).toMatchObject({ EcmResStatus: "normal" });
  });

  it("shows a fault with the state ERROR only", async () => {
    const server = simulator.addServer({ state: "SHUTOFF" });
    server.act({ action: "break" });
    expect((await v1(server.id)).json.server).toMatchObject({
      status: "ERROR",
      "OS-EXT-STS:vm_state": "error",
      fault: { code: 500, message: expect.any(String), created: "2024-01-10T08:09:10Z" },
    });
  });

  it("of the native kind has its own power state and shows the lock since microversion 2.9", async () => {
    const server = simulator.addServer({ state: "SHUTOFF", locked: true });
    const plain = (await native(server.id)).json.server;
    expect(plain).toMatchObject({ id: server.id, status: "SHUTOFF", "OS-EXT-STS:power_state": 3 });
    expect(plain).not.toHaveProperty("locked");
    expect(plain).not.toHaveProperty("fault");
    expect((await v1(server.id)).json.server["OS-EXT-STS:power_state"]).toBe(4);
    const since = await native(server.id, { "X-OpenStack-Nova-API-Version": "2.26" });
    expect(since.json.server.locked).toBe(true);
  });

  it("for an unknown server is a 404 in the shape of its API", async () => {
    const id = "4f4b3dfa-0000-4000-8000-000000000009";
    expect(await v1(id)).toMatchObject({ status: 404, json: { error: { code: "Ecs.0114" } } });
    expect(await native(id)).toMatchObject({
      status: 404,
      json: { itemNotFound: { code: "404", message: expect.stringContaining(id) } },
    });
  });

  it("tells a deleted server from none no more", async () => {
    const server = simulator.addServer();
    server.act({ action: "delete" });
    expect((await v1(server.id)).status).toBe(404);
  });
});

it("an image query lists the image, or nothing when it is gone", async () => {
  const server = simulator.addServer({ imageId: "image-1" });
  const ask = async () =>
    (
      await cloudClient(simulator).get("/v2/cloudimages", {
        ...signedNow(),
        query: { id: "image-1" },
      })
    ).json;
  expect(await ask()).toMatchObject({ images: [{ id: "image-1", status: "active" }] });
  expect((await ask()).images[0]).not.toHaveProperty("__support_fc_inject");
  simulator.putImage({ id: "image-1", supportFcInject: "true" });
  expect(await ask()).toMatchObject({ images: [{ __support_fc_inject: "true" }] });
  simulator.removeImage("image-1");
  expect(await ask()).toEqual({ images: [] });
  expect(server.status).toBe("ACTIVE");
});

it("an unknown job is a 400 Common.0011 at the top level", async () => {
  const answer = await cloudClient(simulator).get(`/v1/${P}/jobs/nothing`, signedNow());
  expect(answer.status).toBe(400);
  expect(answer.json).toEqual({ code: "Common.0011", message: expect.any(String) });
});

describe("the status", () => {
  it.each([
    ["active", null, "ACTIVE"],
    ["active", "powering-off", "ACTIVE"],
    ["active", "rebooting", "REBOOT"],
    ["active", "reboot_started_hard", "HARD_REBOOT"],
    ["active", "migrating", "MIGRATING"],
    ["active", "rebuilding", "REBUILD"],
    ["stopped", null, "SHUTOFF"],
    ["stopped", "powering-on", "SHUTOFF"],
    ["stopped", "resize_prep", "RESIZE"],
    ["stopped", "rebuild_spawning", "REBUILD"],
    ["stopped", "powering-off", "UNKNOWN"],
    ["error", null, "ERROR"],
    ["error", "rebuild_block_device_mapping", "REBUILD"],
    ["error", "reinstalling", "UNKNOWN"],
  ])("of %s with task %s is %s", (vmState, taskState, status) => {
    expect(statusOf(vmState, taskState)).toBe(status);
  });
});

describe("a page of servers", () => {
  const list = async (query: Record<string, string> = {}) =>
    await cloudClient(simulator).get(`/v1/${P}/cloudservers/detail`, { ...signedNow(), query });

  it("shows each as its own query does, in pages from 1", async () => {
    const servers = [1, 2, 3].map(() => simulator.addServer({}));
    const { json } = await list();
    expect(json).toMatchObject({ count: 3 });
    const one = await v1(servers[0]?.id ?? "");
    expect((json as { servers: unknown[] }).servers[0]).toEqual(
      (one.json as { server: unknown }).server,
    );
    const second = (await list({ limit: "2", offset: "2" })).json as { servers: { id: string }[] };
    expect(second.servers.map(({ id }) => id)).toEqual([servers[2]?.id]);
    expect(simulator.calls()).toMatchObject({ servers: 2, server: 1 });
  });

  it.each([
    ["status", { status: "SHUTOFF" }, ["off", "rebuilding"]],
    ["status of the moment", { status: "REBUILD" }, ["rebuilding"]],
    ["a part of the name", { name: "run" }, ["running"]],
    ["a tag", { tags: "env=prod" }, ["running", "off"]],
    ["a tag's key", { tags: "env" }, ["running", "off", "rebuilding"]],
    ["two tags", { tags: "env=prod,web" }, ["running"]],
    ["the lack of a tag", { "not-tags": "env=prod" }, ["rebuilding"]],
    ["a part of the address", { ip: "10.0.0." }, ["running", "off"]],
    ["several", { ip: "10.0.0.", status: "SHUTOFF" }, ["off"]],
    ["nothing", { status: "", tags: "" }, ["running", "off", "rebuilding"]],
  ])("filters by %s", async (_what, query, names) => {
    const prod = "env=prod";
    simulator.addServer({ name: "running", address: "10.0.0.1", tags: [prod, "web"] });
    simulator.addServer({ name: "off", state: "SHUTOFF", address: "10.0.0.2", tags: [prod] });
    const rebuilding = simulator.addServer({
      name: "rebuilding",
      state: "SHUTOFF",
      address: "10.1.0.1",
      tags: ["env=test"],
    });
    rebuilding.act({ action: "set-task", taskState: "rebuilding" });
    const { json } = await list({ ...query });
    expect(json.count).toBe(names.length);
    expect(json.servers.map(({ name }: { name: string }) => name)).toEqual(names);
  });

  it.each([{ limit: "0" }, { limit: "1001" }, { limit: "x" }, { offset: "0" }])(
    "is refused with %j",
    async (query) => {
      expect(await list(query)).toMatchObject({
        status: 400,
        json: { error: { code: "Ecs.0005" } },
      });
    },
  );
});

describe("tags, metadata and addresses", () => {
  it("are shown as they were given, and can be changed", async () => {
    const server = simulator.addServer({
      tags: ["ecs-reinstall=never", "web"],
      metadata: { "ecs-reinstall": "allowed" },
      address: "127.0.0.1",
      floatingAddress: "203.0.113.9",
    });
    const shown = async () => (await v1(server.id)).json.server;
    const vpc = (await shown()).metadata.vpc_id;
    expect(await shown()).toMatchObject({
      tags: ["ecs-reinstall=never", "web"],
      metadata: { "ecs-reinstall": "allowed", os_type: "Linux" },
      addresses: {
        [vpc]: [
          { addr: "127.0.0.1", version: "4", "OS-EXT-IPS:type": "fixed" },
          { addr: "203.0.113.9", version: "4", "OS-EXT-IPS:type": "floating" },
        ],
      },
    });
    server.patch({ tags: [], address: "fd00::5", floatingAddress: null });
    expect(await shown()).toMatchObject({
      tags: [],
      addresses: { [vpc]: [{ addr: "fd00::5", version: "6" }] },
    });
  });

  it.each(["", "=value", "a,b", "k=v,w", "k".repeat(37), `k=${"v".repeat(44)}`])(
    "cannot be the tag %j",
    (tag) => {
      expect(() => simulator.addServer({ tags: [tag] })).toThrow("must be key or key=value");
    },
  );

  it("survive a reinstall, and an address is the server's own unless it is given", async () => {
    const one = simulator.addServer({ tags: ["a=1"] });
    const two = simulator.addServer({});
    const addressOf = async (id: string) =>
      Object.values<{ addr: string }[]>((await v1(id)).json.server.addresses)[0]?.[0]?.addr;
    expect(await addressOf(one.id)).toMatch(/^10(\.\d+){3}$/);
    expect(await addressOf(one.id)).not.toBe(await addressOf(two.id));
    one.act({ action: "reinstall" });
    clock.advance(45_000);
    expect((await v1(one.id)).json.server.tags).toEqual(["a=1"]);
  });
});
