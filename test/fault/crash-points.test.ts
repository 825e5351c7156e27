import { expect, it } from "vitest";
import type { FaultSpec } from "../../src/simulator/faults/fault-schema.ts";
import type { ServerSpec } from "../../src/simulator/cloud/server-record.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import type { FailPoint } from "../support/worker/worker-process.ts";
import { earnTrust, lockOf, onSharedServices, posts } from "./own-stage.ts";

interface Crash {
  readonly name: string;
  readonly at: Omit<FailPoint, "action">;
  readonly server?: ServerSpec;
  readonly fault?: Omit<FaultSpec, "operation" | "serverId"> & {
    operation: FaultSpec["operation"];
  };
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the job was followed to its end. */
  readonly evidence?: "job" | "system-disk-replaced";
  /** The attempt that was accepted, where one must have been fenced off: 2. */
  readonly attempt?: number;
}

/** Every row of the crash table (design §7), and the points between its rows. */
const CRASHES: readonly Crash[] = [
  { name: "a command is delivered", at: { label: "admit:before-claim" } },
  { name: "the lock is taken", at: { label: "admit:claimed" } },
  { name: "the first look", at: { label: "admit:looked" } },
  { name: "admission is saved, submit not published", at: { label: "step:saved" } },
  { name: "submit is about to be published", at: { label: "step:before-publish" } },
  { name: "submit is confirmed, the command not acked", at: { label: "step:published" } },
  { name: "submit is delivered", at: { label: "step:before-claim" }, attempt: 2 },
  { name: "the attempt is claimed, no intent", at: { label: "step:claimed" }, attempt: 2 },
  { name: "the attempt is ours", at: { label: "submit:attempt-claimed" }, attempt: 2 },
  { name: "the last look", at: { label: "submit:looked" }, attempt: 2 },
  { name: "the request is signed", at: { label: "submit:signed" }, attempt: 2 },
  {
    name: "the reply is read, not saved",
    at: { label: "submit:answered" },
    evidence: "system-disk-replaced",
  },
  { name: "the job id is saved, watch not published", at: { label: "step:saved", nth: 2 } },
  {
    name: "watch is published, submit not acked",
    at: { label: "step:published", nth: 2 },
  },
  { name: "a poll is delivered", at: { label: "step:claimed", after: "submit:answered" } },
  { name: "a poll is answered", at: { label: "watch:polled" } },
  { name: "a poll is saved", at: { label: "step:saved", nth: 3 } },
  { name: "a poll's next step is confirmed", at: { label: "step:published", nth: 3 } },
  { name: "finished in Redis, event not sent", at: { label: "step:finished" } },
  {
    name: "the final event is about to be published",
    at: { label: "step:before-publish", after: "step:finished" },
  },
  {
    name: "the final event is confirmed, not acked",
    at: { label: "step:published", after: "step:finished" },
  },
  { name: "the look before a stop", at: { label: "prepare:looked" }, server: { state: "ACTIVE" } },
  { name: "a stop is asked for", at: { label: "prepare:stop-asked" }, server: { state: "ACTIVE" } },
  {
    name: "a look for proof",
    at: { label: "reconcile:looked" },
    fault: { operation: "reinstall", lostReply: true, times: 1 },
    evidence: "system-disk-replaced",
  },
  {
    // The job has ended by the first poll: the next step is the wait.
    name: "the wait after success",
    at: { label: "step:claimed", after: "watch:looked" },
    server: { jobDurationMs: 20 },
    env: { SETTLE_MS: "1200" },
  },
];

it.concurrent.each(CRASHES)(
  "killed where $name, and another worker carries on to one reinstall",
  async ({ at, server: spec, fault, env = {}, evidence = "job", attempt }) => {
    await onSharedServices({ env }, async (stage) => {
      const server = stage.simulator.addServer({ state: "SHUTOFF", ...spec });
      if (fault !== undefined) stage.simulator.faults.set({ ...fault, serverId: server.id });
      const doomed = await stage.addWorker([{ ...at, action: "kill" }]);
      const id = commandId("crash");
      await stage.emitter.send(stage.command(id, server.id));
      expect(await doomed.ended()).toBe("signal SIGKILL");

      await stage.spawnWorker();

      const { data } = await stage.emitter.outcome(id, 60_000);
      expect(data).toMatchObject({ event: "succeeded", evidence });
      expect([stage.reinstalls(server.id), posts(stage, server.id)]).toEqual([1, 1]);
      if (attempt !== undefined) {
        expect((await stage.emitter.event(id, "submitted")).data["attempt"]).toBe(attempt);
      }
      await stage.audit([id]);
    });
  },
);

it.concurrent("a final event that was confirmed and not acked comes again, the same to the byte", async () => {
  await onSharedServices({}, async (stage) => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    // Killed before `told` is noted, so that nobody knows it was published.
    const doomed = await stage.addWorker([
      { label: "step:published", after: "step:finished", action: "kill" },
    ]);
    const id = commandId("again");
    await stage.emitter.send(stage.command(id, server.id));
    await doomed.ended();
    await stage.spawnWorker();
    const finals = () =>
      stage.emitter.heard(id).filter(({ event }) => event.data.event === "succeeded");
    await eventually(() => finals().length === 2, { timeoutMs: 30_000 });
    expect(new Set(finals().map(({ text }) => text)).size).toBe(1);
    await stage.audit([id]);
  });
});

const INTENT: FailPoint = { label: "submit:intent-recorded", nth: 4, action: "kill" };

it.concurrent("the intent is recorded and nothing sent: proven after the fence, then reinstalled, where the disk is trusted", async () => {
  await onSharedServices({}, async (stage) => {
    const doomed = await stage.addWorker([INTENT]);
    const plain = await earnTrust(stage);
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("proof");
    await stage.emitter.send(stage.command(id, server.id));
    await doomed.ended();
    const killedAtMs = Date.now();
    await stage.spawnWorker();
    const submitted = await stage.emitter.event(id, "submitted", 60_000);
    expect(submitted.data["attempt"]).toBe(2);
    // The fence (6 s after signing) and a third of it, in which the server must stay as it was.
    expect(Date.parse(submitted.time) - killedAtMs).toBeGreaterThan(7_000);
    expect((await stage.emitter.outcome(id)).data).toMatchObject({
      event: "succeeded",
      evidence: "job",
    });
    expect([stage.reinstalls(server.id), posts(stage, server.id)]).toEqual([1, 1]);
    await stage.audit([...plain, id]);
  });
});

it.concurrent("the intent is recorded and nothing sent: `unresolved` at the deadline and still locked, where the disk is not trusted", async () => {
  await onSharedServices({ env: { JOB_DEADLINE_MS: "9000" } }, async (stage, { redis }) => {
    const doomed = await stage.addWorker([{ ...INTENT, nth: 1 }]);
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("honest");
    await stage.emitter.send(stage.command(id, server.id));
    await doomed.ended();
    await stage.spawnWorker();
    expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
      event: "unresolved",
      disk_evidence: "untested",
      system_disk_before: server.systemDiskId,
    });
    expect(posts(stage, server.id)).toBe(0);
    expect(await lockOf(redis.url, server.id)).toMatchObject({ owner: id, phase: "unresolved" });
    await stage.audit([id], [id]);
    // Who comes next waits for a person, and does not reinstall.
    const next = commandId("next");
    await stage.emitter.send(stage.command(next, server.id, { on_busy: "reject" }));
    expect((await stage.emitter.outcome(next)).data.event).toBe("rejected");
    expect(posts(stage, server.id)).toBe(0);
  });
});

it.concurrent.each([
  ["before it is carried out", { delayBeforeExecutionMs: 1_500 }],
  ["after it was carried out", { delayBeforeReplyMs: 3_000 }],
] as const)(
  "the POST is on the wire, %s: the disk tells, and it is not sent again",
  async (_name, fault) => {
    await onSharedServices({}, async (stage) => {
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      stage.simulator.faults.set({ operation: "reinstall", ...fault });
      const doomed = await stage.addWorker();
      const id = commandId("wire");
      await stage.emitter.send(stage.command(id, server.id));
      await eventually(() => stage.simulator.calls(server.id).reinstall === 1, { intervalMs: 5 });
      await doomed.kill();
      await stage.spawnWorker();
      expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
        event: "succeeded",
        evidence: "system-disk-replaced",
      });
      expect([stage.reinstalls(server.id), posts(stage, server.id)]).toEqual([1, 1]);
      await stage.audit([id]);
    });
  },
);

it.concurrent("a step that throws is taken again; the process goes on", async () => {
  await onSharedServices({}, async (stage) => {
    const worker = await stage.addWorker(
      ["admit:claimed", "submit:looked", "submit:answered", "watch:polled", "step:finished"].map(
        (label) => ({ label, action: "throw" }),
      ),
    );
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("throws");
    await stage.emitter.send(stage.command(id, server.id));
    // Thrown after the POST was answered: nobody kept the job id, the disk tells.
    expect((await stage.emitter.outcome(id, 60_000)).data).toMatchObject({
      event: "succeeded",
      evidence: "system-disk-replaced",
    });
    expect([stage.reinstalls(server.id), posts(stage, server.id)]).toEqual([1, 1]);
    await worker.ready();
    await stage.audit([id]);
  });
});

it.concurrent.each(["submit:intent-recorded", "submit:answered", "watch:polled"])(
  "memory that is used up at %s ends the process, and another worker carries on",
  async (label) => {
    await onSharedServices({}, async (stage) => {
      const helper = await stage.addWorker();
      const plain = await earnTrust(stage);
      await helper.stop();
      const env = { NODE_OPTIONS: "--max-old-space-size=96" };
      const full = await stage.addWorker([{ label, action: "exhaust" }], env);
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      const id = commandId("exhausts");
      await stage.emitter.send(stage.command(id, server.id));
      expect(await full.ended(60_000)).toMatch(/SIGABRT|exit code (?:134|[1-9])/);
      expect(full.output()).toContain("JavaScript heap out of memory");
      await stage.spawnWorker();
      expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
      expect(stage.reinstalls(server.id)).toBe(1);
      await stage.audit([...plain, id]);
    });
  },
);

it.concurrent("a promise that nobody handles ends the process loudly, and another worker carries on", async () => {
  await onSharedServices({}, async (stage) => {
    const broken = await stage.addWorker([{ label: "watch:polled", action: "reject" }]);
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("rejects");
    await stage.emitter.send(stage.command(id, server.id));
    expect(await broken.ended()).toBe("exit code 1");
    await stage.spawnWorker();
    expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
    expect(posts(stage, server.id)).toBe(1);
    await stage.audit([id]);
  });
});
