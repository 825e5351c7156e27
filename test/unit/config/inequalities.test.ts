import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";

const ENOUGH = { ECS_PROJECTS: "0".repeat(32), ECS_ACCESS_KEY: "AK", ECS_SECRET_KEY: "SK" };
const HEAP_BYTES = 512 * 1024 * 1024;

function problems(env: Record<string, string>, heapBytes = HEAP_BYTES): string[] {
  const loaded = loadConfig({ ...ENOUGH, ...env }, heapBytes);
  if (loaded.kind === "ok") return [];
  return loaded.problems.map(({ variable, message }) => `${variable} ${message}`);
}

describe("start-up inequalities", () => {
  it.each([
    // 900 000 + 60 000 + 20 000 = 980 000
    ["POST_FENCE_MS", "980000", "979999", "must be at least 980000, and is 979999"],
    ["SIGNATURE_WINDOW_MS", "900000", "899999", "must be at least 900000"],
    // 20 000 + 5 000
    ["SHUTDOWN_GRACE_MS", "25000", "24999", "must be at least 25000"],
    // a day + 1 080 000 + a day
    ["DEDUP_TTL_MS", "173880000", "173879999", "must be at least 173880000"],
    // 60 000 + 3 x 10 000
    ["REBUILD_HOLD_MS", "90000", "89999", "must be at least 90000"],
    // 1 080 000 + 360 000 + 60 000
    ["JOB_DEADLINE_MS", "1500000", "1499999", "must be at least 1500000"],
    ["SWEEP_AFTER_MS", "599999", "600000", "must be less than 600000"],
    ["SWEEP_AFTER_MS", "120000", "119999", "must be at least 120000"],
    ["SOFT_STOP_MS", "600000", "600001", "must be at most 600000"],
    ["AMQP_RECONNECT_INITIAL_MS", "15000", "15001", "must be at most 15000"],
  ])("hold at the limit of %s=%s and break at %s", (name, good, bad, message) => {
    expect(problems({ [name]: good })).toEqual([]);
    expect(problems({ [name]: bad })).toEqual([expect.stringContaining(`${name} ${message}`)]);
  });

  it("name the variables and numbers that they compare", () => {
    const [message] = problems({ ECS_POST_TIMEOUT_MS: "20001" });
    expect(message).toBe(
      "SHUTDOWN_GRACE_MS must be at least 25001, and is 25000: ECS_POST_TIMEOUT_MS (20001) + 5000, so that a POST in flight is waited for",
    );
  });

  it("lift the windows of the real cloud with UNSAFE_TEST_WINDOWS, and nothing else", () => {
    const short = {
      POST_FENCE_MS: "2000",
      SIGNATURE_WINDOW_MS: "1000",
      SHUTDOWN_GRACE_MS: "1000",
      DEDUP_TTL_MS: "60000",
      REBUILD_HOLD_MS: "100",
      JOB_DEADLINE_MS: "5000",
      SIGNATURE_MAX_AGE_MS: "900",
      ECS_ENDPOINT: "http://simulator:8443",
    };
    expect(problems(short)).toHaveLength(8);
    expect(problems({ ...short, UNSAFE_TEST_WINDOWS: "true" })).toEqual([]);
    expect(problems({ SWEEP_AFTER_MS: "600000", UNSAFE_TEST_WINDOWS: "true" })).toHaveLength(1);
  });

  it("keep the messages in hand below a quarter of the heap", () => {
    // (10 x 2 + 10) x 131 072 x 4 = 15 728 640
    expect(problems({}, 4 * 15_728_640)).toEqual([]);
    expect(problems({}, 4 * 15_728_640 - 1)).toEqual([
      expect.stringMatching(/^PREFETCH .*= 15728640 bytes must be at most a quarter of the heap/),
    ]);
    // Of those far behind in line a worker takes 10 at most: (50 x 2 + 10) x 131 072 x 4 = 57 671 680
    expect(problems({ PREFETCH: "50" }, 4 * 57_671_680)).toEqual([]);
    expect(problems({ PREFETCH: "50" }, 4 * 57_671_680 - 1)).toHaveLength(1);
    // (3 x 2 + 3) x 131 072 x 4 = 4 718 592
    expect(problems({ PREFETCH: "3" }, 4 * 4_718_592)).toEqual([]);
  });

  it("want the wait for replicas to end before the command time-out", () => {
    expect(problems({ REDIS_WAIT_TIMEOUT_MS: "2000" })).toEqual([]);
    expect(problems({ REDIS_WAIT_TIMEOUT_MS: "2000", REDIS_WAIT_REPLICAS: "1" })).toEqual([
      expect.stringContaining("REDIS_WAIT_TIMEOUT_MS must be at most 1999"),
    ]);
  });

  it("are silent about a setting that is wrong in itself", () => {
    expect(problems({ ECS_POST_TIMEOUT_MS: "soon", SHUTDOWN_GRACE_MS: "1000" })).toEqual([
      expect.stringContaining("ECS_POST_TIMEOUT_MS must be a whole number"),
    ]);
  });
});
