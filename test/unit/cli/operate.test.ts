import { describe, expect, it } from "vitest";
import type { Holder, OperatorCommands } from "../../../src/adapters/redis/operator-commands.ts";
import type { ResolveAnswer } from "../../../src/adapters/redis/resolve.ts";
import { runCli } from "../../../src/cli/program.ts";
import { never, NO_OPERATOR } from "../../support/no-operator.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const WHY = ["--reason", "looked at it", "--by", "ada"];
const HELD: Holder = {
  owner: "heal-1",
  shown: "heal-1",
  isOpen: false,
  fencedUntilMs: null,
  youngUntilMs: null,
};

interface World {
  readonly operator?: Partial<OperatorCommands>;
  /** What the worker answers to a look; undefined: no worker answers. */
  readonly look?: readonly [status: number, body: unknown];
}

/** One command line, with a store and a worker that only exist here. */
async function run(args: readonly string[], { operator = {}, look }: World) {
  const asked: string[] = [];
  const unlocked: unknown[] = [];
  let out = "";
  let err = "";
  const all: OperatorCommands = {
    ...NO_OPERATOR,
    holder: async () => HELD,
    unlock: async (_project, freeing, act) => {
      unlocked.push([freeing.owner, act.by, act.reason]);
      return { kind: "freed", owner: freeing.owner };
    },
    ...operator,
  };
  const code = await runCli([...args, "--project", PROJECT], {
    env: {},
    program: "ecs-reinstall",
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    openBroker: never,
    openStore: async () => ({ operator: all, close: () => undefined }),
    onSignal: () => () => undefined,
    fetch: async (url) => {
      asked.push(url);
      if (look === undefined) throw new Error("ECONNREFUSED");
      return new Response(JSON.stringify(look[1]), { status: look[0] });
    },
  });
  return { code, out, err, asked, unlocked };
}

describe("unlock", () => {
  const unlock = (world: World, ...more: string[]) =>
    run(["unlock", SERVER, ...WHY, ...more], world);

  it("asks the cloud first, and frees what nothing runs on, whoever holds it", async () => {
    for (const seen of ["idle", "absent"]) {
      const { code, out, asked, unlocked } = await unlock({
        look: [200, { seen, detail: "SHUTOFF" }],
      });
      expect([code, out]).toEqual([0, `${SERVER} is free: heal-1 held it\n`]);
      expect(asked).toEqual([`http://127.0.0.1:8080/v1/servers/${PROJECT}/${SERVER}/look`]);
      expect(unlocked).toEqual([["heal-1", "ada", "looked at it"]]);
    }
  });

  it.each([
    [{ look: [200, { seen: "busy", detail: "ACTIVE (rebuilding)" }] }, "ACTIVE (rebuilding)"],
    [{ look: [200, { seen: "unreadable", detail: "throttled" }] }, "the cloud does not say"],
    [{ look: [404, { message: "no such project is known" }] }, "cannot look at"],
    [{}, "the cloud could not be asked: no worker answers at"],
    [
      { operator: { holder: async () => ({ ...HELD, fencedUntilMs: 1_800_000_000_000 }) } },
      "may still be carried out until 2027-01-15T08:00:00.000Z",
    ],
    [
      { operator: { holder: async () => ({ ...HELD, youngUntilMs: 1_800_000_000_000 }) } },
      "before 2027-01-15T08:00:00.000Z it may not know yet what was sent for heal-1",
    ],
  ] as const)("refuses and says why, and what forces it: %#", async (world, why) => {
    const { code, err, unlocked } = await unlock(world);
    expect([code, unlocked]).toEqual([1, []]);
    expect(err).toContain(why);
    expect(err).toContain("--force frees it all the same");
    const forced = await unlock(world, "--force");
    expect([forced.code, forced.asked]).toEqual([0, []]);
    expect(forced.unlocked).toHaveLength(1);
  });

  it("frees nothing of another owner, and nothing of a command on its way", async () => {
    const another = async () => ({ kind: "held-by-another", owner: "heal-1", mark: "m" }) as const;
    const theirs = await unlock({ operator: { unlock: another } }, "--owner", "heal-2");
    expect([theirs.code, theirs.err, theirs.asked]).toEqual([
      1,
      `error: ${SERVER} is held by heal-1, not by heal-2\n`,
      [],
    ]);
    const open = await unlock({
      operator: {
        holder: async () => ({ ...HELD, isOpen: true }),
        unlock: async () => ({ kind: "still-open", owner: "heal-1" }),
      },
    });
    expect([open.code, open.err]).toEqual([1, expect.stringContaining("still on its way")]);
  });

  it("has nothing to do where nobody holds the server", async () => {
    const { code, out } = await unlock({ operator: { holder: async () => null } });
    expect([code, out]).toEqual([0, `${SERVER} was not locked\n`]);
  });
});

describe("resolve", () => {
  const resolve = (answer: ResolveAnswer, as = "reinstalled") =>
    run(["resolve", "heal-1", "--as", as, ...WHY], { operator: { resolve: async () => answer } });

  it("says that the server is free, and what is left to do", async () => {
    const free = await resolve({ kind: "settled", oursToStart: false });
    expect([free.code, free.out]).toEqual([0, expect.stringContaining("settled as reinstalled")]);
    const off = await resolve({ kind: "settled", oursToStart: true }, "not-reinstalled");
    expect(off.out).toContain("nobody starts it");
    const noted = await resolve({ kind: "noted" }, "not-reinstalled");
    expect([noted.code, noted.out]).toEqual([0, expect.stringContaining("a worker starts it")]);
  });

  it.each<[ResolveAnswer, string]>([
    [{ kind: "settled-before", as: "failed" }, "settled already, as failed"],
    [{ kind: "unheard-of" }, "no command heal-1 is known"],
    [{ kind: "forgotten" }, "Redis has lost heal-1"],
    [{ kind: "still-open", phase: "watch" }, "on its way (watch)"],
    [{ kind: "not-unresolved", outcome: "failed" }, "has ended failed"],
    [{ kind: "fenced", untilMs: 1_800_000_000_000 }, "until 2027-01-15T08:00:00.000Z"],
    [{ kind: "starting" }, "is being started"],
    [{ kind: "lock-gone" }, "not locked by it any more"],
    [{ kind: "rebuilding", untilMs: 1_800_000_000_000 }, "the memory of Redis is new"],
    [{ kind: "away", message: "no answer" }, "no answer"],
  ])("refuses in one line: %j", async (answer, words) => {
    const { code, err } = await resolve(answer);
    expect([code, err]).toEqual([1, expect.stringContaining(words)]);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  it("needs to know as what", async () => {
    const { code, err } = await run(["resolve", "heal-1", ...WHY], {});
    expect([code, err]).toEqual([2, "error: required option '--as <what>' not specified\n"]);
    expect((await resolve({ kind: "unheard-of" }, "failed")).code).toBe(2);
  });
});
