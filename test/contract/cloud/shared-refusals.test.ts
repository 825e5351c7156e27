import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSharedRefusals } from "../../../src/adapters/redis/shared-refusals.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { ServerId } from "../../../src/contract/ids.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { cloudAt, PROJECT, signal, SIMULATED_KEYS } from "./setup.ts";

let redis: PrivateRedis;
const clients: Redis[] = [];
let passedMs = 0;
let nonces = 0;
/** What happens while somebody waits for a turn. */
let sleeping: (ms: number) => Promise<void> = async () => undefined;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  await redis.stop();
});
beforeEach(() => {
  sleeping = async () => undefined;
  return redis.flushAll();
});

const lasting = (forMs: number, why: string | null = null) => ({ forMs, why });

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
      sleep: (ms) => sleeping(ms),
    },
    onTrouble: (message) => trouble.push(message),
  });
  return { shared, trouble, client };
}

describe("refusals of a key in Redis", () => {
  it("are one count for all replicas, forgotten after their time", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    expect(await one.look("key")).toEqual({ refusals: 0, forMs: 0, why: null });
    expect(await one.refused("key", 1, lasting(60_000))).toBe(1);
    expect(await two.refused("key", 1, lasting(500))).toBe(2);
    const found = await one.look("key");
    expect([found?.refusals, (found?.forMs ?? 0) <= 500]).toEqual([2, true]);
    await eventually(async () => {
      passedMs += 1_000;
      return (await one.look("key"))?.refusals === 0;
    });
  });

  it("are at least what the replica itself has seen, when they were forgotten meanwhile", async () => {
    const { shared } = await replica();
    expect(await shared.refused("key", 3, lasting(60_000))).toBe(3);
    expect(await shared.refused("key", 4, lasting(60_000))).toBe(4);
  });

  it("are forgotten by a success, and by no other key's", async () => {
    const { shared } = await replica();
    await shared.refused("key", 1, lasting(60_000));
    await shared.refused("other", 1, lasting(60_000));
    await shared.proven("key");
    expect(await shared.look("key")).toMatchObject({ refusals: 0 });
    expect(await shared.look("other")).toMatchObject({ refusals: 1 });
  });

  it("keep the cloud's last words, as long as they count", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    await one.refused("key", 1, lasting(60_000, "HTTP 401 APIGW.0301: wrong"));
    await one.refused("key", 1, lasting(60_000));
    expect(await two.look("key")).toMatchObject({ refusals: 2, why: "HTTP 401 APIGW.0301: wrong" });
    await one.refused("key", 1, lasting(60_000, "long ".repeat(1_000)));
    passedMs += 1_000;
    expect((await two.look("key"))?.why).toHaveLength(500);
    const left = await redis.command("PTTL", "ecs:refusals:{key}:why");
    expect(Number(left)).toBeGreaterThan(50_000);
    await two.proven("key");
    expect(await redis.command("KEYS", "*")).toEqual([]);
  });

  it("keep which project the last one was about, as long as they count", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    await one.refused("key", 1, { ...lasting(60_000), project: PROJECT });
    expect(await two.look("key")).toMatchObject({ refusals: 1, project: PROJECT });
    const left = await redis.command("PTTL", "ecs:refusals:{key}:project");
    expect(Number(left)).toBeGreaterThan(50_000);
    await two.proven("key");
    expect(await redis.command("KEYS", "*")).toEqual([]);
  });

  it("are looked at once a second at most", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    await one.look("key");
    await two.refused("key", 1, lasting(60_000));
    expect(await one.look("key")).toMatchObject({ refusals: 0 });
    passedMs += 1_000;
    expect(await one.look("key")).toMatchObject({ refusals: 1 });
  });

  it("leave one replica the turn to try, which ends by its holder only, or by itself", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    const turn = await one.takeTurn("key", signal());
    expect(await two.takeTurn("key", signal())).toBeNull();
    await turn?.end();
    const next = await two.takeTurn("key", signal());
    expect(next).not.toBeNull();
    await turn?.end();
    expect(await one.takeTurn("key", signal())).toBeNull();
    const keys = (await redis.command("KEYS", "*")) as string[];
    expect(keys).toEqual(["ecs:refusals:{key}:turn"]);
    expect(Number(await redis.command("PTTL", keys[0] ?? ""))).toBeGreaterThan(2_000);
  });

  it("leave the turn to who has it for as long as he lives, and to another soon after he is killed", async () => {
    const [{ shared: one, client }, { shared: two }] = [await replica(), await replica()];
    const turn = await one.takeTurn("key", signal());
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(await two.takeTurn("key", signal())).toBeNull();
    client.disconnect();
    const next = await eventually(async () => (await two.takeTurn("key", signal())) ?? false, {
      timeoutMs: 6_000,
    });
    await turn?.end();
    await next.end();
  });

  it("leave the turn to who waits for it, as soon as it is over; it then knows what was refused meanwhile", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    expect(await two.look("key")).toMatchObject({ refusals: 0 });
    const turn = await one.takeTurn("key", signal());
    let waits = 0;
    sleeping = async () => {
      waits += 1;
      if (waits < 3) return;
      await one.refused("key", 1, lasting(60_000, "wrong"));
      await turn?.end();
    };
    expect(await two.takeTurn("key", signal())).not.toBeNull();
    expect(waits).toBe(3);
    expect(await two.look("key")).toMatchObject({ refusals: 1, why: "wrong" });
  });

  it("make nobody wait for a turn who is stopping", async () => {
    const [{ shared: one }, { shared: two }] = [await replica(), await replica()];
    await one.takeTurn("key", signal());
    const stopping = new AbortController();
    let waits = 0;
    sleeping = async () => {
      waits += 1;
      stopping.abort();
    };
    expect(await two.takeTurn("key", stopping.signal)).toBeNull();
    expect(waits).toBe(1);
  });

  it("stop nobody while Redis is away, or does not let us; the latter is told once", async () => {
    const { shared, client } = await replica();
    client.disconnect();
    await eventually(() => client.status === "end");
    expect(await shared.look("key")).toBeNull();
    expect(await shared.refused("key", 1, lasting(1_000))).toBeNull();
    expect(await shared.takeTurn("key", signal())).not.toBeNull();
    await redis.command("ACL", "SETUSER", "narrow", "on", ">pw", "~ecs:other:*", "+@all");
    const { shared: refused, trouble } = await replica(redis.url.replace("://", "://narrow:pw@"));
    for (let i = 0; i < 3; i += 1)
      expect(await refused.refused("key", 1, lasting(1_000))).toBeNull();
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
    const keys = ((await redis.command("KEYS", "ecs:refusals:*")) as string[]).toSorted();
    const [key = ""] = keys;
    expect(key).toMatch(/^ecs:refusals:\{[0-9a-f]{32}\}$/);
    expect(keys).toEqual([key, `${key}:project`, `${key}:why`]);
    expect(await redis.command("GET", `${key}:project`)).toBe(PROJECT);
    const why = String(await redis.command("GET", `${key}:why`));
    expect(why).toMatch(/^HTTP 401 APIGW\.0301: .*, for project 0123/);
    for (const secret of [secretKey, SIMULATED_KEYS.accessKey()]) expect(why).not.toContain(secret);
    // Those who were not refused themselves have the reason from those who were.
    for (const one of await looks()) {
      const message =
        /^held back: the cloud does not accept our credentials \(HTTP 401 APIGW\.0301: /;
      expect(one).toMatchObject({ message: expect.stringMatching(message) });
    }
    expect(await redis.command("GET", key)).toBe("2");
    expect(Number(await redis.command("PTTL", key))).toBeGreaterThan(50_000);

    secretKey = "simulatedSecretKeySimulatedSecretKey0001";
    await eventually(async () => (await looks()).every(({ kind }) => kind === "seen"));
    expect(await redis.command("KEYS", "ecs:refusals:*")).toEqual([]);
    await Promise.all(replicas.map((api) => api.close()));
  });
});
