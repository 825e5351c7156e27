import { describe, expect, it } from "vitest";
import { createMarks } from "../../../../src/adapters/redis/marks.ts";
import type { ScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";

const [ONE, OTHER] = ["1", "2"].map((digit) => ProjectId.parse(digit.repeat(32)));

function build() {
  const sent: object[] = [];
  const answers: (() => void)[] = [];
  const run: ScriptRunner["run"] = async (_script, _keys, argument) => {
    sent.push(argument);
    await new Promise<void>((resolve) => answers.push(resolve));
    return { kind: "away", message: "nobody asks" };
  };
  const sleepers = new Set<() => void>();
  const mark = createMarks(
    { scripts: { run } },
    {
      sleep: (ms, signal) =>
        new Promise<void>((resolve) => {
          expect(ms).toBe(50);
          sleepers.add(resolve);
          signal.addEventListener("abort", () => resolve());
        }),
    },
  );
  return {
    sent,
    async timePasses() {
      for (const wake of sleepers) wake();
      await turn();
    },
    async answered() {
      for (const answer of answers.splice(0)) answer();
      await turn();
    },
    async mark(project: ProjectId | undefined, id: string, sequence = 1) {
      let isDone = false;
      if (project === undefined) throw new Error("no project");
      void mark(project, id, sequence).finally(() => {
        isDone = true;
      });
      await turn();
      return { isDone: () => isDone };
    },
  };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const marksOf = (sent: readonly object[]) =>
  sent.map((argument) => ("marks" in argument ? argument.marks : null));

describe("marks of what is published", () => {
  it("go together when they come within the time that one waits, and resolve when the script has run", async () => {
    const play = build();
    const a = await play.mark(ONE, "a", 3);
    const b = await play.mark(ONE, "b", 7);
    expect(play.sent).toEqual([]);
    await play.timePasses();
    const both = [
      { id: "a", sequence: 3 },
      { id: "b", sequence: 7 },
    ];
    expect(play.sent).toEqual([{ commandPrefix: `ecs:{${ONE}}:cmd:`, marks: both }]);
    expect([a.isDone(), b.isDone()]).toEqual([false, false]);
    await play.answered();
    expect([a.isDone(), b.isDone()]).toEqual([true, true]);
  });

  it("do not wait once there are eight; the ninth waits for others again", async () => {
    const play = build();
    for (let number = 1; number <= 9; number++) await play.mark(ONE, String(number));
    expect(marksOf(play.sent)).toMatchObject([Array.from({ length: 8 }, () => ({ sequence: 1 }))]);
    await play.timePasses();
    expect(marksOf(play.sent)[1]).toEqual([{ id: "9", sequence: 1 }]);
  });

  it("that come while a script runs go with the next", async () => {
    const play = build();
    await play.mark(ONE, "a");
    await play.timePasses();
    const late = await play.mark(ONE, "late");
    await play.answered();
    expect(late.isDone()).toBe(false);
    await play.timePasses();
    await play.answered();
    expect(late.isDone()).toBe(true);
    expect(marksOf(play.sent)).toMatchObject([[{ id: "a" }], [{ id: "late" }]]);
  });

  it("of another project go by themselves: its keys may be on another server", async () => {
    const play = build();
    await play.mark(ONE, "a");
    await play.mark(OTHER, "b");
    await play.timePasses();
    expect(marksOf(play.sent)).toMatchObject([[{ id: "a" }], [{ id: "b" }]]);
  });
});
