import { describe, expect, it } from "vitest";
import type {
  OperatorCommands,
  PauseChange,
} from "../../../src/adapters/redis/operator-commands.ts";
import type { Sending } from "../../../src/adapters/redis/views/standing-pauses.ts";
import { runCli } from "../../../src/cli/program.ts";
import { never, NO_OPERATOR } from "../../support/no-operator.ts";
import type { SwitchEntry, SwitchName } from "../../../src/contract/brakes.ts";
import { ProjectId } from "../../../src/contract/ids.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const OTHER = "4f4b3dfa-eb70-47cf-a60a-000000000002";
const WHY = ["--reason", "maintenance", "--by", "ada"];
const ON: SwitchEntry = { on: true, atMs: 1_800_000_000_000, by: "bob", reason: "the rack burns" };
const SENDING: readonly Sending[] = [
  { command: "heal-1", server: SERVER, group: "web" },
  { command: "heal-2", server: OTHER, group: undefined },
];

interface World {
  readonly standing?: readonly (readonly [SwitchName, SwitchEntry])[];
  readonly sending?: OperatorCommands["sending"];
}

async function run(args: readonly string[], { standing = [], sending }: World = {}) {
  const changes: PauseChange[] = [];
  let out = "";
  let err = "";
  const operator: OperatorCommands = {
    ...NO_OPERATOR,
    setPause: async (_project, change) => {
      changes.push(change);
      return { kind: "set", atMs: 5, wasOn: true };
    },
    sending: sending ?? (async () => SENDING),
    pauseSeen: async () => true,
    standingPauses: async () => new Map(standing),
    projects: async () => [ProjectId.parse(PROJECT)],
  };
  const code = await runCli([...args, ...WHY], {
    env: { ECS_PROJECTS: PROJECT },
    program: "ecs-reinstall",
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    openBroker: never,
    openStore: async () => ({ operator, close: () => undefined }),
    onSignal: () => () => undefined,
    fetch: never,
  });
  return { code, out, err, scopes: changes.map(({ scope, on }) => [scope, on]) };
}

describe("pause", () => {
  it.each([
    [[], [`heal-1 (server ${SERVER})`, `heal-2 (server ${OTHER})`], []],
    [["--everything"], ["heal-1", "heal-2"], []],
    [["--group", "web"], ["heal-1"], ["heal-2"]],
    [["--server", OTHER], ["heal-2"], ["heal-1"]],
    [["--group", "db"], ["No request for it was being made in that moment."], ["heal-"]],
  ])("%j names the commands of its scope that may still be sent", async (scope, named, not) => {
    const { code, out } = await run(["pause", ...scope]);
    expect(code).toBe(0);
    for (const text of named) expect(out).toContain(text);
    for (const text of not) expect(out).not.toContain(text);
  });

  it("of a project that no worker acts on says so at once, and which ones there are", async () => {
    const typo = `${PROJECT.slice(0, -1)}0`;
    const { code, out, scopes } = await run(["pause", "--project", typo]);
    expect([code, scopes]).toEqual([0, [["project", true]]]);
    expect(out).toContain(
      `No worker acts on ${typo}: is that the project that you mean? Workers act on ${PROJECT}.\n`,
    );
    expect(out).not.toContain("within 20 s");
    expect((await run(["pause"])).out).not.toContain("No worker");
  });

  it.each(["pause", "resume"])("%s is of one project or of all", async (verb) => {
    const { code, err, scopes } = await run([verb, "--everything", "--project", PROJECT]);
    expect([code, scopes]).toEqual([2, []]);
    expect(err).toBe("error: --everything is every project: leave --project out\n");
  });

  it("holds where that cannot be read, and says so", async () => {
    const sending = () => Promise.reject(new Error("NOPERM no permissions to run zrange"));
    const { code, out, scopes } = await run(["pause"], { sending });
    expect([code, scopes]).toEqual([0, [["project", true]]]);
    expect(out).toContain("may still go out (at most 30 s); which ones is not known: NOPERM");
  });

  it("names so many, and counts the rest", async () => {
    const many = Array.from({ length: 25 }, (_, n) => ({ ...SENDING[1], command: `cmd-${n}.` }));
    const { out } = await run(["pause"], { sending: async () => many as Sending[] });
    expect(out).toContain("and 5 more.");
    expect(out).not.toContain("cmd-20.");
  });
});

describe("resume", () => {
  const both = { standing: [["project", ON] as const, ["storm-asks", ON] as const] };

  it("asks which brake, where more than one stands", async () => {
    const { code, err, scopes } = await run(["resume"], both);
    expect([code, scopes]).toEqual([2, []]);
    expect(err).toContain("name one: pause, storm-asks");
    expect((await run(["resume", "pause"], both)).scopes).toEqual([["project", false]]);
  });

  it.each([["--everything"], ["--group", "web"], ["--server", SERVER]])(
    "lifts no storm by %s: a storm is of one project",
    async (...scope) => {
      const { code, err, scopes } = await run(["resume", "storm-failures", ...scope], both);
      expect([code, scopes]).toEqual([2, []]);
      expect(err).toContain("storm-failures is of one project");
      // Without a name it is a pause that is meant.
      expect((await run(["resume", ...scope], both)).scopes).toEqual([
        [expect.not.stringContaining("storm"), false],
      ]);
    },
  );

  it("lets nothing of what people wrote rule the terminal", async () => {
    const hostile = { ...ON, by: "e\u001b[2Jve", reason: "ok\nstill paused: nothing\u009b\u202e" };
    const { out } = await run(["resume", "pause"], { standing: [["group:web", hostile]] });
    expect(out).toContain("by e?[2Jve since");
    expect(out).toContain(": ok?still paused: nothing??\n");
  });

  it("says what still holds, also where nobody knows since when", async () => {
    const unknown = { on: true, atMs: 0, by: "unknown", reason: "its entry cannot be read" };
    const { out } = await run(["resume", "pause"], {
      standing: [
        ["group:web", ON],
        ["everything", unknown],
      ],
    });
    expect(out).toContain(
      `still paused: ${PROJECT} (group:web), by bob since 2027-01-15T08:00:00.000Z: the rack burns`,
    );
    expect(out).toContain(
      `still paused: ${PROJECT} (everything), by unknown: its entry cannot be read`,
    );
  });
});
