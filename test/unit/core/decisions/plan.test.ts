import { describe, expect, it } from "vitest";
import type { BrakeVerdict } from "../../../../src/core/brakes/hold.ts";
import { type LockSeen, plannedFrom } from "../../../../src/core/decisions/plan.ts";
import type { Look } from "../../../../src/core/server/observations.ts";
import type { Rules } from "../../../../src/core/rules.ts";
import {
  ABSENT,
  asFinal,
  BODY,
  candidate,
  DISK,
  LEADER,
  moment,
  NEW_DISK,
  NOW,
  order,
  PAUSED,
  REFUSED,
  RULES,
  seen,
  UNREADABLE,
} from "../builders.ts";

const FREE: LockSeen = { kind: "acquired" };
type Planned = {
  checks: { check: string; verdict: string; detail?: string }[];
  would: string;
  system_disk: string | null;
};

function plan(
  look: Look,
  lock: LockSeen = FREE,
  changed: Parameters<typeof order>[0] = {},
  rules: Partial<Rules> = {},
  verdicts: readonly BrakeVerdict[] = [],
): Planned {
  const dry = candidate({ order: order({ dryRun: true, ...changed }) });
  const decision = asFinal(
    plannedFrom(
      dry,
      { lock, verdicts },
      { look, image: null },
      moment({ rules: { ...RULES, ...rules } }),
    ),
    "planned",
  );
  expect(decision).toMatchObject({ lock: "free", healedAtMs: null, sample: null });
  return decision.draft.data as unknown as Planned;
}

/** The checks that did not pass, as `check: verdict: detail`. */
const doubts = ({ checks }: Planned) =>
  checks
    .filter(({ verdict }) => verdict !== "pass")
    .map(({ check, verdict, detail }) => `${check}: ${verdict}: ${detail}`);

describe("a dry run", () => {
  it("names the brakes that the command lifts for itself", () => {
    const lifted = { brake: "windows", verdict: "go", overridden: true } as const;
    const { checks } = plan(seen(), FREE, {}, {}, [lifted, { brake: "pause", verdict: "go" }]);
    expect(checks).toContainEqual({
      check: "windows",
      verdict: "pass",
      detail: "lifted by the command's override",
    });
    expect(checks).toContainEqual({ check: "pause", verdict: "pass" });
  });

  it("goes through every check, and says what would be done", () => {
    const planned = plan(seen());
    expect(planned.checks.map(({ check }) => check)).toEqual([
      "command",
      "not-expired",
      "not-before",
      "server-free",
      "not-superseded",
      "server-exists",
      "server-state",
    ]);
    expect(doubts(planned)).toEqual([]);
    expect(planned).toMatchObject({ would: "reinstall", system_disk: DISK });
  });

  it("would stop a running server first, unless the cloud does that", () => {
    expect(plan(seen({ status: "ACTIVE" })).would).toBe("stop-then-reinstall");
    expect(plan(seen({ status: "ACTIVE" }), FREE, {}, { stopBy: "cloud" }).would).toBe("reinstall");
  });

  it.each<[LockSeen, string[]]>([
    [{ kind: "busy", holder: LEADER }, [`server-free: wait: held by ${LEADER}`]],
    [
      { kind: "busy", holder: LEADER, sameWish: true },
      [`server-free: wait: held by ${LEADER}, which it would join`],
    ],
    [{ kind: "rebuilding" }, ["server-free: wait: the store is being rebuilt"]],
    [
      { kind: "superseded", healedAtMs: NOW },
      ["not-superseded: fail: healed at 2026-11-23T15:00:00.000Z"],
    ],
  ])("would do nothing now with the lock %j", (lock, expected) => {
    const planned = plan(seen(), lock);
    expect(doubts(planned)).toEqual(expected);
    expect(planned.would).toBe("nothing-now");
  });

  it("is not quarantined where it would share the last reinstall that the server may have", () => {
    const full: BrakeVerdict = {
      brake: "quarantine",
      verdict: "no",
      limit: 1,
      windowMs: 1,
      reinstalls: [],
    };
    const verdict = (sameWish: boolean, onBusy: "join" | "wait") =>
      plan(seen(), { kind: "busy", holder: LEADER, sameWish }, { onBusy }, {}, [full]).checks.find(
        ({ check }) => check === "quarantine",
      );
    expect(verdict(true, "join")).toMatchObject({
      verdict: "pass",
      detail: `it would share the one of ${LEADER}`,
    });
    expect([verdict(false, "join")?.verdict, verdict(true, "wait")?.verdict]).toEqual([
      "fail",
      "fail",
    ]);
  });

  it("says of each brake what it says, and would do nothing under one that holds", () => {
    const planned = plan(seen(), FREE, {}, {}, [PAUSED.hold, { brake: "cap", verdict: "go" }]);
    expect(doubts(planned)).toEqual([
      "pause: wait: reinstalls are paused (project) by ada since 2026-11-23T15:00:00.000Z: maintenance",
    ]);
    expect(planned.checks).toContainEqual({ check: "cap", verdict: "pass" });
    expect(planned.would).toBe("nothing-now");
  });

  it.each<[string, Look, string[]]>([
    [
      "absent",
      ABSENT,
      ["server-exists: fail: the quota is used up", "server-state: fail: the quota is used up"],
    ],
    [
      "refused",
      REFUSED,
      ["server-exists: fail: the quota is used up", "server-state: fail: the quota is used up"],
    ],
    [
      "unreadable",
      UNREADABLE,
      ["server-exists: unknown: no answer within 10 s", "server-state: wait: cloud-unavailable"],
    ],
    ["busy", seen({ taskState: "rebooting" }), ["server-state: wait: server-unstable"]],
    ["locked", seen({ locked: true }), ["server-state: fail: the server is locked"]],
  ])("would do nothing now with a server that is %s", (_, look, expected) => {
    const planned = plan(look);
    expect(doubts(planned)).toEqual(expected);
    expect(planned.would).toBe("nothing-now");
  });

  it("would do nothing too late", () => {
    expect(doubts(plan(seen(), FREE, { expiresAtMs: NOW }))).toEqual([
      "not-expired: fail: 2026-11-23T15:00:00.000Z",
      "server-state: fail: expired",
    ]);
  });

  it("would do nothing with another disk, nor with a running server that nobody asked to stop", () => {
    const other = plan(seen(), FREE, { expectedSystemDisk: NEW_DISK });
    expect(doubts(other)).toEqual(["server-state: fail: system-disk-changed"]);
    const running = plan(seen({ status: "ACTIVE" }), FREE, {}, { stopRunning: "when-asked" });
    expect(doubts(running)).toEqual(["server-state: fail: rejected"]);
  });

  it("would do nothing with user data that the server ignores, unless told to", () => {
    const body = { ...BODY, metadata: { user_data: Buffer.from("#ps1\nhi").toString("base64") } };
    const planned = (rules: Partial<Rules>) => {
      const dry = candidate({ body, order: order({ dryRun: true }) });
      const look = seen({ osType: "linux" });
      const decision = plannedFrom(
        dry,
        { lock: FREE, verdicts: [] },
        { look, image: null },
        moment({ rules: { ...RULES, ...rules } }),
      );
      return asFinal(decision, "planned").draft.data as unknown as Planned;
    };
    const why = "is for cloudbase-init, and the server runs Linux: it would be ignored";
    expect(doubts(planned({}))).toEqual([
      `user-data: fail: ${why}`,
      "server-state: fail: rejected",
    ]);
    const lax = planned({ userDataCheck: "lax" });
    expect(lax.would).toBe("reinstall");
    expect(lax.checks).toContainEqual({ check: "user-data", verdict: "pass", detail: why });
  });

  it("sees no disk where it sees no server", () => {
    expect(plan(UNREADABLE).system_disk).toBeNull();
  });
});

describe("a dry run for a server with a mark in the cloud", () => {
  const verdicts = [
    { brake: "pause", verdict: "go" } as const,
    { brake: "protected", verdict: "go" } as const,
  ];

  it.each([
    [seen({ mark: "never" }), "any"],
    [seen({ unreadMark: "nver" }), "any"],
    [seen(), "marked"],
  ] as const)("names it once, as the brake that it is", (look, allow) => {
    const planned = plan(look, FREE, {}, { allow }, verdicts);
    expect(doubts(planned)).toEqual([
      expect.stringMatching(/^protected: fail: the server is protected by its mark/),
    ]);
    expect(planned.checks.filter(({ check }) => check === "protected")).toHaveLength(1);
    expect(planned.would).toBe("nothing-now");
  });

  it("passes with the mark that is needed", () => {
    const planned = plan(seen({ mark: "allowed" }), FREE, {}, { allow: "marked" }, verdicts);
    expect(doubts(planned)).toEqual([]);
    expect(planned.would).toBe("reinstall");
  });
});
