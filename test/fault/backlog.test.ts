import { expect, it } from "vitest";
import { sumOf } from "../../bench/support/worker.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { allOnce, onSharedServices, sendFleet } from "./own-stage.ts";

/** One step at a time, each with a look that takes a while: the last of twenty waits six times as long as the sweeper does. */
const BACKLOG = { PREFETCH: "1", SWEEP_INTERVAL_MS: "500", SWEEP_AFTER_MS: "2000" };

it("a step that waits long behind others in the work queue is not taken for lost", async () => {
  await onSharedServices({ env: BACKLOG }, async (stage) => {
    const worker = await stage.addWorker();
    stage.simulator.faults.set({ operation: "server", delayBeforeReplyMs: 600 });
    await allOnce(stage, await sendFleet(stage, 20), 120_000);
    const page = await (await fetch(`${worker.httpUrl}/metrics`)).text();
    const swept = page.matchAll(/^ecs_reinstall_swept_total\{result="(\w+)",.*\} (\d+)$/gm);
    const counts = Object.fromEntries(
      [...swept].map(([, result, count]) => [result, Number(count)]),
    );
    expect(counts).toMatchObject({ revived: 0, ended: 0, stuck: 0 });
  });
});

/** Of one source, which may start one in an hour: among so many, one that waits tries again after the longest delay. */
const MANY = 300;
const LONGEST_MS = 30_000;
const CROWD = {
  PREFETCH: "1",
  BRAKES_PER_SOURCE_PER_HOUR: "1",
  POLL_INTERVALS_MS: `100,200,500,${LONGEST_MS}`,
};

it("those in work do not stand behind the tries of hundreds that wait", async () => {
  await onSharedServices({ env: CROWD }, async (stage) => {
    const { emitter, simulator } = stage;
    const worker = await stage.addWorker();
    const tries = async () => {
      const page = await (await fetch(`${worker.httpUrl}/metrics`)).text();
      return sumOf(page, "ecs_reinstall_steps_total", ['phase="waiting"']);
    };
    await sendFleet(stage, MANY, { command: { source: "many" } });
    const waiting = () => emitter.heard().filter(({ event }) => event.data.event === "waiting");
    await eventually(() => waiting().length >= MANY - 1, { timeoutMs: 120_000 });

    const [sinceMs, before] = [performance.now(), await tries()];
    const few = Array.from({ length: 10 }, (_, n) => commandId(`few-${n}`));
    for (const id of few) {
      const server = simulator.addServer({ state: "SHUTOFF" });
      await emitter.send(stage.command(id, server.id, { source: id }));
    }
    const outcomes = await Promise.all(few.map((id) => emitter.outcome(id, 120_000)));
    expect(outcomes.map(({ data }) => data.event)).toEqual(few.map(() => "succeeded"));
    const turns = 1 + (performance.now() - sinceMs) / LONGEST_MS;
    expect((await tries()) - before).toBeLessThan(turns * MANY);
  });
});
