import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProjectId } from "../../../../src/contract/ids.ts";
import type { Census } from "../../../../src/core/state/census.ts";
import { createGauges, type GaugeSources } from "../../../../src/observe/metrics/gauges.ts";
import { createMetrics } from "../../../../src/observe/metrics/metrics.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
const OTHER = ProjectId.parse("f".repeat(32));
const RATE = {
  projectId: PROJECT,
  perSecond: 3.5,
  configuredPerSecond: 50,
  isLearned: true,
  heldUntilMs: null,
  left: 0.5,
};
const NONE = { locks: 0, oldestSeconds: 0 };
const CENSUS: Census = new Map([
  [
    PROJECT,
    {
      openCommands: 3,
      phases: new Map([["waiting", { commands: 3, oldestSeconds: 40 }]] as const),
      paused: false,
      locks: {
        reinstall: { locks: 1, oldestSeconds: 40 },
        unresolved: NONE,
        "other-service": NONE,
        unreadable: NONE,
      },
      overdueLocks: 0,
      lockAgesSeconds: [40],
      slots: { taken: 1, cap: 10, waiting: 2 },
    },
  ],
]);

const CLOUD = {
  endpoint: "closed",
  iam: "open",
  ims: null,
  evs: "open",
  auth: "half-open",
} as const;

const LENGTHS = { commands: 5, work: 0, "work-waiting": 0, "work-dead": 0, dead: 2, delay: 9 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function build(changed: Partial<GaugeSources> = {}) {
  const metrics = createMetrics({ version: "1", processMetrics: false });
  const errors: unknown[] = [];
  const gauges = createGauges(metrics, {
    health: { dependencies: () => [] },
    cloud: { state: () => CLOUD, clockOffsetMs: () => null },
    redisClockOffsetMs: () => null,
    census: async () => CENSUS,
    evidence: async () => [],
    overdue: async () => new Map([["2000", 75]]),
    callRates: async () => [RATE, { ...RATE, projectId: OTHER, left: 0.25 }],
    queueLengths: async () => LENGTHS,
    onError: (error) => errors.push(error),
    ...changed,
  });
  const value = async (series: string) => {
    const line = (await metrics.page()).split("\n").find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(" ")[1]);
  };
  return { gauges, errors, value, page: () => metrics.page() };
}

const LATE = 'ecs_reinstall_message_overdue_seconds{rung="2000"}';
const OPEN = `ecs_reinstall_open_commands{project="${PROJECT}"}`;

describe("breakers", () => {
  const breaker = (name: string) => `ecs_reinstall_breaker_state{breaker="${name}"}`;

  it("are told each by its name, those that do not exist not at all", async () => {
    const { gauges, value } = build();
    gauges.start();
    gauges.stop();
    expect(await value(breaker("ecs"))).toBe(0);
    expect(await value(breaker("iam"))).toBe(2);
    expect(await value(breaker("auth"))).toBe(1);
    expect(await value(breaker("evs"))).toBe(2);
    expect(await value(breaker("ims"))).toBeUndefined();
  });
});

describe("lengths of queues", () => {
  it("are the broker's, and have no value while it cannot say", async () => {
    let away = false;
    const { gauges, value, errors } = build({ queueLengths: async () => (away ? null : LENGTHS) });
    await gauges.count();
    expect(await value('ecs_reinstall_queue_messages{queue="commands"}')).toBe(5);
    expect(await value('ecs_reinstall_queue_messages{queue="delay"}')).toBe(9);
    away = true;
    await gauges.count();
    expect(await value('ecs_reinstall_queue_messages{queue="commands"}')).toBeUndefined();
    expect(errors).toEqual([]);
  });
});

describe("gauges of the store", () => {
  it("are counted as soon as the store is there", async () => {
    const { gauges, value } = build();
    await gauges.count();
    expect(await value(OPEN)).toBe(3);
    expect(await value(LATE)).toBe(75);
    expect(await value("ecs_reinstall_budget_left_ratio")).toBe(0.25);
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

  it("are on no page before the first count, not even as 0", async () => {
    const { value, page } = build();
    expect(await value("ecs_reinstall_budget_left_ratio")).toBeUndefined();
    expect(await value("ecs_reinstall_redis_clock_offset_seconds")).toBeUndefined();
    for (const name of OF_THE_STORE)
      expect(await page()).not.toMatch(new RegExp(`^${name}[ {]`, "m"));
  });

  it("go from the page when the store is away, each for itself, and come back with it", async () => {
    let [away, gone] = [false, false];
    const { gauges, value, errors, page } = build({
      census: async () => {
        if (away) throw new Error("no census");
        return CENSUS;
      },
      overdue: async () => {
        if (gone) throw new Error("nothing at all");
        return new Map([["2000", 75]]);
      },
    });
    await gauges.count();
    expect(await value(OPEN)).toBe(3);
    away = true;
    await gauges.count();
    expect(await value(OPEN)).toBeUndefined();
    expect(await value(LATE)).toBe(75);
    expect(errors).toEqual([new Error("no census")]);
    away = false;
    await gauges.count();
    expect(await value(OPEN)).toBe(3);
    gone = true;
    gauges.start();
    await vi.advanceTimersByTimeAsync(15_000);
    for (const name of OF_THE_STORE)
      expect(await page()).not.toMatch(new RegExp(`^${name}[ {]`, "m"));
    gone = false;
    await vi.advanceTimersByTimeAsync(15_000);
    gauges.stop();
    expect(await value(OPEN)).toBe(3);
    expect(await value(LATE)).toBe(75);
  });

  it("of the request budget and of Redis's clock go with what they were asked of", async () => {
    let away = false;
    const { gauges, value } = build({
      callRates: async () => {
        if (away) throw new Error("away");
        return [{ ...RATE, left: 0.25 }];
      },
      redisClockOffsetMs: () => (away ? null : 40_000),
    });
    gauges.start();
    await gauges.count();
    expect(await value("ecs_reinstall_budget_left_ratio")).toBe(0.25);
    expect(await value(rateOf("allowed"))).toBe(3.5);
    expect(await value(rateOf("configured"))).toBe(50);
    expect(await value("ecs_reinstall_redis_clock_offset_seconds")).toBe(40);
    away = true;
    await vi.advanceTimersByTimeAsync(15_000);
    gauges.stop();
    expect(await value("ecs_reinstall_budget_left_ratio")).toBeUndefined();
    expect(await value(rateOf("allowed"))).toBeUndefined();
    expect(await value("ecs_reinstall_redis_clock_offset_seconds")).toBeUndefined();
  });
});

const rateOf = (limit: string) =>
  `ecs_reinstall_cloud_requests_per_second{project="${RATE.projectId}",limit="${limit}"}`;

const OF_THE_STORE = [
  "open_commands",
  "paused",
  "phase_commands",
  "oldest_command_age_seconds",
  "locks",
  "oldest_lock_age_seconds",
  "locks_overdue",
  "lock_age_seconds",
  "message_overdue_seconds",
  "evidence_samples",
].map((name) => `ecs_reinstall_${name}`);
