import { describe, expect, it } from "vitest";
import { diskFrom } from "../../../../src/adapters/cloud/operations/disks.ts";
import { DiskId } from "../../../../src/contract/ids.ts";
import { answer, ecsError } from "./answers.ts";

const DISK = DiskId.parse("80c15cff-0000-4000-8000-000000000004");
const NOW = Date.UTC(2024, 0, 10, 9, 0, 0);
const CREATED = "2024-01-10T08:00:00.250000";

const read = (changes: object, more: Parameters<typeof answer>[1] = {}) =>
  diskFrom(answer({ volume: { id: DISK, created_at: CREATED, ...changes } }, more), DISK, NOW);

describe("a look at a disk", () => {
  it("shows what the documents promise", () => {
    const attachments = [{ server_id: "4F4B3DFA-0000-4000-8000-000000000001", device: "/dev/vda" }];
    expect(read({ status: "in-use", bootable: "true", attachments })).toEqual({
      kind: "seen",
      createdAtMs: Date.UTC(2024, 0, 10, 8, 0, 0, 250),
      inFuture: false,
      status: "in-use",
      attachedTo: ["4f4b3dfa-0000-4000-8000-000000000001"],
      cloudTimeMs: null,
    });
  });

  it.each([
    ["2024-01-10T08:00:00.999999", 999],
    ["2024-01-10T08:00:00", 0],
    ["2024-01-10T08:00:00.5Z", 500],
  ])("reads %s", (created_at, ms) => {
    expect(read({ created_at })).toMatchObject({ createdAtMs: Date.UTC(2024, 0, 10, 8, 0, 0, ms) });
  });

  it.each([
    undefined,
    null,
    "",
    0,
    1_704_873_600,
    "2024-01-10",
    "2024-01-10 08:00:00",
    "2024-01-10T08:00:00+01:00",
    "2024-02-30T08:00:00.000000",
    "2024-13-01T08:00:00",
    "2024-01-10T25:00:00",
    "2024-01-10T08:00:00.",
    " 2024-01-10T08:00:00",
    "24-01-10T08:00:00",
  ])("does not guess what %j means", (created_at) => {
    expect(read({ created_at })).toMatchObject({ kind: "unreadable", cloudCode: null });
  });

  it.each([
    ["60 s after the cloud's clock", "2024-01-10T09:01:00", false],
    ["61 s after it", "2024-01-10T09:01:01", true],
  ])("flags an age that lies in the future: %s", (_what, created_at, inFuture) => {
    expect(read({ created_at })).toMatchObject({ inFuture });
    // The cloud's clock counts, where the answer tells it: an hour behind ours here.
    const headers = { date: "Wed, 10 Jan 2024 08:00:00 GMT" };
    expect(read({ created_at }, { headers })).toMatchObject({ inFuture: true });
  });

  it.each([
    ["another disk", { id: "another" }],
    ["no id", { id: undefined }],
  ])("is unreadable when the answer is %s", (_what, changes) => {
    expect(read(changes)).toMatchObject({ kind: "unreadable" });
  });

  it.each([
    [
      "the documented 404",
      answer({ itemNotFound: { code: 404, message: "none" } }, { status: 404 }),
    ],
    ["a bare 404", answer("", { status: 404 })],
  ])("says absent for %s", (_what, given) => {
    expect(diskFrom(given, DISK, NOW)).toEqual({ kind: "absent" });
  });

  it("takes neither the gateway's 404 nor a page of somebody in between for an absent disk", () => {
    const gateway = answer({ error_code: "APIGW.0101", error_msg: "no such API" }, { status: 404 });
    expect(diskFrom(gateway, DISK, NOW).kind).toBe("refused");
    const page = answer("<html>Not Found</html>", { status: 404 });
    expect(diskFrom(page, DISK, NOW).kind).toBe("unreadable");
  });

  it("tells a missing right from a fault", () => {
    expect(diskFrom(ecsError(403, "Pdp.0001"), DISK, NOW)).toMatchObject({
      kind: "refused",
      refusal: { class: "permission" },
    });
    expect(diskFrom(ecsError(429, "APIGW.0308"), DISK, NOW)).toMatchObject({
      kind: "unreadable",
      waitsFor: "throttled",
    });
    expect(diskFrom(answer("", { status: 500 }), DISK, NOW).kind).toBe("unreadable");
  });
});
