import { describe, expect, it } from "vitest";
import { ProjectId, ServerId } from "../../../src/contract/ids.ts";
import type { Look } from "../../../src/core/server/observations.ts";
import { createLookForPeople } from "../../../src/steps/look-for-people.ts";
import { server as serverView } from "../core/builders.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
const OTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
const SERVER = ServerId.parse("4f4b3dfa-eb70-47cf-a60a-998a53bd598a");
const REFUSAL = {
  class: "not-found",
  cloudCode: "Ecs.0114",
  httpStatus: 404,
  message: "no such server",
  nextStep: "",
  retryable: false,
};

function looking(look: Look) {
  let asked = 0;
  const clock = { nowMs: 0 };
  const looks = createLookForPeople({
    cloud: {
      look: async () => {
        asked += 1;
        return look;
      },
    },
    projects: [PROJECT],
    clock: { monotonicMs: () => clock.nowMs },
    signal: new AbortController().signal,
  });
  return { looks, clock, asked: () => asked };
}

describe("a look for a person", () => {
  it.each([
    [{ kind: "seen", server: serverView({ status: "SHUTOFF" }) }, "idle", "SHUTOFF"],
    [
      { kind: "seen", server: serverView({ status: "ACTIVE", taskState: "rebuilding" }) },
      "busy",
      "ACTIVE (rebuilding)",
    ],
    [{ kind: "absent", refusal: REFUSAL }, "absent", "no such server"],
    [{ kind: "refused", refusal: REFUSAL }, "unreadable", "no such server"],
    [
      {
        kind: "unreadable",
        waitsFor: "throttled",
        cloudCode: null,
        message: "too many calls",
        retryAfterMs: null,
      },
      "unreadable",
      "too many calls",
    ],
  ] as const)("says what it shows: %#", async (look, seen, detail) => {
    const found = await looking(look).looks.look(PROJECT, SERVER);
    expect(found).toMatchObject({ kind: "found", view: { seen, detail } });
  });

  it("costs one call in three seconds, however often it is asked for", async () => {
    const { looks, clock, asked } = looking({ kind: "absent", refusal: REFUSAL });
    await Promise.all([looks.look(PROJECT, SERVER), looks.look(PROJECT, SERVER)]);
    clock.nowMs = 2_999;
    await looks.look(PROJECT, SERVER);
    expect(asked()).toBe(1);
    clock.nowMs = 3_000;
    await looks.look(PROJECT, SERVER);
    expect(asked()).toBe(2);
  });

  it("is made for projects of this worker only", async () => {
    const { looks, asked } = looking({ kind: "absent", refusal: REFUSAL });
    expect(await looks.look(OTHER, SERVER)).toEqual({ kind: "absent" });
    expect(asked()).toBe(0);
  });
});
