import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keysOf } from "../../../src/adapters/redis/keys.ts";
import { delivery, PROJECT } from "./rig/samples.ts";
import { SCRIPT_RUNS } from "./rig/script-runs.ts";
import { COMMAND, NOTHING, saveOf, submitting } from "./rig/script-states.ts";
import { startTwoUsers, type TwoUsers } from "./rig/two-users.ts";

/*
 * Our keys hold what no worker wrote: a person's repair, another program, a later version. Whatever a script meets there,
 * it either goes on or says where to look. It is never Redis that is away: every worker would be "not ready" for one value.
 */

const k = keysOf(PROJECT);
const VALUES = ["x", "1e400"];
/** It takes a minute: it has hundreds of records. */
const RUNS = SCRIPT_RUNS.filter(({ what }) => what !== "refuse more than are kept");

let users: TwoUsers;

beforeAll(async () => {
  users = await startTwoUsers();
});
afterAll(() => users.stop());
beforeEach(() => users.redis.flushAll());

const GOES_ON: (typeof RUNS)[number] = {
  what: "save",
  before: submitting,
  act: ({ store }, { claim }) => store.save(saveOf(claim)),
};
const TAKES: (typeof RUNS)[number] = {
  what: "admit",
  before: () => Promise.resolve(NOTHING),
  act: ({ store }) => store.admit(COMMAND, delivery("n1")),
};

/** The answer to a state in which one field of one hash was changed. */
async function answerTo(
  { before, act }: (typeof RUNS)[number],
  change: (client: TwoUsers["whole"]["client"]) => Promise<unknown>,
): Promise<{ readonly kind?: string; readonly message?: string }> {
  await users.redis.flushAll();
  const ready = await before(users);
  await change(users.whole.client);
  return (await act(users.whole, ready)) ?? {};
}

async function fieldsNow(): Promise<readonly (readonly [key: string, field: string])[]> {
  const { client } = users.whole;
  const found: [string, string][] = [];
  for (const key of await client.keys("ecs:*")) {
    if ((await client.type(key)) !== "hash") continue;
    for (const field of await client.hkeys(key)) found.push([key, field]);
  }
  return found;
}

describe("a value that nobody can reckon with does not look like a Redis that is away", () => {
  it.each(RUNS)("$what", async (run) => {
    await run.before(users);
    const wrong: string[] = [];
    for (const [key, field] of await fieldsNow()) {
      const changes = VALUES.map((value) => [value, "hset", [field, value]] as const);
      for (const [value, verb, rest] of [...changes, ["nothing", "hdel", [field]] as const]) {
        const { kind, message } = await answerTo(run, (client) => client.call(verb, key, ...rest));
        const isSaid = kind !== "corrupt" || message?.includes("ecs:{");
        if (kind === "away" || !isSaid) wrong.push(`${key} ${field} = ${value}: ${message}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

it.each(["since", "open_at"])("the memory's %s is named with its key", async (field) => {
  for (const value of VALUES) {
    const answer = await answerTo(GOES_ON, (client) => client.hset(k.epoch, field, value));
    expect(answer).toEqual({
      kind: "corrupt",
      message: `${k.epoch}: its ${field} is not a number`,
    });
  }
});

it.each(["step", "attempt", "created"])("a record's %s is named with its key", async (field) => {
  const key = k.command(COMMAND.commandId);
  const answer = await answerTo(GOES_ON, (client) => client.hset(key, field, "x"));
  expect(answer).toEqual({ kind: "corrupt", message: `${key}: its ${field} is not a number` });
  const gone = await answerTo(GOES_ON, (client) => client.hdel(key, field));
  if (gone.kind === "corrupt") expect(gone.message).toContain(key);
});

it("a lock's numbers that cannot go on are said with the key that the script is about", async () => {
  const answer = await answerTo(TAKES, (client) => client.set(k.token, "9223372036854775807"));
  expect(answer).toMatchObject({
    kind: "corrupt",
    message: expect.stringMatching(/^script admit .*ecs:\{.*would overflow/),
  });
});
