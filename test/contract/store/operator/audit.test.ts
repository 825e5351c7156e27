import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAuditLog } from "../../../../src/adapters/redis/audit-log.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import type { AuditFilter } from "../../../../src/contract/audit.ts";
import { PauseScope, protectionOf, releaseOf } from "../../../../src/contract/brakes.ts";
import { CommandId, ProjectId } from "../../../../src/contract/ids.ts";
import type { PageMark } from "../../../../src/contract/page.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { startTwoUsers, type TwoUsers } from "../rig/two-users.ts";
import { admitted, claimed, delivery, order, PROJECT, SERVER } from "../rig/samples.ts";

const BY = { by: "ada", reason: "the database" };
const LEASE_MS = 60_000;
const scope = PauseScope.parse("project");

describe.each(RIGS)("what people do by hand %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;

  beforeEach(async () => {
    rig = await fresh();
  });

  const pause = (id: string, on = true) => rig.operator.setPause(PROJECT, { scope, on, id, ...BY });

  async function taken() {
    const answer = await rig.audit.take(PROJECT, LEASE_MS);
    if (answer.kind !== "taken") throw new Error(answer.kind);
    return answer;
  }

  it("is noted by the script that does it: who, why, when, and what about", async () => {
    const a = order("cmd-a");
    await rig.store.admit(a, delivery("n1"));
    await rig.operator.cancel(PROJECT, a.commandId, { id: "1", ...BY });
    await pause("2");
    await pause("3", false);
    const set = (name: ReturnType<typeof protectionOf>, on: boolean, id: string) =>
      rig.operator.setPause(PROJECT, { scope: name, on, id, ...BY });
    await set(protectionOf(SERVER), true, "4");
    await set(protectionOf(SERVER), false, "5");
    await set(releaseOf(SERVER), false, "6");
    await rig.lockFor(SERVER, "resizer");
    const freeing = { server: SERVER, owner: "resizer" };
    await rig.operator.unlock(PROJECT, freeing, { id: "7", ...BY });
    const lifted = { scope: "storm-asks", on: false, forMs: 28_800_000 } as const;
    await rig.operator.setPause(PROJECT, { ...lifted, id: "8", ...BY });
    const { entries, missed } = await taken();
    expect(missed).toBe(0);
    expect(entries).toEqual(
      [
        { action: "cancel", command: "cmd-a" },
        { action: "pause", scope },
        { action: "resume", scope },
        { action: "protect", scope: protectionOf(SERVER), server: SERVER },
        { action: "unprotect", scope: protectionOf(SERVER), server: SERVER },
        { action: "release", scope: releaseOf(SERVER), server: SERVER },
        { action: "unlock", server: SERVER, command: "resizer" },
        { action: "resume", scope: "storm-asks", forMs: 28_800_000 },
      ].map((about, index) => ({
        ...about,
        ...BY,
        id: String(index + 1),
        number: index + 1,
        at: expect.any(Number),
      })),
    );
  });

  it("is noted once when its script runs twice, which then gives the same answer", async () => {
    const first = await pause("1");
    expect(await pause("1")).toEqual(first);
    await rig.lockFor(SERVER, "resizer");
    const unlock = () =>
      rig.operator.unlock(PROJECT, { server: SERVER, owner: "resizer" }, { id: "2", ...BY });
    expect(await unlock()).toEqual({ kind: "freed", owner: "resizer" });
    expect(await unlock()).toEqual({ kind: "freed", owner: "resizer" });
    const { entries } = await taken();
    expect(entries.map(({ id }) => id)).toEqual(["1", "2"]);
  });

  it("does not do again what somebody has undone since, when its script runs late a second time", async () => {
    await pause("1");
    await pause("2", false);
    expect(await pause("1")).toMatchObject({ kind: "set", wasOn: false });
    expect(await rig.store.admit(order("cmd-a"), delivery("n1"))).toMatchObject({
      lock: { kind: "acquired" },
    });
  });

  it("is not noted where nothing is done", async () => {
    const act = { id: "1", ...BY };
    const unknown = CommandId.parse("cmd-unknown");
    expect(await rig.operator.cancel(PROJECT, unknown, act)).toEqual({ kind: "unheard-of" });
    const a = order("cmd-a");
    const { next } = await admitted(rig.store, a);
    claimed(await rig.store.claim(next, { nonce: "s1", redelivered: false }));
    const freeing = { server: SERVER, owner: "cmd-a" };
    expect(await rig.operator.unlock(PROJECT, freeing, act)).toMatchObject({ kind: "still-open" });
    expect(await rig.audit.take(PROJECT, LEASE_MS)).toEqual({ kind: "none" });
  });

  it("is published by one worker at a time, and once", async () => {
    await pause("1");
    const first = await taken();
    expect(await rig.audit.take(PROJECT, LEASE_MS)).toEqual({ kind: "none" });
    await pause("2", false);
    await rig.audit.published(PROJECT, first, 1);
    const second = await taken();
    expect(second.entries.map(({ id }) => id)).toEqual(["2"]);
    await rig.audit.published(PROJECT, second, 2);
    expect(await rig.audit.take(PROJECT, LEASE_MS)).toEqual({ kind: "none" });
  });

  it("is published by another worker when the first could not, or died over it", async () => {
    await pause("1");
    await rig.audit.published(PROJECT, await taken(), null);
    const died = await rig.audit.take(PROJECT, 1);
    expect(died).toMatchObject({ entries: [{ id: "1" }] });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const other = await taken();
    expect(other.entries).toHaveLength(1);
    await rig.audit.published(PROJECT, other, 1);
    // The first was only slow: what it says late changes nothing.
    if (died.kind === "taken") await rig.audit.published(PROJECT, died, 1);
    expect(await rig.audit.take(PROJECT, LEASE_MS)).toEqual({ kind: "none" });
  });

  it("is kept a thousand times, and who publishes learns how many it missed", async () => {
    for (let number = 1; number <= 1_003; number++) await pause(`act-${number}`, number % 2 === 1);
    const { entries, missed } = await taken();
    expect([missed, entries[0]?.number, entries.length]).toEqual([3, 4, 100]);
  });

  it("is published from the beginning when the list began again and the count did not", async () => {
    await pause("1");
    const first = await taken();
    await rig.audit.published(PROJECT, first, 90);
    const again = await taken();
    expect(again).toMatchObject({ after: 90, missed: 0, entries: [{ number: 1 }] });
    await rig.audit.published(PROJECT, again, 1);
    expect(await rig.audit.take(PROJECT, LEASE_MS)).toEqual({ kind: "none" });
  });
});

describe("the list of what people did", () => {
  const ANOTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
  let users: TwoUsers;

  beforeAll(async () => {
    users = await startTwoUsers();
  });
  afterAll(() => users.stop());
  beforeEach(() => users.redis.flushAll());

  const log = () => createAuditLog(users.whole.client, [PROJECT, ANOTHER]);

  /** Ids, page by page. */
  async function all(filter: AuditFilter = {}, limit = 100): Promise<string[][]> {
    const pages: string[][] = [];
    let cursor: PageMark | undefined;
    do {
      const found = await log().entries(filter, { limit, cursor });
      if (found.kind !== "found") throw new Error(found.kind);
      pages.push(found.view.entries.map(({ id }) => id));
      cursor = found.view.next ?? undefined;
    } while (cursor !== undefined);
    return pages;
  }

  async function put(project: ProjectId, entries: readonly object[]): Promise<void> {
    const base = { number: 1, at: 0, action: "pause", by: "ada", reason: "why" };
    const texts = entries.map((entry) => JSON.stringify({ ...base, ...entry }));
    await users.whole.client.rpush(keysOf(project).audit, ...texts);
  }

  it("is that of all projects, the youngest first, page by page", async () => {
    await put(PROJECT, [
      { id: "a", at: 1 },
      { id: "b", at: 3 },
      { id: "c", at: 3 },
      { id: "d", at: 5 },
    ]);
    await put(ANOTHER, [{ id: "x", at: 2 }]);
    expect(await all()).toEqual([["d", "c", "b", "x", "a"]]);
    expect(await all({}, 2)).toEqual([["d", "c"], ["b", "x"], ["a"]]);
    expect(await all({ project: ANOTHER })).toEqual([["x"]]);
  });

  it("is filtered by action, server, command, person and age", async () => {
    const now = Date.now();
    await put(PROJECT, [
      { id: "a", at: now - 100_000, by: "bob" },
      { id: "b", at: now, action: "unlock", server: SERVER },
      { id: "c", at: now, command: "heal-1" },
    ]);
    expect(await all({ by: "bob" })).toEqual([["a"]]);
    expect(await all({ action: "unlock" })).toEqual([["b"]]);
    expect(await all({ server: SERVER })).toEqual([["b"]]);
    expect(await all({ command: "heal-1" })).toEqual([["c"]]);
    expect(await all({ maxAgeMs: 60_000 })).toEqual([["c", "b"]]);
  });

  it("leaves out what it cannot read, and says of a strange project that it is none", async () => {
    await users.whole.client.rpush(keysOf(PROJECT).audit, "no JSON", "{}");
    await put(PROJECT, [{ id: "a" }]);
    expect(await all()).toEqual([["a"]]);
    const strange = ProjectId.parse("00000000000000000000000000000000");
    const page = { limit: 1 };
    expect(await log().entries({ project: strange }, page)).toEqual({ kind: "absent" });
    await users.whole.client.del(keysOf(PROJECT).audit);
    await users.whole.client.set(keysOf(PROJECT).audit, "foreign");
    expect(await log().entries({}, page)).toEqual({ kind: "unavailable" });
  });
});
