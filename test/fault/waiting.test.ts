import { expect, it } from "vitest";
import { sumOf } from "../../bench/support/worker.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import type { WorkerProcess } from "../support/worker/worker-process.ts";
import { allOnce, onSharedServices, sendFleet } from "./own-stage.ts";

const WORK = "ecs.reinstall.work";
const WAITING = "ecs.reinstall.work.waiting";

async function metric(worker: WorkerProcess, name: string, ...labels: string[]): Promise<number> {
  const page = await (await fetch(`${worker.httpUrl}/metrics`)).text();
  return sumOf(page, `ecs_reinstall_${name}`, labels);
}

const ended = (worker: WorkerProcess) => metric(worker, "swept_total", 'result="ended"');

/** Of one source, which may start one in an hour: each of so many comes back after 400 ms, more than one worker takes one after the other. */
const MANY = 300;
const CROWD = {
  PREFETCH: "1",
  BRAKES_PER_SOURCE_PER_HOUR: "1",
  POLL_INTERVALS_MS: "50,100,200,400",
};

it("no step of those in work stands behind hundreds that wait and cannot all be taken in time", async () => {
  await onSharedServices({ env: CROWD }, async (stage, { rabbitMq }) => {
    const { emitter, simulator } = stage;
    const worker = await stage.addWorker();
    await sendFleet(stage, MANY, { command: { source: "many" } });
    const waiting = () => emitter.heard().filter(({ event }) => event.data.event === "waiting");
    await eventually(() => waiting().length >= MANY - 1, { timeoutMs: 120_000 });
    const lengths = async () => {
      const { [WORK]: work = 0, [WAITING]: crowd = 0 } = await rabbitMq.queueDepths();
      return { work, crowd };
    };
    // Their first tries come from shorter delays: fewer waited then.
    await eventually(async () => expect(await lengths()).toMatchObject({ work: 0 }), {
      timeoutMs: 60_000,
    });

    const few = Array.from({ length: 10 }, (_, n) => commandId(`few-${n}`));
    for (const id of few) {
      const server = simulator.addServer({ state: "SHUTOFF" });
      await emitter.send(stage.command(id, server.id, { source: id }));
    }
    const longest = { work: 0, crowd: 0 };
    const heard = new Set<string>();
    const outcomes = Promise.all(few.map((id) => emitter.outcome(id, 120_000)));
    void outcomes.then((events) => events.map(({ data }) => heard.add(data.command_id)));
    await eventually(
      async () => {
        const { work, crowd } = await lengths();
        longest.work = Math.max(longest.work, work);
        longest.crowd = Math.max(longest.crowd, crowd);
        return heard.size === few.length;
      },
      { timeoutMs: 120_000 },
    );
    expect((await outcomes).map(({ data }) => data.event)).toEqual(few.map(() => "succeeded"));
    // Hundreds were ready all the time, and of the ten each has one message.
    expect(longest.crowd).toBeGreaterThan(MANY / 4);
    expect(longest.work).toBeLessThanOrEqual(few.length + 1);
    // What waits its turn there is not lost.
    expect(await ended(worker)).toBe(0);
  });
});

/** Most of sixty are far behind in the line. */
const LINE = {
  env: { BRAKES_MAX_RUNNING: "4", SWEEP_AFTER_MS: "20000" },
  simulator: { jobDurationMs: 200 },
};

it("each of those in line is reinstalled once, though workers are killed with some of them in hand", async () => {
  await onSharedServices(LINE, async (stage) => {
    let worker = await stage.addWorker();
    const fleet = await sendFleet(stage, 60);
    let redelivered = 0;
    await eventually(
      async () => {
        const inHand = () => metric(worker, "in_flight", 'queue="work-waiting"');
        await eventually(async () => (await inHand()) > 0, { timeoutMs: 30_000 });
        await worker.kill();
        worker = await stage.addWorker();
        const again = () => metric(worker, "redeliveries_total", 'queue="work-waiting"');
        await eventually(async () => (await metric(worker, "deliveries_total")) > 0);
        redelivered += await again();
        return redelivered > 0;
      },
      { what: "a waiting command in the hand of a killed worker", timeoutMs: 60_000 },
    );
    await allOnce(stage, fleet);
    await stage.audit(fleet.ids);
  });
});
