import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { createOverview } from "../../../../src/adapters/redis/views/command-overview.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { CommandId, ProjectId, ServerId } from "../../../../src/contract/ids.ts";
import type { CommandFilter } from "../../../../src/contract/overview.ts";
import type { PageMark } from "../../../../src/contract/page.ts";
import { toProgressEvent } from "../../../../src/core/messages/events.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import { startRedis, type PrivateRedis } from "../../../support/redis/redis.ts";
import { connected } from "../rig/connected.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { claimed, delivery, order, outcome, PROJECT, SERVER } from "../rig/samples.ts";

const ANOTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
const AT = { sequence: 1, atMs: 1_800_000_000_000 };

/** What a message for our project is refused with. */
function refusal(id: string, project: ProjectId = PROJECT) {
  const data = { problems: [{ path: "x", code: "x", message: "x" }] };
  const of = { ...order(id, { source: "healer", reason: "ping" }), projectId: project };
  const event = toProgressEvent("test", of, AT, { event: "rejected", data });
  return { event, reply: null, dead: null };
}

describe.each(RIGS)("the index of ended commands %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  beforeEach(async () => {
    rig = await fresh();
  });

  async function end(of: Order) {
    const { claim } = claimed(await rig.store.admit(of, delivery(`first of ${of.commandId}`)));
    const step = {
      order: of,
      claim,
      outcome: outcome(of),
      lock: "free",
      healedAtMs: null,
    } as const;
    expect(await rig.store.finish(step)).toMatchObject({ kind: "finished" });
    return step;
  }
  const refuse = (id: string, more: { readonly strayFrom?: ProjectId } = {}) =>
    rig.store.refuse({
      project: PROJECT,
      id: CommandId.parse(id),
      contentHash: id,
      outcome: refusal(id),
      ...more,
    });

  it("holds what ended and what was refused, each once however often it is asked again", async () => {
    const a = order("a");
    const claim = claimed(await rig.store.admit(a, delivery("n")));
    expect(claim.lock.kind).toBe("acquired");
    expect(await rig.ended()).toEqual([]);
    const step = await end(order("b", { serverId: other(1) }));
    await pause();
    await refuse("c");
    await pause();
    await rig.store.finish(step);
    await refuse("c");
    expect(await rig.ended()).toEqual(["b", "c"]);
  });

  it("does not hold what was refused for a project that is not ours", async () => {
    await refuse("a", { strayFrom: ANOTHER });
    expect(await rig.ended()).toEqual([]);
  });

  it("keeps the last 200", async () => {
    for (let number = 0; number < 203; number++) await refuse(`cmd-${1000 + number}`);
    const ended = await rig.ended();
    expect(ended).toHaveLength(200);
    expect(ended).toContain("cmd-1202");
    expect(ended).not.toContain("cmd-1000");
  });
});

const other = (end: number) => ServerId.parse(SERVER.replace(/.$/, String(end)));

/** Until the next millisecond: what ended first is the older one then. */
async function pause(): Promise<void> {
  const from = Date.now();
  while (Date.now() <= from + 1) await new Promise((done) => setImmediate(done));
}

describe("lists of ended commands", () => {
  let redis: PrivateRedis;
  let client: RedisClient;
  beforeAll(async () => {
    redis = await startRedis();
    client = await connected(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });
  beforeEach(() => redis.flushAll());

  async function put(
    id: string,
    atMs: number,
    {
      project = PROJECT,
      ...more
    }: { readonly project?: ProjectId; readonly [field: string]: unknown },
  ): Promise<void> {
    const fields = {
      content: "c",
      phase: "done",
      server: SERVER,
      created: 1,
      updated: atMs,
      seq: 3,
    };
    await client.hset(keysOf(project).command(id), { ...fields, ...more });
    await client.zadd(keysOf(project).ended, atMs, id);
  }

  async function all(filter: CommandFilter = {}, limit = 100) {
    const overview = createOverview(client, [ANOTHER, PROJECT]);
    const ids: string[] = [];
    let cursor: PageMark | undefined;
    let pages = 0;
    do {
      const asked = { ...filter, state: "ended" };
      const found = await overview.commands(asked, { limit, cursor });
      if (found.kind !== "found") throw new Error(found.kind);
      ids.push(...found.view.entries.map(({ commandId }) => commandId));
      cursor = found.view.next ?? undefined;
      pages += 1;
    } while (cursor !== undefined);
    return { ids, pages };
  }

  it("have the youngest end of all projects first", async () => {
    await put("old", 10, { outcome: "failed" });
    await put("young", 30, { outcome: "succeeded" });
    await put("elsewhere", 20, { project: ANOTHER, outcome: "failed" });
    expect((await all()).ids).toEqual(["young", "elsewhere", "old"]);
    expect((await all({ project: PROJECT })).ids).toEqual(["young", "old"]);
    expect((await all({ outcome: "failed" })).ids).toEqual(["elsewhere", "old"]);
    expect((await all({ server: other(9) })).ids).toEqual([]);
  });

  it("leave out a record that is gone, and an id that is an open command's by now", async () => {
    await put("open", 10, {});
    await put("here", 20, { outcome: "failed" });
    await client.zadd(keysOf(PROJECT).ended, 30, "gone");
    expect(await all()).toEqual({ ids: ["here"], pages: 1 });
  });

  it.each([1, 7, 50, 110, 500])("are given whole in pages of %d, each once", async (limit) => {
    const ids = Array.from({ length: 110 }, (_, index) => `cmd-${1000 + index}`);
    for (const [index, id] of ids.entries())
      await put(id, index < 60 ? 5 : 6, { outcome: "failed" });
    const { ids: found, pages } = await all({}, limit);
    expect(found).toEqual([...ids.slice(60), ...ids.slice(0, 60)]);
    expect(pages).toBe(Math.ceil(110 / limit));
  });

  it("say of a refusal what its event says: its server, source and reason", async () => {
    await put("r", 10, { server: "", outcome: "rejected", final: JSON.stringify(refusal("r")) });
    const found = await createOverview(client, [PROJECT]).commands(
      { state: "ended" },
      { limit: 1 },
    );
    if (found.kind !== "found") throw new Error(found.kind);
    expect(found.view.entries).toMatchObject([
      { serverId: SERVER, source: "healer", reason: "ping", outcome: "rejected" },
    ]);
  });
});
