import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { CommandId } from "../../../../src/contract/ids.ts";
import { INQUIRY_SUFFIX } from "../../../../src/core/state/envelope.ts";
import { PROJECT, SERVER } from "../rig/samples.ts";
import { BY, COMMAND, intended, unresolvedBy } from "../rig/script-states.ts";
import { startTwoUsers, type TwoUsers } from "../rig/two-users.ts";

const k = keysOf(PROJECT);
const ACT = { id: "act-1", ...BY };
const HOUR = 3_600_000;
let users: TwoUsers;

beforeAll(async () => {
  users = await startTwoUsers();
});
afterAll(() => users.stop());
beforeEach(() => users.redis.flushAll());

const command = COMMAND.commandId;
const resolve = (as: "reinstalled" | "not-reinstalled" = "reinstalled", id = command) =>
  users.whole.operator.resolve(PROJECT, { command: id, as }, ACT);
const lockOwner = () => users.whole.client.hget(k.lock(SERVER), "owner");
const RAN = { was: "on", mayHaveStopped: true } as const;

async function settled(): Promise<Record<string, unknown>> {
  const stranded = await users.whole.stranded.one(PROJECT, `${command}${INQUIRY_SUFFIX}`);
  return { ...stranded?.outcome?.event, ...stranded?.outcome?.event.data };
}

describe("a person's word about an unresolved command", () => {
  it("frees the server and stores the event, with who and why", async () => {
    await unresolvedBy(users, {});
    expect(await resolve()).toEqual({ kind: "settled", oursToStart: false });
    expect(await lockOwner()).toBeNull();
    expect(await settled()).toMatchObject({
      id: "cmd-a~settled/1",
      type: "ecs.reinstall.settled.v1",
      source: expect.stringMatching(/^\/ecs-reinstall-worker\/.+\//),
      as: "reinstalled",
      evidence: "person",
      by: BY.by,
      why: BY.reason,
    });
    expect(await resolve()).toEqual({ kind: "settled", oursToStart: false });
    const another = { ...ACT, id: "act-2" };
    const late = { command, as: "not-reinstalled" } as const;
    expect(await users.whole.operator.resolve(PROJECT, late, another)).toEqual({
      kind: "settled-before",
      as: "reinstalled",
    });
  });

  it("waits for the start of a server that we may have stopped: the next turn of its inquiry has the word", async () => {
    const { message } = await unresolvedBy(users, { power: RAN });
    expect(await resolve("not-reinstalled")).toEqual({ kind: "noted" });
    expect(await lockOwner()).toBe(command);
    expect(await users.whole.client.llen(k.audit)).toBe(1);
    // The first word stays.
    const another = { ...ACT, id: "act-2", by: "bob" };
    const again = { command, as: "not-reinstalled" } as const;
    expect(await users.whole.operator.resolve(PROJECT, again, another)).toEqual({ kind: "noted" });
    expect(
      await users.whole.store.claim(message, { nonce: "n", redelivered: false }),
    ).toMatchObject({
      kind: "claimed",
      lock: "held",
      word: { by: BY.by, why: BY.reason },
    });
    // That it was reinstalled all the same is said by another word, which needs no start.
    expect(await resolve("reinstalled")).toMatchObject({ kind: "settled" });
  });

  it("is not noted where somebody has freed the server, or the store's memory is young", async () => {
    await unresolvedBy(users, { power: RAN });
    await users.whole.client.hset(k.epoch, "open_at", Date.now() + HOUR);
    expect(await resolve("not-reinstalled")).toMatchObject({ kind: "rebuilding" });
    await users.whole.client.hset(k.epoch, "open_at", 0);
    await users.whole.client.del(k.lock(SERVER));
    expect(await resolve("not-reinstalled")).toEqual({ kind: "lock-gone" });
    expect(await users.whole.client.exists(k.audit)).toBe(0);
  });

  it("says that nobody starts a server that we had stopped for nothing, where nobody looks any more", async () => {
    await unresolvedBy(users, { power: RAN });
    await users.whole.store.endInquiry(COMMAND);
    expect(await resolve("not-reinstalled")).toEqual({ kind: "settled", oursToStart: true });
    expect(await settled()).toMatchObject({
      as: "not-reinstalled",
      power: { before: "on", next_step: expect.stringContaining("start it") },
    });
  });

  it("counts no reinstall that was not made, and heals nothing by it", async () => {
    await unresolvedBy(users, {});
    const history = () => users.whole.client.hlen(k.history(SERVER));
    expect(await history()).toBe(1);
    await resolve("not-reinstalled");
    expect([await history(), await users.whole.client.exists(k.last(SERVER))]).toEqual([0, 0]);
  });

  it("waits until nothing that was sent can take effect any more", async () => {
    const fenceAtMs = Date.now() + HOUR;
    await unresolvedBy(users, { fenceAtMs });
    expect(await resolve()).toEqual({ kind: "fenced", untilMs: fenceAtMs });
    expect(await lockOwner()).toBe(command);
    expect(await users.whole.operator.holder(PROJECT, SERVER)).toEqual({
      owner: command,
      shown: command,
      isOpen: false,
      fencedUntilMs: fenceAtMs,
      youngUntilMs: null,
    });
  });

  it("waits a while after the end where nobody knows what was sent", async () => {
    await unresolvedBy(users, {});
    await users.whole.client.del(k.command(`${command}${INQUIRY_SUFFIX}`));
    expect(await resolve()).toMatchObject({ kind: "fenced" });
  });

  it("waits as long as its worker was set to, where the inquiry is over", async () => {
    const over = async (fenceAtMs: number) => {
      await unresolvedBy(users, {}, { fenceAtMs });
      await users.whole.client.del(k.command(`${command}${INQUIRY_SUFFIX}`));
    };
    const fenceAtMs = Date.now() + HOUR;
    await over(fenceAtMs);
    expect(await resolve()).toEqual({ kind: "fenced", untilMs: fenceAtMs });
    await users.redis.flushAll();
    await over(Date.now() - 1);
    expect(await resolve()).toMatchObject({ kind: "settled" });
  });

  describe("after Redis has lost the command", () => {
    async function lost(fenceAtMs: number) {
      const { message } = await unresolvedBy(users, { fenceAtMs });
      await users.redis.flushAll();
      await users.whole.store.claim(message, { nonce: "n", redelivered: false });
      await users.whole.client.hset(k.epoch, "open_at", 0);
      expect(await lockOwner()).toBe(command);
      return message;
    }

    it("is kept by the inquiry, which puts back what it knows", async () => {
      const message = await lost(Date.now() - 1);
      expect(await resolve("reinstalled")).toEqual({ kind: "forgotten" });
      expect(await resolve("not-reinstalled")).toEqual({ kind: "noted" });
      expect(
        await users.whole.store.claim(message, { nonce: "n", redelivered: true }),
      ).toMatchObject({ kind: "claimed", lock: "held", word: { by: BY.by, why: BY.reason } });
    });

    it("still waits until nothing that was sent can take effect any more, and so does unlock", async () => {
      const fenceAtMs = Date.now() + HOUR;
      await lost(fenceAtMs);
      expect(await resolve("not-reinstalled")).toEqual({ kind: "fenced", untilMs: fenceAtMs });
      expect(await users.whole.operator.holder(PROJECT, SERVER)).toEqual({
        owner: command,
        shown: command,
        isOpen: false,
        fencedUntilMs: fenceAtMs,
        youngUntilMs: null,
      });
    });

    it("is waited for by unlock, as long as the memory is new", async () => {
      await lost(Date.now() - 1);
      const openAtMs = Date.now() + HOUR;
      await users.whole.client.hset(k.epoch, "open_at", openAtMs);
      expect(await users.whole.operator.holder(PROJECT, SERVER)).toMatchObject({
        fencedUntilMs: null,
        youngUntilMs: openAtMs,
      });
    });
  });

  it("comes too late once the worker knows, and starts the server", async () => {
    await unresolvedBy(users, { start: { askedAtMs: 1, firstAskedAtMs: 1 } });
    expect(await resolve()).toEqual({ kind: "starting" });
    expect(await lockOwner()).toBe(command);
  });

  it("is refused for what is not unresolved, not locked, or not known", async () => {
    expect(await resolve()).toEqual({ kind: "unheard-of" });
    await intended(users);
    expect(await resolve()).toMatchObject({ kind: "still-open" });
    await users.whole.client.hset(k.command(command), "outcome", "failed");
    expect(await resolve()).toEqual({ kind: "not-unresolved", outcome: "failed" });
    await users.redis.flushAll();
    await unresolvedBy(users, {});
    await users.whole.client.del(k.lock(SERVER));
    expect(await resolve()).toEqual({ kind: "lock-gone" });
    const strange = CommandId.parse("cmd-strange");
    expect(await resolve("reinstalled", strange)).toEqual({ kind: "unheard-of" });
  });

  it("says that Redis is away, and does not throw", async () => {
    await users.whole.client.set(k.command(command), "foreign");
    expect(await resolve()).toMatchObject({ kind: "away" });
  });
});
