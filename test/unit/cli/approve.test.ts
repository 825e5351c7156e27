import { describe, expect, it } from "vitest";
import type {
  CommandStanding,
  OperatorCommands,
} from "../../../src/adapters/redis/operator-commands.ts";
import { runCli } from "../../../src/cli/program.ts";
import { never, NO_OPERATOR } from "../../support/no-operator.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const WHY = ["--reason", "looked at it", "--by", "ada"];

function standing(phase: string, more: Partial<CommandStanding> = {}): CommandStanding {
  return { outcome: null, phase, waitsFor: null, holder: null, ...more };
}

/** `approve` of these, where the project knows these commands. */
async function approve(
  ids: readonly string[],
  known: Readonly<Record<string, CommandStanding>>,
): Promise<{ code: number; out: string; err: string; approved: readonly string[] }> {
  const approved: string[] = [];
  const said = { out: "", err: "" };
  const operator: OperatorCommands = {
    ...NO_OPERATOR,
    standingOf: async (_project, id) => known[id] ?? null,
    setPause: async (_project, { scope }) => {
      approved.push(scope);
      return { kind: "set", atMs: 1, wasOn: true };
    },
  };
  const code = await runCli(["approve", ...ids, "--project", PROJECT, ...WHY], {
    env: {},
    program: "ecs-reinstall",
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    openBroker: never,
    openStore: async () => ({ operator, close: () => undefined }),
    onSignal: () => () => undefined,
    fetch: never,
  });
  return { code, ...said, approved };
}

describe("approve", () => {
  const held = standing("waiting", { waitsFor: "approval" });
  const joined = standing("joined", { holder: "heal-1" });

  it("lets a command that waits go at the next try", async () => {
    const { out, approved } = await approve(["heal-1"], { "heal-1": held });
    expect(out).toContain("heal-1: approved by ada, and may go at the next try");
    expect(approved).toEqual(["approved:heal-1"]);
  });

  it("of one that has joined another says that it does not go by itself, and whom to approve", async () => {
    const known = { "heal-1": held, "heal-2": joined };
    const { out, approved } = await approve(["heal-2"], known);
    expect(out).toContain(
      "heal-2: approved by ada; it has joined heal-1, shares that one's reinstall, and does not go by itself.",
    );
    expect(out).toContain(
      `heal-1 waits for its own approval: ecs-reinstall approve heal-1 --project ${PROJECT} --reason …`,
    );
    expect(out).toContain("The approval of heal-2 counts should it have to go on by itself.");
    expect(out).not.toContain("may go");
    expect(approved).toEqual(["approved:heal-2"]);
  });

  it.each([
    ["is on its way", { "heal-1": standing("watch"), "heal-2": joined }, ["heal-2"]],
    ["waits for something else", { "heal-1": standing("waiting"), "heal-2": joined }, ["heal-2"]],
    ["has ended", { "heal-1": standing("x", { outcome: "failed" }), "heal-2": joined }, ["heal-2"]],
    ["is not known any more", { "heal-2": joined }, ["heal-2"]],
    ["is approved with it", { "heal-1": held, "heal-2": joined }, ["heal-2", "heal-1"]],
  ] as const)("does not ask for the other's approval where that %s", async (_, known, ids) => {
    const { code, out } = await approve(ids, known);
    expect([code, out.includes("its own approval")]).toEqual([0, false]);
    expect(out).toContain("heal-2: approved by ada; it has joined heal-1");
  });

  it("of one that does not wait says where it is", async () => {
    const { out } = await approve(["heal-1"], { "heal-1": standing("watch") });
    expect(out).toContain("heal-1: approved by ada; it does not wait for that now (it is watch)");
  });

  it("approves none where one is not known, or has ended", async () => {
    const known = { "heal-1": held, "heal-2": standing("watch", { outcome: "succeeded" }) };
    const { code, err, approved } = await approve(["heal-1", "heal-2", "heal-3"], known);
    expect([code, approved]).toEqual([1, []]);
    expect(err).toContain("heal-2 has ended: succeeded");
    expect(err).toContain("no command heal-3 in this project");
    expect(err).toContain("nothing is approved");
  });
});
