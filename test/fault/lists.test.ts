import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FaultSpec } from "../../src/simulator/faults/fault-schema.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

const SERVERS = 24;
const JOB_MS = 6_000;
/** Polls a second apart; a job that no list shows the end of is asked for after 10 s. */
const ENV = { POLL_INTERVALS_MS: "100,1000,10000" };

interface Case {
  /** What happens to lists. */
  readonly lists?: Omit<FaultSpec, "operation">;
  /** What becomes of the reinstall of the first server. */
  readonly first?: Omit<FaultSpec, "operation" | "serverId">;
  readonly env?: Readonly<Record<string, string>>;
  /** How the first one ends; the others succeed. */
  readonly ends?: string;
}

const CASES = {
  shared: {},
  "switched off": { env: { POLL_LIST: "false" } },
  refused: { lists: { error: "Pdp.0001" } },
  throttled: { lists: { error: "APIGW.0308", retryAfterSeconds: 1 } },
  slow: { lists: { delayBeforeReplyMs: 9_000 } },
  unreadable: { lists: { truncatedJson: true } },
  "too long": { lists: { hugeBodyBytes: 9_000_000 } },
  "silent about a failure": {
    first: {
      run: { view: "invisible", fail: { code: "Ecs.0202", disk: "kept", server: "unchanged" } },
    },
    ends: "failed",
  },
  "misleading: the new disk shows long before the end": {
    first: { run: { view: "plain", durationMs: 2 * JOB_MS } },
  },
} as const satisfies Readonly<Record<string, Case>>;
type Name = keyof typeof CASES;

interface Played {
  readonly ends: readonly string[];
  readonly reinstalls: readonly number[];
  /** Calls of all jobs, of the first one, and lists. */
  readonly queries: number;
  readonly ofFirst: number;
  readonly lists: number;
  readonly metrics: string;
  readonly warnings: readonly unknown[];
}

const stages: SharedStage[] = [];
let played: Readonly<Record<string, Played>> = {};

/** Three at the same time: what they wait for is their jobs. */
beforeAll(async () => {
  const left = Object.entries<Case>(CASES);
  const done: (readonly [string, Played])[] = [];
  while (left.length > 0) {
    const some = left.splice(0, 3).map(async ([name, one]) => [name, await play(one)] as const);
    done.push(...(await Promise.all(some)));
  }
  played = Object.fromEntries(done);
});
afterAll(() => Promise.all(stages.map((stage) => stage.close())));

async function play({ lists, first, env = {}, ends: _ends }: Case): Promise<Played> {
  const stage = await openOnSharedServices({
    simulator: { jobDurationMs: JOB_MS },
    env: { ...ENV, ...env },
  });
  stages.push(stage);
  const { simulator, emitter } = stage;
  const worker = await stage.addWorker();
  const ids = Array.from({ length: SERVERS }, () => commandId("listed"));
  const servers = ids.map(() => simulator.addServer({ state: "SHUTOFF" }).id);
  if (lists !== undefined) simulator.faults.set({ operation: "servers", ...lists });
  if (first !== undefined) {
    simulator.faults.set({ operation: "reinstall", serverId: servers[0] ?? "", ...first });
  }
  const before = simulator.calls().servers;
  await Promise.all(ids.map((id, n) => emitter.send(stage.command(id, servers[n] ?? ""))));
  const outcomes = await Promise.all(ids.map((id) => emitter.outcome(id, 60_000)));
  const metrics = await (await fetch(`${worker.httpUrl}/metrics`)).text();
  await stage.audit(ids);
  return {
    ends: outcomes.map(({ data }) => data.event),
    reinstalls: servers.map((id) => stage.reinstalls(id)),
    queries: servers.reduce((sum, id) => sum + simulator.calls(id).job, 0),
    ofFirst: simulator.calls(servers[0]).job,
    lists: simulator.calls().servers - before,
    metrics,
    warnings: worker.log().filter(({ msg }) => String(msg).startsWith("servers cannot be listed")),
  };
}

const of = (name: Name): Played => {
  const one = played[name];
  if (one === undefined) throw new Error(`${name} was not played`);
  return one;
};

/** Polls by what they were to do. */
function ways(name: Name): Readonly<Record<string, number>> {
  const found = of(name).metrics.matchAll(/^ecs_reinstall_polls_total\{.*way="(\w+)".*\} (\d+)/gm);
  return Object.fromEntries([...found].map(([, way = "", count]) => [way, Number(count)]));
}

it.each(Object.keys(CASES) as Name[])(
  "lists that are %s: each command ends as its job did",
  (name) => {
    const { ends = "succeeded" }: Case = CASES[name];
    const { ends: seen, reinstalls } = of(name);
    expect(seen).toEqual([ends, ...Array(SERVERS - 1).fill("succeeded")]);
    expect(reinstalls).toEqual(Array(SERVERS).fill(1));
  },
);

describe("lists that polls share", () => {
  it("cost half as many calls as polls of their own", () => {
    const listed = of("shared").queries + of("shared").lists;
    expect(listed).toBeLessThan(of("switched off").queries / 2);
    expect(of("shared").lists).toBeGreaterThan(0);
    expect(ways("shared")["listed"]).toBeGreaterThan(SERVERS);
  });

  it("are not made where they are switched off", () => {
    expect(of("switched off").lists).toBe(0);
    expect(Object.values(ways("switched off"))).toEqual([0, 0, 0, 0, 0]);
  });

  it.each([
    ["refused", "Pdp.0001"],
    ["throttled", "APIGW.0308"],
    ["unreadable", ""],
    ["too long", ""],
  ] as const)(
    "are given up when they are %s: that is said once, and polls go on alone",
    (name, why) => {
      expect(of(name).lists).toBeLessThanOrEqual(2);
      expect(ways(name)["held"]).toBeGreaterThan(SERVERS);
      expect(of(name).warnings).toMatchObject([{ why: expect.stringContaining(why) }]);
    },
  );

  it("are waited for no longer than 5 s", () => {
    expect(of("slow").lists).toBe(1);
    expect(ways("slow")["held"]).toBeGreaterThan(SERVERS);
  });

  it("that show nothing of a failure do not hide it", () => {
    expect(of("silent about a failure").lists).toBeGreaterThan(0);
  });

  it("that show a new disk too early end nothing: the job is asked on as without them", () => {
    const name = "misleading: the new disk shows long before the end";
    // The query that the early disk brought, and at least one more.
    expect(of(name).ofFirst).toBeGreaterThan(1);
  });
});
