import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createRedisClient,
  type RedisClient,
} from "../../../../src/adapters/redis/connection/client.ts";
import { createOverview } from "../../../../src/adapters/redis/views/command-overview.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { ProjectId, ServerId } from "../../../../src/contract/ids.ts";
import type { CommandFilter } from "../../../../src/contract/overview.ts";
import type { PageMark } from "../../../../src/contract/page.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { PROJECT, SERVER } from "../rig/samples.ts";

const ANOTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
const k = keysOf(PROJECT);

let redis: PrivateRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startRedis();
  client = createRedisClient({ url: redis.url, commandTimeoutMs: 5_000, connectTimeoutMs: 2_000 });
  client.on("error", () => undefined);
  await client.connect();
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => redis.flushAll());

interface Record {
  readonly project?: ProjectId;
  readonly phase?: string;
  readonly score?: number;
  readonly server?: string;
  readonly order?: object;
  readonly state?: object;
  readonly created?: number;
}

/** Puts records, and their entries in the index, as the scripts leave them. */
async function put(records: Readonly<{ [id: string]: Record }>): Promise<void> {
  const pipeline = client.pipeline();
  for (const [id, one] of Object.entries(records)) {
    const { project = PROJECT, phase = "waiting", score = 0, order = {}, state = {} } = one;
    const fields = {
      content: "c",
      phase,
      server: one.server ?? SERVER,
      created: one.created ?? 0,
      updated: score,
      seq: 3,
      order: JSON.stringify({ expiresAtMs: 9, ...order }),
      resume: JSON.stringify({ dueMs: 7, state: { phase, ...state } }),
    };
    pipeline.hset(keysOf(project).command(id), fields);
    pipeline.zadd(keysOf(project).active, score, id);
  }
  await pipeline.exec();
}

/** All ids, page by page, and how many pages that took. */
async function all(filter: CommandFilter = {}, limit = 100) {
  const overview = createOverview(client, [ANOTHER, PROJECT]);
  const ids: string[] = [];
  let cursor: PageMark | undefined;
  let pages = 0;
  do {
    const found = await overview.commands(filter, { limit, cursor });
    if (found.kind !== "found") throw new Error(found.kind);
    expect(found.view.entries.length).toBeLessThanOrEqual(limit);
    ids.push(...found.view.entries.map(({ commandId }) => commandId));
    cursor = found.view.next ?? undefined;
    pages += 1;
  } while (cursor !== undefined);
  return { ids, pages };
}

describe("open commands", () => {
  it("come by their last step, project by project", async () => {
    await put({
      late: { score: 30 },
      early: { score: 10 },
      elsewhere: { score: 5, project: ANOTHER },
    });
    expect((await all()).ids).toEqual(["early", "late", "elsewhere"]);
    expect((await all({ project: ANOTHER })).ids).toEqual(["elsewhere"]);
  });

  it.each<[string, CommandFilter, string[]]>([
    ["phase", { state: "watch" }, ["w"]],
    ["what they wait for", { waitsFor: "pause" }, ["p"]],
    ["source", { source: "healer" }, ["s"]],
    ["group", { group: "web" }, ["g"]],
    ["age", { minAgeMs: 3_600_000 }, ["g", "p", "s", "w"]],
    ["two at once", { source: "healer", state: "watch" }, []],
  ])("are filtered by %s", async (_what, filter, ids) => {
    await put({
      w: { phase: "watch" },
      p: { state: { waitsFor: "pause" } },
      s: { order: { source: "healer" } },
      g: { order: { group: "web" } },
      young: { created: Date.now() },
    });
    expect((await all(filter)).ids).toEqual(ids);
  });

  it("of a server are its holder and those who wait for it, in their order", async () => {
    await put({ holder: { phase: "watch" }, second: {}, first: {}, other: { server: "x" } });
    await client.hset(k.lock(SERVER), { owner: "holder" });
    await client.zadd(k.waiters(SERVER), 1, "first", 2, "second");
    expect((await all({ server: SERVER })).ids).toEqual(["holder", "first", "second"]);
    expect((await all({ server: ServerId.parse(SERVER.replace("4", "5")) })).ids).toEqual([]);
  });

  it.each([1, 7, 100, 500])(
    "are all given, each once, in pages of %d, also where many moved in the same millisecond",
    async (limit) => {
      const ids = Array.from(
        { length: 313 },
        (_, index) => `cmd-${String(index).padStart(4, "0")}`,
      );
      await put(Object.fromEntries(ids.map((id, index) => [id, { score: index < 300 ? 5 : 6 }])));
      const found = await all({}, limit);
      expect(found.ids).toEqual(ids);
      expect(found.pages).toBeGreaterThanOrEqual(Math.ceil(313 / limit));
    },
  );

  it("leave out what is gone or no record, and show an inquiry under its command's id", async () => {
    await put({ here: {}, "left~inquiry": { phase: "inquiry" } });
    await client.zadd(k.active, 1, "gone");
    await client.set(k.command("foreign"), "text");
    await client.zadd(k.active, 2, "foreign");
    expect((await all()).ids).toEqual(["here", "left"]);
    expect((await all({ state: "inquiry" })).ids).toEqual(["left"]);
  });

  it("who moves between two pages is seen again, and nobody is left out", async () => {
    await put({ a: { score: 1 }, b: { score: 2 }, c: { score: 3 } });
    const overview = createOverview(client, [PROJECT]);
    const first = await overview.commands({}, { limit: 1 });
    if (first.kind !== "found" || first.view.next === null) throw new Error("no next page");
    await client.zadd(k.active, 9, "a");
    const rest = await overview.commands({}, { limit: 9, cursor: first.view.next });
    if (rest.kind !== "found") throw new Error(rest.kind);
    expect(rest.view.entries.map(({ commandId }) => commandId)).toEqual(["b", "c", "a"]);
  });

  it("who moves while a page is read is on it once", async () => {
    await put({ a: { score: 1 }, b: { score: 2 } });
    let score = 9;
    const moving = new Proxy(client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (name !== "call") return member.bind(target) as unknown;
        return async (...asked: unknown[]) => {
          const answer: unknown = await member.apply(target, asked);
          if (score < 12) await target.zadd(k.active, (score += 1), "a");
          return answer;
        };
      },
    });
    const found = await createOverview(moving, [PROJECT]).commands({}, { limit: 9 });
    if (found.kind !== "found") throw new Error(found.kind);
    expect(found.view.entries.map(({ commandId }) => commandId)).toEqual(["a", "b"]);
    expect(found.view.next).toBeNull();
  });

  it("are given quickly where there are 50 000, and a filter that fits nothing stays bounded", async () => {
    for (let from = 0; from < 50_000; from += 5_000) {
      const ids = Array.from({ length: 5_000 }, (_, index) => `cmd-${from + index}`);
      await put(Object.fromEntries(ids.map((id, index) => [id, { score: from + index }])));
    }
    const overview = createOverview(client, [PROJECT]);
    const timed = async (filter: CommandFilter, cursor?: PageMark) => {
      const began = performance.now();
      const found = await overview.commands(filter, { limit: 100, cursor });
      if (found.kind !== "found") throw new Error(found.kind);
      return { ...found.view, ms: performance.now() - began };
    };
    const first = await timed({});
    expect(first.entries).toHaveLength(100);
    const middle = await timed({}, { project: PROJECT, score: 25_000, id: "cmd-25000" });
    expect(middle.entries[0]?.commandId).toBe("cmd-25001");
    const nothing = await timed({ source: "nobody" });
    expect(nothing.entries).toEqual([]);
    expect(nothing.next).toMatchObject({ id: "cmd-2499" });
    // On a machine that does nothing else it is tens of milliseconds.
    for (const { ms } of [first, middle, nothing]) expect(ms).toBeLessThan(5_000);
  });
});

it("commands in work are those that have a slot, the oldest slot first, however many are open", async () => {
  await put({ late: { phase: "watch" }, early: { phase: "submit" }, waits: {} });
  await put({ elsewhere: { phase: "watch", project: ANOTHER } });
  await client.zadd(k.slots, 30, "late", 10, "early", 5, "gone");
  await client.zadd(keysOf(ANOTHER).slots, 1, "elsewhere");
  const overview = createOverview(client, [ANOTHER, PROJECT]);
  const of = async (project: ProjectId | undefined) => {
    const found = await overview.inWork(project);
    if (found.kind !== "found") return found.kind;
    const { commands, open } = found.view;
    return { ids: commands.map(({ commandId }) => commandId), open };
  };
  expect(await of(PROJECT)).toEqual({ ids: ["early", "late"], open: 3 });
  expect(await of(undefined)).toEqual({ ids: ["early", "late", "elsewhere"], open: 4 });
  expect(await of(ProjectId.parse("0".repeat(32)))).toBe("absent");
});

it("locks come by age, with an owner that can be shown, and those that are gone left out", async () => {
  const servers = ["1", "2", "3"].map((end) => ServerId.parse(SERVER.replace(/.$/, end)));
  const [one, two, gone] = servers as [ServerId, ServerId, ServerId];
  const lock = { token: 4, operation: "reinstall", since: 20, phase: "unresolved" };
  await client.hset(k.lock(one), { owner: "a\nb", ...lock });
  await client.hset(k.lock(two), { owner: "ops/resizer" });
  await client.zadd(k.locks, 20, one, 10, two, 5, gone);
  const overview = createOverview(client, [PROJECT]);
  const found = await overview.locks(undefined, { limit: 10 });
  if (found.kind !== "found") throw new Error(found.kind);
  expect(found.view).toEqual({
    entries: [
      {
        projectId: PROJECT,
        serverId: two,
        owner: "ops/resizer",
        token: 0,
        operation: "unknown",
        sinceMs: null,
        phase: "unknown",
      },
      {
        projectId: PROJECT,
        serverId: one,
        owner: "a\\u{a}b",
        token: 4,
        operation: "reinstall",
        sinceMs: 20,
        phase: "unresolved",
      },
    ],
    next: null,
  });
  expect((await overview.locks(PROJECT, { limit: 1 })).kind).toBe("found");
  expect(await overview.locks(ANOTHER, { limit: 1 })).toEqual({ kind: "absent" });
});

it("a lock of another service has a number or none, whatever it wrote", async () => {
  const server = ServerId.parse(SERVER);
  await client.hset(k.lock(server), { owner: "ops", token: "mine", since: "2026-01-01T00:00:00Z" });
  await client.zadd(k.locks, 20, server);
  const found = await createOverview(client, [PROJECT]).locks(PROJECT, { limit: 10 });
  if (found.kind !== "found") throw new Error(found.kind);
  expect(found.view.entries).toMatchObject([{ owner: "ops", token: 0, sinceMs: null }]);
});

it("a store that is away is said, not thrown", async () => {
  const away = createRedisClient({
    url: "redis://127.0.0.1:1",
    commandTimeoutMs: 200,
    connectTimeoutMs: 200,
  });
  away.on("error", () => undefined);
  const overview = createOverview(away, [PROJECT]);
  expect(await overview.commands({}, { limit: 1 })).toEqual({ kind: "unavailable" });
  expect(await overview.locks(PROJECT, { limit: 1 })).toEqual({ kind: "unavailable" });
  expect(await overview.inWork(PROJECT)).toEqual({ kind: "unavailable" });
  away.disconnect();
});
