import { describe, expect, it } from "vitest";
import type { Delivery } from "../../src/steps/ports/outlet.ts";
import { deathOf } from "../../src/adapters/amqp/x-death.ts";
import { createWorker } from "../../src/worker.ts";
import {
  BODY,
  COMMAND,
  envelope,
  FOREIGN_PROJECT,
  JOB,
  MINUTE,
  NOW,
  order,
  SECOND,
  SERVER,
  PROJECT,
  STATES,
} from "./core/builders.ts";
import { AWAY, createWorld, delivery, nameOfMessage, type World } from "./steps/fakes.ts";

const COMMAND_FIELDS = { command_id: COMMAND, server_id: SERVER, "os-reinstall": BODY };
const take = (world: World, value: unknown = COMMAND_FIELDS, changed: Partial<Delivery> = {}) =>
  createWorker(world.deps).takeCommand(delivery(value, changed));
const takeStep = (world: World, value: unknown, changed: Partial<Delivery> = {}) =>
  createWorker(world.deps).takeStep(delivery(value, changed));
const names = (world: World) => world.published.map(nameOfMessage);
const envelopes = (world: World) =>
  world.published.flatMap((m) => (m.kind === "step" ? [m.envelope] : []));

describe("a command that is understood", () => {
  it("is admitted, looked at, saved, told, and only then acknowledged", async () => {
    const world = createWorld();
    expect(await take(world)).toBe("ack");
    expect(world.calls).toEqual([
      "store.admit",
      "look",
      "store.save",
      "publish event:accepted step:submit",
    ]);
    expect(envelopes(world)).toMatchObject([{ step: 1, sequence: 2, token: 7 }]);
  });

  it("stays in the queue while that is not confirmed", async () => {
    const world = createWorld();
    world.answers.publish = () => "unconfirmed";
    expect(await take(world)).toBe("requeue");
  });

  it("is admitted as the broker brought it", async () => {
    const world = createWorld();
    await take(world, COMMAND_FIELDS, { redelivered: true });
    expect(world.admitted).toEqual([
      {
        nonce: "nonce-1",
        redelivered: true,
        mayHaveRun: true,
        arrivedAtMs: NOW,
        unseenUntilMs: null,
      },
    ]);
  });

  it("has its unknown fields counted and named, in the log and when it is accepted", async () => {
    const world = createWorld();
    await take(world, { ...COMMAND_FIELDS, ttl: 5, source: null }, { timestampMs: 0 });
    const said = {
      unknown_fields: ["ttl"],
      null_fields: ["source"],
      ignored_timestamp: "before-2020",
    };
    expect(world.diary[0]).toBe(`noted ${JSON.stringify(said)}`);
    expect(JSON.stringify(world.published)).toContain(JSON.stringify(said).slice(1, -1));
  });

  it("hands its trace on, as its delivery names it", async () => {
    const world = createWorld();
    await take(world, COMMAND_FIELDS, { traceparent: "00-aa-bb-01", tracestate: "vendor=1" });
    expect(envelopes(world)[0]?.order.trace).toEqual({
      traceparent: "00-aa-bb-01",
      tracestate: "vendor=1",
    });
    const without = createWorld();
    await take(without, COMMAND_FIELDS);
    expect(envelopes(without)[0]?.order).not.toHaveProperty("trace");
  });

  it("waits for a store that is away, as it came", async () => {
    const world = createWorld();
    world.answers.admit = () => AWAY;
    expect(await take(world)).toBe("ack");
    expect(world.marksWhenDeferred).toEqual([
      { delayMs: 2_000, arrivedAtMs: NOW, mayHaveRun: false, unseenUntilMs: NOW + 7_000 },
    ]);
    world.answers.publish = () => "unconfirmed";
    expect(await take(world)).toBe("requeue");
  });

  it("keeps its first arrival and the broker's mark when it was put aside", async () => {
    const world = createWorld();
    const arrivedAtMs = NOW - MINUTE;
    await createWorker(world.deps).takeCommand(delivery(COMMAND_FIELDS), {
      arrivedAtMs,
      mayHaveRun: true,
      unseenUntilMs: NOW - 1,
    });
    expect(world.admitted).toEqual([
      {
        nonce: "nonce-1",
        redelivered: true,
        mayHaveRun: true,
        arrivedAtMs,
        unseenUntilMs: NOW - 1,
      },
    ]);
    const calm = createWorld();
    await createWorker(calm.deps).takeCommand(delivery(COMMAND_FIELDS), {
      arrivedAtMs,
      mayHaveRun: false,
      unseenUntilMs: NOW,
    });
    expect(calm.admitted).toMatchObject([{ redelivered: true, mayHaveRun: false }]);
  });

  it("asks for no answer of its own when it had been taken before: its sender has published it once", async () => {
    const view = {
      phase: "done",
      sequence: 9,
      updatedAtMs: NOW,
      outcome: "succeeded",
      jobId: null,
    };
    const taken = { arrivedAtMs: NOW, mayHaveRun: true, unseenUntilMs: null, taken: true };
    const world = createWorld();
    world.answers.admit = () => ({ kind: "duplicate", view });
    const worker = createWorker(world.deps);
    expect(await worker.takeCommand(delivery(COMMAND_FIELDS), taken)).toBe("ack");
    expect(world.published).toEqual([]);
    // Another publish of it, put aside for another reason, is answered.
    const other = { ...taken, taken: false };
    expect(await worker.takeCommand(delivery(COMMAND_FIELDS), other)).toBe("ack");
    expect(world.published).toHaveLength(1);
  });

  it("says that it was on record when what follows from it is refused by a full queue", async () => {
    const world = createWorld();
    world.answers.publish = () => "refused";
    world.answers.marksWhenDeferred = () => "confirmed";
    expect(await take(world)).toBe("ack");
    expect(world.marksWhenDeferred).toEqual([
      { delayMs: 2_000, arrivedAtMs: NOW, mayHaveRun: true, unseenUntilMs: NOW + 5_000 },
    ]);
  });

  it("puts the mark on what it puts aside", async () => {
    const world = createWorld();
    world.answers.admit = () => AWAY;
    await take(world, COMMAND_FIELDS, { redelivered: true });
    expect(world.marksWhenDeferred).toMatchObject([{ mayHaveRun: true }]);
  });
});

describe("who sent a command", () => {
  const sendersOf = ({ published }: World) =>
    published.flatMap((m) =>
      m.kind === "event"
        ? [m.event.data.sender]
        : m.kind === "step"
          ? [m.envelope.order.sender]
          : [],
    );
  const FORGED = { headers: { "x-ecs-sender": "mallory" }, type: "ecs.reinstall.arrival.v1" };
  const marks = { arrivedAtMs: NOW, mayHaveRun: false, unseenUntilMs: null };

  it("is the user that the broker has checked: it is in the events, and goes along", async () => {
    const world = createWorld();
    await take(world, COMMAND_FIELDS, { userId: "ada", ...FORGED });
    expect(sendersOf(world)).toEqual(["ada", "ada"]);
  });

  it("is not known where the message says none, whatever its headers say", async () => {
    const world = createWorld();
    await take(world, COMMAND_FIELDS, FORGED);
    expect(sendersOf(world)).toEqual([undefined, undefined]);
    expect(envelopes(world)[0]?.order).not.toHaveProperty("sender");
  });

  it("goes along when it is put aside", async () => {
    const world = createWorld();
    world.answers.admit = () => AWAY;
    await take(world, COMMAND_FIELDS, { userId: "ada", ...FORGED });
    expect(world.marksWhenDeferred).toMatchObject([{ sender: "ada" }]);
  });

  it("is what was noted when it comes back: the worker has published it then", async () => {
    const world = createWorld();
    const worker = createWorker(world.deps);
    await worker.takeCommand(delivery(COMMAND_FIELDS, { userId: "worker" }), {
      ...marks,
      sender: "ada",
    });
    expect(sendersOf(world)).toEqual(["ada", "ada"]);
    const unknown = createWorld();
    const other = createWorker(unknown.deps);
    await other.takeCommand(delivery(COMMAND_FIELDS, { userId: "worker" }), marks);
    expect(sendersOf(unknown)).toEqual([undefined, undefined]);
  });

  it("is the same of a message that the broker gave up on", async () => {
    const dead = async (changed: Partial<Delivery>, kept: { sender?: string } | null) => {
      const world = createWorld();
      const of = kept === null ? null : { ...marks, ...kept };
      await createWorker(world.deps).takeDead(delivery(COMMAND_FIELDS, changed), "command", of);
      return sendersOf(world)[0];
    };
    expect(await dead({ userId: "ada", ...FORGED }, null)).toBe("ada");
    expect(await dead(FORGED, null)).toBeUndefined();
    expect(await dead({ userId: "worker" }, { sender: "ada" })).toBe("ada");
  });

  it("is in the answer to a message that is refused", async () => {
    const world = refusing();
    await take(world, { ...COMMAND_FIELDS, on_busy: "steal" }, { userId: "ada" });
    expect(sendersOf(world)).toEqual(["ada"]);
  });
});

/** A world whose store keeps what is refused. */
function refusing(): World {
  const world = createWorld();
  world.answers.refuse = ({ outcome }) => ({ kind: "finished", outcome, first: true });
  return world;
}

describe("a command that is refused", () => {
  it("is told once it is stored, and then known to be told", async () => {
    const world = createWorld();
    const outcome = {
      event: { ...STATES, data: { event: "rejected" } } as never,
      reply: null,
      dead: null,
    };
    world.answers.refuse = () => ({ kind: "finished", outcome, first: true });
    expect(await take(world, { ...COMMAND_FIELDS, on_busy: "steal" })).toBe("ack");
    expect(world.calls).toEqual(["store.refuse", "publish event:rejected", "store.published"]);
    expect(world.diary).toEqual(["ended refused rejected"]);
  });

  it("is stored apart and told where its project is not ours", async () => {
    const world = refusing();
    await take(world, { ...COMMAND_FIELDS, project_id: FOREIGN_PROJECT });
    expect(world.refusals).toMatchObject([{ project: PROJECT, strayFrom: FOREIGN_PROJECT }]);
    expect(world.calls).toEqual(["store.refuse", "publish event:rejected dead"]);
  });

  it("is answered apart from the command that has its id, and nobody is told an end", async () => {
    const world = createWorld();
    world.answers.refuse = () => ({ kind: "id-reused", sinceMs: NOW });
    expect(await take(world, { ...COMMAND_FIELDS, on_busy: "steal" })).toBe("ack");
    expect(world.published).toMatchObject([{ routingKey: "rejected" }, { kind: "dead" }]);
    expect(world.diary).toEqual(["dropped refused id-reused"]);
  });

  it("waits, loudly, where the store cannot be read: nothing is told that is not stored", async () => {
    const world = createWorld();
    world.answers.refuse = () => ({ kind: "corrupt", message: "cmd:x: is not a hash" });
    expect(await take(world, { ...COMMAND_FIELDS, on_busy: "steal" })).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.marksWhenDeferred).toMatchObject([{ mayHaveRun: true }]);
    expect(world.diary).toEqual([
      "unreadable cmd:x: is not a hash",
      "deferred refused store-unreadable 2000",
    ]);
  });

  it("stays in the queue while that is not confirmed", async () => {
    const world = refusing();
    world.answers.publish = () => "unconfirmed";
    const foreign = { ...COMMAND_FIELDS, project_id: FOREIGN_PROJECT };
    expect(await take(world, foreign)).toBe("requeue");
    expect(world.diary).toEqual([]);
  });

  it("is put aside while a full queue refuses the answer", async () => {
    const world = refusing();
    world.answers.publish = () => "refused";
    world.answers.marksWhenDeferred = () => "confirmed";
    const foreign = { ...COMMAND_FIELDS, project_id: FOREIGN_PROJECT };
    expect(await take(world, foreign)).toBe("ack");
    expect(world.diary).toEqual(["deferred refused queue-full 2000"]);
  });

  it("waits for a store that is away", async () => {
    const world = createWorld();
    expect(await take(world, "rubbish")).toBe("ack");
    expect(world.marksWhenDeferred).toHaveLength(1);
    expect(world.published).toEqual([]);
    world.answers.publish = () => "unconfirmed";
    expect(await take(world, "rubbish")).toBe("requeue");
  });
});

describe("a step", () => {
  it("is claimed, done, saved, told, and only then acknowledged", async () => {
    const world = createWorld();
    expect(await takeStep(world, envelope(STATES.watch))).toBe("ack");
    expect(world.calls).toEqual([
      "store.claim",
      `job ${JOB}`,
      "store.save",
      "publish event:progress step:watch",
    ]);
  });

  it("tells the store how it came", async () => {
    const world = createWorld();
    await takeStep(world, envelope(STATES.watch), { redelivered: true });
    expect(world.claims).toMatchObject([{ nonce: "nonce-1", redelivered: true }]);
  });

  it("is taken up to a second early", async () => {
    const world = createWorld();
    await takeStep(world, envelope(STATES.watch, { dueMs: NOW + SECOND }));
    expect(world.calls[0]).toBe("store.claim");
  });

  it.each([
    [SECOND + 1, 2_000],
    [7_000, 5_000],
    [90_000, 60_000],
  ])(
    "that comes %i ms early is put back for %i ms, its step unclaimed, once the store has its lock",
    async (early, delayMs) => {
      const world = createWorld();
      const sent = envelope(STATES.watch, { dueMs: NOW + early });
      expect(await takeStep(world, sent)).toBe("ack");
      const waiting = { ...sent, unseenUntilMs: NOW + delayMs + 5_000 };
      expect(world.published).toEqual([{ kind: "step", envelope: waiting, delayMs }]);
      expect(world.claims).toEqual([]);
      expect(world.calls).toEqual(["store.hop", "publish step:watch"]);
    },
  );

  it.each([
    [90_000, 30_000],
    [7_000, 5_000],
  ])(
    "that comes %i ms early tries again after %i ms when the store does not answer",
    async (early, delayMs) => {
      const world = createWorld();
      world.answers.hop = () => AWAY;
      const sent = envelope(STATES.watch, { dueMs: NOW + early });
      expect(await takeStep(world, sent)).toBe("ack");
      expect(world.published).toEqual([{ kind: "step", envelope: sent, delayMs }]);
    },
  );

  it("that comes early and has nothing to wait for any more goes no further", async () => {
    const early = envelope(STATES.watch, { dueMs: NOW + MINUTE });
    const stale = createWorld();
    stale.answers.hop = () => ({ kind: "stale" });
    expect(await takeStep(stale, early)).toBe("ack");
    expect(stale.diary).toEqual(["dropped watch stale"]);
    const ended = createWorld();
    const event = { ...STATES, data: { event: "cancelled" } } as never;
    const outcome = { event, reply: null, dead: null };
    ended.answers.hop = () => ({ kind: "finished", outcome, published: false });
    expect(await takeStep(ended, early)).toBe("ack");
    expect(ended.calls).toEqual(["store.hop", "publish event:cancelled", "store.published"]);
    const told = createWorld();
    told.answers.hop = () => ({ kind: "saved", outbox: { events: [event], next: null } });
    expect(await takeStep(told, early, { redelivered: true })).toBe("ack");
    expect(told.calls).toEqual(["store.hop", "publish event:cancelled"]);
  });

  it("that comes early and redelivered keeps the broker's mark", async () => {
    const world = createWorld();
    const sent = envelope(STATES.watch, { dueMs: NOW + MINUTE });
    await takeStep(world, sent, { redelivered: true });
    expect(envelopes(world)).toMatchObject([{ ...sent, revived: 1 }]);
  });

  it.each([
    ["that is cancelled", STATES.waiting, { cancelled: true }, {}, true],
    ["that has expired", STATES.waiting, {}, { expiresAtMs: NOW }, true],
    ["at the line that is cancelled", STATES.submit, { cancelled: true }, {}, true],
    ["that may have run", STATES.waiting, { cancelled: true, mayHaveRun: true }, {}, false],
    ["in doubt", { ...STATES.waiting, doubt: true }, { cancelled: true }, {}, false],
    ["that was sent", STATES.watch, { cancelled: true }, { expiresAtMs: NOW }, false],
  ] as const)(
    "of a command %s: its rest is over, where that ends it",
    async (_what, state, said, more, isOver) => {
      const world = createWorld();
      const waits = { kind: "waits", atMs: NOW, mayHaveRun: false, cancelled: false } as const;
      world.answers.hop = () => ({ ...waits, ...said });
      const sent = envelope(state, { dueMs: NOW + 30 * MINUTE, order: order(more) });
      await takeStep(world, sent);
      expect(world.calls.includes("store.claim")).toBe(isOver);
    },
  );

  it("that comes early stays in doubt once it may have been taken", async () => {
    const world = createWorld();
    world.answers.hop = () => ({ kind: "waits", atMs: NOW, mayHaveRun: true, cancelled: false });
    const sent = envelope(STATES.waiting, { dueMs: NOW + MINUTE, unseenUntilMs: NOW - 1 });
    await takeStep(world, sent);
    expect(envelopes(world)).toEqual([sent]);
  });

  it.each([
    ["that found the store away was taken by nobody until it comes again", false, NOW + 3_000],
    ["that the broker brought again may have been anywhere", true, NOW],
  ])("%s", async (_what, redelivered, unseenUntilMs) => {
    const world = createWorld();
    world.answers.claim = () => {
      world.clock.pass(1_000);
      return AWAY;
    };
    await takeStep(world, envelope(STATES.waiting, { unseenUntilMs: NOW }), { redelivered });
    expect(envelopes(world)).toMatchObject([{ revived: 1, unseenUntilMs }]);
  });

  it("that comes early stays where it is while it cannot be put back", async () => {
    const world = createWorld();
    world.answers.publish = () => "unconfirmed";
    expect(await takeStep(world, envelope(STATES.watch, { dueMs: NOW + MINUTE }))).toBe("requeue");
  });

  it("that is put aside says that it may have been claimed", async () => {
    const world = createWorld();
    world.answers.claim = () => AWAY;
    expect(await takeStep(world, envelope(STATES.submit))).toBe("ack");
    expect(envelopes(world)).toEqual([envelope(STATES.submit, { revived: 1 })]);
  });

  it.each([
    ["was claimed by nobody", false, 0],
    ["keeps the broker's mark", true, 1],
  ])(
    "that waits until the store's memory is old enough %s",
    async (_what, redelivered, revived) => {
      const world = createWorld();
      world.answers.claim = () => ({ kind: "rebuilding", untilMs: NOW + 1_000 });
      const sent = envelope(STATES.prepare, { unseenUntilMs: NOW - 1 });
      expect(await takeStep(world, sent, { redelivered })).toBe("ack");
      expect(envelopes(world)).toEqual([{ ...sent, revived }]);
    },
  );

  it("of a later version is left to a later worker", async () => {
    const world = createWorld();
    expect(await takeStep(world, { ...envelope(STATES.watch), v: 3 })).toBe("ack");
    const unknown = { ...envelope(STATES.watch), state: { phase: "verify" } };
    expect(await takeStep(world, unknown, { passes: 3 })).toBe("ack");
    expect(await takeStep(world, unknown, { passes: 300 })).toBe("ack");
    expect(world.passedOn).toEqual([
      { delayMs: 2_000, passes: 1 },
      { delayMs: 30_000, passes: 4 },
      { delayMs: 60_000, passes: 301 },
    ]);
    expect(world.calls).toEqual(["passOn", "passOn", "passOn"]);
    world.answers.publish = () => "unconfirmed";
    expect(await takeStep(world, unknown)).toBe("requeue");
  });

  it("keeps the members that only a later version knows", async () => {
    const world = createWorld();
    const later = { ...envelope(STATES.watch, { dueMs: NOW + MINUTE }), lane: "fast" };
    const sent = {
      ...later,
      order: { ...later.order, lane: 1 },
      state: { ...later.state, lane: 2 },
    };
    await takeStep(world, sent);
    expect(envelopes(world)).toEqual([{ ...sent, unseenUntilMs: NOW + 65_000 }]);
    await takeStep(world, { ...sent, dueMs: NOW });
    expect(envelopes(world)[1]?.order).toEqual(sent.order);
  });

  it.each<[string, unknown, string]>([
    ["no JSON", Buffer.from("{"), "not JSON"],
    ["no envelope", { v: 1 }, "order: invalid_type"],
    ["a broken envelope", { ...envelope(STATES.watch), step: 0 }, "step: too_small"],
  ])(
    "that is %s goes to the dead queue, with the reason and without its bytes",
    async (_, value, why) => {
      const world = createWorld();
      expect(await takeStep(world, value, { messageId: "m-1" })).toBe("ack");
      expect(world.published).toMatchObject([
        {
          kind: "dead",
          messageId: "m-1/dead",
          reason: `internal message cannot be read: ${why}`,
          body: { message_id: "m-1" },
        },
      ]);
      world.answers.publish = () => "unconfirmed";
      expect(await takeStep(world, value)).toBe("requeue");
    },
  );
});

describe("what the broker gave up on", () => {
  const takeDead = (world: World, value: unknown, kind: "command" | "step") =>
    createWorker(world.deps).takeDead(delivery(value), kind);

  it("a step goes on its way again, after a copy without its body", async () => {
    const world = createWorld();
    const body = { ...BODY, metadata: { user_data: "UExBTlRFRA==" } };
    const sent = envelope({ ...STATES.submit, body }, { deaths: 1, dueMs: NOW - MINUTE });
    expect(await takeDead(world, sent, "step")).toBe("ack");
    expect(names(world)).toEqual(["dead", "step:submit"]);
    expect(JSON.stringify(world.published[0])).not.toContain("UExBTlRFRA==");
    expect(world.published[0]).toMatchObject({ messageId: `${COMMAND}/step/3/dead/2` });
    expect(world.published[1]).toEqual({
      kind: "step",
      envelope: { ...sent, deaths: 2, revived: 1, dueMs: NOW },
      delayMs: 2_000,
    });
  });

  it.each(["expired", "maxlen"])(
    "a step that the queue gave up by itself (%s) goes on uncounted, without a copy",
    async (reason) => {
      const world = createWorld();
      const sent = envelope(STATES.watch, { deaths: 2 });
      const headers = { "x-death": [{ reason, queue: "ecs.reinstall.work" }] };
      const death = deathOf(headers) ?? expect.unreachable("it says why");
      const dead = delivery(sent, { headers, death });
      expect(await createWorker(world.deps).takeDead(dead, "step")).toBe("ack");
      expect(world.published).toEqual([
        { kind: "step", envelope: { ...sent, revived: 1, dueMs: NOW }, delayMs: 2_000 },
      ]);
      const trouble = "trouble the broker took a step out of its queue; it is put back";
      expect(world.diary).toContain(trouble);
    },
  );

  it("a step that was on its way through a longer wait waits for the rest of it", async () => {
    const world = createWorld();
    const sent = envelope(STATES.waiting, { dueMs: NOW + 10 * MINUTE });
    const headers = { "x-death": [{ reason: "expired", queue: "ecs.reinstall.work.waiting" }] };
    const death = deathOf(headers) ?? expect.unreachable("it says why");
    const dead = delivery(sent, { headers, death });
    expect(await createWorker(world.deps).takeDead(dead, "step")).toBe("ack");
    expect(world.published).toEqual([
      { kind: "step", envelope: { ...sent, revived: 1 }, delayMs: 2_000 },
    ]);
    // Thousands at once after an outage: a line of the log for each would hide all others.
    expect(world.diary).toEqual([]);
  });

  it("a command that expired in its queue is told so", async () => {
    const world = createWorld();
    const headers = { "x-death": [{ reason: "expired", queue: "ecs.reinstall.commands" }] };
    const death = deathOf(headers) ?? expect.unreachable("it says why");
    const dead = delivery(COMMAND_FIELDS, { headers, death });
    expect(await createWorker(world.deps).takeDead(dead, "command")).toBe("ack");
    expect(names(world)).toEqual(["event:expired"]);
  });

  it("a step stays where it is while that is not confirmed", async () => {
    const world = createWorld();
    world.answers.publish = () => "unconfirmed";
    expect(await takeDead(world, envelope(STATES.watch), "step")).toBe("requeue");
  });

  it("a step that cannot be read is told from one of a later version", async () => {
    const world = createWorld();
    expect(await takeDead(world, { ...envelope(STATES.watch), v: 3 }, "step")).toBe("ack");
    expect(world.passedOn).toHaveLength(1);
    expect(await takeDead(world, "rubbish", "step")).toBe("ack");
    expect(names(world)).toEqual(["dead"]);
  });

  it("a command is answered, and not carried out", async () => {
    const world = createWorld();
    expect(await takeDead(world, COMMAND_FIELDS, "command")).toBe("ack");
    expect(world.admitted).toMatchObject([{ redelivered: true, mayHaveRun: true }]);
    expect(names(world)).toEqual(["event:rejected", "dead"]);
    expect(world.calls).not.toContain("look");
  });

  it("a command that is on its way is left alone", async () => {
    const world = createWorld();
    world.answers.admit = () => ({ kind: "handed-over" });
    expect(await takeDead(world, COMMAND_FIELDS, "command")).toBe("ack");
    expect(world.published).toEqual([]);
  });

  it("a command that breaks a rule is refused like any other", async () => {
    const world = refusing();
    const foreign = { ...COMMAND_FIELDS, project_id: FOREIGN_PROJECT };
    expect(await takeDead(world, foreign, "command")).toBe("ack");
    expect(names(world)).toEqual(["event:rejected", "dead"]);
  });
});
