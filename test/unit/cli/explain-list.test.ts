import { describe, expect, it, vi } from "vitest";
import { runCli } from "../../../src/cli/program.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const BASE = "http://127.0.0.1:8080";

/** One command line, with workers that answer these in turn; the last one again and again. */
async function run(
  args: readonly string[],
  answers: readonly (readonly [status: number, body: unknown])[],
  env: Record<string, string> = {},
  onSignal?: (signal: AbortSignal) => void,
) {
  const asked: string[] = [];
  const tokens: (string | undefined)[] = [];
  let out = "";
  let err = "";
  const none = () => Promise.reject(new Error("there is none here"));
  const code = await runCli(args, {
    env,
    program: "ecs-reinstall",
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    openBroker: none,
    openStore: none,
    onSignal: () => () => undefined,
    fetch: (url, { headers, signal }) => {
      onSignal?.(signal);
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      tokens.push(headers["authorization"]);
      const [status, body] = answers[Math.min(asked.length, answers.length - 1)] ?? [500, {}];
      asked.push(url.replace(BASE, ""));
      return Promise.resolve(new Response(JSON.stringify(body), { status }));
    },
  });
  return { code, out, err, asked, tokens };
}

const UNKNOWN = [404, { error: "not-found", message: "no such command is known" }] as const;

describe("a worker that stands still", () => {
  it("is given up after ten seconds, and another one is named", async () => {
    let given: AbortSignal | undefined;
    const timeout = vi.spyOn(AbortSignal, "timeout");
    try {
      timeout.mockImplementation((ms) => {
        expect(ms).toBe(10_000);
        return AbortSignal.abort(new DOMException("", "TimeoutError"));
      });
      const { code, err } = await run(["explain", "a"], [[200, {}]], {}, (signal) => {
        given = signal;
      });
      expect([code, given?.aborted]).toEqual([1, true]);
      expect(err).toContain("it gave no answer within 10 s. It may stand still; ask another one");
    } finally {
      timeout.mockRestore();
    }
  });
});

describe("explain", () => {
  it("prints the worker's sentences for a command, of each project", async () => {
    const commands = [{ explanation: ["one", "two"] }, { explanation: ["three"] }];
    const { code, out, asked } = await run(["explain", "heal:1"], [[200, { commands }]]);
    expect([code, out]).toEqual([0, "one\ntwo\n\nthree\n"]);
    expect(asked).toEqual(["/v1/commands/heal%3A1"]);
  });

  it("asks for a server, and for a command of that name, and tells what there is", async () => {
    const server = [200, { explanation: ["held"] }] as const;
    const env = { ECS_PROJECTS: PROJECT };
    const only = await run(["explain", SERVER], [UNKNOWN, server], env);
    expect([only.code, only.out]).toEqual([0, "held\n"]);
    expect(only.asked).toEqual([`/v1/commands/${SERVER}`, `/v1/servers/${PROJECT}/${SERVER}`]);
    const command = [200, { commands: [{ explanation: ["runs"] }] }] as const;
    const both = await run(["explain", SERVER, "--project", PROJECT], [command, server]);
    expect(both.out).toBe("runs\n\nheld\n");
  });

  it("says what is not known with exit 1, and that a server needs its project with exit 2", async () => {
    const unknown = await run(["explain", "heal-1"], [UNKNOWN]);
    expect([unknown.code, unknown.err]).toEqual([1, "error: no such command is known\n"]);
    const server = await run(["explain", SERVER], [UNKNOWN]);
    expect([server.code, server.err]).toEqual([
      2,
      "error: no such command is known; for a server --project is missing, and ECS_PROJECTS names none\n",
    ]);
    const wrong = await run(["explain", "a b"], [UNKNOWN]);
    expect([wrong.code, wrong.asked]).toEqual([2, []]);
  });

  it("of a worker that does not explain, or is in trouble, says so", async () => {
    const older = await run(["explain", "a"], [[200, { phase: "watch" }]]);
    expect([older.code, older.err]).toEqual([
      1,
      "error: the worker is of a version that does not explain: use status\n",
    ]);
    const away = await run(["explain", "a"], [[503, { message: "the store does not answer" }]]);
    expect([away.code, away.err]).toEqual([1, "error: the store does not answer\n"]);
  });

  it("lets no control character through to a terminal, and gives everything as JSON", async () => {
    const answer = { commands: [{ explanation: ["reason: \u001b[2Jgone"] }] };
    expect((await run(["explain", "a"], [[200, answer]])).out).toBe("reason: ?[2Jgone\n");
    const { out } = await run(["explain", "a", "--json"], [[200, answer]]);
    expect(JSON.parse(out)).toEqual(answer);
  });
});

describe("list", () => {
  const row = (id: string) => ({
    command_id: id,
    server_id: SERVER,
    phase: "waiting",
    waits_for: "server-busy",
    holder: "heal-0",
    since: new Date(Date.now() - 65_500).toISOString(),
    next_try: null,
    source: "a\u001bb",
    group: null,
  });

  it("shows open commands as a table, page after page", async () => {
    const pages = [
      [200, { commands: [row("heal-1")], next: "abc" }],
      [200, { commands: [row("heal-2")], next: null }],
    ] as const;
    const { code, out, err, asked } = await run(["list"], pages);
    expect([code, err]).toEqual([0, ""]);
    expect(asked).toEqual(["/v1/commands?limit=100", "/v1/commands?limit=100&cursor=abc"]);
    expect(out).toContain("next step in");
    expect(out).toMatch(/heal-1 .* waiting .* server-busy: heal-0 .* 1 min 5 s .* a\?b/);
    expect(out).toMatch(/heal-2/);
    expect(out).not.toContain("\u001b");
  });

  it("stops at its limit, and says that there are more", async () => {
    const page = [200, { commands: [row("heal-1"), row("heal-2")], next: "abc" }] as const;
    const second = [200, { commands: [row("heal-3"), row("heal-4")], next: "def" }] as const;
    const { out, err } = await run(["list", "--limit", "3", "--json"], [page, second]);
    expect(JSON.parse(out)).toMatchObject({ commands: [{}, {}, {}], complete: false });
    expect(err).toBe("");
    expect((await run(["list", "--limit", "1"], [page])).err).toBe(
      "there are more: --limit (now 1)\n",
    );
  });

  it.each([[["ended"]], [["commands", "--state", "ended"]]])(
    "shows what ended as a table of its own: %s",
    async (args) => {
      const [from, to] = [75_500, 10_500].map((ago) => new Date(Date.now() - ago).toISOString());
      const ended = { ...row("heal-1"), outcome: "failed", created_at: from, updated_at: to };
      const answer = [200, { commands: [{ ...ended, reason: "ping" }] }] as const;
      const { out, asked } = await run(["list", ...args], [answer]);
      expect(asked).toEqual(["/v1/commands?state=ended&limit=100"]);
      expect(out).toMatch(/heal-1 .* failed .* 10 s ago .* 1 min 5 s .* a\?b .* ping/);
      const none = await run(["list", ...args, "--outcome", "failed"], [[200, { commands: [] }]]);
      expect(none.asked).toEqual(["/v1/commands?state=ended&outcome=failed&limit=100"]);
      expect(none.out).toBe("no command that ended is remembered\n");
    },
  );

  it.each([
    [["locks", "--server", SERVER], "list locks takes no --server"],
    [["unresolved", "--source", "a"], "list unresolved takes no --source"],
    [["brakes", "--group", "web"], "list brakes takes no --group"],
    [["waiting", "--outcome", "failed"], "list waiting takes no --outcome"],
    [["ended", "--waits-for", "pause"], "list ended takes no --waits-for"],
    [["--state", "watch", "--outcome", "failed"], "--outcome goes with --state ended, not watch"],
  ])("refuses a filter that would not be looked at: %j", async (args, message) => {
    const { code, err, asked } = await run(["list", ...args], []);
    expect([code, err, asked]).toEqual([2, `error: ${message}\n`, []]);
  });

  it("passes every filter on", async () => {
    const filters = ["--project", PROJECT, "--state", "watch", "--waits-for", "pause"];
    const more = ["--server", SERVER, "--source", "a b", "--group", "web", "--min-age", "60"];
    const { out, asked } = await run(["list", ...filters, ...more], [[200, { commands: [] }]]);
    expect(out).toBe("no open command\n");
    expect(asked).toEqual([
      `/v1/commands?project=${PROJECT}&state=watch&waits_for=pause&server=${SERVER}&source=a+b&group=web&min_age_seconds=60&limit=100`,
    ]);
  });

  const lock = (owner: string, phase: string) => ({ server_id: SERVER, owner, phase, since: null });
  const LOCKS = [lock("heal-1", "watch"), lock("heal-2", "unresolved")];

  it.each<[string, unknown, string, string[]]>([
    ["waiting", { commands: [row("heal-1")] }, "/v1/commands?state=waiting&limit=100", ["heal-1"]],
    ["locks", { locks: LOCKS }, "/v1/locks?limit=100", ["heal-1", "heal-2"]],
    ["unresolved", { locks: LOCKS }, "/v1/locks?limit=100", ["heal-2"]],
    ["brakes", { holding: [{ brake: "pause", by: "ada" }] }, "/v1/brakes?", ["pause", "ada"]],
  ])("%s", async (what, body, path, shows) => {
    const { code, out, asked } = await run(["list", what], [[200, body]]);
    expect([code, asked]).toEqual([0, [path]]);
    const found = ["heal-1", "heal-2", "pause", "ada"].filter((text) => out.includes(text));
    expect(found).toEqual(shows);
  });

  it("brakes: with storms that a person keeps off for a while, in the table and as JSON", async () => {
    const off = {
      brake: "storm-asks",
      by: "bob",
      until: "2026-11-28T08:00:00Z",
      reason: "refresh",
    };
    const answer = [200, { holding: [], kept_off: [off] }] as const;
    const { out, asked } = await run(["list", "brakes"], [answer]);
    expect(asked).toEqual(["/v1/brakes?"]);
    expect(out).toMatch(/^no brake holds anything\nKept off by a person:\n/);
    expect(out).toMatch(/storm-asks .* bob .* 2026-11-28T08:00:00Z .* refresh/);
    const { out: json } = await run(["list", "brakes", "--json"], [answer]);
    expect(JSON.parse(json)).toEqual({
      holding: [],
      kept_off: [off],
      quarantined: [],
      complete: true,
    });
  });

  it("brakes: with the servers that are quarantined, and how one is let out", async () => {
    const since = new Date(Date.now() - 7_200_000).toISOString();
    const one = { project_id: PROJECT, server_id: SERVER, command_id: "heal-9", since };
    const answer = [200, { holding: [], kept_off: [], quarantined: [one] }] as const;
    const { out } = await run(["list", "brakes"], [answer]);
    expect(out).toMatch(/^Quarantined servers \(let one out: ecs-reinstall release\):\n/);
    expect(out).toMatch(new RegExp(`${SERVER} .* ${PROJECT} .* heal-9 .* 2 h`));
    const { out: json } = await run(["list", "brakes", "--json"], [answer]);
    expect(JSON.parse(json)).toMatchObject({ quarantined: [one] });
  });

  it("brakes: says how old what it shows is, where the worker cannot read it now", async () => {
    const at = new Date(Date.now() - 7_200_000).toISOString();
    const pause = { brake: "pause", by: "ada" };
    const listed = (more: object) =>
      run(["list", "brakes"], [[200, { holding: [pause], ...more }]]);
    const old = await listed({ read_at: at, is_current: false });
    expect(old.out).toContain("ada");
    expect(old.err).toBe(
      `Redis does not answer: this is how the brakes were 2 h ago, at ${at}; what was set or lifted since is not known\n`,
    );
    expect((await listed({ read_at: null, is_current: false })).err).toBe(
      "Redis was not read for the brakes yet: what people have set is not known\n",
    );
    expect((await listed({ read_at: at, is_current: true })).err).toBe("");
    const answer = [200, { holding: [], read_at: at, is_current: false }] as const;
    const { out: json } = await run(["list", "brakes", "--json"], [answer]);
    expect(JSON.parse(json)).toMatchObject({ read_at: at, is_current: false });
  });

  it("brakes: says that it does not know which servers are quarantined where the worker does not", async () => {
    const answer = [200, { holding: [], kept_off: [], quarantined: null }] as const;
    const { out, err } = await run(["list", "brakes"], [answer]);
    expect(out).toBe("");
    expect(err).toBe(
      "Quarantined servers (let one out: ecs-reinstall release): not known, Redis does not answer\n",
    );
    const { out: json } = await run(["list", "brakes", "--json"], [answer]);
    expect(JSON.parse(json)).toMatchObject({ kept_off: [], quarantined: null });
  });

  it.each([
    [
      ["list", "everything"],
      "Allowed choices are commands, waiting, ended, locks, unresolved, brakes.",
    ],
    [["list", "--limit", "0"], "It must be a whole number from 1 to 100000."],
    [["list", "--min-age", "1h"], "It must be a whole number of seconds"],
    [["list", "--server", "web-01"], "It must be a UUID."],
    [["list", "--state", "watching"], "Allowed choices are waiting, joined, prepare,"],
    [["list", "--outcome", "accepted"], "Allowed choices are succeeded, failed,"],
    [["list", "--waits-for", "paused"], "Allowed choices are server-busy,"],
  ])("%j is wrong usage", async (args, message) => {
    const { code, err, asked } = await run(args, []);
    expect([code, asked]).toEqual([2, []]);
    expect(err).toContain(message);
  });

  it("fails where the answer is none that it knows, and where the worker knows no such project", async () => {
    const odd = await run(["list"], [[200, { commands: "many" }]]);
    expect([odd.code, odd.err]).toEqual([
      1,
      "error: the worker's answer is none that this version knows\n",
    ]);
    const other = await run(["list"], [[404, { message: "no such project is known" }]]);
    expect([other.code, other.err]).toEqual([1, "error: no such project is known\n"]);
  });
});

it("status asks for the evidence of a command where that is wanted", async () => {
  const { code, out, asked } = await run(["status", "a:1", "--evidence"], [[200, { a: 1 }]]);
  expect([code, JSON.parse(out), asked]).toEqual([
    0,
    { a: 1 },
    ["/v1/commands/a%3A1?view=evidence"],
  ]);
});

describe("audit", () => {
  const action = {
    id: "a-1",
    at: "2026-11-27T10:30:00.000Z",
    action: "resolve",
    project_id: PROJECT,
    by: "ada",
    reason: "looked\u0007 at it",
    command_id: "heal-1",
    server_id: SERVER,
    scope: null,
    as: "reinstalled",
  };

  it("shows who did what and why, filtered, without control characters", async () => {
    const filters = ["--project", PROJECT, "--action", "resolve", "--by", "ada"];
    const more = ["--server", SERVER, "--command", "heal-1", "--max-age", "60"];
    const page = [200, { actions: [action], next: null }] as const;
    const { code, out, asked } = await run(["audit", ...filters, ...more], [page]);
    expect(code).toBe(0);
    expect(out).toMatch(/when .* by .* action .* about .* project .* reason/);
    expect(out).toContain(`heal-1 ${SERVER} reinstalled`);
    expect(out).toContain("looked? at it");
    expect(asked).toEqual([
      `/v1/audit?project=${PROJECT}&action=resolve&server=${SERVER}&command=heal-1&by=ada&max_age_seconds=60&limit=100`,
    ]);
  });

  it("says until when a storm is kept off", async () => {
    const resumed = { ...action, action: "resume", command_id: null, server_id: null, as: null };
    const until = { scope: "storm-asks", until: "2026-11-27T18:30:00.000Z" };
    const page = [200, { actions: [{ ...resumed, ...until }], next: null }] as const;
    const { out } = await run(["audit"], [page]);
    expect(out).toContain("storm-asks until 2026-11-27T18:30:00.000Z");
  });

  it("reads on, gives JSON, and says when there is more or nothing", async () => {
    const first = [200, { actions: [action], next: "c-1" }] as const;
    const last = [200, { actions: [{ ...action, id: "a-2" }], next: null }] as const;
    const both = await run(["audit", "--json"], [first, last]);
    expect(JSON.parse(both.out)).toMatchObject({
      actions: [{ id: "a-1" }, { id: "a-2" }],
      complete: true,
    });
    const cut = await run(["audit", "--limit", "1"], [first]);
    expect(cut.err).toBe("there are more: --limit (now 1)\n");
    const none = await run(["audit"], [[200, { actions: [], next: null }]]);
    expect(none.out).toBe("nobody did anything by hand\n");
  });

  it("takes only actions that there are", async () => {
    const { code, err } = await run(["audit", "--action", "shout"], []);
    expect([code, err]).toEqual([2, expect.stringContaining("Allowed choices are pause, resume")]);
  });
});

describe("what people do by hand", () => {
  const needsReason = [
    ["cancel", "heal-1"],
    ["unlock", SERVER, "--owner", "heal-1"],
    ["pause"],
    ["resume"],
    ["protect", SERVER],
    ["unprotect", SERVER],
    ["release", SERVER],
  ];

  it.each(needsReason)("needs a reason: %s", async (...args) => {
    const words = args.filter((word) => word !== undefined);
    const none = await run([...words, "--project", PROJECT], []);
    expect([none.code, none.err]).toEqual([
      2,
      "error: required option '--reason <text>' not specified\n",
    ]);
    for (const [reason, by] of [
      ["  ", "ada"],
      ["x".repeat(1_001), "ada"],
      ["why", ""],
    ]) {
      const given = ["--reason", reason ?? "", "--by", by ?? ""];
      const bad = await run([...words, "--project", PROJECT, ...given], []);
      expect([bad.code, bad.err]).toEqual([2, expect.stringContaining("It must be a text of 1-")]);
    }
  });
});

it("brings a token where one is given, and says where one is wanted", async () => {
  const answer = [200, { commands: [] }] as const;
  expect((await run(["list"], [answer])).tokens).toEqual([undefined]);
  const env = { ECS_REINSTALL_TOKEN: "a-token-of-24-characters" };
  expect((await run(["list"], [answer], env)).tokens).toEqual(["Bearer a-token-of-24-characters"]);
  const refused = await run(["list"], [[401, { error: "unauthorized", message: "…" }]]);
  expect([refused.code, refused.err]).toEqual([
    1,
    "error: the worker answers only who brings one of its tokens: ECS_REINSTALL_TOKEN\n",
  ]);
});
