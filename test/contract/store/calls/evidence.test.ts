import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { createOperatorCommands } from "../../../../src/adapters/redis/operator-commands.ts";
import { createReinstallStore } from "../../../../src/adapters/redis/reinstall-store.ts";
import { createScriptRunner } from "../../../../src/adapters/redis/script-runner.ts";
import { createCommandViews } from "../../../../src/adapters/redis/views/command-views.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { systemClock } from "../../../../src/adapters/system-clock.ts";
import type { CommandEvidence } from "../../../../src/contract/evidence.ts";
import { storedEnvelope, type Envelope } from "../../../../src/core/state/envelope.ts";
import { toProgressEvent } from "../../../../src/core/messages/events.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { type PrivateRedis, startRedis } from "../../../support/redis/redis.ts";
import { connected } from "../rig/connected.ts";
import {
  admitted,
  claimed,
  DISK,
  envelope,
  order,
  outcome,
  PROJECT,
  SERVER,
  SUBMIT,
} from "../rig/samples.ts";
import { STORE_RULES } from "../rig/store-rules.ts";

const SECRET = "c2VjcmV0";

let redis: PrivateRedis;
let client: RedisClient;
let store: ReinstallStore;

beforeAll(async () => {
  redis = await startRedis();
  client = await connected(redis.url);
  store = createReinstallStore(client, createScriptRunner(client), STORE_RULES, systemClock);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => redis.flushAll());

async function evidenceOf({ commandId }: Pick<Order, "commandId">): Promise<CommandEvidence> {
  const scripts = createScriptRunner(client);
  const views = createCommandViews({
    redis: client,
    projects: [PROJECT],
    scripts,
    clock: systemClock,
    rules: STORE_RULES,
  });
  const found = await views.evidenceById(commandId);
  if (found.kind !== "found") throw new Error(found.kind);
  const [evidence] = found.view;
  if (evidence === undefined) throw new Error("no command");
  return evidence;
}

/** Takes a step's message and saves that it waits on, with an event that says so. */
async function waitsOn(one: Order, message: Envelope, data: object): Promise<Envelope> {
  const { claim } = claimed(
    await store.claim(message, { nonce: `n${message.step}`, redelivered: false }),
  );
  const next = envelope(one, { claim, token: message.token });
  const mark = { sequence: claim.sequence, atMs: 1_800_000_000_000 };
  const said = { event: "waiting" as const, data: { waits_for: "throttled", ...data } };
  const saved = await store.save({
    order: one,
    claim,
    state: { ...SUBMIT, body: { userid: "user", metadata: { user_data: SECRET } } } as never,
    nextSequence: next.sequence,
    outbox: {
      events: [toProgressEvent("test", one, mark, said)],
      next: { envelope: storedEnvelope(next), delayMs: 1 },
    },
    intent: "keep",
    lock: "keep",
  });
  expect(saved).toEqual({ kind: "saved" });
  return next;
}

it("is what was asked, each step with its events, the request, and what people did; nothing of the body", async () => {
  const one = order("cmd-a", { source: "healer", group: "web", override: ["windows"] });
  const { next } = await admitted(store, one);
  const message = await waitsOn(one, next, { detail: "ECS.0000: slow down (request req-7)" });
  const { claim } = claimed(await store.claim(message, { nonce: "last", redelivered: false }));
  const intent = { attempt: 1, token: next.token ?? 0, signedAtMs: 7, diskId: DISK };
  expect(await store.recordIntent(one, claim, intent)).toEqual({ kind: "saved" });
  const people = createOperatorCommands(client, createScriptRunner(client));
  await people.setPause(PROJECT, { scope: "group:web", on: true, by: "ada", reason: "rack burns" });
  await people.setPause(PROJECT, { scope: "group:db", on: true, by: "eve", reason: "not ours" });
  await people.setPause(PROJECT, {
    scope: `protected:${SERVER}`,
    on: false,
    by: "bo",
    reason: "-",
  });
  await people.cancel(PROJECT, one.commandId, { id: "c", by: "ada", reason: "not needed" });
  const open = await evidenceOf(one);
  expect(open).toMatchObject({
    asked: { onBusy: "wait", dryRun: false, override: ["windows"], contentHash: one.contentHash },
    intent: { attempt: 1, signedAtMs: 7, systemDisk: DISK },
    cancelAsked: true,
    acts: [
      { action: "cancel", command: "cmd-a", by: "ada", reason: "not needed" },
      { action: "unprotect", server: SERVER, by: "bo" },
      { action: "pause", scope: "group:web", by: "ada" },
    ],
  });
  expect(open.steps).toEqual([
    {
      step: 0,
      atMs: expect.any(Number),
      phase: "submit",
      attempt: 1,
      events: [{ event: "waiting", sequence: 1, time: "2027-01-15T08:00:00.000Z", data: {} }],
    },
    {
      step: 1,
      atMs: expect.any(Number),
      phase: "submit",
      attempt: 1,
      events: [
        {
          event: "waiting",
          sequence: expect.any(Number),
          time: "2027-01-15T08:00:00.000Z",
          data: { waits_for: "throttled", detail: "ECS.0000: slow down (request req-7)" },
        },
      ],
    },
  ]);
  expect(open.switches).toHaveLength(2);
  expect(open.switches).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ scope: "group:web", brake: "pause", on: true, by: "ada" }),
      expect.objectContaining({ scope: `protected:${SERVER}`, on: false, by: "bo" }),
    ]),
  );
  await store.finish({ order: one, claim, outcome: outcome(one), lock: "free", healedAtMs: null });
  const ended = await evidenceOf(one);
  expect(ended.steps).toEqual(open.steps);
  expect(ended.story.command.finalEvent).toMatchObject({ data: { event: "succeeded" } });
  expect(ended.story.server?.history).toMatchObject([
    { commandId: "cmd-a", endedMs: expect.any(Number) },
  ]);
  expect(JSON.stringify([open, ended])).not.toContain(SECRET);
});

it("of many steps keeps the first 40 and the last 20, once each when one is saved again", async () => {
  const one = order("cmd-long");
  let { next: message } = await admitted(store, one);
  for (let count = 1; count < 75; count++)
    message = await waitsOn(one, message, { detail: `${count}` });
  const { steps } = await evidenceOf(one);
  const first = Array.from({ length: 40 }, (_, step) => step);
  const last = Array.from({ length: 20 }, (_, index) => 55 + index);
  expect(steps.map(({ step }) => step)).toEqual([...first, ...last]);
  expect(steps.at(-1)?.events[0]?.data).toMatchObject({ detail: "74" });
});

it("leaves out what cannot be read, and an event's data that is long", async () => {
  const one = order("cmd-odd");
  const { next } = await admitted(store, one);
  await waitsOn(one, next, { detail: "x".repeat(2_000) });
  await client.hset(keysOf(PROJECT).command(one.commandId), { "note:7": "{", "note:8": "[1]" });
  const { steps } = await evidenceOf(one);
  expect(steps.map(({ events }) => events[0]?.data)).toEqual([{}, null]);
});

it("of a refused message is its event: nobody asked for anything", async () => {
  const id = order("cmd-refused").commandId;
  const event = outcome(order("cmd-refused"), 1);
  await store.refuse({ project: PROJECT, id, contentHash: "bytes", outcome: event });
  expect(await evidenceOf({ commandId: id })).toMatchObject({
    asked: null,
    steps: [],
    intent: null,
  });
});
