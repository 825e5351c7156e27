import { expect, it } from "vitest";
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
