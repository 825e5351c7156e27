import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { createOperatorCommands } from "../../../../src/adapters/redis/operator-commands.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { createCommandViews } from "../../../../src/adapters/redis/views/command-views.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import { Brake } from "../../../../src/contract/brakes.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";
import type { CommandStory } from "../../../../src/contract/overview.ts";
import { storedEnvelope } from "../../../../src/core/state/envelope.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { In } from "../../../../src/core/state/state.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { connected } from "../rig/connected.ts";
import {
  admitted,
  claimed,
  delivery,
  DISK,
  envelope,
  event,
  order,
  outcome,
  PROJECT,
  SERVER,
  WATCH,
} from "../rig/samples.ts";
import { begins, commandOf, saved } from "../rig/waiters.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { STORE_RULES } from "../rig/store-rules.ts";

const ANOTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");

const RULES = {
  ...STORE_RULES,
  brakes: { ...NO_BRAKES, cooldownMs: 3_600_000, serverLimit: 5, serverWindowMs: 3_600_000 },
};

let redis: PrivateRedis;
let client: RedisClient;
let store: ReinstallStore;

beforeAll(async () => {
  redis = await startRedis();
  client = await connected(redis.url);
  store = createReinstallStore(client, createScriptRunner(client), RULES, systemClock);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

beforeEach(() => redis.flushAll());

function viewsOf(projects: readonly ProjectId[], brakes = RULES.brakes) {
  const scripts = createScriptRunner(client);
  const rules = { ...RULES, brakes };
  return createCommandViews({ redis: client, projects, scripts, clock: systemClock, rules });
}

async function storyOf({ commandId }: Order): Promise<CommandStory> {
  const found = await viewsOf([PROJECT]).commandById(commandId);
  if (found.kind !== "found") throw new Error(found.kind);
  const [story] = found.view;
  if (story === undefined) throw new Error("no command");
  return story;
}

it("a command is shown in each project where its id occurs, with its final event", async () => {
  const here = order("cmd-both");
  const there = order("cmd-both", { projectId: ANOTHER });
  await admitted(store, here);
  const { claim } = claimed(await store.admit(there, delivery("n")));
  const done = outcome(there);
  await store.finish({ order: there, claim, outcome: done, lock: "free", healedAtMs: null });
  const of = async (...projects: ProjectId[]) => {
    const found = await viewsOf(projects).commandById(here.commandId);
    if (found.kind !== "found") return found.kind;
    return found.view.map(({ command: { projectId, phase, finalEvent } }) => {
      return { projectId, phase, finalEvent };
    });
  };
  const ended = { projectId: ANOTHER, phase: "done", finalEvent: done.event };
  const open = { projectId: PROJECT, phase: "submit", finalEvent: null };
  const both = await of(PROJECT, ANOTHER);
  expect(both).toHaveLength(2);
  expect(both).toEqual(expect.arrayContaining([ended, open]));
  expect(await of(PROJECT)).toEqual([open]);
  expect(await of(ProjectId.parse("0".repeat(32)))).toBe("absent");
});

/** Admits a command, and saves that it waits. */
async function waits(one: Order, state: Partial<In<"waiting">>, dueMs: number): Promise<void> {
  const { claim } = claimed(await store.admit(one, delivery(`first of ${one.commandId}`)));
  const waiting = {
    phase: "waiting",
    body: { userid: "user", metadata: { user_data: "c2VjcmV0" } },
    tries: { attempt: 1, spent: 0 },
    waitsFor: "server-busy",
    sinceMs: 5,
    ...state,
  } as const;
  const next = envelope(one, { claim, token: null }, { dueMs, state: waiting });
  const saved = await store.save({
    order: one,
    claim,
    state: waiting,
    nextSequence: next.sequence,
    outbox: {
      events: [event(one, claim.sequence, "waiting")],
      next: { envelope: storedEnvelope(next), delayMs: 1 },
    },
    intent: "keep",
    lock: "release",
  });
  expect(saved).toEqual({ kind: "saved" });
}

it("of what it waits for, where that is no brake, the last event's word is kept", async () => {
  const one = order("cmd-told");
  const { claim } = claimed(await store.admit(one, delivery("first of it")));
  const state = {
    phase: "waiting",
    body: { userid: "user" },
    tries: { attempt: 1, spent: 0 },
    waitsFor: "cloud-unavailable",
    sinceMs: 5,
  } as const;
  const next = envelope(one, { claim, token: null }, { dueMs: 9, state });
  const { time, ...rest } = event(one, claim.sequence, "waiting");
  const data = {
    ...rest.data,
    waits_for: "cloud-unavailable",
    detail: "it refuses",
    next_step: "Ask.",
  };
  const saving = {
    order: one,
    claim,
    state,
    nextSequence: next.sequence,
    outbox: {
      events: [{ ...rest, time, data }],
      next: { envelope: storedEnvelope(next), delayMs: 1 },
    },
    intent: "keep",
    lock: "release",
  } as const;
  expect(await store.save(saving)).toEqual({ kind: "saved" });
  const { lastWord } = await storyOf(one);
  expect(lastWord).toEqual({ atMs: Date.parse(time), detail: "it refuses", nextStep: "Ask." });
});

it("a command that waits says for whom, since when and until when, and who is before it; nothing of its body", async () => {
  const holder = order("cmd-holds");
  await admitted(store, holder);
  const [first, second] = [
    order("cmd-first"),
    order("cmd-second", { source: "healer", group: "web" }),
  ];
  await waits(first, { holder: holder.commandId }, 77);
  await waits(second, { holder: holder.commandId }, 78);
  const story = await storyOf(second);
  expect(story.command).toMatchObject({
    phase: "waiting",
    waitsFor: "server-busy",
    holder: "cmd-holds",
    sinceMs: 5,
    nextTryMs: 78,
    source: "healer",
    group: "web",
    expiresAtMs: second.expiresAtMs,
    outcome: null,
  });
  expect(story.server?.lock).toMatchObject({ owner: "cmd-holds", operation: "reinstall" });
  expect(story.server?.waiting.map(({ commandId }) => commandId)).toEqual([
    "cmd-first",
    "cmd-second",
  ]);
  expect(JSON.stringify(story)).not.toContain("c2VjcmV0");
});

it("every brake says what it thinks of an open command, and of a new one for the server", async () => {
  const one = order("cmd-paused");
  await waits(one, { waitsFor: "pause" }, 1);
  const change = { scope: `server:${SERVER}`, on: true, by: "ada", reason: "the rack burns" };
  await createOperatorCommands(client, createScriptRunner(client)).setPause(PROJECT, change);
  const { brakes } = await storyOf(one);
  expect(brakes?.map(({ brake, verdict }) => [brake, verdict])).toEqual(
    expect.arrayContaining([
      ["pause", "wait"],
      ["protected", "go"],
      ["cooldown", "go"],
      ["quarantine", "go"],
      ["not-before", "go"],
    ]),
  );
  expect(new Set(brakes?.map(({ brake }) => brake))).toEqual(new Set(Brake.options));
  const untilMs = Date.now() + 3_600_000;
  const early = order("cmd-early", { notBeforeMs: untilMs });
  await waits(early, { waitsFor: "not-before" }, 1);
  const detail0 = `not before ${new Date(untilMs).toISOString()}`;
  const notBefore = { brake: "not-before", verdict: "wait", scope: null };
  expect((await storyOf(early)).brakes).toContainEqual({ ...notBefore, detail: detail0, untilMs });
  const paused = { brake: "pause", verdict: "wait", scope: change.scope };
  const detail = expect.stringMatching(/paused .* by ada since .*: the rack burns/);
  expect(brakes).toContainEqual({ ...paused, detail, untilMs: null });
  const server = await viewsOf([PROJECT]).serverStatus(PROJECT, SERVER);
  if (server.kind !== "found") throw new Error(server.kind);
  expect(server.view.brakes).toContainEqual({ ...paused, detail, untilMs: null });
});

it("of a command in work only the brakes hold that are asked again; one that was sent is held by none", async () => {
  const held = { ...RULES.brakes, serverLimit: 1, maxRunning: 1, pausedByConfiguration: true };
  const verdicts = async (one: Order) => {
    const views = viewsOf([PROJECT], held);
    const found = await views.commandById(one.commandId);
    const brakes = found.kind === "found" ? found.view[0]?.brakes : null;
    return brakes?.flatMap(({ brake, verdict }) => (verdict === "go" ? [] : [brake]));
  };
  const one = order("cmd-in-work");
  const { next } = await admitted(store, one);
  const { claim } = claimed(await store.claim(next, { nonce: "s1", redelivered: false }));
  const token = next.token ?? 0;
  await store.recordIntent(one, claim, { attempt: 1, token, signedAtMs: 1, diskId: DISK });
  // Its own reinstall is no reason against it, nor is its own slot.
  expect(await verdicts(one)).toEqual(["pause"]);
  await saved(store, one, { claim, token, state: WATCH });
  expect(await verdicts(one)).toEqual([]);
  // Both are against the next command of that server.
  expect(await verdicts(await another(one))).toEqual(["pause", "quarantine", "cap"]);
});

/** One more for the same server, which waits. */
async function another({ serverId }: Order): Promise<Order> {
  const one = order("cmd-behind", { serverId });
  await waits(one, {}, 1);
  return one;
}

it("the cap says how many are ahead of a command in line, itself not counted", async () => {
  const limits = { ...RULES.brakes, maxRunning: 1 };
  const capped = createReinstallStore(
    client,
    createScriptRunner(client),
    { ...RULES, brakes: limits },
    systemClock,
  );
  await begins(capped, commandOf(1));
  for (const n of [2, 3]) await begins(capped, commandOf(n));
  const said = async (n: number) => {
    const found = await viewsOf([PROJECT], limits).commandById(commandOf(n).commandId);
    if (found.kind !== "found") throw new Error(found.kind);
    return found.view[0]?.brakes?.find(({ brake }) => brake === "cap");
  };
  expect(await said(1)).toMatchObject({ verdict: "go" });
  for (const [n, ahead] of [
    [2, 0],
    [3, 1],
  ] as const) {
    const detail = `reinstalls of the project in work: 1 (at most 1); commands ahead in line: ${ahead}`;
    expect(await said(n)).toMatchObject({ verdict: "wait", detail });
  }
});

it("a server tells its last reinstalls, and until when it rests", async () => {
  const one = order("cmd-did", { source: "healer", reason: "kernel panic" });
  const { next } = await admitted(store, one);
  const { claim } = claimed(await store.claim(next, { nonce: "s1", redelivered: false }));
  const token = next.token ?? 0;
  await store.recordIntent(one, claim, { attempt: 1, token, signedAtMs: 1, diskId: DISK });
  await store.finish({ order: one, claim, outcome: outcome(one), lock: "free", healedAtMs: null });
  const server = await viewsOf([PROJECT]).serverStatus(PROJECT, SERVER);
  if (server.kind !== "found") throw new Error(server.kind);
  const { history, brakes, lock } = server.view;
  expect(lock).toBeNull();
  expect(history).toEqual([
    {
      commandId: "cmd-did",
      attempt: 1,
      atMs: expect.any(Number),
      endedMs: expect.any(Number),
      outcome: "succeeded",
      source: "healer",
      reason: "kernel panic",
    },
  ]);
  const untilMs = (history[0]?.endedMs ?? 0) + 3_600_000;
  expect(brakes).toContainEqual(
    expect.objectContaining({ brake: "cooldown", verdict: "wait", untilMs }),
  );
  expect((await storyOf(one)).brakes).toBeNull();
});

it("asking changes nothing in the store", async () => {
  const one = order("cmd-looked-at");
  await waits(one, {}, 1);
  const writes = async () =>
    /rdb_changes_since_last_save:(\d+)/.exec(await client.info("persistence"))?.[1];
  const before = await writes();
  expect(Number(before)).toBeGreaterThan(0);
  await storyOf(one);
  await viewsOf([PROJECT]).serverStatus(PROJECT, SERVER);
  expect(await writes()).toBe(before);
});
