import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

let stage: SharedStage;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
  await stage.addWorker();
});

afterAll(() => stage?.close());

const KEY_BODY = { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" };

describe("a command", () => {
  it("reinstalls a stopped server once and tells its story in order", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const disk = server.systemDiskId;
    const id = commandId("plain");
    await stage.emitter.send(
      stage.command(id, server.id, { source: "node-healer", reason: "kernel panic loop" }),
    );
    const outcome = await stage.emitter.outcome(id);
    expect(outcome).toMatchObject({
      specversion: "1.0",
      type: "ecs.reinstall.succeeded.v1",
      subject: server.id,
      data: { verified: true, evidence: "job", source: "node-healer", reason: "kernel panic loop" },
    });
    expect(outcome.data["duration_seconds"]).toBeCloseTo(1, 0);
    const story = stage.emitter.story(id);
    expect(story.slice(0, 2)).toEqual(["accepted", "submitted"]);
    expect(story.at(-1)).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
    expect(server.systemDiskId).not.toBe(disk);
    const keys = stage.emitter.heard(id).map(({ key, event }) => [key, event.data.event]);
    for (const [key, event] of keys) {
      expect(key).toBe(`${server.projectId}.${server.id}.${event}`);
    }
  });

  it.each([
    ["userid and mode", { userid: "7e25b1da389f4697a79df3a0e5bd494e", mode: "withStopServer" }],
    ["keyname and userid", KEY_BODY],
  ])("takes the API page's example body with %s as it stands", async (_name, body) => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const id = commandId("example");
    await stage.emitter.send(stage.command(id, server.id, { "os-reinstall": body }));
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
  });

  it("stops a running server first, and the POST goes without mode", async () => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const id = commandId("running");
    await stage.emitter.send(
      stage.command(id, server.id, { "os-reinstall": { ...KEY_BODY, mode: "withStopServer" } }),
    );
    await stage.emitter.outcome(id);
    expect(stage.emitter.story(id).slice(0, 3)).toEqual(["accepted", "stopping", "submitted"]);
    const counts = stage.simulator.ledger().servers[server.id];
    expect(counts).toMatchObject({ stopsExecuted: 1, reinstallsExecuted: 1, maxConcurrent: 1 });
  });

  it("stops hard a server that does not stop softly", async () => {
    const patient = stage.simulator.addServer({ state: "ACTIVE", softStopHangs: true });
    const id = commandId("hangs");
    await stage.addWorker([], { SOFT_STOP_MS: "500" });
    await stage.workers[0]?.stop();
    await stage.workers[1]?.stop();
    await stage.emitter.send(stage.command(id, patient.id));
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    const stops = stage.emitter
      .heard(id)
      .filter(({ event }) => event.data.event === "stopping")
      .map(({ event }) => event.data["stop_type"]);
    expect(stops).toEqual(["SOFT", "HARD"]);
    await stage.addWorker();
  });

  it("may come as a CloudEvent, and is answered at reply_to under its correlation id", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("cloudevent");
    const { queue } = await stage.emitter.channel.assertQueue("", { exclusive: true });
    const replies: { correlationId: unknown; event: unknown }[] = [];
    await stage.emitter.channel.consume(
      queue,
      (message) => {
        if (message === null) return;
        replies.push({
          correlationId: message.properties.correlationId,
          event: JSON.parse(message.content.toString()).data.event,
        });
      },
      { noAck: true },
    );
    await stage.emitter.send(
      {
        specversion: "1.0",
        id,
        source: "/healer",
        type: "healer.reinstall",
        data: { server_id: server.id, "os-reinstall": KEY_BODY },
      },
      {
        contentType: "application/cloudevents+json",
        replyTo: queue,
        correlationId: "corr-1",
        headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
      },
    );
    const outcome = await stage.emitter.outcome(id);
    expect(outcome).toMatchObject({
      data: { event: "succeeded" },
      traceparent: expect.stringContaining("0af7651916cd43dd8448eb211c80319c"),
    });
    await eventually(() => replies.length > 0);
    expect(replies).toEqual([{ correlationId: "corr-1", event: "succeeded" }]);
  });
});

describe("a busy server", () => {
  it("is shared by an equal wish, queued for by another, and refused to who asks for that", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const [first, join, wait, reject] = ["first", "join", "wait", "reject"].map(commandId) as [
      string,
      string,
      string,
      string,
    ];
    const other = { "os-reinstall": { ...KEY_BODY, keyname: "another" } };
    await stage.emitter.send(stage.command(first, server.id));
    await stage.emitter.event(first, "submitted");
    await stage.emitter.send(stage.command(join, server.id));
    await stage.emitter.send(stage.command(wait, server.id, other));
    await stage.emitter.send(stage.command(reject, server.id, { ...other, on_busy: "reject" }));
    expect((await stage.emitter.outcome(reject)).data).toMatchObject({
      event: "rejected",
      problems: [{ path: "server_id", code: "server-busy" }],
    });
    const [lead, joined] = await Promise.all([first, join].map((id) => stage.emitter.outcome(id)));
    expect(joined?.data).toMatchObject({
      event: "succeeded",
      leader: first,
      job_id: lead?.data["job_id"],
    });
    expect(stage.emitter.story(join).slice(0, 2)).toEqual(["accepted", "joined"]);
    expect((await stage.emitter.event(wait, "waiting")).data).toMatchObject({
      waits_for: "server-busy",
      holder: first,
    });
    expect((await stage.emitter.outcome(wait)).data.event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(2);
    await stage.audit([first, join, wait, reject]);
  });
});

describe("a command that is not needed", () => {
  it("is superseded when its fault was seen before the last success", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const seenAt = new Date().toISOString();
    const [first, late] = [commandId("heals"), commandId("late")];
    await stage.emitter.send(stage.command(first, server.id));
    await stage.emitter.outcome(first);
    await stage.emitter.send(stage.command(late, server.id, { observed_at: seenAt }));
    expect((await stage.emitter.outcome(late)).data).toMatchObject({
      event: "superseded",
      why: "healed-since",
    });
    expect(stage.reinstalls(server.id)).toBe(1);
  });

  it("is superseded when the emitter saw another system disk", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("pinned");
    await stage.emitter.send(
      stage.command(id, server.id, { expected_system_disk: "not-the-disk-of-now" }),
    );
    expect((await stage.emitter.outcome(id)).data).toMatchObject({
      event: "superseded",
      why: "system-disk-changed",
      system_disk: server.systemDiskId,
    });
    expect(stage.reinstalls(server.id)).toBe(0);
  });

  it("expires before anything is done", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("expired");
    await stage.emitter.send(
      stage.command(id, server.id, { expires_at: new Date(Date.now() - 1000).toISOString() }),
    );
    expect((await stage.emitter.outcome(id)).data.event).toBe("expired");
    expect(stage.reinstalls(server.id)).toBe(0);
  });

  it("expires while it waits", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const [first, second] = [commandId("holds"), commandId("expires")];
    await stage.emitter.send(stage.command(first, server.id));
    await stage.emitter.event(first, "submitted");
    const expiresAt = new Date(Date.now() + 400).toISOString();
    await stage.emitter.send(
      stage.command(second, server.id, { on_busy: "wait", expires_at: expiresAt }),
    );
    expect((await stage.emitter.outcome(second)).data.event).toBe("expired");
    await stage.emitter.outcome(first);
    expect(stage.reinstalls(server.id)).toBe(1);
  });

  it("answers a dry run with each check's verdict and changes nothing", async () => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const id = commandId("dry");
    await stage.emitter.send(stage.command(id, server.id, { dry_run: true }));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "planned", would: "stop-then-reinstall" });
    const verdicts = (data["checks"] as { verdict: string }[]).map(({ verdict }) => verdict);
    expect(new Set(verdicts)).toEqual(new Set(["pass"]));
    expect(stage.simulator.calls(server.id)).toMatchObject({ stop: 0, reinstall: 0, server: 1 });
  });
});

describe("a server that cannot be reinstalled", () => {
  it.each([
    ["is unknown", null, "not-found", "Ecs.0114"],
    ["has no system disk", { systemDiskId: null }, "no-system-disk", "Ecs.0105"],
    ["is locked", { locked: true }, "server-locked", "Ecs.0605"],
    ["is frozen", { frozen: true }, "frozen", "Ecs.0030"],
  ])("that %s fails with its class and what to do next", async (_name, spec, failure, code) => {
    const serverId =
      spec === null
        ? "00000000-0000-4000-8000-00000000dead"
        : stage.simulator.addServer({ state: "SHUTOFF", ...spec }).id;
    const id = commandId("unfit");
    await stage.emitter.send(stage.command(id, serverId));
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "failed", class: failure, cloud_code: code });
    expect(data["next_step"]).toMatch(/\w+/);
    expect(stage.emitter.story(id)).toEqual(["accepted", "failed"]);
    await stage.audit([id]);
  });

  it("fails when its job fails, and the lock is free again", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    stage.simulator.faults.set({
      operation: "reinstall",
      serverId: server.id,
      times: 1,
      run: { fail: { code: "Ecs.0202", reason: "no room for a disk", atFraction: 0.5 } },
    });
    const [first, second] = [commandId("fails"), commandId("again")];
    await stage.emitter.send(stage.command(first, server.id));
    expect((await stage.emitter.outcome(first)).data).toMatchObject({
      event: "failed",
      class: "job-failed",
      cloud_code: "Ecs.0202",
    });
    await stage.emitter.send(stage.command(second, server.id));
    expect((await stage.emitter.outcome(second)).data.event).toBe("succeeded");
  });
});
