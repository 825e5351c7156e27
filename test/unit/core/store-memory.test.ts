import { describe, expect, it } from "vitest";
import { changeOf, firstSeen, type MemorySeen } from "../../../src/core/store-memory.ts";

function memory(more: Partial<MemorySeen> = {}): MemorySeen {
  return {
    origin: "o1",
    run: "r1",
    epoch: { sinceMs: 0, fresh: false },
    open: true,
    unresolved: new Map(),
    others: new Map(),
    commands: 0,
    ...more,
  };
}

const EMPTY = memory({ epoch: null, open: false });
const YOUNG = memory({ open: false });
const FRESH = memory({ open: true, epoch: { sinceMs: 0, fresh: true } });

describe("a memory that was known", () => {
  it.each([
    ["the same", {}, null],
    ["another run", { run: "r2" }, "restarted"],
    ["another origin", { origin: "o2" }, "emptied"],
    ["both: the data counts", { origin: "o2", run: "r2" }, "emptied"],
  ])("%s: %s", (_name, now, cause) => {
    expect(changeOf(memory(), memory(now))).toBe(cause);
  });
});

describe("a memory that nobody remembers", () => {
  it.each([
    ["old", memory(), [], true, 1, "first"],
    ["empty, queues new", EMPTY, [], false, 1, "first"],
    ["empty, queues there before: another worker may be opening it", EMPTY, [], true, 1, null],
    ["empty, queues there before, still so", EMPTY, [], true, 2, "emptied"],
    ["empty, the broker is away", EMPTY, [], null, 5, null],
    ["opened at once", FRESH, [], true, 2, "first"],
    ["young: a command has begun it", YOUNG, [], true, 2, "emptied"],
    ["empty, and another project is known: a new project", EMPTY, [memory()], true, 2, "first"],
    ["empty, like the other project", EMPTY, [EMPTY], true, 2, "emptied"],
  ] as const)("%s", (_name, now, others, queuesExisted, looks, cause) => {
    expect(firstSeen(now, others, { queuesExisted, looks })).toBe(cause);
  });
});
