import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { commandId } from "../../support/emitter/emitter.ts";
import type { Stage } from "../../support/stage.ts";
import type { WorkerProcess } from "../../support/worker/worker-process.ts";

/** Asks for readiness all the time; answers each "no", with its reason, when it is stopped. */
export function watchReadiness(worker: WorkerProcess) {
  const outages: string[] = [];
  let asked = 0;
  const ending = new AbortController();
  const done = (async () => {
    while (!ending.signal.aborted) {
      const answer = await fetch(`${worker.httpUrl}/readyz`);
      asked += 1;
      if (!answer.ok) outages.push(await answer.text());
      await sleep(50);
    }
  })();
  return async () => {
    ending.abort();
    await done;
    return { asked, outages };
  };
}

/** Sends a command every 200 ms until it is stopped; answers all ids. */
export function sendAllTheTime(stage: Stage) {
  const sent: { readonly id: string; readonly serverId: string }[] = [];
  const ending = new AbortController();
  const done = (async () => {
    while (!ending.signal.aborted) {
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      const id = commandId(`under-way-${sent.length}`);
      sent.push({ id, serverId: server.id });
      await stage.emitter.send(stage.command(id, server.id));
      await sleep(200);
    }
  })();
  return async () => {
    ending.abort();
    await done;
    return sent;
  };
}

/** Ends both: the worker was ready all the time, and each command succeeded and was carried out once. */
export async function expectNoOutage(
  stage: Stage,
  commands: ReturnType<typeof sendAllTheTime>,
  readiness: ReturnType<typeof watchReadiness>,
): Promise<void> {
  const sent = await commands();
  const outcomes = await Promise.all(sent.map(({ id }) => stage.emitter.outcome(id, 60_000)));
  const { asked, outages } = await readiness();
  expect(outages).toEqual([]);
  expect(asked).toBeGreaterThan(50);
  expect(outcomes.map(({ data }) => data.event)).toEqual(sent.map(() => "succeeded"));
  expect(sent.map(({ serverId }) => stage.reinstalls(serverId))).toEqual(sent.map(() => 1));
  await stage.audit(sent.map(({ id }) => id));
}
