import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { ownedDirectory } from "../support/processes/child-process.ts";
import type { Stage } from "../support/stage.ts";
import { allHeard, allOnce, onSharedServices, sendFleet } from "./own-stage.ts";

/*
 * Machines whose clocks are wrong, or jump while work is in hand. What a worker ends, and when, must not depend on it: instants
 * travel in messages from one worker to the next.
 */

const PRELOAD = fileURLToPath(new URL("../support/worker/shifted-clock.mjs", import.meta.url));
const OPTIONS = {
  env: { POST_FENCE_MS: "1080000", JOB_DEADLINE_MS: "2700000" },
  simulator: { signatureWindowMs: 900_000, jobDurationMs: 3_000 },
};
const HOUR_MS = 3_600_000;

/** A worker whose clock differs from the others' by what `shift` was given last. */
async function shiftedWorker(stage: Stage, offMs: number) {
  const file = join((await ownedDirectory("ecs-clock-")).path, "ms");
  const shift = (ms: number) => writeFileSync(file, `${ms}`);
  shift(offMs);
  const env = { NODE_OPTIONS: `--import ${PRELOAD}`, CLOCK_FILE: file };
  const worker = await stage.spawnWorker([], env);
  return { worker, shift };
}

const inFuture = (ms: number) => new Date(Date.now() + ms).toISOString();

it.concurrent.each([HOUR_MS, -HOUR_MS])(
  "a clock that jumps by %i ms in the middle of jobs ends none of them: each command succeeds, once",
  async (jumpMs) => {
    await onSharedServices(OPTIONS, async (stage) => {
      const { worker, shift } = await shiftedWorker(stage, 0);
      await worker.ready();
      const fleet = await sendFleet(stage, 6);
      const lost = stage.simulator.addServer({ state: "SHUTOFF" }).id;
      stage.simulator.faults.set({
        operation: "reinstall",
        serverId: lost,
        lostReply: true,
        times: 1,
      });
      const lostId = commandId("lost");
      await stage.emitter.send(stage.command(lostId, lost));
      await allHeard(stage, fleet, "submitted");
      shift(jumpMs);
      await allOnce(stage, fleet);
      expect((await stage.emitter.outcome(lostId)).data).toMatchObject({
        event: "succeeded",
        evidence: "system-disk-replaced",
      });
      for (const { event } of stage.emitter.heard()) {
        expect(Math.abs(Date.parse(event.time) - Date.now())).toBeLessThan(120_000);
      }
      // Somebody has to repair it all the same.
      const ready = await (await fetch(`${worker.httpUrl}/readyz`)).text();
      expect(ready).toContain("more than MAX_CLOCK_OFFSET_MS");
      await stage.audit([...fleet.ids, lostId]);
    });
  },
);

it.concurrent.each([300_000, -300_000, 30_000])(
  "a worker whose clock is off by %i ms, beside another, ends nothing too early and keeps nothing too long",
  async (offMs) => {
    await onSharedServices(OPTIONS, async (stage) => {
      const right = await stage.addWorker();
      const { worker } = await shiftedWorker(stage, offMs);
      await eventually(async () => {
        const text = await (await fetch(`${worker.httpUrl}/readyz`)).text();
        return text.includes("our clock minus Redis's");
      });
      const fleet = await sendFleet(stage, 12, { command: { expires_at: inFuture(60_000) } });
      const later = await sendFleet(stage, 6, {
        command: { not_before: inFuture(4_000), expires_at: inFuture(90_000) },
      });
      const all = {
        ids: [...fleet.ids, ...later.ids],
        serverIds: [...fleet.serverIds, ...later.serverIds],
      };
      await allOnce(stage, all, 45_000);
      // It would be the whole proof of nothing if only the other one had worked.
      const worked = (text: string) => /"msg":"(?:step|command)/.test(text);
      expect([right, worker].map((one) => worked(one.output()))).toEqual([true, true]);
      await stage.audit(all.ids);
    });
  },
);
