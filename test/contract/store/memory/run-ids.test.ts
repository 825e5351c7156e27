import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { eventually } from "../../../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { connected } from "../rig/connected.ts";
import { delivery, order, PROJECT } from "../rig/samples.ts";

const EPOCH = keysOf(PROJECT).epoch;
const RULES = {
  rebuildHoldMs: 60_000,
  dedupTtlMs: 600_000,
  waitReplicas: 0,
  waitTimeoutMs: 1_000,
  brakes: NO_BRAKES,
};

function storeOn(client: RedisClient, behindProxy: boolean) {
  const scripts = createScriptRunner(client, undefined, { behindProxy });
  return createReinstallStore(client, scripts, RULES, systemClock);
}

describe("the run id of the server", () => {
  let first: PrivateRedis;
  let second: PrivateRedis;

  beforeAll(async () => {
    [first, second] = await Promise.all([startRedis({ appendOnly: true }), startRedis()]);
  });
  afterAll(async () => {
    await Promise.all([first.stop(), second.stop()]);
  });
  beforeEach(async () => {
    await Promise.all([first.flushAll(), second.flushAll()]);
  });

  const infos = async () =>
    Number(
      /cmdstat_info:calls=(\d+)/.exec(String(await first.command("INFO", "commandstats")))?.[1] ??
        0,
    );

  it.each([
    [false, 1],
    [true, 20],
  ])("behind a proxy %s: twenty scripts ask for it %i times", async (behindProxy, times) => {
    const client = await connected(first.url);
    const store = storeOn(client, behindProxy);
    const before = await infos();
    const ids = Array.from({ length: 20 }, (_, index) => `cmd-${index}`);
    await Promise.all(ids.map((id) => store.admit(order(id), delivery(`n-${id}`))));
    // The count itself is one.
    expect((await infos()) - before - 1).toBe(times);
    client.disconnect();
  });

  it("is read again on each connection: a process in the place of another has another memory", async () => {
    const client = await connected(first.url);
    const store = storeOn(client, false);
    await store.admit(order("cmd-a"), delivery("n1"));
    const before = await first.command("HGETALL", EPOCH);
    await first.kill();
    await first.start();
    await eventually(async () => void (await client.ping()), { what: "Redis is back" });
    expect(await first.command("HGETALL", EPOCH)).toEqual(before);
    expect(await store.admit(order("cmd-b"), delivery("n2"))).toMatchObject({ kind: "rebuilding" });
    client.disconnect();
  });

  it.each([
    [true, "another memory"],
    [false, "the same"],
  ])(
    "behind a proxy %s: a server that is put behind the open connection has %s",
    async (behindProxy, memory) => {
      const proxy = await swappingProxy(first.port);
      const client = await connected(`redis://127.0.0.1:${proxy.port}`);
      const store = storeOn(client, behindProxy);
      await store.admit(order("cmd-a"), delivery("n1"));
      // A replica that has the epoch, and not the last writes.
      const epoch = (await first.command("HGETALL", EPOCH)) as string[];
      await second.command("HSET", EPOCH, ...epoch);
      const id = () => second.command("HGET", EPOCH, "id");
      const before = await id();
      await proxy.swapTo(second.port);
      await store.admit(order("cmd-b"), delivery("n2"));
      expect((await id()) === before).toBe(memory === "the same");
      client.disconnect();
      proxy.close();
    },
  );
});

/** Between two commands another server may take over the connections that are open. */
async function swappingProxy(target: number) {
  const links: { client: Socket; upstream: Socket }[] = [];
  const link = (client: Socket, port: number) => {
    const upstream = connect(port, "127.0.0.1");
    upstream.on("error", () => client.destroy());
    upstream.on("data", (chunk) => client.write(chunk));
    return { client, upstream };
  };
  const server = createServer((client) => {
    const one = link(client, target);
    links.push(one);
    client.on("data", (chunk) => one.upstream.write(chunk));
    client.on("error", () => one.upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async swapTo(port: number) {
      for (const one of links) {
        one.upstream.removeAllListeners("data");
        one.upstream.destroy();
        one.upstream = link(one.client, port).upstream;
        await new Promise<void>((resolve) => one.upstream.once("connect", resolve));
      }
    },
    close() {
      for (const { client, upstream } of links) {
        client.destroy();
        upstream.destroy();
      }
      server.close();
    },
  };
}
