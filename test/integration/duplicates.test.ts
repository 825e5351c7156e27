import { afterAll, beforeAll, expect, it } from "vitest";
import type { ProgressEvent } from "../../src/contract/event.ts";
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

it("reinstalls each of 100 servers once for 200 commands with 50 % duplicates at two workers", async () => {
  const servers = Array.from({ length: 100 }, () =>
    stage.simulator.addServer({ state: "SHUTOFF" }),
  );
  const commands = servers.map((server, index) => ({
    id: `bulk-${index}`,
    serverId: server.id,
  }));
  const doubled = [...commands, ...commands].sort(
    (a, b) => (a.serverId < b.serverId ? -1 : 1) || a.id.localeCompare(b.id),
  );
  await Promise.all(
    doubled.map(({ id, serverId }) => stage.emitter.send(stage.command(id, serverId))),
  );
  await Promise.all(commands.map(({ id }) => stage.emitter.outcome(id, 60_000)));
  expect(servers.map(({ id }) => stage.reinstalls(id))).toEqual(servers.map(() => 1));
  await eventually(
    () => stage.emitter.heard().filter(({ key }) => key === "duplicate").length >= 100,
  );
  await stage.audit(commands.map(({ id }) => id));
});

it("answers a duplicate with the original's state, also long after", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("twice");
  await stage.emitter.send(stage.command(id, server.id));
  await stage.emitter.outcome(id);
  await stage.emitter.send(stage.command(id, server.id));
  const duplicate = await stage.emitter.misuse(id, "duplicate");
  expect(duplicate.data["original"]).toMatchObject({ outcome: "succeeded" });
  const heard = stage.emitter.heard().find(({ event }) => event.id === duplicate.id);
  expect(heard?.key).toBe("duplicate");
  expect(stage.reinstalls(server.id)).toBe(1);
});

it("takes a copy with its ids in the other case for the same command, whichever is the first", async () => {
  for (const first of [(id: string) => id, (id: string) => id.toUpperCase()]) {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("other-case");
    const disk = server.systemDiskId ?? "";
    const as = (inCase: (id: string) => string) =>
      stage.command(id, inCase(server.id), {
        expected_system_disk: inCase(disk),
      });
    await stage.emitter.send(as(first));
    await stage.emitter.event(id, "accepted");
    await stage.emitter.send(as(first("a") === "a" ? (one) => one.toUpperCase() : (one) => one));
    await stage.emitter.misuse(id, "duplicate");
    await stage.emitter.event(id, "succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
    await stage.audit([id]);
  }
});

it("rejects the same id with another content and leaves the first untouched", async () => {
  const [one, two] = [1, 2].map(() => stage.simulator.addServer({ state: "SHUTOFF" }));
  const id = commandId("reused");
  await stage.emitter.send(stage.command(id, one?.id ?? ""));
  await stage.emitter.event(id, "accepted");
  await stage.emitter.send(stage.command(id, two?.id ?? ""));
  const rejected = await stage.emitter.misuse(id, "rejected");
  const heard = stage.emitter.heard().find(({ event }) => event.id === rejected.id);
  expect(heard?.key).toBe("rejected");
  expect(rejected.data["problems"]).toMatchObject([{ path: "command_id", code: "id-reused" }]);
  await stage.emitter.event(id, "succeeded");
  expect(stage.reinstalls(one?.id ?? "")).toBe(1);
  expect(stage.reinstalls(two?.id ?? "")).toBe(0);
  await stage.audit([id]);
});

it("answers each sender where it asks, under its own correlation id", async () => {
  const good = commandId("asked-twice");
  const bad = commandId("malformed");
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const replies = new Map<string, string[]>();
  const asking = async (correlationId: string) => {
    const { queue } = await stage.emitter.channel.assertQueue("", { exclusive: true });
    await stage.emitter.channel.consume(
      queue,
      (message) => {
        const { data } = JSON.parse(message?.content.toString() ?? "") as ProgressEvent;
        const about = `${message?.properties.correlationId} ${data.event}`;
        const known = replies.get(correlationId) ?? [];
        replies.set(correlationId, [...known, about]);
      },
      { noAck: true },
    );
    return { replyTo: queue, correlationId };
  };
  const malformed = { ...stage.command(bad, server.id), "os-reinstall": { mode: "gently" } };
  const [one, two, three] = [await asking("one"), await asking("two"), await asking("three")];
  await stage.emitter.send(malformed, one);
  await stage.emitter.send(malformed, two);
  await stage.emitter.send(stage.command(good, server.id), three);
  await stage.emitter.outcome(good);
  await stage.emitter.send(stage.command(good, server.id), one);
  const other = stage.simulator.addServer({ state: "SHUTOFF" });
  await stage.emitter.send(stage.command(good, other.id), two);
  await eventually(() => {
    const sorted = [...replies].map(([id, heard]) => [id, heard.toSorted()]);
    expect(Object.fromEntries(sorted)).toEqual({
      one: ["one duplicate", "one rejected"],
      two: ["two rejected", "two rejected"],
      three: ["three succeeded"],
    });
  });
  const owner = stage.emitter.heard(good).map(({ event }) => event.data.event);
  expect(owner).not.toContain("rejected");
  const misuses = stage.emitter
    .heard()
    .filter(({ event }) => event.data["reused_command_id"] === good);
  expect(misuses).toEqual([]);
  await stage.audit([good]);
});
