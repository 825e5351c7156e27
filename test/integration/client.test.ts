import amqp from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createReinstallClient,
  type ReinstallClient,
  ReinstallClientError,
  type ReinstallClientOptions,
} from "../../src/client/client.ts";
import { makeRabbitMqUser, removeRabbitMqUser } from "../support/rabbitmq/documented-users.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { nestedHeader, publishRaw } from "../support/emitter/raw-publish.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

let stage: SharedStage;
let user: string;
let client: ReinstallClient;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
  user = await makeRabbitMqUser(stage.services.rabbitMq, "ecs-client");
});
afterAll(async () => {
  await removeRabbitMqUser(stage.services.rabbitMq, user);
  await stage?.close();
});
beforeEach(() => {
  client = createReinstallClient({ url: user });
});
afterEach(() => client.close());

const login = { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" };

function wish(serverId: string, more: object = {}) {
  return { server_id: serverId, "os-reinstall": login, source: "client-test", ...more };
}

function newServer() {
  return stage.simulator.addServer({ state: "SHUTOFF" }).id;
}

async function names(events: AsyncIterable<{ readonly data: { readonly event: string } }>) {
  const heard: string[] = [];
  for await (const { data } of events) heard.push(data.event);
  return heard;
}

describe("with the documented rights", () => {
  it("makes an id, sends, and says how it ended", async () => {
    const server = newServer();
    const sent = await client.reinstall(wish(server));
    expect(sent.commandId).toMatch(/^[0-9a-f-]{36}$/);
    const result = await client.result(sent.commandId);
    expect(result).toMatchObject({ kind: "ended", outcome: "succeeded", leader: undefined });
    expect(result.event.data).toMatchObject({ command_id: sent.commandId, source: "client-test" });
    expect(stage.reinstalls(server)).toBe(1);
  });

  it("gives each event once, to each who asks, before and after the end", async () => {
    const { commandId: id } = await client.reinstall(wish(newServer()));
    const both = await Promise.all([names(client.events(id)), names(client.events(id))]);
    expect(both[0]?.[0]).toBe("accepted");
    expect(both[0]?.at(-1)).toBe("succeeded");
    expect(both[0]?.filter((name) => name === "succeeded")).toHaveLength(1);
    expect(both[1]).toEqual(both[0]);
    expect(await names(client.events(id))).toEqual(both[0]);
  });

  it("fills in when the fault was seen, so that a healed server is left alone", async () => {
    const server = newServer();
    const before = new Date(Date.now() - 1_000);
    await client.result((await client.reinstall(wish(server))).commandId);
    const late = await client.reinstall(wish(server), { observedAt: before });
    expect(await client.result(late.commandId)).toMatchObject({ outcome: "superseded" });
    expect(stage.reinstalls(server)).toBe(1);
  });

  it("hears on after a message whose headers nest too deep", async () => {
    const server = newServer();
    const { commandId: id } = await client.reinstall(wish(server));
    await client.result(id);
    await publishRaw(stage.services.rabbitMq.url, {
      exchange: "ecs.reinstall.events",
      routingKey: `-.${server}.odd`,
      messageId: "deep",
      headers: [nestedHeader("odd", "table", 9_000)],
      body: JSON.stringify({ data: { command_id: "odd", event: "odd" } }),
    });
    const next = await client.reinstall(wish(server));
    expect(await client.result(next.commandId)).toMatchObject({ kind: "ended" });
  });

  it("names the leader of a command that joined", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 2_000 }).id;
    const first = await client.reinstall(wish(server));
    const second = await client.reinstall(wish(server));
    expect(await client.result(second.commandId)).toMatchObject({
      outcome: "succeeded",
      leader: first.commandId,
    });
    expect(stage.reinstalls(server)).toBe(1);
  });

  it("knows a duplicate of what is running, and of what has ended", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 2_000 }).id;
    const id = commandId("twice");
    const command = wish(server, { command_id: id });
    await client.reinstall(command);
    await client.reinstall(command);
    expect(await client.result(id)).toMatchObject({ kind: "ended", outcome: "succeeded" });
    const another = createReinstallClient({ url: user });
    await another.reinstall(command);
    expect(await another.result(id)).toMatchObject({ kind: "ended-before", outcome: "succeeded" });
    await another.close();
    expect(stage.reinstalls(server)).toBe(1);
  });

  it("knows that the id belongs to another command", async () => {
    const id = commandId("taken");
    const [one, two] = [newServer(), newServer()];
    await client.reinstall(wish(one, { command_id: id }));
    await client.result(id);
    const other = createReinstallClient({ url: user });
    await other.reinstall(wish(two, { command_id: id }));
    const result = await other.result(id);
    expect(result).toMatchObject({ kind: "id-reused" });
    await other.close();
    expect(stage.reinstalls(two)).toBe(0);
  });

  it("says what the worker refuses, also where the worker could not read the server", async () => {
    const project = "f".repeat(32);
    const sent = await client.reinstall(wish(newServer(), { project_id: project }));
    const result = await client.result(sent.commandId);
    expect(result).toMatchObject({ kind: "ended", outcome: "rejected" });
    expect(result.event.data).toMatchObject({ problems: [{ code: "not-allowed" }] });
  });

  it("follows a command of somebody else from its server, or asks a worker what it missed", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 1_500 }).id;
    const id = commandId("elsewhere");
    await expect(client.result(id)).rejects.toMatchObject({ code: "unknown-id" });
    const following = client.result(id, { serverId: server });
    await eventually(async () => {
      const bindings = await stage.services.rabbitMq.api(
        "GET",
        `/bindings/${encodeURIComponent(stage.services.rabbitMq.vhost)}`,
      );
      return (bindings as { routing_key: string }[]).some(
        ({ routing_key }) => routing_key === `*.${server}.*`,
      );
    });
    await stage.emitter.send(stage.command(id, server));
    expect(await following).toMatchObject({ kind: "ended", outcome: "succeeded" });
    const statusUrl = stage.workers[0]?.httpUrl ?? "";
    const late = createReinstallClient({ url: user, statusUrl });
    expect(await late.result(id, { serverId: server })).toMatchObject({ outcome: "succeeded" });
    await late.close();
  });
});

describe("when its queue was lost, and events with it", () => {
  async function ownQueues(): Promise<string[]> {
    const queues = Object.keys(await stage.services.rabbitMq.queueDepths());
    return queues.filter((name) => name.startsWith("ecs-client."));
  }
  async function removeQueue(name: string): Promise<void> {
    const vhost = encodeURIComponent(stage.services.rabbitMq.vhost);
    await stage.services.rabbitMq.api("DELETE", `/queues/${vhost}/${encodeURIComponent(name)}`);
  }

  it("says that it may have missed the end", async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const { commandId: id } = await client.reinstall(wish(newServer(), { not_before: later }));
    const waiting = client.result(id);
    const lost = expect(waiting).rejects.toMatchObject({ code: "events-lost" });
    await eventually(() => stage.emitter.story(id).includes("waiting"));
    for (const queue of await ownQueues()) await removeQueue(queue);
    await lost;
  });

  it("finds out at a worker, and goes on with what is still open", async () => {
    const statusUrl = stage.workers[0]?.httpUrl ?? "";
    const asking = createReinstallClient({ url: user, statusUrl });
    const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 3_000 }).id;
    const { commandId: id } = await asking.reinstall(wish(server));
    const waiting = asking.result(id);
    await stage.emitter.event(id, "submitted");
    for (const queue of await ownQueues()) await removeQueue(queue);
    expect(await waiting).toMatchObject({ kind: "ended", outcome: "succeeded" });
    await asking.close();
    expect(stage.reinstalls(server)).toBe(1);
  });
});

describe("what never leaves", () => {
  it.each<[string, object, string]>([
    ["a field in another spelling", { dryRun: true }, "misspelt"],
    ["a server that is none", { server_id: "web-01" }, "invalid_format"],
    ["a password", { "os-reinstall": { userid: "u", adminpass: "x" } }, "adminpass-refused"],
    ["an instant without an offset", { expires_at: "2026-11-24T15:00:00" }, "invalid_format"],
    ["an id with a space", { command_id: "a b" }, "invalid_format"],
  ])("%s", async (_what, more, code) => {
    const refused = client.reinstall(wish(newServer(), more)).catch((error: unknown) => error);
    const error = (await refused) as ReinstallClientError;
    expect(error).toBeInstanceOf(ReinstallClientError);
    expect(error).toMatchObject({ code: "invalid-command" });
    expect(error.problems.map((problem) => problem.code)).toContain(code);
  });
});

describe("where it does not work", () => {
  it("says so when no queue takes commands, or the exchange is not there", async () => {
    const vhost = await stage.services.rabbitMq.newVhost();
    const connection = await amqp.connect(vhost.url);
    const channel = await connection.createChannel();
    await channel.assertExchange("ecs.reinstall.events", "topic", { durable: true });
    const lonely = createReinstallClient({ url: vhost.url });
    await expect(lonely.reinstall(wish(newServer()))).rejects.toMatchObject({ code: "refused" });
    await channel.assertExchange("ecs.reinstall.commands", "topic", { durable: true });
    await expect(lonely.reinstall(wish(newServer()))).rejects.toMatchObject({ code: "unroutable" });
    await lonely.close();
    await connection.close();
    await vhost.remove();
  });

  it("waits no longer than it is told", async () => {
    const nowhere = createReinstallClient({ url: "amqp://127.0.0.1:1" });
    const signal = AbortSignal.timeout(300);
    const sending = nowhere.reinstall(wish(newServer()), { signal });
    await expect(sending).rejects.toMatchObject({ name: "TimeoutError" });
    await nowhere.close();
    const server = newServer();
    const { commandId: id } = await client.reinstall(
      wish(server, { not_before: new Date(Date.now() + 3_600_000).toISOString() }),
    );
    const waiting = client.result(id, { signal: AbortSignal.timeout(300) });
    await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("ends its waits when it is closed, and leaves no queue", async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const { commandId: id } = await client.reinstall(wish(newServer(), { not_before: later }));
    const waiting = client.result(id);
    const closed = expect(waiting).rejects.toMatchObject({ code: "closed" });
    await client.close();
    await closed;
    await expect(client.reinstall(wish(newServer()))).rejects.toMatchObject({ code: "closed" });
    await eventually(async () => {
      const queues = Object.keys(await stage.services.rabbitMq.queueDepths());
      return !queues.some((name) => name.startsWith("ecs-client."));
    });
  });
});

describe("on the caller's connection", () => {
  it("works, leaves it open, and ends with it", async () => {
    const connection = await amqp.connect(user);
    connection.on("error", () => undefined);
    const options: ReinstallClientOptions = { connection };
    const guest = createReinstallClient(options);
    const { commandId: id } = await guest.reinstall(wish(newServer()));
    expect(await guest.result(id)).toMatchObject({ outcome: "succeeded" });
    await guest.close();
    await (await connection.createChannel()).close();
    const second = createReinstallClient(options);
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const sent = await second.reinstall(wish(newServer(), { not_before: later }));
    const waiting = second.result(sent.commandId);
    const ended = expect(waiting).rejects.toMatchObject({ code: "connection-lost" });
    await connection.close();
    await ended;
    await second.close();
  });
});
