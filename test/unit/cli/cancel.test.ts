import { describe, expect, it } from "vitest";
import type { OperatorCommands } from "../../../src/adapters/redis/operator-commands.ts";
import { runCli } from "../../../src/cli/program.ts";
import { never, NO_OPERATOR } from "../../support/no-operator.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const WHY = ["--reason", "sent by mistake", "--by", "ada"];

interface World {
  /** Rows that the worker lists; undefined: no worker answers. */
  readonly rows?: readonly object[];
  /** So many pages have those rows. */
  readonly pages?: number;
  readonly cancel?: OperatorCommands["cancel"];
  /** What a person at a terminal types. */
  readonly types?: string;
}

async function run(args: readonly string[], { rows, pages = 1, cancel, types }: World) {
  const asked: string[] = [];
  const cancelled: string[] = [];
  const questions: string[] = [];
  let out = "";
  let err = "";
  const operator: OperatorCommands = {
    ...NO_OPERATOR,
    cancel: async (...call) => {
      cancelled.push(call[1]);
      return cancel === undefined ? { kind: "requested", phase: "waiting" } : cancel(...call);
    },
  };
  const code = await runCli(["cancel", ...args, "--project", PROJECT, ...WHY], {
    env: {},
    program: "ecs-reinstall",
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    openBroker: never,
    openStore: async () => ({ operator, close: () => undefined }),
    onSignal: () => () => undefined,
    fetch: async (url) => {
      asked.push(url.replace("http://127.0.0.1:8080", ""));
      if (rows === undefined) throw new Error("ECONNREFUSED");
      return Response.json({
        commands: rows,
        next: pages > asked.length ? `page-${asked.length + 1}` : null,
      });
    },
    ...(types === undefined
      ? {}
      : {
          ask: async (question: string) => {
            questions.push(question);
            return types;
          },
        }),
  });
  return { code, out, err, asked, cancelled, questions };
}

const row = (id: string, phase: string, holder: string | null = null) => ({
  command_id: id,
  phase,
  holder,
});

describe("cancel of one command", () => {
  const joined = [row("heal-2", "joined", "heal-1"), row("heal-3", "joined", "another")];

  it("says who has joined it, and that they go on", async () => {
    const { code, out, cancelled } = await run(["heal-1"], { rows: joined });
    expect([code, cancelled]).toEqual([0, ["heal-1"]]);
    expect(out).toContain("heal-1 ends at its next step (it is waiting now)");
    expect(out).toContain("going on by themselves: heal-2 (--joined");
  });

  it("--joined cancels them, too", async () => {
    const { cancelled, asked } = await run(["heal-1", "--joined"], { rows: joined });
    expect(cancelled).toEqual(["heal-1", "heal-2"]);
    expect(asked).toEqual([`/v1/commands?project=${PROJECT}&state=joined&limit=500`]);
  });

  it("goes on without a worker, and says what is not known; not with --joined", async () => {
    const alone = await run(["heal-1"], {});
    expect([alone.code, alone.cancelled]).toEqual([0, ["heal-1"]]);
    expect(alone.out).toContain("who has joined it is not known: no worker answers");
    const both = await run(["heal-1", "--joined"], {});
    expect([both.code, both.cancelled]).toEqual([1, []]);
    expect(both.err).toContain("nothing was cancelled");
  });
});

describe("cancel that is too late says why", () => {
  it.each([
    ["watch", "heal-1 is watch already: a reinstall cannot be called back"],
    ["ready", "heal-1 is ready already: a reinstall cannot be called back"],
    ["restore", "heal-1 is restore already: it ends when its server is as it was found"],
  ])("%s", async (phase, says) => {
    const cancel = async () => ({ kind: "too-late", phase }) as const;
    const { code, err } = await run(["heal-1"], { rows: [], cancel });
    expect([code, err]).toEqual([1, `error: ${says}\n`]);
  });
});

describe("cancel by a filter", () => {
  it("tries those whose server is being started again: they may wait again afterwards", async () => {
    const started = [row("a", "restore"), row("b", "ready"), row("c", "prepare")];
    const { cancelled } = await run(["--group", "web", "--yes"], { rows: started });
    expect(cancelled).toEqual(["a", "c"]);
  });

  it("takes no phase in which nothing can be cancelled", async () => {
    const { code, err, asked } = await run(["--state", "watch", "--yes"], { rows: [] });
    expect([code, asked]).toEqual([2, []]);
    expect(err).toContain("Allowed choices are waiting, joined, prepare, submit, restore.");
  });

  const rows = [row("a", "waiting"), row("b", "watch"), row("c", "joined")];
  const filter = ["--group", "web", "--min-age", "60"];

  it("takes all that can still be cancelled, after a count and a yes", async () => {
    const yes = await run(filter, { rows, types: "yes" });
    expect([yes.code, yes.out]).toEqual([0, "2 of 2 commands end at their next step\n"]);
    expect(yes.questions).toEqual(["Cancel 2 commands? Type yes: "]);
    expect(yes.cancelled).toEqual(["a", "c"]);
    expect(yes.asked).toEqual([
      `/v1/commands?project=${PROJECT}&group=web&min_age_seconds=60&limit=500`,
    ]);
    expect(yes.err).toMatch(/command .* phase/);
    const no = await run(filter, { rows, types: "y" });
    expect([no.code, no.cancelled]).toEqual([1, []]);
  });

  it("needs --yes where nobody can be asked", async () => {
    const asked = await run(filter, { rows });
    expect([asked.code, asked.cancelled]).toEqual([2, []]);
    expect(asked.err).toContain("--yes cancels these 2 commands");
    expect((await run([...filter, "--yes"], { rows })).cancelled).toEqual(["a", "c"]);
  });

  it("tries every one, and names what could not be cancelled", async () => {
    const { code, err, cancelled } = await run([...filter, "--yes"], {
      rows,
      cancel: async (_project, id) =>
        id === "a" ? { kind: "ended", outcome: "expired" } : { kind: "requested", phase: "joined" },
    });
    expect([code, cancelled]).toEqual([1, ["a", "c"]]);
    expect(err).toContain("1 of 2 commands end at their next step; not: a has ended: expired");
  });

  it("finds nothing, and is never everything by accident", async () => {
    const none = await run(filter, { rows: [] });
    expect([none.code, none.out]).toEqual([0, "no command that can still be cancelled fits\n"]);
    const all = await run(["--yes"], { rows });
    expect([all.code, all.cancelled, all.asked]).toEqual([2, [], []]);
    const both = await run(["heal-1", "--group", "web"], { rows });
    expect([both.code, both.cancelled]).toEqual([2, []]);
  });

  it("cancels a command once that moved between two pages, and so is on both", async () => {
    const rows = [row("heal-1", "waiting"), row("heal-2", "waiting")];
    const { out, cancelled, asked } = await run(["--group", "web", "--yes"], { rows, pages: 2 });
    expect(asked).toHaveLength(2);
    expect(cancelled).toEqual(["heal-1", "heal-2"]);
    expect(out).toContain("2 of 2 commands end at their next step");
  });
});
