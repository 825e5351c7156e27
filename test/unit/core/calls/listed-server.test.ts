import { expect, it } from "vitest";
import { listedServer, looksOver } from "../../../../src/core/calls/listed-server.ts";
import { BEFORE, DISK, NEW_DISK, server } from "../builders.ts";

it.each<[string, Parameters<typeof server>[0], boolean, string?]>([
  ["idle, with another disk", { systemDiskId: NEW_DISK }, true],
  ["idle and running, with another disk", { systemDiskId: NEW_DISK, status: "ACTIVE" }, true],
  ["idle, with the old disk", { systemDiskId: DISK }, false],
  ["busy, with another disk", { systemDiskId: NEW_DISK, taskState: "rebuilding" }, false],
  ["in a state that passes", { systemDiskId: NEW_DISK, status: "REBUILD" }, false],
  ["without a disk", { systemDiskId: null }, false],
  ["in ERROR, whatever its disk", { systemDiskId: DISK, status: "ERROR" }, true],
  ["in ERROR without a disk", { systemDiskId: null, status: "ERROR" }, true],
  ["in ERROR as before", { systemDiskId: DISK, status: "ERROR" }, false, "ERROR"],
  [
    "in ERROR as before, with another disk",
    { systemDiskId: NEW_DISK, status: "ERROR" },
    false,
    "ERROR",
  ],
])("a server that is %s", (_, changed, expected, status = "SHUTOFF") => {
  expect(looksOver(listedServer(server(changed)), { ...BEFORE, status })).toBe(expected);
});
