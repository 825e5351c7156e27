import { describe, expect, it } from "vitest";
import type { OperatorCommands } from "../../../src/adapters/redis/operator-commands.ts";
import type { BrokerSession } from "../../../src/cli/broker-session.ts";
import { CliFailure } from "../../../src/cli/failure.ts";
import { runCli } from "../../../src/cli/program.ts";
import type { DeadLetter } from "../../../src/core/messages/dead-letter.ts";
import { never, NO_OPERATOR } from "../../support/no-operator.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const OTHER = "f".repeat(32);
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const WHY = ["--reason", "sent anew", "--by", "ada"];

const letter = (id: string, more: Partial<DeadLetter> = {}): DeadLetter => ({
  id,
  kind: "copy",
  reason: "rejected: server_id: missing",
  at: "2026-11-27T10:30:00.000Z",
  command_id: "heal-1",
  project_id: PROJECT,
  server_id: SERVER,
  source: "node-healer",
  command_reason: null,
  origin: { app_id: "healer", user_id: null, exchange: null, routing_key: null, queue: "q" },
  deliveries: 0,
  returned: 0,
  not_returnable: "a copy: ask source node-healer",
  content: { bytes: 3 },
  ...more,
});
const WHOLE = letter("whole", { kind: "whole", not_returnable: null });

interface World {
  readonly letters?: readonly DeadLetter[];
  readonly complete?: boolean;
  readonly types?: string;
  readonly projects?: readonly string[];
  readonly note?: OperatorCommands["note"];
  readonly env?: Readonly<Record<string, string>>;
}

async function run(args: readonly string[], world: World = {}) {
  const { letters = [letter("a"), letter("b"), WHOLE], complete = true, types } = world;
  const did: unknown[] = [];
  const questions: string[] = [];
  let out = "";
  let err = "";
  const session: BrokerSession = {
    lost: new Promise<never>(() => undefined),
    follow: never,
    listen: never,
    publish: never,
    holdDead: async (most) => {
      did.push(["held", most]);
      return {
        letters: letters.slice(0, most),
        complete,
        drop: async (some) => void did.push(["dropped", some.map(({ id }) => id)]),
        returnOne: async ({ id }) => void did.push(["returned", id]),
        putBack: async () => void did.push("put back"),
      };
    },
    close: async () => void did.push("closed"),
  };
  const operator: OperatorCommands = {
    ...NO_OPERATOR,
    projects: async () => (world.projects ?? [PROJECT]) as never,
    note: async (project, { id: _id, ...act }) => {
      did.push(["noted", project, act]);
      return world.note?.(project, { id: "1", ...act }) ?? { kind: "noted" };
    },
  };
  const code = await runCli(["dead", ...args], {
    env: world.env ?? { ECS_PROJECTS: PROJECT },
    program: "ecs-reinstall",
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    openBroker: async () => session,
    openStore: async () => ({ operator, close: () => undefined }),
    fetch: never,
    onSignal: () => () => undefined,
    ...(types === undefined
      ? {}
      : {
          ask: async (question: string) => {
            questions.push(question);
            return types;
          },
        }),
  });
  return { code, out, err, did, questions };
}

describe("dead list and show", () => {
  it("list shows reason, age and emitter, and puts everything back", async () => {
    const { code, out, did } = await run(["list"]);
    expect([code, did]).toEqual([0, [["held", 100], "put back", "closed"]]);
    expect(out).toMatch(/a .*rejected: server_id: missing.*heal-1.*node-healer, healer.* no /);
    expect(out).toMatch(/whole .* yes /);
  });

  it("list says that there are more, in JSON too, which leaves out the content", async () => {
    const more = await run(["list", "--limit", "2"], { complete: false });
    expect(more.err).toBe("there are more: --limit (now 2, at most 1000)\n");
    const { out } = await run(["list", "--limit", "1", "--json"], { complete: false });
    const { content: _content, ...row } = letter("a");
    expect(JSON.parse(out)).toEqual({ dead_letters: [row], complete: false });
    expect((await run(["list"], { letters: [] })).out).toBe("no dead letter\n");
  });

  it("show says what can be done, and lets no control character through", async () => {
    const { out } = await run(["show", "a"], {
      letters: [letter("a", { content: { command: { reason: "\u009b2J" } } })],
    });
    expect(out).toContain("can be returned: no: a copy: ask source node-healer\n");
    expect(out).not.toMatch(/[\u0080-\u009f]/);
    expect(JSON.parse((await run(["show", "a", "--json"])).out)).toEqual(letter("a"));
  });

  it("show of what is not there fails, and says how far it looked", async () => {
    expect(await run(["show", "zz"])).toMatchObject({
      code: 1,
      err: "error: no dead letter zz\n",
    });
    const { err } = await run(["show", "zz"], { complete: false });
    expect(err).toContain("no dead letter zz among the first 3: --limit");
  });
});

describe("dead drop", () => {
  it("drops what is named after a count and a yes, noted before", async () => {
    const { code, out, did, questions, err } = await run(["drop", "a", "b", ...WHY], {
      types: "yes",
    });
    expect([code, out]).toEqual([0, "2 dead letters dropped\n"]);
    expect(questions).toEqual(["Drop 2 dead letters for good? Type yes: "]);
    expect(err).toMatch(/id .* reason/);
    const act = { action: "dead-drop", by: "ada", reason: "sent anew", count: 2 };
    expect(did).toEqual([
      ["held", 1_000],
      ["noted", PROJECT, act],
      ["dropped", ["a", "b"]],
      "put back",
      "closed",
    ]);
  });

  it("notes one letter with what it is about", async () => {
    const { did } = await run(["drop", "a", "--yes", ...WHY]);
    expect(did[1]).toMatchObject(["noted", PROJECT, { command: "heal-1", server: SERVER }]);
  });

  it("drops nothing without a yes, or when it cannot be noted", async () => {
    const no = await run(["drop", "--all", ...WHY], { types: "y" });
    expect([no.code, no.did]).toEqual([1, [["held", 1_000], "put back", "closed"]]);
    const pipe = await run(["drop", "--all", ...WHY]);
    expect([pipe.code, pipe.err]).toEqual([
      2,
      expect.stringContaining("--yes means these 3 dead letters"),
    ]);
    const away = await run(["drop", "a", "--yes", ...WHY], {
      note: async () => ({ kind: "away", message: "Redis is away" }),
    });
    expect(away).toMatchObject({
      code: 1,
      err: expect.stringContaining("nothing was done: Redis"),
    });
    expect(away.did).not.toContainEqual(["dropped", ["a"]]);
  });

  it("notes each project of ours, and what is of none under that of the command line", async () => {
    const letters = [
      letter("a", { project_id: OTHER }),
      letter("b", { project_id: "e".repeat(32) }),
      letter("c", { project_id: null }),
    ];
    const { did, out } = await run(["drop", "--all", "--yes", ...WHY], {
      letters,
      projects: [PROJECT, OTHER],
      complete: false,
    });
    expect(out).toBe("3 dead letters dropped; there are more: once more\n");
    expect(did.slice(1, 3)).toMatchObject([
      ["noted", OTHER, { count: 1 }],
      ["noted", PROJECT, { count: 2 }],
    ]);
    expect(await run(["drop", "c", "--yes", ...WHY], { letters, env: {} })).toMatchObject({
      code: 2,
      err: expect.stringContaining("--project is missing"),
    });
  });

  it.each([[[]], [["a", "--all"]]])("%j is wrong usage", async (args) => {
    expect(await run(["drop", ...args, ...WHY])).toMatchObject({ code: 2, did: [] });
  });
});

describe("dead return", () => {
  it("returns one that is whole, after a yes", async () => {
    const { code, out, did, questions } = await run(["return", "whole", ...WHY], { types: "yes" });
    expect([code, out]).toEqual([
      0,
      "whole is a command again: follow it with ecs-reinstall status heal-1\n",
    ]);
    expect(questions).toEqual(["Return it? Its server may be reinstalled. Type yes: "]);
    expect(did.slice(1, 3)).toMatchObject([
      ["noted", PROJECT, { action: "dead-return", count: 1, server: SERVER }],
      ["returned", "whole"],
    ]);
  });

  it("refuses a copy, and names whom to ask", async () => {
    const { code, err, did } = await run(["return", "a", "--yes", ...WHY]);
    expect([code, err]).toEqual([
      1,
      "error: a cannot be returned: a copy: ask source node-healer\n",
    ]);
    expect(did).toEqual([["held", 1_000], "put back", "closed"]);
  });
});

it("a broker that cannot be reached is said in one line", async () => {
  let err = "";
  const code = await runCli(["dead", "list"], {
    env: {},
    program: "ecs-reinstall",
    out: () => undefined,
    err: (text) => void (err += text),
    openBroker: () => Promise.reject(new CliFailure("cannot reach a broker")),
    openStore: () => Promise.reject(new Error("not asked for here")),
    fetch: () => Promise.reject(new Error("not asked for here")),
    onSignal: () => () => undefined,
  });
  expect([code, err]).toEqual([1, "error: cannot reach a broker\n"]);
});
