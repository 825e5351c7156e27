import { expect, it } from "vitest";
import { longestStepMs } from "../../src/composition/longest-step.ts";
import { loadConfig } from "../../src/config/load.ts";
import { eventually } from "../support/eventually.ts";
import { startFlakyProxy } from "../support/network/flaky-proxy.ts";
import { sharedServices } from "../support/services.ts";
import { FAST, type Stage } from "../support/stage.ts";
import type { WorkerProcess } from "../support/worker/worker-process.ts";
import { allOnce, onSharedServices, onStage, posts, sendFleet } from "./own-stage.ts";

/** Short time-outs: what can wait at most, waits for half a minute at most. */
const ENV = {
  ECS_CONNECT_TIMEOUT_MS: "150",
  ECS_HEADERS_TIMEOUT_MS: "150",
  ECS_BODY_TIMEOUT_MS: "150",
  ECS_POST_TIMEOUT_MS: "1000",
  ECS_BREAKER_OPEN_MS: "500",
  REDIS_COMMAND_TIMEOUT_MS: "200",
  REDIS_WAIT_TIMEOUT_MS: "10",
  AMQP_HEARTBEAT_SECONDS: "1",
  AMQP_CONFIRM_TIMEOUT_MS: "500",
  AMQP_RECONNECT_MAX_MS: "1000",
};

const LIMIT_MS = limitMs();
/** Longer than the limit, so that whatever waits through it would be seen. */
const AWAY_MS = 90_000;

function limitMs(): number {
  const loaded = loadConfig(
    {
      NODE_ENV: "test",
      ECS_PROJECTS: "0123456789abcdef0123456789abcdef",
      ECS_ACCESS_KEY: "a",
      ECS_SECRET_KEY: "s",
      ...FAST,
      ...ENV,
    },
    512 * 1024 * 1024,
  );
  if (loaded.kind !== "ok") throw new Error("the environment must be a configuration");
  return longestStepMs(loaded.config);
}

async function liveness({ httpUrl }: WorkerProcess) {
  const answer = await fetch(`${httpUrl}/livez`);
  return { status: answer.status, body: (await answer.json()) as { readonly detail?: string } };
}

it.concurrent.each(["submit:looked", "watch:polled", "step:before-publish"])(
  "a step that never goes on at %s: not alive after the limit, and the next worker finishes it",
  async (label) => {
    await onSharedServices({ env: ENV }, async (stage) => {
      const hanging = await stage.addWorker([{ label, action: "hang" }]);
      const fleet = await sendFleet(stage, 1);
      await eventually(async () => (await liveness(hanging)).status === 503, {
        what: "a worker that is not alive",
        timeoutMs: LIMIT_MS + 20_000,
        intervalMs: 500,
      });
      expect((await liveness(hanging)).body.detail).toMatch(/is in hand for \d+ s; no step takes/);
      // It can do everything else: nothing that /readyz shows would have told.
      // Another test may hold the broker's memory for a moment.
      await eventually(async () => (await fetch(`${hanging.httpUrl}/readyz`)).status === 200, {
        what: "a worker that is ready",
        timeoutMs: 20_000,
      });
      const told = hanging.log().filter(({ msg }) => String(msg).startsWith("a delivery hangs"));
      expect(told).toMatchObject([{ queue: label.startsWith("step") ? "commands" : "work" }]);

      // As the kubelet does it: a hanging step does not keep the process from ending.
      expect(await hanging.stop()).toBe("exit code 0");
      await stage.addWorker();
      await allOnce(stage, fleet);
      expect(posts(stage, fleet.serverIds[0] ?? "")).toBe(1);
      await stage.audit(fleet.ids);
    });
  },
);

it.concurrent.each(["amqp", "redis", "cloud"] as const)(
  "%s answers nothing for longer than the limit, then refuses: alive all the time",
  async (what) => {
    expect(AWAY_MS).toBeGreaterThan(LIMIT_MS);
    const services = await sharedServices();
    const users = await services.rabbitMq.users?.();
    const target = {
      amqp: users?.worker ?? services.rabbitMq.url,
      redis: users?.workerRedis.get(services.redis.url) ?? services.redis.url,
    };
    const proxy = await startFlakyProxy(0);
    const through =
      what === "cloud"
        ? { cloud: `http://127.0.0.1:${proxy.port}` }
        : { [what]: proxy.via(target[what]) };
    try {
      await onStage(
        { rabbitMq: services.rabbitMq, redisUrl: services.redis.url, through, env: ENV },
        async (stage) => {
          proxy.retarget(
            Number(new URL(what === "cloud" ? stage.simulator.url : target[what]).port),
          );
          const worker = await stage.addWorker();
          const fleet = await sendFleet(stage, 10, { server: { jobDurationMs: 3_000 } });
          await Promise.all(fleet.ids.map((id) => stage.emitter.event(id, "accepted")));
          await proxy.set({ kind: "black-hole" });
          await staysAlive(worker, AWAY_MS);
          await proxy.set({ kind: "reset" });
          await staysAlive(worker, 5_000);
          await proxy.set({ kind: "pass" });
          await ended(stage, fleet.ids);
          expect((await liveness(worker)).status).toBe(200);
        },
      );
    } finally {
      await proxy.close();
      await services.close();
    }
  },
);

async function staysAlive(worker: WorkerProcess, forMs: number): Promise<void> {
  const untilMs = performance.now() + forMs;
  const seen = new Set<number>();
  await eventually(
    async () => {
      seen.add((await liveness(worker)).status);
      return performance.now() > untilMs;
    },
    { what: "the end of the outage", timeoutMs: forMs + 10_000, intervalMs: 500 },
  );
  expect([...seen]).toEqual([200]);
}

/** Each command has come to an end: what it is depends on when the cloud went away. */
async function ended({ emitter }: Stage, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => emitter.outcome(id, 60_000)));
}
