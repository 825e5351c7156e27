import { describe, expect, it } from "vitest";
import { ServerId } from "../../../src/contract/ids.ts";
import type { RoundAnswer } from "../../../src/core/calls/list-round.ts";
import type { ListLook, ServerView } from "../../../src/core/server/observations.ts";
import type { CloudApi } from "../../../src/steps/ports/cloud-api.ts";
import type { ListedServers, ServerLists } from "../../../src/steps/ports/server-lists.ts";
import { createWatch } from "../../../src/steps/phases/watch.ts";
import {
  asFinal,
  asNext,
  envelope,
  JOB,
  NEW_DISK,
  NOW,
  refusal,
  SECOND,
  SERVER,
  seen,
  server,
  state,
  UNASKED,
  UNREADABLE,
} from "../core/builders.ts";
import { claimed, createWorld, type World } from "./fakes.ts";

const ARRIVAL = { nonce: "nonce-1", redelivered: false };
const AGE_MS = 20 * SECOND;
const LISTING: RoundAnswer = { kind: "listing", begunMs: 7 };
const REPLACED = server({ systemDiskId: NEW_DISK });
const OTHER = ServerId.parse("5f4b3dfa-eb70-47cf-a60a-998a53bd598a");

/** A world in which polls may share lists; `pages`: what the cloud shows, page by page. */
function sharing(
  take: RoundAnswer,
  pages: readonly ListLook[] = [],
  kept: ListedServers | null = null,
  pageMs = 0,
) {
  const world = createWorld();
  world.clock.pass(AGE_MS);
  const ended: unknown[] = [];
  const asked: unknown[] = [];
  const lists: ServerLists = {
    take: async () => take,
    listed: async (_project, atMs) => {
      world.calls.push(`listed ${atMs}`);
      return kept;
    },
    made: async (_project, begunMs, made) => void ended.push({ begunMs, ...made }),
    unmade: async (_project, begunMs, end) => void ended.push({ begunMs, ...end }),
  };
  const list: NonNullable<CloudApi["list"]> = async (_project, page) => {
    asked.push(page);
    world.clock.pass(pageMs);
    const look = pages[page.page - 1];
    if (look === undefined) throw new Error(`page ${page.page} is not expected`);
    return look;
  };
  const deps = { ...world.deps, lists, cloud: { ...world.deps.cloud, list } };
  const poll = async (changed = {}) => {
    const message = envelope(state("watch", changed));
    const result = await createWatch(deps)(message, claimed(), ARRIVAL, world.signal);
    if (result.kind !== "conclude") throw new Error(`expected a conclusion, got ${result.kind}`);
    return result.decision;
  };
  return { world, poll, asked, ended };
}

function page(
  servers: readonly [ServerId, ServerView][],
  more: { listed?: number; total?: number } = {},
): ListLook {
  return {
    kind: "seen",
    servers: new Map(servers),
    listed: servers.length,
    total: servers.length,
    ...more,
  };
}

const queries = ({ calls }: World) => calls.filter((call) => call.startsWith("job "));

describe("a poll that may share a list", () => {
  it.each<[string, ListedServers, number]>([
    ["its server is idle with another disk", new Map([[SERVER, { disk: NEW_DISK }]]), 1],
    ["its server is in ERROR", new Map([[SERVER, "error"]]), 1],
    ["its server is not listed", new Map([[OTHER, { disk: NEW_DISK }]]), 1],
    ["its server is busy", new Map([[SERVER, "busy"]]), 0],
  ])("where %s", async (_, kept, expected) => {
    const { world, poll } = sharing({ kind: "listed", atMs: 3 }, [], kept);
    const decision = asNext(await poll(), "watch");
    expect(world.calls[0]).toBe("listed 3");
    expect(queries(world)).toHaveLength(expected);
    expect(decision.events).toHaveLength(expected);
    expect(decision.state.askedAtMs).toBe(expected === 0 ? undefined : NOW + AGE_MS);
  });

  it("asks for its job where the list is gone", async () => {
    const { world, poll } = sharing({ kind: "listed", atMs: 3 }, [], null);
    await poll();
    expect(queries(world)).toEqual([`job ${JOB}`]);
  });

  it("asks for its job where a list would cost more", async () => {
    const { world, poll, asked } = sharing({ kind: "alone", why: "few" });
    await poll();
    expect(asked).toEqual([]);
    expect(queries(world)).toEqual([`job ${JOB}`]);
  });

  it("waits for who makes it", async () => {
    const { world, poll } = sharing({ kind: "awaited" });
    expect(asNext(await poll(), "watch")).toMatchObject({ delayMs: 2 * SECOND, events: [] });
    expect(world.calls).toEqual([]);
  });

  it("asks for its job when a query is owed, without a look at a list", async () => {
    const { world, poll } = sharing({ kind: "awaited" });
    await poll({ acceptedAtMs: NOW - 10 * SECOND });
    expect(queries(world)).toEqual([`job ${JOB}`]);
  });

  it("never takes a list for an end: the job and its server are asked", async () => {
    const { world, poll } = sharing(LISTING, [page([[SERVER, REPLACED]])]);
    asNext(await poll(), "watch");
    world.answers.job = () => ({ kind: "succeeded", endedAtMs: NOW });
    world.answers.look = () => seen({ systemDiskId: NEW_DISK });
    asFinal(await poll(), "succeeded");
    expect(world.calls).toEqual([`job ${JOB}`, `job ${JOB}`, "look"]);
  });
});

describe("the poll that makes the list", () => {
  it("keeps what it shows of every server, and sees its own", async () => {
    const { world, poll, asked, ended } = sharing(LISTING, [
      page([
        [SERVER, server({ taskState: "rebuilding" })],
        [OTHER, REPLACED],
      ]),
    ]);
    await poll();
    expect(asked).toEqual([{ page: 1, limit: 1_000 }]);
    const servers = new Map<ServerId, unknown>([
      [SERVER, "busy"],
      [OTHER, { disk: NEW_DISK }],
    ]);
    expect(ended).toEqual([{ kind: "made", begunMs: 7, pages: 1, servers }]);
    expect(queries(world)).toEqual([]);
  });

  it("reads every page", async () => {
    const { world, poll, asked, ended } = sharing(LISTING, [
      page([[OTHER, REPLACED]], { listed: 1_000, total: 1_200 }),
      page([[SERVER, REPLACED]], { listed: 200, total: 1_200 }),
    ]);
    await poll();
    expect(asked).toEqual([
      { page: 1, limit: 1_000 },
      { page: 2, limit: 1_000 },
    ]);
    expect(ended).toMatchObject([{ kind: "made", pages: 2 }]);
    expect(queries(world)).toEqual([`job ${JOB}`]);
  });

  it("asks for no further page once its time is over", async () => {
    const more = { listed: 1_000, total: 5_000 };
    const { world, poll, asked, ended } = sharing(
      LISTING,
      [1, 2, 3].map(() => page([], more)),
      null,
      2 * SECOND,
    );
    await poll();
    expect(asked).toHaveLength(3);
    expect(ended).toMatchObject([{ kind: "failed", why: "3 of 5 pages took longer than 5000 ms" }]);
    expect(queries(world)).toEqual([`job ${JOB}`]);
  });

  it("goes on in pages of the size that the cloud gives", async () => {
    const { poll, asked, ended } = sharing(LISTING, [
      page([[OTHER, REPLACED]], { listed: 100, total: 150 }),
      page([[SERVER, REPLACED]], { listed: 50, total: 150 }),
    ]);
    await poll();
    expect(asked).toEqual([
      { page: 1, limit: 1_000 },
      { page: 2, limit: 100 },
    ]);
    expect(ended).toMatchObject([{ kind: "made", pages: 2 }]);
  });

  it.each<[string, ListLook, object]>([
    [
      "it is refused",
      { kind: "refused", refusal: refusal() },
      { kind: "failed", atLeastMs: 600_000 },
    ],
    ["it cannot be read", UNREADABLE, { kind: "failed", atLeastMs: 0 }],
    [
      "the cloud asks to stay away",
      { ...UNREADABLE, retryAfterMs: 90_000 },
      { kind: "failed", atLeastMs: 90_000 },
    ],
    [
      "the project has too many servers",
      page([], { listed: 1_000, total: 5_001 }),
      { kind: "failed", atLeastMs: 600_000 },
    ],
  ])("asks for its job where %s", async (_, look, expected) => {
    const { world, poll, ended } = sharing(LISTING, [look]);
    await poll();
    expect(ended).toEqual([{ begunMs: 7, why: expect.any(String), ...expected }]);
    expect(queries(world)).toEqual([`job ${JOB}`]);
  });

  it("waits where no call is left for it", async () => {
    const { world, poll, ended } = sharing(LISTING, [UNASKED]);
    expect(asNext(await poll(), "watch").delayMs).toBe(2 * SECOND);
    expect(ended).toEqual([{ begunMs: 7, kind: "unasked", why: expect.any(String) }]);
    expect(queries(world)).toEqual([]);
  });
});
