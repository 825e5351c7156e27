import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { keysOf } from "../../../src/adapters/redis/keys.ts";
import { PauseScope } from "../../../src/contract/brakes.ts";
import { PROJECT, SERVER } from "./rig/samples.ts";
import { AGAIN, COMMAND, forgotten, INTENT, intended, submitting } from "./rig/script-states.ts";
import { startTwoUsers, type TwoUsers } from "./rig/two-users.ts";

/* What the decoder of JSON in Redis, and Lua's numbers, do to an argument on its way into a record. */

const k = keysOf(PROJECT);
const SCOPE = PauseScope.parse("project");
let users: TwoUsers;

beforeAll(async () => {
  users = await startTwoUsers();
});
afterAll(() => users.stop());
beforeEach(() => users.redis.flushAll());

it.each([
  ["quotes", `"it's" \\ / done`],
  ["lines", "one\ntwo\u0000three\u001f"],
  ["other scripts", "réinstallé 重装 😀"],
  ["nothing", ""],
  ["what looks like a number", "1e5"],
  ["what looks like null", "null"],
])("keeps text as it is: %s", async (_what, reason) => {
  await users.whole.operator.setPause(PROJECT, { scope: SCOPE, on: true, by: "who", reason });
  const standing = await users.whole.operator.standingPauses(PROJECT);
  expect(standing.get(SCOPE)?.reason).toBe(reason);
});

it("keeps half of a surrogate pair as the mark of what cannot be shown", async () => {
  const change = { scope: SCOPE, on: true, by: "who", reason: "half \ud83d of one" };
  expect(await users.whole.operator.setPause(PROJECT, change)).toMatchObject({ kind: "set" });
  const standing = await users.whole.operator.standingPauses(PROJECT);
  expect(standing.get(SCOPE)?.reason).toBe("half \ufffd of one");
});

it.each([1, 10, 1e5, 1e12, 123_456_789_012_345, Number.MAX_SAFE_INTEGER])(
  "keeps a whole number digit by digit: %d",
  async (token) => {
    const { message } = await forgotten(users);
    await users.whole.store.claim({ ...message, token }, AGAIN);
    expect(await users.whole.client.hget(k.lock(SERVER), "token")).toBe(String(token));
    expect(await users.whole.client.get(k.token)).toBe(String(token));
  },
);

it("compares numbers with what the record has as text", async () => {
  const { claim } = await intended(users);
  const { store, client } = users.whole;
  expect(await store.recordIntent(COMMAND, claim, INTENT)).toEqual({ kind: "saved" });
  const other = { ...INTENT, signedAtMs: INTENT.signedAtMs + 1 };
  expect(await store.recordIntent(COMMAND, claim, other)).toEqual({ kind: "fenced" });
  const unsigned = { ...INTENT, signedAtMs: null };
  expect(await store.recordIntent(COMMAND, claim, unsigned)).toEqual({ kind: "fenced" });
  await client.hset(k.command(COMMAND.commandId), "attempt", "9");
  expect(await store.takeAttempt(COMMAND, claim, 9)).toEqual({ kind: "taken", attempt: 10 });
  expect(await store.takeAttempt(COMMAND, claim, 9)).toEqual({ kind: "taken", attempt: 10 });
  expect(await store.takeAttempt(COMMAND, claim, 1)).toEqual({ kind: "fenced" });
});

it("knows null from 0 and from nothing", async () => {
  const { claim } = await submitting(users);
  const { store, client } = users.whole;
  const unsigned = { ...INTENT, signedAtMs: null };
  expect(await store.recordIntent(COMMAND, claim, unsigned)).toEqual({ kind: "saved" });
  expect(await store.recordIntent(COMMAND, claim, unsigned)).toEqual({ kind: "saved" });
  expect(await client.hget(k.command(COMMAND.commandId), "intent_signed")).toBe("");
  await client.hset(k.last(SERVER), "at", "5");
  const asked = (observedAtMs?: number) =>
    store.acquire(
      { ...COMMAND, ...(observedAtMs !== undefined && { observedAtMs }) },
      claim,
      false,
    );
  expect(await asked()).toMatchObject({ kind: "acquired" });
  expect(await asked(0)).toEqual({ kind: "superseded", healedAtMs: 5 });
  expect(await asked(5)).toMatchObject({ kind: "acquired" });
});
