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
  const state = { ecs, credentials };
  let asked = 0;
  const prover = createCloudProver({
    cloud: {
      standings: () => [
        { name: "ecs", state: state.ecs, cause: null },
        { name: "credentials", state: state.credentials, cause: null },
      ],
      async probe() {
        asked += 1;
      },
    },
    project: PROJECT,
    clock: { monotonicMs: () => performance.now() },
    refusedPauseMs: 300_000,
    signal: new AbortController().signal,
    onError: () => undefined,
  });
  const after = async (ms: number) => {
    await vi.advanceTimersByTimeAsync(ms);
    return asked;
  };
  return { prover, state, after };
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
