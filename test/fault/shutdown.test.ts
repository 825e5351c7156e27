import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { WorkerProcess } from "../support/worker/worker-process.ts";
import { allHeard, allOnce, onSharedServices, posts, sendFleet } from "./own-stage.ts";

const OK = "exit code 0";

/** SIGTERM, and how long it took until the process was gone. */
async function terminate(worker: WorkerProcess, again = false) {
  const startedMs = performance.now();
  worker.process.signal("SIGTERM");
  if (again) setTimeout(() => worker.process.signal("SIGTERM"), 100);
  const ending = await worker.ended(30_000);
  return { ending, tookMs: performance.now() - startedMs };
}

it.concurrent("idle: gone in a moment", async () => {
  await onSharedServices({}, async (stage) => {
    const worker = await stage.addWorker();
    const { ending, tookMs } = await terminate(worker);
    expect(ending).toBe(OK);
    expect(tookMs).toBeLessThan(5_000);
    await stage.audit([]);
  });
});

it.concurrent.each([
  ["once", false],
  ["twice", true],
])(
  "asked %s in the middle of a POST: it is finished, told, and followed by the next worker",
  async (_name, again) => {
    await onSharedServices({}, async (stage) => {
      const worker = await stage.addWorker();
      stage.simulator.faults.set({ operation: "reinstall", delayBeforeReplyMs: 1_500 });
      const fleet = await sendFleet(stage, 2);
      await eventually(
        () => fleet.serverIds.every((id) => stage.simulator.calls(id).reinstall === 1),
        { intervalMs: 5 },
      );
      expect((await terminate(worker, again)).ending).toBe(OK);
      // Told by the one that is gone: nobody else was there.
      await allHeard(stage, fleet, "submitted");
      await stage.addWorker();
      await allOnce(stage, fleet);
      for (const id of fleet.ids) {
        expect((await stage.emitter.outcome(id)).data["evidence"]).toBe("job");
      }
      expect(fleet.serverIds.map((id) => posts(stage, id))).toEqual([1, 1]);
      await stage.audit(fleet.ids);
    });
  },
);

it.concurrent("a POST that outlasts the grace time is left to the next worker, which finds proof", async () => {
  await onSharedServices({ env: { SHUTDOWN_GRACE_MS: "4000" } }, async (stage) => {
    const worker = await stage.addWorker();
    stage.simulator.faults.set({ operation: "reinstall", delayBeforeReplyMs: 15_000 });
    const fleet = await sendFleet(stage, 1);
    await eventually(() => stage.reinstalls(fleet.serverIds[0] ?? "") === 1, { intervalMs: 5 });
    const { ending, tookMs } = await terminate(worker);
    expect(ending).toBe(OK);
    expect(tookMs).toBeLessThan(5_000);
    await stage.addWorker();
    await allOnce(stage, fleet);
    const { data } = await stage.emitter.outcome(fleet.ids[0] ?? "");
    expect(data["evidence"]).toBe("system-disk-replaced");
    expect(posts(stage, fleet.serverIds[0] ?? "")).toBe(1);
    await stage.audit(fleet.ids);
  });
});

it.concurrent("with 50 jobs followed, at the end of a burst and in a rolling update: nothing is lost or repeated", async () => {
  await onSharedServices({}, async (stage) => {
    const old = [await stage.addWorker(), await stage.addWorker()];
    const followed = await sendFleet(stage, 50, { server: { jobDurationMs: 4_000 } });
    await allHeard(stage, followed, "submitted");
    const coming = await sendFleet(stage, 30);
    for (const worker of old) {
      await stage.addWorker();
      const { ending, tookMs } = await terminate(worker);
      expect(ending).toBe(OK);
      expect(tookMs).toBeLessThan(10_000);
    }
    await allOnce(stage, followed);
    await allOnce(stage, coming);
    await stage.audit([...followed.ids, ...coming.ids]);
  });
});

it.concurrent("at the start: as soon as it listens, and while everything it needs is away", async () => {
  await onSharedServices({}, async (stage) => {
    const nowhere = "127.0.0.1:9";
    const workers = [
      await stage.spawnWorker(),
      await stage.spawnWorker([], { AMQP_URL: `amqp://${nowhere}` }),
      await stage.spawnWorker([], { REDIS_URL: `redis://${nowhere}` }),
      await stage.spawnWorker([], {
        AMQP_URL: `amqp://${nowhere}`,
        REDIS_URL: `redis://${nowhere}`,
        ECS_ENDPOINT: `http://${nowhere}`,
      }),
    ];
    for (const worker of workers) {
      await eventually(() => worker.output().includes("worker started"), {
        timeoutMs: 30_000,
        intervalMs: 5,
      });
      const { ending, tookMs } = await terminate(worker);
      expect(ending).toBe(OK);
      expect(tookMs).toBeLessThan(10_000);
    }
  });
});
