import { describe, expect, it } from "vitest";
import { listFrom, lookFrom } from "../../../../src/adapters/cloud/operations/servers.ts";
import { ServerId } from "../../../../src/contract/ids.ts";
import { answer, ecsError } from "./answers.ts";

const SERVER = ServerId.parse("4f4b3dfa-0000-4000-8000-000000000001");
const VOLUMES = "os-extended-volumes:volumes_attached";
const TASK = "OS-EXT-STS:task_state";
const VM = "OS-EXT-STS:vm_state";

/** The minimal example of ECS API notes §3.2. */
const EXAMPLE = {
  id: SERVER,
  name: "web-01",
  status: "SHUTOFF",
  [VM]: "stopped",
  [TASK]: null,
  "OS-EXT-STS:power_state": 4,
  locked: false,
  fault: null,
  key_name: "ops-key-01",
  updated: "2024-01-10T08:00:00Z",
  metadata: {
    os_type: "Linux",
    "metering.image_id": "c71b64e7-0000-4000-8000-000000000002",
    charging_mode: "0",
  },
  [VOLUMES]: [
    { id: "data-1", bootIndex: "-1", device: "/dev/vdb" },
    { id: "80c15cff-0000-4000-8000-000000000004", bootIndex: "0", device: "/dev/vda" },
  ],
};

function address(addr: string, type = "fixed") {
  return { addr, version: "4", "OS-EXT-IPS:type": type };
}

describe("a look at a server", () => {
  it("shows the documented example", () => {
    const headers = { date: "Mon, 23 Nov 2026 14:20:00 GMT" };
    expect(lookFrom(answer({ server: EXAMPLE }, { headers }), SERVER)).toEqual({
      kind: "seen",
      server: {
        status: "SHUTOFF",
        taskState: null,
        vmState: "stopped",
        systemDiskId: "80c15cff-0000-4000-8000-000000000004",
        volumeType: null,
        locked: false,
        frozen: false,
        name: "web-01",
        imageId: "c71b64e7-0000-4000-8000-000000000002",
        osType: "linux",
        faultMessage: null,
        mark: null,
        unreadMark: null,
        address: null,
        createdAtMs: null,
        cloudTimeMs: Date.UTC(2026, 10, 23, 14, 20),
      },
    });
  });

  it.each([
    [
      "a boot index that is a number",
      { [VOLUMES]: [{ id: "d", bootIndex: 0 }] },
      { systemDiskId: "d" },
    ],
    ["no system disk", { [VOLUMES]: [{ id: "d", bootIndex: "-1" }] }, { systemDiskId: null }],
    ["no disk at all", { [VOLUMES]: [] }, { systemDiskId: null }],
    ["a task", { [TASK]: "rebuilding" }, { taskState: "rebuilding" }],
    ["an empty task", { [TASK]: "" }, { taskState: null }],
    ["no task field, for nulls are left out", { [TASK]: undefined }, { taskState: null }],
    ["a lock", { locked: true }, { locked: true }],
    ["a lock as text", { locked: "true" }, { locked: true }],
    ["no word about locks", { locked: undefined }, { locked: false }],
    ["a freeze", { metadata: { EcmResStatus: "freeze" } }, { frozen: true, imageId: null }],
    ["a freeze that ended", { metadata: { EcmResStatus: "normal" } }, { frozen: false }],
    ["Windows", { metadata: { os_type: "Windows" } }, { osType: "windows" }],
    ["no known system", { metadata: { os_type: "BeOS" } }, { osType: null }],
    ["an empty image", { image: "", metadata: {} }, { imageId: null }],
    ["an image", { image: { id: "i" }, metadata: null }, { imageId: "i" }],
    [
      "a fault",
      { status: "ERROR", fault: { code: 500, message: "no host" } },
      { faultMessage: "no host" },
    ],
    ["a tag that forbids", { tags: ["a", "ecs-reinstall=never"] }, { mark: "never" }],
    ["a tag that allows", { tags: ["ecs-reinstall=allowed"] }, { mark: "allowed" }],
    ["a tag in capitals", { tags: ["ecs-reinstall= Never "] }, { mark: "never" }],
    ["a mark in the metadata", { metadata: { "ecs-reinstall": "never" } }, { mark: "never" }],
    [
      "the tag before the metadata",
      { tags: ["ecs-reinstall=allowed"], metadata: { "ecs-reinstall": "what" } },
      { mark: "allowed", unreadMark: null },
    ],
    [
      "metadata that forbid before the tag",
      { tags: ["ecs-reinstall=allowed"], metadata: { "ecs-reinstall": " Never" } },
      { mark: "never", unreadMark: null },
    ],
    ["a tag in another spelling", { tags: ["ECS_Reinstall=never"] }, { mark: "never" }],
    ["metadata in another spelling", { metadata: { ecsReinstall: "never" } }, { mark: "never" }],
    [
      "two spellings",
      { tags: ["ecs-reinstall=allowed", "Ecs-Reinstall=never"] },
      { mark: null, unreadMark: "allowed, never" },
    ],
    [
      "two spellings in the metadata",
      { metadata: { "ecs-reinstall": "allowed", ecs_reinstall: "never" } },
      { mark: "never" },
    ],
    [
      "a mark in the metadata that is null",
      { metadata: { "ecs-reinstall": null } },
      { mark: null },
    ],
    [
      "a mark that it does not know",
      { tags: ["ecs-reinstall=nevr"], metadata: { "ecs-reinstall": "never" } },
      { mark: null, unreadMark: "nevr" },
    ],
    ["a mark without a value", { tags: ["ecs-reinstall"] }, { mark: null, unreadMark: "" }],
    ["a mark with =", { tags: ["ecs-reinstall=a=b"] }, { mark: null, unreadMark: "a=b" }],
    ["a mark that is no text", { metadata: { "ecs-reinstall": 7 } }, { unreadMark: "not a text" }],
    [
      "two marks",
      { tags: ["ecs-reinstall=never", "ecs-reinstall=allowed"] },
      { mark: null, unreadMark: "never, allowed" },
    ],
    ["a mark of another name", { tags: ["ecs-reinstall-x=never"] }, { mark: null }],
    [
      "tags that it cannot read",
      { tags: { "ecs-reinstall": "never" } },
      { mark: null, unreadMark: "the server's tags cannot be read" },
    ],
    ["no tags", { tags: null }, { mark: null, unreadMark: null }],
    [
      "its own address, not the floating one",
      { addresses: { v: [address("203.0.113.9", "floating"), address("10.0.0.7")] } },
      { address: "10.0.0.7" },
    ],
    [
      "its address of version 4",
      { addresses: { v: [address("fd00::7")], w: [address("10.0.0.7")] } },
      { address: "10.0.0.7" },
    ],
    [
      "its address of version 6",
      { addresses: { v: [address("fd00::7")] } },
      { address: "fd00::7" },
    ],
    ["no address", { addresses: { v: [address("example.com")] } }, { address: null }],
    ["addresses of tomorrow", { addresses: ["10.0.0.7"] }, { address: null }],
    [
      "when it was created",
      { created: "2024-01-10T08:00:00Z" },
      { createdAtMs: Date.UTC(2024, 0, 10, 8) },
    ],
    ["no time that it cannot read", { created: "yesterday" }, { createdAtMs: null }],
    ["an id in capitals", { id: SERVER.toUpperCase() }, { status: "SHUTOFF" }],
    ["a status in other letters", { status: "Shutoff" }, { status: "SHUTOFF" }],
    ["a status with blanks", { status: " rebuild\n" }, { status: "REBUILD" }],
    ["fields of tomorrow", { quantum: { x: 1 }, name: 7 }, { name: null }],
  ])("shows %s", (_what, changes, expected) => {
    const look = lookFrom(answer({ server: { ...EXAMPLE, ...changes } }), SERVER);
    expect(look).toMatchObject({ kind: "seen", server: expected });
  });

  it.each([
    ["is another server", { id: "4f4b3dfa-0000-4000-8000-000000000009" }],
    ["has no status", { status: undefined }],
    ["has an empty status", { status: "" }],
    ["withholds task and vm state", { [TASK]: undefined, [VM]: undefined }],
    ["withholds the volumes", { [VOLUMES]: undefined }],
    ["withholds the boot index", { [VOLUMES]: [{ id: "d" }] }],
    [
      "shows two system disks",
      {
        [VOLUMES]: [
          { id: "a", bootIndex: "0" },
          { id: "b", bootIndex: 0 },
        ],
      },
    ],
    ["has a task that is no text", { [TASK]: 7 }],
  ])("does not guess when the answer %s", (_what, changes) => {
    const look = lookFrom(answer({ server: { ...EXAMPLE, ...changes } }), SERVER);
    expect(look).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
  });
});

describe("a list of servers", () => {
  const other = "4f4b3dfa-0000-4000-8000-000000000002";

  it("leaves out what cannot be judged, and counts it", () => {
    const servers = [
      EXAMPLE,
      { ...EXAMPLE, id: other.toUpperCase(), status: "ACTIVE" },
      { ...EXAMPLE, id: "no uuid" },
      { ...EXAMPLE, id: undefined },
      { ...EXAMPLE, [VOLUMES]: undefined },
      null,
    ];
    const list = listFrom(answer({ count: 600, servers }));
    expect(list).toMatchObject({ kind: "seen", listed: 6, total: 600 });
    const shown = list.kind === "seen" ? [...list.servers] : [];
    expect(shown).toMatchObject([
      [SERVER, { status: "SHUTOFF" }],
      [other, { status: "ACTIVE" }],
    ]);
  });

  it.each([
    ["a boot index that is a number", { [VOLUMES]: [{ id: "d", bootIndex: 0 }] }],
    ["no system disk", { [VOLUMES]: [{ id: "d", bootIndex: "-1" }] }],
    ["a task", { [TASK]: "rebuilding" }],
    ["no task field, for nulls are left out", { [TASK]: undefined }],
    ["an empty task", { [TASK]: "" }],
    ["a state of tomorrow", { status: "QUANTUM", tags: 7, metadata: 7, addresses: 7 }],
    ["no status", { status: "" }],
    ["no word about task and vm state", { [TASK]: undefined, [VM]: undefined }],
    ["no boot index", { [VOLUMES]: [{ id: "d" }] }],
    ["a volume without an id", { [VOLUMES]: [{ bootIndex: "0" }] }],
  ])("shows of a server with %s what a look shows", (_what, changes) => {
    const server = { ...EXAMPLE, ...changes };
    const look = lookFrom(answer({ server }), SERVER);
    const list = listFrom(answer({ count: 1, servers: [server] }));
    const listed = list.kind === "seen" ? list.servers.get(SERVER) : null;
    if (look.kind !== "seen") expect(listed).toBeUndefined();
    else {
      const { status, taskState, systemDiskId } = look.server;
      expect(listed).toEqual({ status, taskState, systemDiskId });
    }
  });

  it.each([
    ["no list", { servers: 7, count: 1 }],
    ["no count", { servers: [] }],
    ["a server", { server: EXAMPLE }],
  ])("is unreadable when the answer is %s", (_what, body) => {
    expect(listFrom(answer(body))).toMatchObject({ kind: "unreadable" });
  });

  it("tells a missing right from throttling and faults", () => {
    expect(listFrom(ecsError(403, "Pdp.0001"))).toMatchObject({
      kind: "refused",
      refusal: { class: "permission" },
    });
    expect(listFrom(ecsError(429, "APIGW.0308"))).toMatchObject({ waitsFor: "throttled" });
    expect(listFrom(ecsError(404, "Ecs.0114")).kind).toBe("unreadable");
  });
});
