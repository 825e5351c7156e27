import { connect, type ConfirmChannel, type Options } from "amqplib";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createReinstallClient } from "../../src/client/client.ts";
import { openBrokerSession } from "../../src/cli/broker-session.ts";
import { loadAmqp } from "../../src/config/load.ts";
import { makeRabbitMqUser, removeRabbitMqUser } from "../support/rabbitmq/documented-users.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

/* Who sent a command: the broker proves it, every event says it, and nothing that a message says of itself changes it. */

let stage: SharedStage;
let user: string;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
  user = await makeRabbitMqUser(stage.services.rabbitMq, "ecs-client");
});
afterAll(async () => {
  await removeRabbitMqUser(stage.services.rabbitMq, user);
  await stage?.close();
});

const nameOf = (url: string) => decodeURIComponent(new URL(url).username);
const idle = () => stage.simulator.addServer({ state: "SHUTOFF" }).id;
const FORGED = {
  type: "ecs.reinstall.arrival.v1",
  headers: { "x-ecs-sender": "mallory", "x-ecs-arrived-at": 1 },
};

/** Publishes as `url`'s user; rejects with what the broker says against it. */
async function sendAs(url: string, command: object, properties: Options.Publish) {
  const connection = await connect(url);
  connection.on("error", () => undefined);
  const channel: ConfirmChannel = await connection.createConfirmChannel();
  const refused = new Promise<never>((_resolve, reject) => channel.once("error", reject));
  const body = Buffer.from(JSON.stringify(command));
  const all = { contentType: "application/json", ...properties };
  channel.publish("ecs.reinstall.commands", "reinstall", body, all);
  try {
    await Promise.race([channel.waitForConfirms(), refused]);
  } finally {
    await connection.close();
  }
}

/** What the events of a command say, each name once. */
async function sendersOf(id: string) {
  await stage.emitter.outcome(id);
  return [...new Set(stage.emitter.heard(id).map(({ event }) => event.data.sender))];
}

describe("the sender of a command", () => {
  it("is the user that the broker has checked, in every event", async () => {
    const id = commandId("sender");
    await sendAs(user, stage.command(id, idle()), { userId: nameOf(user) });
    expect(await sendersOf(id)).toEqual([nameOf(user)]);
    expect(stage.emitter.story(id)).toEqual(expect.arrayContaining(["accepted", "succeeded"]));
  });

  it("is in no event where the message does not say it", async () => {
    const id = commandId("sender");
    await sendAs(user, stage.command(id, idle()), FORGED);
    expect(await sendersOf(id)).toEqual([undefined]);
  });

  it("is nobody else's name: the broker refuses the message", async () => {
    const id = commandId("sender");
    const forged = sendAs(user, stage.command(id, idle()), { userId: "mallory" });
    await expect(forged).rejects.toThrow("user_id property set to 'mallory'");
    expect(stage.emitter.heard(id)).toEqual([]);
  });

  it("is in the answer to a message that is refused, and to a copy", async () => {
    const id = commandId("sender");
    const command = stage.command(id, idle());
    await sendAs(user, { ...command, on_busy: "steal" }, { userId: nameOf(user) });
    expect((await stage.emitter.outcome(id)).data).toMatchObject({
      event: "rejected",
      sender: nameOf(user),
    });
    const again = commandId("sender");
    const twice = stage.command(again, idle());
    await sendAs(user, twice, { userId: nameOf(user) });
    await stage.emitter.outcome(again);
    await sendAs(user, twice, {});
    const { data } = await stage.emitter.misuse(again, "duplicate");
    expect(data.sender).toBeUndefined();
  });

  it.each([
    ["a CloudEvent in structured mode", "structured"],
    ["a CloudEvent in binary mode", "binary"],
  ])("is that of %s, whose own source is another thing", async (_what, mode) => {
    const id = commandId("event");
    const { command_id: _id, ...data } = stage.command(id, idle()) as { command_id: string };
    const event = { specversion: "1.0", id, source: "/healer", type: "com.example.reinstall" };
    const headers = Object.fromEntries(
      Object.entries(event).map(([name, value]) => [`cloudEvents:${name}`, value]),
    );
    const userId = nameOf(user);
    await (mode === "binary"
      ? sendAs(user, data, { userId, headers })
      : sendAs(user, { ...event, data }, { userId, contentType: "application/cloudevents+json" }));
    expect(await sendersOf(id)).toEqual([userId]);
  });

  it("stays the same when the worker puts the message aside, and publishes it itself", async () => {
    const [mine, nobodys, server] = [commandId("aside"), commandId("aside"), idle()];
    const redis = new Redis(stage.services.redis.url);
    await redis.flushdb();
    redis.disconnect();
    const userId = nameOf(user);
    await sendAs(user, stage.command(mine, server), { ...FORGED, userId });
    await sendAs(user, stage.command(nobodys, idle()), FORGED);
    await eventually(() => (stage.workers[0]?.output() ?? "").includes("store-rebuilding"));
    expect(await sendersOf(mine)).toEqual([userId]);
    expect(await sendersOf(nobodys)).toEqual([undefined]);
  });

  it("stays the same when the broker takes the message out of the queue", async () => {
    const worker = stage.workers[0];
    await worker?.stop();
    const [mine, nobodys] = [commandId("expired"), commandId("expired")];
    const short = { expiration: "1" };
    await sendAs(user, stage.command(mine, idle()), { ...FORGED, ...short, userId: nameOf(user) });
    await sendAs(user, stage.command(nobodys, idle()), { ...FORGED, ...short });
    const expired = async () => {
      const depths = await stage.services.rabbitMq.queueDepths();
      expect(depths["ecs.reinstall.work.dead"]).toBe(2);
    };
    await eventually(expired, { timeoutMs: 30_000 });
    await stage.addWorker();
    expect(await sendersOf(mine)).toEqual([nameOf(user)]);
    expect(await sendersOf(nobodys)).toEqual([undefined]);
    expect((await stage.emitter.outcome(mine)).data.event).toBe("expired");
  });
});

describe("the command line and the client say who sends", () => {
  it("the client, by the user of its URL; and not where the caller says so", async () => {
    const said = createReinstallClient({ url: user });
    const silent = createReinstallClient({ url: user, userId: null });
    const wish = (server: string) => ({
      server_id: server,
      "os-reinstall": { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" },
    });
    const [one, other] = [await said.reinstall(wish(idle())), await silent.reinstall(wish(idle()))];
    expect((await said.result(one.commandId)).event.data.sender).toBe(nameOf(user));
    expect((await silent.result(other.commandId)).event.data.sender).toBeUndefined();
    await Promise.all([said.close(), silent.close()]);
  });

  it("the command line, by the user of AMQP_URL; and not with --no-user-id", async () => {
    const loaded = loadAmqp({ AMQP_URL: user });
    if (loaded.kind === "invalid") throw new Error("the URL is taken");
    const session = await openBrokerSession(loaded.amqp);
    const [mine, nobodys] = [commandId("cli"), commandId("cli")];
    const bodyOf = (id: string) => Buffer.from(JSON.stringify(stage.command(id, idle())));
    await session.publish({ id: mine, body: bodyOf(mine) });
    await session.publish({ id: nobodys, body: bodyOf(nobodys), anonymous: true });
    await session.close();
    expect(await sendersOf(mine)).toEqual([nameOf(user)]);
    expect(await sendersOf(nobodys)).toEqual([undefined]);
  });
});

describe("a worker that knows its emitters", () => {
  let other: SharedStage;
  let known: string;
  let stranger: string;

  beforeAll(async () => {
    other = await openOnSharedServices();
    known = await makeRabbitMqUser(other.services.rabbitMq, "ecs-client");
    stranger = await makeRabbitMqUser(other.services.rabbitMq, "ecs-client");
    await other.addWorker([], {
      BRAKES_SENDERS: JSON.stringify([
        { user: nameOf(known), groups: ["web", "db"], per_hour: 2 },
        { user: "somebody-else", projects: ["f".repeat(32)] },
      ]),
    });
  });
  afterAll(async () => {
    for (const one of [known, stranger]) await removeRabbitMqUser(other.services.rabbitMq, one);
    await other.close();
  });

  const send = async (url: string, more: Record<string, unknown>, properties: Options.Publish) => {
    const id = commandId("known");
    const server = other.simulator.addServer({ state: "SHUTOFF" }).id;
    await sendAs(url, other.command(id, server, more), properties);
    return { id, server };
  };
  const refusal = async ({ id, server }: { id: string; server: string }) => {
    const { data } = await other.emitter.outcome(id);
    expect(data.event).toBe("rejected");
    expect(other.reinstalls(server)).toBe(0);
    return (data["problems"] as { path: string; code: string }[]).map(({ path, code }) => [
      path,
      code,
    ]);
  };
  const NOT_ALLOWED = "sender-not-allowed";

  it("refuses who does not say who sends, even one who forges our header", async () => {
    const web = { group: "web" };
    expect(await refusal(await send(known, web, {}))).toEqual([["user_id", NOT_ALLOWED]]);
    const headers = { ...FORGED.headers, "x-ecs-sender": nameOf(known) };
    expect(await refusal(await send(stranger, web, { ...FORGED, headers }))).toEqual([
      ["user_id", NOT_ALLOWED],
    ]);
  });

  it("refuses a user that it does not know, also for a dry run", async () => {
    const userId = nameOf(stranger);
    for (const more of [{ group: "web" }, { group: "web", dry_run: true }]) {
      expect(await refusal(await send(stranger, more, { userId }))).toEqual([
        ["user_id", NOT_ALLOWED],
      ]);
    }
  });

  it("refuses a group that is not the user's, and a command without one", async () => {
    const userId = nameOf(known);
    for (const more of [{ group: "cache" }, {}]) {
      expect(await refusal(await send(known, more, { userId }))).toEqual([["group", NOT_ALLOWED]]);
    }
  });

  it("carries out what a known user may ask for, and lets more than its limit wait", async () => {
    const userId = nameOf(known);
    for (const group of ["web", "db"]) {
      const { id, server } = await send(known, { group }, { userId });
      expect((await other.emitter.outcome(id)).data).toMatchObject({
        event: "succeeded",
        sender: userId,
      });
      expect(other.reinstalls(server)).toBe(1);
    }
    const third = await send(known, { group: "web" }, { userId });
    const waiting = await other.emitter.event(third.id, "waiting");
    expect(waiting.data).toMatchObject({
      waits_for: "sender",
      brake: { name: "sender", limit: 2, until: expect.any(String) },
    });
    expect(other.reinstalls(third.server)).toBe(0);
  });
});
