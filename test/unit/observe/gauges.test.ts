import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createGauges, type GaugeSources } from "../../../src/observe/gauges.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";

const CENSUS = {
  openCommands: 3,
  phases: new Map([["waiting", { commands: 3, oldestSeconds: 40 }]] as const),
  locks: 1,
  overdueLocks: 0,
  oldestLockSeconds: 40,
  lockAgesSeconds: [40],
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function build(changed: Partial<GaugeSources> = {}) {
  const metrics = createMetrics({ version: "1", processMetrics: false });
  const errors: unknown[] = [];
  const gauges = createGauges(metrics, {
    health: { dependencies: () => [] },
    cloud: { state: () => ({ endpoint: "closed", auth: "closed" }), clockOffsetMs: () => null },
    census: async () => CENSUS,
    evidence: async () => [],
    overdue: async () => new Map([[2_000, 75]]),
    onError: (error) => errors.push(error),
    ...changed,
  });
  const value = async (series: string) => {
    const line = (await metrics.page()).split("\n").find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(" ")[1]);
  };
  return { gauges, errors, value };
}

const LATE = 'ecs_reinstall_message_overdue_seconds{rung="2000"}';
const OPEN = "ecs_reinstall_open_commands";

describe("gauges of the store", () => {
  it("are counted as soon as the store is there", async () => {
    const { gauges, value } = build();
    await gauges.count();
    expect(await value(OPEN)).toBe(3);
    expect(await value(LATE)).toBe(75);
  });

  it("are counted once a minute, late messages every 15 seconds", async () => {
    const asked = { census: 0, overdue: 0 };
    const { gauges } = build({
      census: async () => (asked.census++, CENSUS),
      overdue: async () => (asked.overdue++, new Map()),
    });
    gauges.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual({ census: 1, overdue: 4 });
    gauges.stop();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked).toEqual({ census: 1, overdue: 4 });
  });

  it("stand when the store is away, each for itself", async () => {
    let away = false;
    const gone = new Error("away");
    const { gauges, value, errors } = build({
      census: async () => {
        if (away) throw gone;
        return CENSUS;
      },
      overdue: async () => new Map([[2_000, away ? 90 : 75]]),
    });
    await gauges.count();
    away = true;
    await gauges.count();
    expect(await value(OPEN)).toBe(3);
    expect(await value(LATE)).toBe(90);
    expect(errors).toEqual([gone]);
  });
});
