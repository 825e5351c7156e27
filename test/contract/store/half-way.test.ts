import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keysOf, PROJECTS_KEY } from "../../../src/adapters/redis/keys.ts";
import { PROJECT, SERVER } from "./rig/samples.ts";
import { SCRIPT_RUNS } from "./rig/script-runs.ts";
import { AGAIN, COMMAND, finishing, givingBack, intended } from "./rig/script-states.ts";
import { startTwoUsers, type TwoUsers } from "./rig/two-users.ts";

/*
 * A script that fails half way: Redis keeps what its commands did before the failure. Here one command after the other is
 * taken from the user of Redis, as an access list without it does; then the right is given back, and the script runs
 * again. What is in Redis then must be what a run without the failure leaves there.
 */

const k = keysOf(PROJECT);
const WRITES = [
  "hset",
  "hsetnx",
  "hdel",
  "del",
  "set",
  "incr",
  "pexpire",
  "zadd",
  "zrem",
  "rpush",
  "ltrim",
];
/** Keys that are no hash, sorted set or set of ours. */
const STRINGS: readonly string[] = [
  k.paused,
  k.token,
  k.pausesSeen,
  k.auditPublished,
  k.auditLease,
];
const ALONE = SCRIPT_RUNS.filter(({ afterwards }) => afterwards === undefined);

let users: TwoUsers;

beforeAll(async () => {
  users = await startTwoUsers();
});
afterAll(() => users.stop());
beforeEach(() => users.redis.flushAll());

const lockOwner = () => users.whole.client.hget(k.lock(SERVER), "owner");
const recorded = (field: string) => users.whole.client.hget(k.command(COMMAND.commandId), field);

describe("what a script left undone that failed half way is done by the next", () => {
  it.each(SCRIPT_RUNS)("$what", async ({ before, act, afterwards = act }) => {
    const ready = await before(users);
    await act(users.whole, ready);
    await afterwards(users.whole, ready);
    const wanted = await users.everything();
    const differing: string[] = [];
    for (const command of WRITES) {
      await users.redis.flushAll();
      const afresh = await before(users);
      const untouched = JSON.stringify(await users.everything());
      await users.without(command, () => act(users.narrow, afresh));
      if (untouched === JSON.stringify(await users.everything())) continue;
      await afterwards(users.narrow, afresh);
      const found = await users.everything();
      for (const key of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
        const [is, should] = [found[key], wanted[key]].map((value) => JSON.stringify(value));
        if (is !== should) differing.push(`without ${command}: ${key} is ${is}, not ${should}`);
      }
    }
    expect(differing).toEqual([]);
  });

  it("but not once an older version has gone on, which leaves it where it is", async () => {
    const { claim, message } = await intended(users);
    await users.without("zadd", () => users.narrow.store.save(givingBack(claim)));
    expect(await recorded("tail")).not.toBeNull();
    await users.whole.client.hset(k.command(COMMAND.commandId), { claim: "2:of an older version" });
    await users.whole.store.claim(message, AGAIN);
    expect(await lockOwner()).toBe(COMMAND.commandId);
    expect(await recorded("tail")).toBeNull();
  });
});

describe("something foreign at a key is found before anything is written", () => {
  it.each(ALONE)("$what", async ({ before, act }) => {
    const ready = await before(users);
    const keys = new Set(await users.whole.client.keys("*"));
    await act(users.whole, ready);
    for (const key of await users.whole.client.keys("*")) keys.add(key);
    for (const key of [k.waiters(SERVER), k.active, k.epoch, k.token]) keys.add(key);
    for (const key of keys) {
      if (key === k.locks || key === PROJECTS_KEY) continue;
      await users.redis.flushAll();
      const afresh = await before(users);
      await users.whole.client.del(key);
      if (STRINGS.includes(key)) await users.whole.client.hset(key, { foreign: "foreign" });
      else await users.whole.client.set(key, "foreign");
      const untouched = await users.everything();
      const answer = (await act(users.whole, afresh)) as { readonly kind: string } | undefined;
      // A script that has nothing to do with that key does its work.
      const kind = answer?.kind;
      expect({ key, kind }).not.toEqual({ key, kind: "away" });
      if (kind !== "corrupt") continue;
      expect({ key, ...(await users.everything()) }).toEqual({ key, ...untouched });
    }
  });

  it("finish, at the server's queue: the lock stays, and is freed once that is put right", async () => {
    const { claim } = await intended(users);
    const { store, client } = users.whole;
    await client.set(k.waiters(SERVER), "foreign");
    expect(await store.finish(finishing(claim))).toEqual({
      kind: "corrupt",
      message: `${k.waiters(SERVER)}: is not a sorted set`,
    });
    expect([await recorded("outcome"), await lockOwner()]).toEqual([null, COMMAND.commandId]);
    await client.del(k.waiters(SERVER));
    expect(await store.finish(finishing(claim))).toMatchObject({ kind: "finished", first: true });
    expect(await lockOwner()).toBeNull();
  });

  it("finish, at the server's queue, after it failed half way", async () => {
    const { claim, message } = await intended(users);
    const { store, client } = users.whole;
    await users.without("zrem", () => users.narrow.store.finish(finishing(claim)));
    await client.set(k.waiters(SERVER), "foreign");
    const corrupt = { kind: "corrupt", message: `${k.waiters(SERVER)}: is not a sorted set` };
    expect(await store.claim(message, AGAIN)).toEqual(corrupt);
    expect(await store.finish(finishing(claim))).toEqual(corrupt);
    await client.del(k.waiters(SERVER));
    expect(await store.claim(message, AGAIN)).toMatchObject({ kind: "finished" });
    expect(await lockOwner()).toBeNull();
  });
});

it.each(ALONE)("in a full Redis does all of its work or none: $what", async ({ before, act }) => {
  const ready = await before(users);
  await act(users.whole, ready);
  const wanted = await users.everything();
  await users.redis.flushAll();
  const afresh = await before(users);
  const untouched = await users.everything();
  await users.redis.configSet("maxmemory", "1");
  await act(users.whole, afresh);
  await users.redis.configSet("maxmemory", "0");
  expect([untouched, wanted]).toContainEqual(await users.everything());
  await act(users.whole, afresh);
  expect(await users.everything()).toEqual(wanted);
});
