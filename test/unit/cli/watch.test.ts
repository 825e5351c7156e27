import { describe, expect, it } from "vitest";
import type { BrokerSession } from "../../../src/cli/broker-session.ts";
import { CliFailure } from "../../../src/cli/failure.ts";
import { runCli } from "../../../src/cli/program.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";

const event = (id: string, name: string, data: object = {}) => ({
  specversion: "1.0",
  id: `${id}/1`,
  source: "/ecs-reinstall-worker/eu-west-0/p",
  type: `ecs.reinstall.${name}.v1`,
  time: "2026-11-27T10:30:00.000Z",
  datacontenttype: "application/json",
  data: {
    command_id: id,
    project_id: PROJECT,
    server_id: SERVER,
    event: name,
    sequence: 1,
    ...data,
  },
});
const BY_HAND = {
  ...event("x", "operator.cancel"),
  id: "operator/1",
  data: { action: "cancel", project_id: PROJECT, by: "ada", reason: "why", command_id: "heal-1" },
};

/** A broker that plays one conversation after the other: what is published, and then it is lost. */
async function run(
  args: readonly string[],
  conversations: readonly (readonly object[] | "away")[],
) {
  const keys: (readonly string[])[] = [];
  let out = "";
  let err = "";
  let opened = 0;
  const never = () => Promise.reject(new Error("not asked for here"));
  const code = await runCli(["watch", ...args], {
    env: {},
    program: "ecs-reinstall",
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    openBroker: async (): Promise<BrokerSession> => {
      const messages = conversations[opened];
      opened += 1;
      if (messages === undefined || messages === "away")
        throw new CliFailure("cannot reach a broker");
      let lose: (error: Error) => void = () => undefined;
      const lost = new Promise<never>((_resolve, reject) => {
        lose = reject;
      });
      lost.catch(() => undefined);
      return {
        lost,
        follow: never,
        publish: never,
        holdDead: never,
        listen: async (wanted, onMessage) => {
          keys.push(wanted);
          for (const message of messages) onMessage(message);
          setTimeout(() => lose(new CliFailure("the broker ended the connection")), 5);
          return "queue";
        },
        close: async () => undefined,
      };
    },
    openStore: never,
    fetch: never,
    onSignal: () => () => undefined,
  });
  return { code, out, err, keys };
}

describe("watch", () => {
  it("prints one line for each event, what people did by hand among them", async () => {
    const waits = event("heal-1", "waiting", { waits_for: "cap", reason: "mine" });
    const { code, out, keys } = await run(["--count", "2"], [[waits, BY_HAND]]);
    expect([code, keys]).toEqual([0, [["*.*.*", "operator.*"]]]);
    expect(out).toBe(
      `2026-11-27T10:30:00.000Z heal-1 ${SERVER} waiting waits_for=cap\n` +
        "2026-11-27T10:30:00.000Z heal-1 - operator.cancel by=ada reason=why\n",
    );
  });

  it("asks the broker for what it can, and leaves out the rest itself", async () => {
    const narrow = ["--project", PROJECT, "--server", SERVER, "--event", "failed", "succeeded"];
    const one = await run([...narrow, "--count", "1"], [[event("a", "failed")]]);
    expect(one.keys).toEqual([[`${PROJECT}.${SERVER}.failed`, `${PROJECT}.${SERVER}.succeeded`]]);
    const others = [event("a", "accepted"), event("b", "accepted", { group: "web", source: "me" })];
    const web = await run(["--group", "web", "--source", "me", "--count", "1"], [others]);
    expect(web.out).toContain(" b ");
    const mine = await run(["b", "--count", "1", "--json"], [others]);
    expect(JSON.parse(mine.out)).toEqual(others[1]);
    expect((await run(["--event", "operator", "--count", "1"], [[BY_HAND]])).keys).toEqual([
      ["operator.*"],
    ]);
  });

  it("connects again after a broker that restarts, and says what may be missing", async () => {
    const first = event("a", "accepted");
    const conversations = [[first], "away", [event("b", "accepted")]] as const;
    const { code, out, err } = await run(["--count", "2"], conversations);
    expect([code, out.trimEnd().split("\n").length]).toEqual([0, 2]);
    expect(err).toMatch(/^the broker ended the connection; connecting again\n/);
    expect(err).toMatch(/connected again: events of the last \d+ s may be missing\n$/);
  });

  it("says at once that there is no broker, and which events there are", async () => {
    const away = await run([], ["away"]);
    expect([away.code, away.err]).toEqual([1, "error: cannot reach a broker\n"]);
    const wrong = await run(["--event", "shouted"], []);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("It must be one of")]);
  });

  it("shows no control characters", async () => {
    const { out } = await run(["--count", "1"], [[event("a", "failed", { message: "\u001b[2J" })]]);
    expect(out).toContain("message=?[2J");
  });
});
