import { EventEmitter } from "node:events";
import { describe, expect, it, vi } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";
import { createRedisHealth } from "../../../../src/adapters/redis/health.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");

function build() {
  const redis = Object.assign(new EventEmitter(), { status: "ready" });
  const onRefused = vi.fn<(refusal: object) => void>();
  let nowMs = 0;
  const health = createRedisHealth(redis as unknown as RedisClient, {
    onRefused,
    maxClockOffsetMs: 60_000,
    nowMs: () => nowMs,
  });
  const reached = (...clockOffsetsMs: number[]) =>
    health.sighted({ kind: "reached", clockOffsetsMs }, nowMs);
  return {
    health,
    redis,
    onRefused,
    reached,
    passMs: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("the readiness of Redis", () => {
  it("needs an answer, not only a connection", () => {
    const { health, reached, redis } = build();
    expect(health.check().state).toBe("starting");
    reached(0);
    expect(health.check().state).toBe("up");
    redis.status = "reconnecting";
    redis.emit("close");
    expect(health.check()).toEqual({ state: "down", detail: "reconnecting" });
    redis.status = "ready";
    redis.emit("ready");
    expect(health.check().state).toBe("starting");
  });

  it("says what the connection said last, of a cluster what its node said", () => {
    const { health, redis } = build();
    redis.status = "connecting";
    redis.emit("error", new Error("WRONGPASS"));
    expect(health.check().detail).toBe("connecting: WRONGPASS");
    const all = Object.assign(new Error("Failed to refresh slots cache."), {
      lastNodeError: new Error("self-signed certificate"),
    });
    redis.emit("error", all);
    expect(health.check().detail).toBe("connecting: self-signed certificate");
  });

  it("stays away while it is a replica, whatever reads find there", () => {
    const { health, reached, passMs } = build();
    reached(0);
    health.missed("keep-step", "READONLY You can't write against a read only replica.");
    passMs(100);
    health.sighted({ kind: "replica", primary: "10.0.0.7:6379" }, 100);
    expect(health.check()).toEqual({
      state: "down",
      detail:
        "is a replica of 10.0.0.7:6379: nothing can be written to it; the address must be that of the primary, or of the Sentinels",
    });
    passMs(100);
    reached(0);
    expect(health.check().state).toBe("up");
  });

  it("works, and says which key nobody can read, for as long as that is met", () => {
    const { health, reached, passMs } = build();
    reached(0);
    health.unreadable?.("script claim found what it cannot read at ecs:{p}:line");
    expect(health.check()).toEqual({
      state: "degraded",
      detail:
        "holds what cannot be read, and what needs it waits: script claim found what it cannot read at ecs:{p}:line",
      page: "docs/runbooks/EcsReinstallStepErrors.md",
    });
    passMs(60_000);
    health.unreadable?.("script claim found what it cannot read at ecs:{p}:line");
    health.unreadable?.("another");
    passMs(60_000);
    expect(health.check().detail).toContain("(and 1 more, see the log)");
    passMs(30_000);
    expect(health.check().state).toBe("up");
  });

  it.each([
    [
      "NOAUTH HELLO must be called with the client already authenticated, otherwise…",
      "it asks for a password, and none is given (NOAUTH)",
    ],
    [
      "READONLY You can't write against a read only replica. script: 8f939993cae6633c335773275a638f3902047fcf, on @user_script:305.",
      "READONLY You can't write against a read only replica.",
    ],
    [
      "ERR Error running script (call to f_8f939993cae6633c335773275a638f3902047fcf): @user_script:305: @user_script: 305: -READONLY You can't write",
      "READONLY You can't write",
    ],
    ["connect ECONNREFUSED 127.0.0.1:1", "connect ECONNREFUSED 127.0.0.1:1"],
  ])("says what people understand: %s", (said, words) => {
    const { health, redis } = build();
    redis.status = "reconnecting";
    redis.emit("error", new Error(said));
    expect(health.check().detail).toBe(`reconnecting: ${words}`);
  });

  it("goes at once when a step does not reach it, and comes back with a later look", () => {
    const { health, reached, passMs } = build();
    reached(0);
    passMs(100);
    health.missed("save", "Command timed out");
    expect(health.check()).toEqual({
      state: "down",
      detail: "a step did not reach it (save): Command timed out",
    });
    // That look had begun before the step failed.
    health.sighted({ kind: "reached", clockOffsetsMs: [0] }, 50);
    expect(health.check().state).toBe("down");
    passMs(100);
    reached(0);
    expect(health.check().state).toBe("up");
  });

  it("is what the last look says", () => {
    const { health, reached } = build();
    health.sighted({ kind: "away", detail: "Command timed out" }, 0);
    expect(health.check()).toEqual({ state: "down", detail: "does not answer: Command timed out" });
    reached(0);
    expect(health.check().state).toBe("up");
  });

  it("goes for a while when a script is refused, which is told once", () => {
    const { health, reached, onRefused, passMs } = build();
    reached(0);
    health.refused("admit", "NOPERM");
    health.refused("admit", "NOPERM");
    expect(onRefused).toHaveBeenCalledTimes(1);
    expect(health.check().detail).toBe("refuses the script admit: NOPERM");
    passMs(30_000);
    expect(health.check().state).toBe("up");
  });
});

describe("a new memory", () => {
  it("of a project is told for as long as nothing new starts there", () => {
    const { health, reached, passMs } = build();
    reached(0);
    health.rebuilding(PROJECT, 90_500);
    expect(health.check()).toEqual({
      state: "degraded",
      detail: `its memory of project ${PROJECT} is new: nothing new starts there for 91 s`,
    });
    passMs(90_500);
    expect(health.check().state).toBe("up");
  });
});

describe("the clocks", () => {
  it.each([
    [[3], "up", "our clock minus Redis's: 0.003 s"],
    [[-5_001], "degraded", "our clock minus Redis's: -5.001 s"],
    [[2, -40_000, 30_000], "degraded", "our clock minus Redis's: -40.000 s"],
    [[60_001], "down", "our clock minus Redis's: 60.001 s, more than MAX_CLOCK_OFFSET_MS (60000)"],
  ] as const)("are compared: %j ms is %s", (offsets, state, detail) => {
    const { health, reached } = build();
    reached(...offsets);
    expect(health.check().state).toBe(state);
    expect(health.check().detail).toContain(detail);
  });

  it("are not known while Redis does not answer", () => {
    const { health, reached } = build();
    expect(health.clockOffsetMs()).toBeNull();
    reached(40);
    expect(health.clockOffsetMs()).toBe(40);
    health.sighted({ kind: "away", detail: "gone" }, 0);
    expect(health.clockOffsetMs()).toBeNull();
  });
});
