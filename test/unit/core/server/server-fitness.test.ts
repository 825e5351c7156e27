import { describe, expect, it } from "vitest";
import type { OsReinstall } from "../../../../src/contract/os-reinstall.ts";
import type { ServerView } from "../../../../src/core/server/observations.ts";
import type { Rules } from "../../../../src/core/rules.ts";
import {
  describe as inWords,
  fitnessOf,
  isIdle,
} from "../../../../src/core/server/server-fitness.ts";
import { BODY, RULES, server } from "../builders.ts";

const encoded = (text: string) => Buffer.from(text).toString("base64");
const WITH_STOP = { ...BODY, mode: "withStopServer" as const };
const WHEN_ASKED: Rules = { ...RULES, stopRunning: "when-asked" };

describe("a server", () => {
  it.each<[string, Partial<ServerView>]>([
    ["is stopped", {}],
    ["is in ERROR: its last reinstall failed", { status: "ERROR" }],
  ])("is ready when it %s", (_, changed) => {
    expect(fitnessOf(server(changed), BODY, RULES)).toEqual({ kind: "ready" });
  });

  it.each<[string, Rules, typeof BODY]>([
    ["always stopped", RULES, BODY],
    ["stopped when asked, and asked", WHEN_ASKED, WITH_STOP],
  ])("that runs may be %s", (_, rules, body) => {
    expect(fitnessOf(server({ status: "ACTIVE" }), body, rules)).toEqual({ kind: "running" });
  });

  it("that runs is refused when nobody asked to stop it", () => {
    expect(fitnessOf(server({ status: "ACTIVE" }), BODY, WHEN_ASKED)).toMatchObject({
      kind: "unfit",
      draft: {
        event: "rejected",
        data: { problems: [{ path: "os-reinstall.mode", code: "server-running" }] },
      },
    });
  });

  describe("whose system would ignore the command's user data", () => {
    const forWindows = { ...BODY, metadata: { user_data: encoded("#ps1\nWrite-Host hi") } };
    const forLinux = { ...BODY, metadata: { user_data: encoded("#include\nhttps://a.b/c\n") } };

    it.each<[string, Partial<ServerView>, OsReinstall, string]>([
      ["Linux", { osType: "linux" }, forWindows, "user-data-for-windows"],
      ["Windows", { osType: "windows" }, forLinux, "user-data-for-linux"],
      [
        "Linux, and runs",
        { osType: "linux", status: "ACTIVE" },
        forWindows,
        "user-data-for-windows",
      ],
    ])("is refused before it is touched: %s", (_, changed, body, code) => {
      expect(fitnessOf(server(changed), body, RULES)).toMatchObject({
        kind: "unfit",
        draft: {
          event: "rejected",
          data: { problems: [{ path: "os-reinstall.metadata.user_data", code }] },
        },
      });
    });

    it.each<[string, Partial<ServerView>, Partial<Rules>]>([
      ["that takes it", { osType: "windows" }, {}],
      ["that is not known", { osType: null }, {}],
      ["that does not, and nobody minds", { osType: "linux" }, { userDataCheck: "lax" }],
    ])("is ready with a system %s", (_, changed, rules) => {
      const fitness = fitnessOf(server(changed), forWindows, { ...RULES, ...rules });
      expect(fitness).toEqual({ kind: "ready" });
    });
  });

  it.each([
    "BUILD",
    "REBOOT",
    "HARD_REBOOT",
    "MIGRATING",
    "REBUILD",
    "RESIZE",
    "REVERT_RESIZE",
    "UNKNOWN",
  ])("that is %s is unstable, even without a disk", (status) => {
    const view = server({ status, systemDiskId: null });
    expect(isIdle(view)).toBe(false);
    expect(fitnessOf(view, BODY, RULES)).toEqual({ kind: "unstable", detail: status });
  });

  it.each(["ACTIVE", "SHUTOFF", "ERROR"])("that is %s with a task is unstable", (status) => {
    const view = server({ status, taskState: "powering-off" });
    expect(isIdle(view)).toBe(false);
    expect(fitnessOf(view, BODY, RULES)).toEqual({
      kind: "unstable",
      detail: `${status} (powering-off)`,
    });
  });

  it.each<[string, Partial<ServerView>, string | null]>([
    ["server-locked", { locked: true }, "Ecs.0605"],
    ["frozen", { frozen: true }, "Ecs.0030"],
    ["no-system-disk", { systemDiskId: null }, "Ecs.0105"],
    ["wrong-state", { status: "PAUSED" }, null],
    ["wrong-state", { status: "SUSPENDED" }, null],
    ["wrong-state", { status: "VERIFY_RESIZE" }, null],
    ["wrong-state", { status: "DELETED" }, null],
    ["wrong-state", { status: "A_STATUS_OF_TOMORROW" }, null],
  ])("is unfit for %s: %j", (failureClass, changed, cloudCode) => {
    const fitness = fitnessOf(server(changed), BODY, RULES);
    if (fitness.kind !== "unfit") throw new Error(fitness.kind);
    expect(fitness.draft).toMatchObject({
      event: "failed",
      data: { class: failureClass, cloud_code: cloudCode, retryable: false },
    });
    expect(fitness.draft.data["next_step"]).toMatch(/\w+/);
  });

  it.each(["REINSTALLING", "A_STATUS_OF_TOMORROW", "rebuild", "REBUILD ", "Active", ""])(
    "with a status that nobody has described is not idle: %j",
    (status) => {
      expect(isIdle(server({ status }))).toBe(false);
    },
  );

  it.each(["ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "SUSPENDED", "VERIFY_RESIZE", "SHELVED"])(
    "is idle without a task: %s",
    (status) => {
      expect(isIdle(server({ status }))).toBe(true);
      expect(isIdle(server({ status, taskState: "deleting" }))).toBe(false);
    },
  );

  it.each<[string, Partial<ServerView>]>([
    ["busy", { taskState: "rebooting" }],
    ["running", { status: "ACTIVE" }],
  ])("that is locked is not touched, %s or not", (_, changed) => {
    expect(fitnessOf(server({ ...changed, locked: true }), BODY, RULES).kind).toBe("unfit");
    expect(fitnessOf(server({ ...changed, frozen: true }), BODY, RULES).kind).toBe("unfit");
  });

  it("is described by its status and task", () => {
    expect(inWords(server())).toBe("SHUTOFF");
    expect(inWords(server({ status: "ACTIVE", taskState: "powering-off" }))).toBe(
      "ACTIVE (powering-off)",
    );
  });
});
