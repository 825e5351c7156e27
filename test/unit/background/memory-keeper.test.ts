import { describe, expect, it } from "vitest";
import { createMemoryKeeper } from "../../../src/background/memory-keeper.ts";
import { ProjectId, ServerId } from "../../../src/contract/ids.ts";
import type { MemoryChange, MemorySeen, RememberedMemory } from "../../../src/core/store-memory.ts";
import { memoryLog } from "../../../src/observe/logging/memory-log.ts";
import { createLogger } from "../../../src/observe/logging/logger.ts";
import { createMetrics } from "../../../src/observe/metrics/metrics.ts";
import type { StoreMemoryWatch } from "../../../src/steps/ports/store-memory.ts";
import { eventually } from "../../support/eventually.ts";
import { fakeClock } from "../steps/fakes.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
const SERVER = ServerId.parse("4f4b3dfa-eb70-47cf-a60a-998a53bd598a");
const OTHER = ServerId.parse("4f4b3dfa-eb70-47cf-a60a-998a53bd598b");

const KNOWN: MemorySeen = {
  origin: "o1",
  run: "r1",
  epoch: { sinceMs: 0, fresh: false },
  open: true,
  unresolved: new Map([[SERVER, { owner: "cmd-a", token: 3, sinceMs: 5 }]]),
  others: new Map([[OTHER, "the resizer"]]),
  commands: 7,
};
const EMPTIED: MemorySeen = {
  ...KNOWN,
  origin: "o2",
  epoch: null,
  open: false,
  unresolved: new Map(KNOWN.unresolved),
  others: new Map(),
  commands: 0,
};

type Answer = Awaited<ReturnType<StoreMemoryWatch["look"]>>;
const seen = (memory: MemorySeen, putBack: readonly (readonly [ServerId, string])[] = []) =>
  ({ kind: "seen", memory, putBack: new Map(putBack) }) as const;

/** A keeper whose waits end when the test says so. */
function keeper(queuesExisted: boolean | null = true) {
  let answer: Answer = seen(KNOWN);
  let wake: () => void = () => undefined;
  const asked: (RememberedMemory | null)[] = [];
  const changes: MemoryChange[] = [];
  const made = createMemoryKeeper({
    store: {
      look: async (_project, remembered) => {
        asked.push(remembered);
        return answer;
      },
    },
    projects: [PROJECT],
    clock: {
      ...fakeClock(),
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", () => resolve());
        }),
    },
    intervalMs: 1_000,
    queuesExisted: () => queuesExisted,
    onChanged: (change) => changes.push(change),
  });
  const look = async (next: Answer) => {
    answer = next;
    const before = asked.length;
    if (before === 0) made.start();
    wake();
    await eventually(() => expect(asked.length).toBe(before + 1), { what: "it looks again" });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { made, asked, changes, look };
}

describe("a worker that watches the store's memory", () => {
  it("says once that it was emptied, and asks with what it remembers", async () => {
    const { made, asked, changes, look } = keeper();
    await look(seen(KNOWN));
    await look(seen(EMPTIED, [[SERVER, "cmd-a"]]));
    await look(seen(EMPTIED));
    expect(asked).toEqual([null, KNOWN, EMPTIED]);
    expect(changes.map(({ cause }) => cause)).toEqual(["first", "emptied"]);
    made.stop();
  });

  it("remembers over the time in which the store is away", async () => {
    const { made, asked, changes, look } = keeper();
    await look(seen(KNOWN));
    await look({ kind: "away", message: "gone" });
    await look(seen({ ...KNOWN, run: "r2" }));
    expect(asked.at(-1)).toEqual(KNOWN);
    expect(changes.map(({ cause }) => cause)).toEqual(["first", "restarted"]);
    made.stop();
  });

  it("has seen nothing before, and the queues are older than the memory: it was emptied", async () => {
    const { made, changes, look } = keeper(true);
    await look(seen(EMPTIED));
    expect(changes).toEqual([]);
    await look(seen(EMPTIED));
    await look(seen(EMPTIED));
    expect(changes).toMatchObject([{ cause: "emptied", before: null }]);
    made.stop();
  });
});

describe("what is said of a loss", () => {
  function said(change: MemoryChange) {
    const lines: Record<string, unknown>[] = [];
    const metrics = createMetrics({ version: "1", processMetrics: false });
    const logger = createLogger({
      level: "info",
      destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
    });
    memoryLog(metrics, logger)(change);
    return { lines, metrics };
  }

  it("names the locks that are back, and those of other services, which are lost", async () => {
    const putBack = new Map([[SERVER, "cmd-a"]]);
    const change = { project: PROJECT, before: KNOWN, now: EMPTIED, putBack } as const;
    const { lines, metrics } = said({ ...change, cause: "emptied" });
    expect(lines).toMatchObject([
      {
        level: "error",
        msg: "redis has lost its data",
        project: PROJECT,
        commandsBefore: 7,
        commandsNow: 0,
        unresolvedPutBack: { count: 1, servers: [{ serverId: SERVER, owner: "cmd-a" }] },
        unresolvedLost: { count: 0 },
        otherServicesLost: { count: 1, servers: [{ serverId: OTHER, owner: "the resizer" }] },
      },
    ]);
    const page = await metrics.page();
    expect(page).toContain('ecs_reinstall_epoch_changes_total{cause="emptied",project="other"} 1');
    expect(page).toContain("ecs_reinstall_locks_put_back_total 1");
  });

  it("says that nobody remembers", () => {
    const change = { project: PROJECT, before: null, now: EMPTIED, putBack: new Map() } as const;
    expect(said({ ...change, cause: "emptied" }).lines).toMatchObject([
      { level: "error", lost: expect.stringContaining("nobody remembers") },
    ]);
  });

  it("says nothing of a first look, which is counted", async () => {
    const change = { project: PROJECT, before: null, now: KNOWN, putBack: new Map() } as const;
    const { lines, metrics } = said({ ...change, cause: "first" });
    expect(lines).toEqual([]);
    expect(await metrics.page()).toContain('epoch_changes_total{cause="first",project="other"} 1');
  });
});
