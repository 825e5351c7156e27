import { describe, expect, it } from "vitest";
import type { SwitchEntry, SwitchName } from "../../../src/contract/brakes.ts";
import { ProjectId } from "../../../src/contract/ids.ts";
import { createPauseKeeper } from "../../../src/background/pause-keeper.ts";
import type { Pauses, PauseStore, StandingPause } from "../../../src/steps/ports/pauses.ts";
import { eventually } from "../../support/eventually.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
const ON: SwitchEntry = { on: true, atMs: 1_000, by: "ada", reason: "maintenance" };
const LIFTED: SwitchEntry = { on: false, atMs: 2_000, by: "bob", reason: "done" };

/** A keeper whose waits end when the test says so. */
function keeper() {
  let store: Awaited<ReturnType<PauseStore["keep"]>> = kept({});
  let wake: () => void = () => undefined;
  const told: StandingPause[] = [];
  const putBack: number[] = [];
  const asked: Pauses[] = [];
  let nowMs = 5_000;
  const made = createPauseKeeper({
    store: {
      keep: async (_project, remembered) => {
        asked.push(remembered);
        return store;
      },
    },
    projects: [PROJECT],
    clock: {
      nowMs: () => nowMs,
      monotonicMs: () => 0,
      random: () => 0,
      nonce: () => "n",
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", () => resolve());
        }),
    },
    intervalMs: 1_000,
    onChanged: (change) => told.push(change),
    onPutBack: (_project, count) => putBack.push(count),
    onRead: () => undefined,
  });
  return {
    made,
    told,
    putBack,
    asked,
    later: (ms: number, answer: typeof store): void => {
      nowMs += ms;
      store = answer;
    },
    read: async (answer: typeof store): Promise<void> => {
      store = answer;
      const before = asked.length;
      wake();
      if (before === 0) made.start();
      await eventually(() => expect(asked.length).toBe(before + 1), { what: "it asks again" });
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function kept(entries: Record<string, SwitchEntry>, putBack = 0) {
  const pauses = new Map(Object.entries(entries)) as ReadonlyMap<SwitchName, SwitchEntry>;
  return { kind: "kept", pauses, putBack } as const;
}

describe("a worker that keeps the pauses", () => {
  it("tells each pause once, when it is set and when it is lifted", async () => {
    const { made, told, read } = keeper();
    await read(kept({ project: ON }));
    await read(kept({ project: ON }));
    await read(kept({ project: LIFTED }));
    expect(told.map(({ entry }) => entry.on)).toEqual([true, false]);
    expect(made.standing()).toEqual([]);
    made.stop();
  });

  it("does not tell of pauses that were lifted before it came", async () => {
    const { made, told, read } = keeper();
    await read(kept({ project: LIFTED }));
    expect(told).toEqual([]);
    made.stop();
  });

  it("goes on remembering while the store is away, and brings what it remembers", async () => {
    const { made, asked, read } = keeper();
    await read(kept({ project: ON }));
    await read({ kind: "away", message: "no answer" });
    expect(made.standing()).toHaveLength(1);
    await read(kept({ project: ON }, 1));
    expect(asked.at(-1)).toEqual(new Map([["project", ON]]));
    made.stop();
  });

  it("tells how many entries the store had lost", async () => {
    const { made, putBack, read } = keeper();
    await read(kept({ project: ON }));
    await read(kept({ project: ON }, 1));
    expect(putBack).toEqual([1]);
    made.stop();
  });

  it("knows which storm a person keeps off, until it may set itself again", async () => {
    const { made, read, later } = keeper();
    const off = { ...LIFTED, untilMs: 6_000 };
    await read(kept({ "storm-asks": off, project: LIFTED }));
    expect(made.keptOff()).toEqual([{ project: PROJECT, scope: "storm-asks", entry: off }]);
    later(1_000, kept({}));
    expect(made.keptOff()).toEqual([]);
    made.stop();
  });

  it("reads at once for somebody who looks, and no more than once a second", async () => {
    const { made, asked, told, read, later } = keeper();
    await read(kept({}));
    later(999, kept({ project: ON }));
    expect(await made.refresh()).toBe(true);
    expect([asked.length, made.standing().length]).toEqual([1, 0]);
    later(1, kept({ project: ON }));
    expect(await Promise.all([made.refresh(), made.refresh()])).toEqual([true, true]);
    expect([asked.length, made.standing().length, told.length]).toEqual([2, 1, 1]);
    await made.refresh();
    expect(asked).toHaveLength(2);
    made.stop();
  });
});

it("does not keep who looks waiting for a store that does not answer", async () => {
  const made = createPauseKeeper({
    store: { keep: () => new Promise(() => undefined) },
    projects: [PROJECT],
    clock: {
      nowMs: () => 0,
      monotonicMs: () => 0,
      random: () => 0,
      nonce: () => "n",
      // The second that is waited has passed at once.
      sleep: () => Promise.resolve(),
    },
    intervalMs: 1_000,
    onChanged: () => undefined,
    onPutBack: () => undefined,
    onRead: () => undefined,
  });
  expect(await made.refresh()).toBe(false);
  expect(made.readAtMs()).toBeNull();
});
