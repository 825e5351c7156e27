import { expect, it } from "vitest";
import type { OutsideAction } from "../../src/simulator/cloud/outside-actions.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import type { FailPoint } from "../support/worker/worker-process.ts";
import { allOnce, earnTrust, onSharedServices, posts, sendFleet } from "./own-stage.ts";

const ENV = {
  /** The broker gives up on a silent worker after two of these. */
  AMQP_HEARTBEAT_SECONDS: "1",
  ECS_POST_TIMEOUT_MS: "3000",
  /** The simulated cloud's. */
  SIGNATURE_WINDOW_MS: "4000",
};

interface Pause {
  readonly at: Omit<FailPoint, "action">;
  readonly state?: "ACTIVE";
  readonly evidence?: "system-disk-replaced";
}

const PAUSES: readonly Pause[] = [
  { at: { label: "admit:claimed" } },
  { at: { label: "admit:looked" } },
  { at: { label: "step:saved" } },
  { at: { label: "step:published" } },
  { at: { label: "step:claimed" } },
  { at: { label: "submit:looked" } },
  { at: { label: "submit:signed" } },
  { at: { label: "submit:answered" }, evidence: "system-disk-replaced" },
  { at: { label: "prepare:stop-asked" }, state: "ACTIVE" },
  { at: { label: "watch:polled" } },
  { at: { label: "step:finished" } },
];

it.concurrent.each(PAUSES)(
  "stopped at $at.label until another worker has finished: nothing it does afterwards counts",
  async ({ at, state, evidence = "job" }) => {
    await onSharedServices({ env: ENV }, async (stage) => {
      const zombie = await stage.addWorker([{ ...at, action: "stop" }]);
      const fleet = await sendFleet(stage, 1, { server: { state: state ?? "SHUTOFF" } });
      await zombie.stopped();
      await stage.spawnWorker();
      const { data } = await stage.emitter.outcome(fleet.ids[0] ?? "", 60_000);
      expect(data).toMatchObject({ event: "succeeded", evidence });
      const heard = stage.emitter.heard().length;

      zombie.process.signal("SIGCONT");
      await zombie.ready();

      await allOnce(stage, fleet);
      expect(posts(stage, fleet.serverIds[0] ?? "")).toBe(1);
      await stage.audit(fleet.ids);
      // At most the final event once more, never a new one.
      const since = stage.emitter.heard().slice(heard);
      const known = new Set(
        stage.emitter
          .heard()
          .slice(0, heard)
          .map(({ text }) => text),
      );
      expect(since.filter(({ text }) => !known.has(text))).toEqual([]);
    });
  },
);

const AFTER_INTENT: FailPoint = { label: "submit:intent-recorded", nth: 4, action: "stop" };

it.concurrent("stopped between intent and POST, awake while its signature is good: that one POST counts", async () => {
  const env = { ...ENV, POST_FENCE_MS: "25000" };
  await onSharedServices({ env, simulator: { signatureWindowMs: 20_000 } }, async (stage) => {
    const zombie = await stage.addWorker([AFTER_INTENT]);
    const plain = await earnTrust(stage);
    const fleet = await sendFleet(stage, 1);
    await zombie.stopped();
    await stage.addWorker();
    // The other one has it, and looks for proof.
    const [serverId = ""] = fleet.serverIds;
    const looks = stage.simulator.calls(serverId).server;
    await eventually(() => stage.simulator.calls(serverId).server > looks + 3, {
      timeoutMs: 30_000,
    });
    zombie.process.signal("SIGCONT");
    const { data } = await stage.emitter.outcome(fleet.ids[0] ?? "", 60_000);
    expect(data).toMatchObject({ event: "succeeded", evidence: "system-disk-replaced" });
    expect([stage.reinstalls(serverId), posts(stage, serverId)]).toEqual([1, 1]);
    await stage.audit([...plain, ...fleet.ids]);
  });
});

it.concurrent.each([
  ["the worker does not send it", "1000", 1],
  ["the cloud refuses it by its age", "30000", 2],
] as const)(
  "stopped between intent and POST, awake after the fence: %s",
  async (_name, signatureMaxAgeMs, expectedPosts) => {
    const env = {
      ...ENV,
      SIGNATURE_MAX_AGE_MS: signatureMaxAgeMs,
    };
    await onSharedServices({ env }, async (stage) => {
      const zombie = await stage.addWorker([AFTER_INTENT]);
      const plain = await earnTrust(stage);
      const fleet = await sendFleet(stage, 1);
      await zombie.stopped();
      await stage.addWorker();
      // Proven not carried out, tried again, done.
      await allOnce(stage, fleet);
      zombie.process.signal("SIGCONT");
      await zombie.ready();
      const [serverId = ""] = fleet.serverIds;
      await eventually(() => posts(stage, serverId) === expectedPosts);
      await allOnce(stage, fleet);
      await stage.audit([...plain, ...fleet.ids]);
    });
  },
);

it.concurrent("awake while the next command runs on its server: no POST, no write, no event of the old one", async () => {
  await onSharedServices({ env: ENV }, async (stage) => {
    const zombie = await stage.addWorker([{ label: "submit:signed", action: "stop" }]);
    const first = await sendFleet(stage, 1, { server: { jobDurationMs: 2_000 } });
    await zombie.stopped();
    await stage.addWorker();
    await stage.emitter.outcome(first.ids[0] ?? "", 60_000);
    const [serverId = ""] = first.serverIds;
    const second = commandId("second");
    await stage.emitter.send(stage.command(second, serverId, { reason: "again" }));
    await stage.emitter.event(second, "submitted");
    zombie.process.signal("SIGCONT");
    expect((await stage.emitter.outcome(second)).data.event).toBe("succeeded");
    await zombie.ready();
    expect(stage.simulator.ledger().servers[serverId]).toMatchObject({
      reinstallsRequested: 2,
      reinstallsExecuted: 2,
      maxConcurrent: 1,
    });
    await stage.audit([...first.ids, second]);
  });
});

it.concurrent("stopped with its POST on the wire: the other one finds out by the disk, the reply comes too late", async () => {
  await onSharedServices({ env: ENV }, async (stage) => {
    const zombie = await stage.addWorker();
    stage.simulator.faults.set({ operation: "reinstall", delayBeforeReplyMs: 800 });
    const fleet = await sendFleet(stage, 1);
    const [serverId = ""] = fleet.serverIds;
    await eventually(() => stage.simulator.calls(serverId).reinstall === 1, { intervalMs: 5 });
    zombie.process.signal("SIGSTOP");
    await stage.spawnWorker();
    const { data } = await stage.emitter.outcome(fleet.ids[0] ?? "", 60_000);
    expect(data).toMatchObject({ event: "succeeded", evidence: "system-disk-replaced" });
    zombie.process.signal("SIGCONT");
    await zombie.ready();
    expect([stage.reinstalls(serverId), posts(stage, serverId)]).toEqual([1, 1]);
    await stage.audit(fleet.ids);
  });
});

it.concurrent("an event loop that stands still for longer than the heartbeats is a zombie too", async () => {
  await onSharedServices({ env: ENV }, async (stage) => {
    const blocked = await stage.addWorker([
      { label: "submit:looked", action: "block", blockMs: 8_000 },
    ]);
    const fleet = await sendFleet(stage, 3);
    await stage.addWorker();
    await allOnce(stage, fleet);
    await blocked.ready();
    expect(fleet.serverIds.map((id) => posts(stage, id))).toEqual([1, 1, 1]);
    await stage.audit(fleet.ids);
  });
});

/** Between the last look and the POST somebody else lays hands on the server. */
const MEDDLING: readonly {
  readonly action: OutsideAction;
  readonly ends: object;
  readonly reinstalls: number;
}[] = [
  { action: { action: "start" }, ends: { event: "succeeded" }, reinstalls: 1 },
  // Refused as busy; waits for its end, and is then carried out as it was asked.
  { action: { action: "reinstall" }, ends: { event: "succeeded" }, reinstalls: 1 },
  { action: { action: "lock" }, ends: { event: "failed", class: "server-locked" }, reinstalls: 0 },
  { action: { action: "remove-disk" }, ends: { event: "failed" }, reinstalls: 0 },
  { action: { action: "delete" }, ends: { event: "failed", class: "not-found" }, reinstalls: 0 },
];

it.concurrent.each(MEDDLING)(
  "somebody's $action.action between look and POST: the cloud refuses, or the next look finds out",
  async ({ action, ends, reinstalls }) => {
    await onSharedServices(
      { env: { ...ENV, AMQP_HEARTBEAT_SECONDS: "10", ECS_MAX_RETRY_AFTER_MS: "1000" } },
      async (stage) => {
        const worker = await stage.addWorker([{ label: "submit:looked", action: "stop" }]);
        const fleet = await sendFleet(stage, 1);
        const [serverId = ""] = fleet.serverIds;
        await worker.stopped();
        stage.simulator.server(serverId)?.act(action);
        worker.process.signal("SIGCONT");
        const { data } = await stage.emitter.outcome(fleet.ids[0] ?? "", 60_000);
        expect(data).toMatchObject(ends);
        expect(stage.reinstalls(serverId)).toBe(reinstalls);
        expect(stage.simulator.ledger().servers[serverId]?.maxConcurrent ?? 0).toBeLessThanOrEqual(
          1,
        );
        await stage.audit(fleet.ids);
      },
    );
  },
);
