import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createReinstallClient } from "../../src/client/client.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { BIN } from "../support/operator.ts";
import { startLastingEmitter } from "../support/emitter/lasting-emitter.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../support/rabbitmq/rabbitmq.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import { onStage, QUICK_AMQP } from "./own-stage.ts";

let broker: PrivateRabbitMq;
let services: SharedServices;

beforeAll(async () => {
  [broker, services] = await Promise.all([startRabbitMq(), sharedServices()]);
});
afterAll(async () => {
  await broker?.stop();
  await services?.close();
});

const login = { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" };

it("a client hears how its commands end though the broker was killed meanwhile, and sends when it is back", async () => {
  const emitter = await startLastingEmitter(broker.url);
  const options = { rabbitMq: broker, redisUrl: services.redis.url, emitter, env: QUICK_AMQP };
  await onStage(options, async (stage) => {
    await stage.addWorker();
    const client = createReinstallClient({ url: `${broker.url}?heartbeat=2` });
    const newServer = (jobDurationMs: number) =>
      stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs }).id;
    const wish = (server_id: string) => ({ server_id, "os-reinstall": login });
    // In flight while the broker goes away: some end before it, some after it is back.
    const servers = [500, 4_000, 8_000].map(newServer);
    const ids = await Promise.all(
      servers.map(async (server) => (await client.reinstall(wish(server))).commandId),
    );
    const stories = ids.map(async (id) => {
      const heard: string[] = [];
      for await (const { data } of client.events(id)) heard.push(data.event);
      return heard;
    });
    const results = ids.map((id) => client.result(id));
    // A quorum queue that is younger may be stuck after the kill (test/support/rabbitmq/rabbitmq.ts).
    await Promise.all([sleep(2_500), stage.emitter.event(ids[1] ?? "", "submitted")]);
    await broker.kill();
    const late = newServer(500);
    const sending = client.reinstall(wish(late));
    await broker.start();
    const sent = await sending;
    for (const result of await Promise.all([...results, client.result(sent.commandId)])) {
      expect(result).toMatchObject({ outcome: "succeeded" });
    }
    for (const story of await Promise.all(stories)) {
      expect(story.filter((name) => name === "accepted")).toHaveLength(1);
      expect(story.filter((name) => name === "succeeded")).toHaveLength(1);
    }
    await client.close();
    expect([...servers, late].map((id) => stage.reinstalls(id))).toEqual([1, 1, 1, 1]);
    await stage.audit([...ids, sent.commandId]);
  });
});

it("watch goes on after the broker was killed, and says what it may have missed", async () => {
  const emitter = await startLastingEmitter(broker.url);
  const options = { rabbitMq: broker, redisUrl: services.redis.url, emitter, env: QUICK_AMQP };
  await onStage(options, async (stage) => {
    await stage.addWorker();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const args = ["watch", "--server", server.id, "--event", "planned"];
    const env = { PATH: process.env["PATH"], AMQP_URL: `${broker.url}?heartbeat=2` };
    const watching = spawn(process.execPath, [BIN, ...args], { env });
    let out = "";
    let err = "";
    watching.stdout.on("data", (chunk) => void (out += String(chunk)));
    watching.stderr.on("data", (chunk) => void (err += String(chunk)));
    const ended = new Promise<number | null>((resolve) => {
      watching.on("exit", (code) => resolve(code));
    });
    /** It shows an event of a command that is sent now, or of one that is sent a little later. */
    const shows = (name: string) =>
      eventually(
        async () => {
          const id = commandId(name);
          await stage.emitter.send(stage.command(id, server.id, { dry_run: true }));
          await stage.emitter.outcome(id);
          expect(out).toContain(`${name}-`);
        },
        { timeoutMs: 60_000, what: `watch shows ${name}` },
      );
    try {
      await shows("before");
      await broker.kill();
      await eventually(() => expect(err).toContain("connecting again"), { timeoutMs: 20_000 });
      await broker.start();
      await shows("after");
      expect(err).toMatch(/connected again: events of the last \d+ s may be missing/);
    } finally {
      watching.kill("SIGINT");
      expect(await ended).toBe(130);
    }
  });
});
