import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

let stage: SharedStage;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
});

afterAll(() => stage?.close());

const BODY = { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" };
const idle = () => stage.simulator.addServer({ state: "SHUTOFF" }).id;

describe("a CloudEvent in binary mode", () => {
  const headers = (id: string, prefix = "cloudEvents:") => ({
    [`${prefix}specversion`]: "1.0",
    [`${prefix}id`]: id,
    [`${prefix}source`]: "/healer",
    [`${prefix}type`]: "com.example.reinstall",
  });

  it("is one command however often, and in whichever spelling, its id comes", async () => {
    const [id, server] = [commandId("event"), idle()];
    const command = { server_id: server, "os-reinstall": BODY };
    await stage.emitter.send(command, { headers: headers(id) });
    await stage.emitter.event(id, "accepted");
    await stage.emitter.send(command, { headers: headers(id, "cloudEvents_"), messageId: id });
    await eventually(() =>
      stage.emitter.heard().some(({ event: { data } }) => data["reused_command_id"] === id),
    );
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(stage.reinstalls(server)).toBe(1);
  });

  it("under two message ids is refused, and nothing is done", async () => {
    const [id, server] = [commandId("event"), idle()];
    const command = { server_id: server, "os-reinstall": BODY };
    for (const messageId of ["m1", "m2"]) {
      await stage.emitter.send(command, { headers: headers(id), messageId });
    }
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({ event: "rejected", problems: [{ path: "message_id" }] });
    expect(stage.reinstalls(server)).toBe(0);
  });
});

describe("what an emitter's serialiser writes for 'not set'", () => {
  it("stops no repair, and is named when the command is accepted", async () => {
    const [id, server] = [commandId("unset"), idle()];
    const unset = { observed_at: "0001-01-01T00:00:00Z", expires_at: null, ttl: 5 };
    await stage.emitter.send(stage.command(id, server, unset), { timestamp: 0 });
    expect((await stage.emitter.event(id, "accepted")).data).toMatchObject({
      unknown_fields: ["ttl"],
      null_fields: ["expires_at"],
      unset_times: ["observed_at"],
      ignored_timestamp: "before-2020",
    });
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    const metrics = await (await fetch(`${stage.workers[0]?.httpUrl}/metrics`)).text();
    expect(metrics).toMatch(/implausible_timestamps_total\{why="before-2020"\} 1/);
  });
});

describe("an expired command", () => {
  it.each([
    ["expires_at", { expires_at: "2026-01-01T00:00:00Z" }, {}],
    ["age-since-timestamp", {}, { timestamp: Math.floor(Date.now() / 1000) - 2 * 86_400 }],
  ])("says because of what: %s", async (because, more, properties) => {
    const id = commandId("expired");
    await stage.emitter.send(stage.command(id, idle(), more), properties);
    expect((await stage.emitter.outcome(id)).data).toMatchObject({ event: "expired", because });
  });
});

describe("a command with not_before", () => {
  it("waits without the server's lock, and starts when its time has come", async () => {
    const [id, other, server] = [commandId("later"), commandId("now"), idle()];
    const notBeforeMs = Date.now() + 2_500;
    const not_before = new Date(notBeforeMs).toISOString();
    await stage.emitter.send(stage.command(id, server, { not_before, group: "web.blue" }));
    expect((await stage.emitter.event(id, "waiting")).data).toMatchObject({
      waits_for: "not-before",
      until: not_before,
      group: "web.blue",
    });
    // Another wish for the same server is not held up.
    const body = { "os-reinstall": { userid: BODY.userid } };
    await stage.emitter.send(stage.command(other, server, body));
    const submitted = await stage.emitter.event(other, "submitted");
    expect(Date.parse(submitted.time)).toBeLessThan(notBeforeMs);
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    const started = await eventually(() =>
      stage.emitter.heard(id).find(({ event }) => event.data.event === "submitted"),
    );
    expect(Date.parse(started?.event.time ?? "")).toBeGreaterThanOrEqual(notBeforeMs);
    expect(stage.reinstalls(server)).toBe(2);
    await stage.audit([]);
  });
});
