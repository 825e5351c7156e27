import { describe, expect, it } from "vitest";
import { lookFrom } from "../../../../src/adapters/cloud/servers.ts";
import { ServerId } from "../../../../src/contract/ids.ts";
import { answer } from "./answers.ts";

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
    ["an id in capitals", { id: SERVER.toUpperCase() }, { status: "SHUTOFF" }],
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
