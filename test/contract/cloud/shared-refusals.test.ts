import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSharedRefusals } from "../../../src/adapters/redis/shared-refusals.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { ServerId } from "../../../src/contract/ids.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../../support/redis.ts";
import { cloudAt, PROJECT, signal, SIMULATED_KEYS } from "./setup.ts";

let redis: PrivateRedis;
const clients: Redis[] = [];
let passedMs = 0;
let nonces = 0;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  await redis.stop();
});
beforeEach(() => redis.flushAll());

async function replica(url = redis.url) {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0 });
  client.on("error", () => undefined);
  clients.push(client);
  await client.connect();
  const trouble: string[] = [];
  const shared = createSharedRefusals({
    redis: client,
    clock: {
      monotonicMs: () => performance.now() + passedMs,
      nonce: () => `nonce-${(nonces += 1)}`,
    },
    onTrouble: (message) => trouble.push(message),
  });
  return { shared, trouble, client };
}

describe("refusals of a key in Redis", () => {
  it("are one count for all replicas, forgotten after their time", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    expect(await one.look("key")).toEqual({ refusals: 0, forMs: 0 });
    expect(await one.refused("key", 1, 60_000)).toBe(1);
    expect(await two.refused("key", 1, 500)).toBe(2);
    const found = await one.look("key");
    expect([found?.refusals, (found?.forMs ?? 0) <= 500]).toEqual([2, true]);
    await eventually(async () => {
      passedMs += 1_000;
      return (await one.look("key"))?.refusals === 0;
    });
  });

  it("are at least what the replica itself has seen, when they were forgotten meanwhile", async () => {
    const { shared } = await replica();
    expect(await shared.refused("key", 3, 60_000)).toBe(3);
    expect(await shared.refused("key", 4, 60_000)).toBe(4);
  });

  it("are forgotten by a success, and by no other key's", async () => {
    const { shared } = await replica();
    await shared.refused("key", 1, 60_000);
    await shared.refused("other", 1, 60_000);
    await shared.proven("key");
    expect(await shared.look("key")).toMatchObject({ refusals: 0 });
    expect(await shared.look("other")).toMatchObject({ refusals: 1 });
  });

  it("are looked at once a second at most", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    await one.look("key");
    await two.refused("key", 1, 60_000);
    expect(await one.look("key")).toMatchObject({ refusals: 0 });
    passedMs += 1_000;
    expect(await one.look("key")).toMatchObject({ refusals: 1 });
  });

  it("leave one replica the turn to try, which ends by its holder only, or by itself", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    const turn = await one.takeTurn("key");
    expect(await two.takeTurn("key")).toBeNull();
    await turn?.end();
    const next = await two.takeTurn("key");
    expect(next).not.toBeNull();
    await turn?.end();
    expect(await one.takeTurn("key")).toBeNull();
    const keys = (await redis.command("KEYS", "*")) as string[];
    expect(keys).toEqual(["ecs:refusals:{key}:turn"]);
    expect(Number(await redis.command("PTTL", keys[0] ?? ""))).toBeGreaterThan(20_000);
  });

  it("stop nobody while Redis is away, or does not let us; the latter is told once", async () => {
    const { shared, client } = await replica();
    client.disconnect();
    await eventually(() => client.status === "end");
    expect(await shared.look("key")).toBeNull();
    expect(await shared.refused("key", 1, 1_000)).toBeNull();
    expect(await shared.takeTurn("key")).not.toBeNull();
    await redis.command("ACL", "SETUSER", "narrow", "on", ">pw", "~ecs:other:*", "+@all");
    const { shared: refused, trouble } = await replica(redis.url.replace("://", "://narrow:pw@"));
    for (let i = 0; i < 3; i += 1) expect(await refused.refused("key", 1, 1_000)).toBeNull();
    expect(trouble).toEqual([expect.stringMatching(/^NOPERM/)]);
  });
});

describe("six replicas with a key that the cloud refuses", () => {
  let cloud: Simulator;
  beforeAll(async () => {
    cloud = await startSimulator({});
  });
  afterAll(() => cloud.close());

  it("earn two refusals together; no secret is in Redis; and the corrected key goes at once", async () => {
    let secretKey = "wrongSecretKeywrongSecretKey000000000001";
    const credentials = { ...SIMULATED_KEYS, secretKey: () => secretKey };
    const breaker = { failures: 100, openMs: 200, authOpenMs: 60_000 };
    const server = ServerId.parse(cloud.addServer({}).id);
    const replicas = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const { shared: refusals } = await replica();
        return cloudAt(cloud.url, { credentials, breaker, refusals }).api;
      }),
    );
    const looks = () =>
      Promise.all(
        replicas.flatMap((api) => [1, 2, 3].map(() => api.look(PROJECT, server, signal()))),
      );
    for (let round = 0; round < 4; round += 1) {
      passedMs += 1_000;
      await looks();
    }
    expect(cloud.refusals()).toMatchObject({ signature: 2, locked: 0 });
    const [key = ""] = (await redis.command("KEYS", "ecs:refusals:*")) as string[];
    expect(key).toMatch(/^ecs:refusals:\{[0-9a-f]{32}\}$/);
    expect(await redis.command("GET", key)).toBe("2");
    expect(Number(await redis.command("PTTL", key))).toBeGreaterThan(50_000);

    secretKey = "simulatedSecretKeySimulatedSecretKey0001";
    await eventually(async () => (await looks()).every(({ kind }) => kind === "seen"));
    expect(await redis.command("KEYS", "ecs:refusals:*")).toEqual([]);
    await Promise.all(replicas.map((api) => api.close()));
  });
});
