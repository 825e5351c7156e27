import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Standing } from "../../../src/adapters/cloud/standing.ts";
import { createCloudProver } from "../../../src/background/cloud-prover.ts";
import { ProjectId } from "../../../src/contract/ids.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp(ecs: Standing["state"], credentials: Standing["state"] = "up") {
  const state: Record<"ecs" | "credentials", Standing["state"]> & {
    why: string | null;
    alone: { project: ProjectId; why: string }[];
    isCountKnown: boolean;
  } = {
    ecs,
    credentials,
    why: null,
    alone: [],
    isCountKnown: true,
  };
  const turns: string[] = [];
  let asked = 0;
  let settled = 0;
  const prover = createCloudProver({
    cloud: {
      standings: () => [
        { name: "ecs", state: state.ecs, cause: null },
        { name: "credentials", state: state.credentials, cause: state.why, alone: state.alone },
      ],
      async probe() {
        asked += 1;
      },
      settle: () => void (settled += 1),
    },
    project: PROJECT,
    clock: { monotonicMs: () => performance.now() },
    refusedPauseMs: 300_000,
    signal: new AbortController().signal,
    isCountKnown: () => state.isCountKnown,
    onTurn: ({ name, state: is, cause }) =>
      void turns.push(`${name} ${is}${cause === null ? "" : `, ${cause}`}`),
    onProject: (project, why) => void turns.push(`${project.slice(0, 4)} ${why}`),
    onError: () => undefined,
  });
  const after = async (ms: number) => {
    await vi.advanceTimersByTimeAsync(ms);
    return asked;
  };
  return { prover, state, after, turns, settled: () => settled };
}

describe("the question for endpoint, credentials and clock", () => {
  it("is asked at the start, and never where everything is proven", async () => {
    const { prover, state, after } = setUp("untested");
    prover.start();
    expect(await after(0)).toBe(1);
    state.ecs = "up";
    expect(await after(3_600_000)).toBe(1);
    prover.stop();
  });

  it("waits until it is known what other workers were refused, and not for ever", async () => {
    const first = setUp("untested");
    first.state.isCountKnown = false;
    first.prover.start();
    expect(await first.after(3_010)).toBe(0);
    first.state.isCountKnown = true;
    // At once: a command that comes before it would be the question.
    expect(await first.after(20)).toBe(1);
    first.prover.stop();
    const second = setUp("untested");
    second.state.isCountKnown = false;
    second.prover.start();
    expect(await second.after(9_000)).toBe(0);
    expect(await second.after(2_000)).toBe(1);
    second.prover.stop();
  });

  it("is asked again, ever more slowly, at most once a minute", async () => {
    const { prover, after } = setUp("untested");
    prover.start();
    expect(await after(3_000)).toBe(2);
    const afterTenMinutes = await after(600_000);
    expect(afterTenMinutes).toBeGreaterThan(10);
    expect(afterTenMinutes).toBeLessThan(18);
    expect((await after(600_000)) - afterTenMinutes).toBeLessThanOrEqual(10);
    prover.stop();
    expect(await after(600_000)).toBe(await after(0));
  });

  it("has it found out each second whether refused credentials still stop everything", async () => {
    const { prover, state, after, settled } = setUp("up", "untested");
    prover.start();
    await after(3_000);
    expect(settled()).toBe(0);
    state.credentials = "down";
    await after(10_000);
    expect(settled()).toBe(10);
    state.credentials = "up";
    await after(10_000);
    expect(settled()).toBe(10);
    prover.stop();
  });

  it("is not asked again while the credentials are refused, until their pause is over", async () => {
    const { prover, state, after } = setUp("up", "untested");
    prover.start();
    expect(await after(0)).toBe(1);
    state.credentials = "down";
    expect(await after(299_000)).toBe(1);
    expect(await after(3_000)).toBe(2);
    // New ones: soon.
    state.credentials = "untested";
    expect(await after(4_000)).toBe(3);
    prover.stop();
  });
});

describe("a part that goes down", () => {
  it("is said once, with its cause; and once when an answer shows that it is back", async () => {
    const { prover, state, after, turns } = setUp("untested", "untested");
    prover.start();
    await after(3_000);
    [state.ecs, state.credentials] = ["up", "up"];
    await after(3_000);
    expect(turns).toEqual([]);
    [state.credentials, state.why] = ["down", "HTTP 401"];
    await after(3_000);
    expect(turns).toEqual(["credentials down, HTTP 401"]);
    // Its pause is over, or the credentials are new: nothing has shown that they are right.
    [state.credentials, state.why] = ["untested", "not accepted yet"];
    await after(3_000);
    [state.credentials, state.why] = ["down", "HTTP 403"];
    await after(3_000);
    expect(turns).toHaveLength(1);
    [state.credentials, state.why] = ["up", null];
    await after(3_000);
    expect(turns.slice(1)).toEqual(["credentials up"]);
    prover.stop();
  });
});

describe("a project that is refused while others are taken", () => {
  it("is said once, and once when it is taken again, which is asked for", async () => {
    const { prover, state, after, turns } = setUp("up");
    prover.start();
    expect(await after(3_000)).toBe(0);
    [state.why, state.alone] = ["but", [{ project: PROJECT, why: "HTTP 401" }]];
    expect(await after(120_000)).toBeGreaterThan(2);
    expect(turns).toEqual(["0123 HTTP 401"]);
    // All are refused: that says nothing of this one.
    [state.credentials, state.alone] = ["down", []];
    await after(3_000);
    [state.credentials, state.alone] = ["up", [{ project: PROJECT, why: "HTTP 401" }]];
    await after(3_000);
    expect(turns.slice(1)).toEqual([
      expect.stringContaining("credentials down"),
      "credentials up, but",
    ]);
    [state.why, state.alone] = [null, []];
    const before = await after(3_000);
    expect(turns.slice(3)).toEqual(["0123 null"]);
    expect(await after(600_000)).toBe(before);
    prover.stop();
  });
});
