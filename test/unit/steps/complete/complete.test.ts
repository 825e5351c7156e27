import { describe, expect, it } from "vitest";
import { failed, rejected } from "../../../../src/core/messages/events.ts";
import { final, next } from "../../../../src/core/decision.ts";
import { storedEnvelope } from "../../../../src/core/state/envelope.ts";
import { createComplete } from "../../../../src/steps/complete/complete.ts";
import type { Work } from "../../../../src/steps/complete/deferring.ts";
import type { StoredOutcome } from "../../../../src/steps/ports/stored-outcome.ts";
import type { StepResult } from "../../../../src/steps/step.ts";
import {
  BEFORE,
  BODY,
  COMMAND,
  envelope,
  finalEvent,
  JOB,
  NOW,
  order,
  PROJECT,
  refusal,
  STATES,
  state,
} from "../../core/builders.ts";
import { AWAY, CLAIM, claimed, createWorld, nameOfMessage, type World } from "../fakes.ts";

type Concluded = Extract<StepResult, { kind: "conclude" }>;

const LINE = envelope(STATES.submit);
const WATCH: Concluded = {
  kind: "conclude",
  claim: CLAIM,
  token: 7,
  decision: next(STATES.watch, 2_000, [{ event: "submitted", data: { job_id: JOB, attempt: 1 } }]),
};
const FAILED: Concluded = {
  kind: "conclude",
  claim: CLAIM,
  token: 7,
  decision: final(failed({ ...refusal(), nextStep: "n" })),
};
const OUTCOME: StoredOutcome = { event: finalEvent("failed"), reply: null, dead: null };

function complete(world: World, result: StepResult, work: Partial<Work> = {}) {
  const whole: Work = {
    order: order(),
    from: "submit",
    envelope: LINE,
    body: BODY,
    defer: async (delayMs, { why }) => {
      world.calls.push(`defer ${delayMs} ${why}`);
      return world.answers.marksWhenDeferred();
    },
    ...work,
  };
  return createComplete(world.deps)(whole, result, world.signal);
}

const unconfirmed = () => {
  const world = createWorld();
  world.answers.publish = () => "unconfirmed";
  return world;
};
const steps = (world: World) => world.published.flatMap((m) => (m.kind === "step" ? [m] : []));
const events = (world: World) => world.published.flatMap((m) => (m.kind === "event" ? [m] : []));

describe("a next step", () => {
  it("is saved, then published, then acknowledged", async () => {
    const world = createWorld();
    expect(await complete(world, WATCH)).toBe("ack");
    expect(world.calls).toEqual(["store.save", "publish event:submitted step:watch"]);
    expect(world.reached).toEqual(["step:saved", "step:before-publish", "step:published"]);
    expect(world.diary).toEqual(["moved submit watch [submitted]"]);
  });

  it("carries the next numbers, the epoch, the lock and its due time", async () => {
    const world = createWorld();
    await complete(world, WATCH);
    expect(steps(world)).toEqual([
      {
        kind: "step",
        delayMs: 2_000,
        envelope: {
          v: 2,
          order: order(),
          step: 4,
          sequence: 21,
          epoch: "epoch-1",
          dueMs: NOW + 2_000,
          unseenUntilMs: NOW + 7_000,
          token: 7,
          slot: true,
          placeMs: NOW,
          revived: 0,
          deaths: 0,
          state: STATES.watch,
        },
      },
    ]);
    expect(events(world)[0]?.event).toMatchObject({ id: `${COMMAND}/20`, data: { sequence: 20 } });
  });

  it("that is punctual waits in hops: the first is the longest that is not too long", async () => {
    const world = createWorld();
    const decision = next(STATES.watch, 45_000, [], { isPunctual: true });
    await complete(world, { ...WATCH, decision });
    expect(steps(world)).toMatchObject([
      { delayMs: 30_000, envelope: { dueMs: NOW + 45_000, unseenUntilMs: NOW + 35_000 } },
    ]);
    expect(world.saves[0]?.outbox.next?.delayMs).toBe(30_000);
    await complete(world, { ...WATCH, decision: next(STATES.watch, 45_000) });
    expect(steps(world)[1]).toMatchObject({ delayMs: 45_000, envelope: { dueMs: NOW + 45_000 } });
  });

  it("is saved with what follows from it, word for word, but without the body", async () => {
    const world = createWorld();
    const secret = { ...BODY, metadata: { user_data: "UExBTlRFRA==" } };
    const waiting = state("waiting", { body: secret });
    const decision = next(waiting, 5_000, [], { intent: "clear", lock: "release" });
    await complete(world, { ...WATCH, decision });
    const [saved] = world.saves;
    expect(saved).toMatchObject({
      claim: CLAIM,
      nextSequence: 20,
      intent: "clear",
      lock: "release",
    });
    expect(JSON.stringify(saved?.outbox)).not.toContain("UExBTlRFRA==");
    const [sent] = steps(world);
    expect(sent?.envelope).toMatchObject({ token: null, state: { body: secret } });
    expect(saved?.outbox.next).toEqual({
      envelope: sent && storedEnvelope(sent.envelope),
      delayMs: 5_000,
    });
  });

  it("is not acknowledged while it is not confirmed", async () => {
    const world = unconfirmed();
    expect(await complete(world, WATCH)).toBe("requeue");
    expect(world.saves).toHaveLength(1);
    expect(world.diary).toEqual([]);
  });

  it.each([
    ["fenced: somebody else tells it", { kind: "fenced" }, "ack", ["deferred submit fenced 60000"]],
    ["forgotten: the store must have it first", { kind: "forgotten" }, "requeue", []],
    ["away: the message is put aside", AWAY, "ack", ["deferred submit store-away 2000"]],
  ] as const)("is not published when saving is %s", async (_, answer, disposition, diary) => {
    const world = createWorld();
    world.answers.save = () => answer;
    expect(await complete(world, WATCH)).toBe(disposition);
    expect(world.published).toEqual([]);
    expect(world.diary).toEqual(diary);
  });

  it("is not acknowledged when it can be neither saved nor put aside", async () => {
    const world = unconfirmed();
    world.answers.save = () => AWAY;
    expect(await complete(world, WATCH)).toBe("requeue");
  });

  it("pauses before it is delivered again to a store that forgot it", async () => {
    const world = createWorld();
    world.answers.save = () => ({ kind: "forgotten" });
    await complete(world, WATCH);
    expect(world.clock.slept).toEqual([1_000]);
  });
});

describe("a final outcome", () => {
  it("is stored, then published, then known to be told, then acknowledged", async () => {
    const world = createWorld();
    expect(await complete(world, FAILED)).toBe("ack");
    expect(world.calls).toEqual(["store.finish", "publish event:failed", "store.published"]);
    expect(world.finishes[0]).toMatchObject({ claim: CLAIM, lock: "free", healedAtMs: null });
    expect(world.diary).toEqual(["ended submit failed"]);
  });

  it("is neither told nor acknowledged while it is not confirmed", async () => {
    const world = unconfirmed();
    expect(await complete(world, FAILED)).toBe("requeue");
    expect(world.calls).not.toContain("store.published");
    expect(world.diary).toEqual([]);
  });

  it("is repeated to whoever asked, and copied to the dead queue where it deserves that", async () => {
    const world = createWorld();
    const decision = final(rejected([], "it deserves it"));
    const asked = order({ replyTo: { queue: "answers", correlationId: "c" } });
    await complete(world, { ...FAILED, decision }, { order: asked });
    expect(world.published.map(nameOfMessage)).toEqual([
      "event:rejected",
      "reply:rejected",
      "dead",
    ]);
    expect(world.published[1]).toMatchObject({ queue: "answers", correlationId: "c" });
    expect(world.published[2]).toMatchObject({
      messageId: `${COMMAND}/20/dead`,
      reason: "it deserves it",
    });
  });

  it("comes after what was to be told before it", async () => {
    const world = createWorld();
    await complete(world, { ...FAILED, preface: [{ event: "accepted", data: {} }] });
    expect(events(world).map((m) => m.event.id)).toEqual([`${COMMAND}/20`, `${COMMAND}/21`]);
    expect(world.finishes[0]?.outcome.event.data).toMatchObject({ event: "failed", sequence: 21 });
  });

  it("is told as it was stored first, whatever is concluded now", async () => {
    const world = createWorld();
    world.answers.finish = () => ({ kind: "finished", outcome: OUTCOME, first: false });
    await complete(world, FAILED);
    expect(events(world).map((m) => m.event)).toEqual([OUTCOME.event]);
  });

  it.each([
    ["fenced", { kind: "fenced" }, "ack"],
    ["forgotten", { kind: "forgotten" }, "requeue"],
    ["away", AWAY, "ack"],
  ] as const)("is not published when storing it is %s", async (_, answer, disposition) => {
    const world = createWorld();
    world.answers.finish = () => answer;
    expect(await complete(world, FAILED)).toBe(disposition);
    expect(world.published).toEqual([]);
  });
});

describe("what a success teaches", () => {
  const success = (disk: "replaced" | "kept"): Concluded => ({
    ...FAILED,
    decision: final(
      { event: "succeeded", data: {} },
      { healedAtMs: NOW, sample: { volumeType: "SSD", disk } },
    ),
  });

  it("is counted after it is stored, once", async () => {
    const world = createWorld();
    await complete(world, success("replaced"));
    expect(world.counted).toEqual([["SSD", "replaced"]]);
    expect(world.calls.indexOf("evidence.count replaced")).toBeGreaterThan(
      world.calls.indexOf("store.finish"),
    );
    expect(world.finishes[0]?.healedAtMs).toBe(NOW);
  });

  it("is not counted again with a repeat", async () => {
    const world = createWorld();
    world.answers.finish = () => ({ kind: "finished", outcome: OUTCOME, first: false });
    await complete(world, success("replaced"));
    expect(world.counted).toEqual([]);
  });

  it("is counted before it is stored where it contradicts the evidence", async () => {
    const world = createWorld();
    await complete(world, success("kept"));
    expect(world.calls.slice(0, 2)).toEqual(["evidence.count kept", "store.finish"]);
    expect(world.counted).toHaveLength(1);
  });

  it("waits until a contradiction is counted; a lost sample of the usual only delays the trust", async () => {
    const world = createWorld();
    world.answers.count = () => "away";
    await complete(world, success("kept"));
    expect(world.calls).toEqual(["evidence.count kept", "defer 2000 store-away"]);
    const usual = createWorld();
    usual.answers.count = () => "away";
    expect(await complete(usual, success("replaced"))).toBe("ack");
  });
});

describe("the outcome of a POST while the store is away", () => {
  const SENT: Concluded = { ...WATCH, submitted: true };

  it("is saved under a new claim as soon as the store is back", async () => {
    const world = createWorld();
    const answers = [AWAY, { kind: "saved" }] as const;
    let asked = 0;
    world.answers.save = () => answers[asked++] ?? AWAY;
    world.answers.claim = () => claimed({ claim: { ...CLAIM, nonce: "again", sequence: 40 } });
    expect(await complete(world, SENT)).toBe("ack");
    expect(world.claims).toMatchObject([{ envelope: LINE, redelivered: true }]);
    expect(world.saves.at(-1)?.claim).toMatchObject({ nonce: "again" });
    expect(events(world).map((m) => m.event.id)).toEqual([`${COMMAND}/40`]);
    expect(world.calls.filter((call) => call.startsWith("publish"))).toHaveLength(1);
  });

  it("is put back where the store forgot the command", async () => {
    const world = createWorld();
    let asked = 0;
    world.answers.save = () => (asked++ === 0 ? { kind: "forgotten" } : { kind: "saved" });
    expect(await complete(world, SENT)).toBe("ack");
    expect(steps(world)[0]?.envelope.state.phase).toBe("watch");
  });

  it("travels in its message alone when the store stays away, and is told later", async () => {
    const world = createWorld();
    world.answers.save = () => AWAY;
    world.answers.claim = () => AWAY;
    expect(await complete(world, SENT)).toBe("ack");
    expect(world.claims).toHaveLength(3);
    expect(world.clock.slept).toEqual([200, 200, 200]);
    expect(world.published.map(nameOfMessage)).toEqual(["step:watch"]);
    expect(steps(world)[0]?.envelope).toMatchObject({
      step: 4,
      // Nothing was told: the number is still free.
      sequence: 20,
      token: 7,
      state: { phase: "watch", jobId: JOB, announced: false },
    });
    expect(world.diary[0]).toContain("trouble");
  });

  it("is not acknowledged when neither store nor broker takes it", async () => {
    const world = unconfirmed();
    world.answers.save = () => AWAY;
    world.answers.claim = () => AWAY;
    expect(await complete(world, SENT)).toBe("requeue");
  });

  it("keeps the doubt of an unknown outcome, and its fence", async () => {
    const world = createWorld();
    world.answers.save = () => AWAY;
    world.answers.claim = () => AWAY;
    await complete(world, { ...SENT, decision: next(STATES.reconcile, 2_000) });
    expect(steps(world)[0]?.envelope.state).toEqual(STATES.reconcile);
  });

  it("lets a sure refusal wait, under the next number, for nothing was done", async () => {
    const world = createWorld();
    world.answers.finish = () => AWAY;
    world.answers.claim = () => AWAY;
    expect(await complete(world, { ...FAILED, submitted: true })).toBe("ack");
    expect(world.published.map(nameOfMessage)).toEqual(["step:waiting"]);
    expect(steps(world)[0]).toMatchObject({
      delayMs: 60_000,
      envelope: {
        state: {
          waitsFor: "store-rebuilding",
          tries: { attempt: 2, spent: 0 },
          before: BEFORE,
          body: BODY,
        },
      },
    });
  });

  it("travels at once when the worker must stop", async () => {
    const world = createWorld();
    world.answers.save = () => AWAY;
    world.stopping.abort();
    expect(await complete(world, SENT)).toBe("ack");
    expect(world.claims).toEqual([]);
    expect(steps(world)).toHaveLength(1);
  });

  it.each([
    ["finished", { kind: "finished", outcome: OUTCOME, published: true }],
    ["stale", { kind: "stale" }],
    ["corrupt", { kind: "corrupt", message: "m" }],
  ] as const)("travels at once when the claim is %s: asking again is no use", async (_, answer) => {
    const world = createWorld();
    world.answers.save = () => AWAY;
    world.answers.claim = () => answer;
    expect(await complete(world, SENT)).toBe("ack");
    expect(world.claims).toHaveLength(1);
    expect(steps(world)).toHaveLength(1);
  });

  it("comes back much later when another delivery has the step, in case that one dies", async () => {
    const world = createWorld();
    world.answers.save = () => ({ kind: "fenced" });
    expect(await complete(world, SENT)).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.diary).toEqual(["deferred submit fenced 60000"]);
  });
});

describe("a step that was saved before", () => {
  const sent = envelope(STATES.prepare, { step: 4 });
  const outbox = {
    events: [finalEvent("waiting")],
    next: { envelope: storedEnvelope(sent), delayMs: 5_000 },
  };

  it("is told again, word for word, with the body of its own message", async () => {
    const world = createWorld();
    expect(await complete(world, { kind: "repeat", outbox, body: BODY })).toBe("ack");
    expect(world.published).toEqual([
      { kind: "event", event: outbox.events[0] },
      { kind: "step", envelope: sent, delayMs: 5_000 },
    ]);
    expect(world.saves).toEqual([]);
  });

  it("is told again where nothing follows from it", async () => {
    const world = createWorld();
    const last = { events: outbox.events, next: null };
    expect(await complete(world, { kind: "repeat", outbox: last, body: undefined })).toBe("ack");
    expect(world.published).toHaveLength(1);
  });

  it("is not acknowledged while that is not confirmed", async () => {
    expect(await complete(unconfirmed(), { kind: "repeat", outbox, body: BODY })).toBe("requeue");
  });

  it("comes back later when only this copy has no body", async () => {
    const world = createWorld();
    expect(await complete(world, { kind: "repeat", outbox, body: undefined })).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.diary).toEqual(["deferred submit fenced 60000"]);
  });

  it("is left to a later worker when only that one can read it", async () => {
    const world = createWorld();
    const later = { ...(storedEnvelope(sent) as object), state: { phase: "verify" } };
    const next = { ...outbox, next: { envelope: later, delayMs: 0 } };
    expect(await complete(world, { kind: "repeat", outbox: next, body: BODY })).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.diary).toEqual(["deferred submit later-version 2000"]);
  });

  it("waits for a person when its message cannot be put together: no end is told that is not stored", async () => {
    const world = createWorld();
    const broken = { ...outbox, next: { envelope: { strange: true }, delayMs: 0 } };
    await complete(world, { kind: "repeat", outbox: broken, body: undefined });
    expect(world.published).toEqual([]);
    expect(world.calls).toEqual(["defer 2000 store-unreadable"]);
  });
});

describe("what a full queue refuses", () => {
  const full = () => {
    const world = createWorld();
    world.answers.publish = () => "refused";
    world.answers.marksWhenDeferred = () => "confirmed";
    return world;
  };

  it.each<[string, StepResult]>([
    ["a next step", WATCH],
    ["an end", FAILED],
    ["an end that was stored before", { kind: "finished", outcome: OUTCOME, published: false }],
    [
      "a step that was saved before",
      { kind: "repeat", outbox: { events: [], next: null }, body: BODY },
    ],
  ])(
    "%s: the same message comes back after a while, and nobody waits behind it",
    async (_, result) => {
      const world = full();
      expect(await complete(world, result)).toBe("ack");
      expect(world.diary).toEqual(["deferred submit queue-full 2000"]);
    },
  );

  it("stays in its queue while it cannot be put aside either", async () => {
    const world = full();
    world.answers.marksWhenDeferred = () => "unconfirmed";
    expect(await complete(world, WATCH)).toBe("requeue");
  });
});

describe("a delivery that comes after the end", () => {
  it("is acknowledged in silence when the outcome was told", async () => {
    const world = createWorld();
    expect(await complete(world, { kind: "finished", outcome: OUTCOME, published: true })).toBe(
      "ack",
    );
    expect(world.calls).toEqual([]);
    expect(world.diary).toEqual(["dropped submit finished"]);
  });

  it("tells the outcome again when it may not have been told", async () => {
    const world = createWorld();
    expect(await complete(world, { kind: "finished", outcome: OUTCOME, published: false })).toBe(
      "ack",
    );
    expect(events(world).map((m) => m.event)).toEqual([OUTCOME.event]);
    expect(world.calls).toContain("store.published");
    const away = unconfirmed();
    expect(await complete(away, { kind: "finished", outcome: OUTCOME, published: false })).toBe(
      "requeue",
    );
  });
});

describe("a delivery that is somebody else's business", () => {
  it.each(["stale", "handed-over"] as const)("is dropped: %s", async (why) => {
    const world = createWorld();
    expect(await complete(world, { kind: "drop", why })).toBe("ack");
    expect(world.calls).toEqual([]);
    expect(world.diary).toEqual([`dropped submit ${why}`]);
  });

  it("comes back late when it was fenced off: whoever has the step may never tell it", async () => {
    const world = createWorld();
    expect(await complete(world, { kind: "drop", why: "fenced" })).toBe("ack");
    expect(world.calls).toEqual(["defer 60000 fenced"]);
    expect(await complete(unconfirmed(), { kind: "drop", why: "fenced" })).toBe("requeue");
  });

  it("comes back ever later the longer that goes on", async () => {
    const world = createWorld();
    world.clock.pass(6 * 60_000);
    await complete(world, { kind: "defer", delayMs: 2_000, why: "store-away" });
    expect(world.calls).toEqual(["defer 60000 store-away"]);
  });

  const view = { phase: "watch", sequence: 9, updatedAtMs: NOW, outcome: null, jobId: JOB };

  it("is answered when it is a duplicate, and acknowledged when the answer is safe", async () => {
    const world = createWorld();
    expect(await complete(world, { kind: "duplicate", view })).toBe("ack");
    expect(world.published).toMatchObject([{ kind: "event", routingKey: "duplicate" }]);
    expect(await complete(unconfirmed(), { kind: "duplicate", view })).toBe("requeue");
  });

  it("repeats the final event, and answers a copy that asks elsewhere", async () => {
    const world = createWorld();
    const outcome = { event: finalEvent("failed"), reply: null, dead: null };
    const finished = { kind: "finished", outcome, published: false } as const;
    expect(await complete(world, { ...finished, duplicate: view })).toBe("ack");
    expect(world.published.map(nameOfMessage)).toEqual(["event:failed", "event:duplicate"]);
    const original = createWorld();
    await complete(original, { ...finished, duplicate: null });
    expect(original.published.map(nameOfMessage)).toEqual(["event:failed"]);
  });

  it("is answered when it uses the id of another command", async () => {
    const world = createWorld();
    const result = { kind: "id-reused", sinceMs: NOW - 5 } as const;
    expect(await complete(world, result)).toBe("ack");
    expect(world.published.map(nameOfMessage)).toEqual(["event:rejected", "dead"]);
    expect(await complete(unconfirmed(), result)).toBe("requeue");
  });
});

describe("not now", () => {
  it("puts the message aside, and acknowledges it when it is safe there", async () => {
    const world = createWorld();
    const result = { kind: "defer", delayMs: 5_000, why: "store-away" } as const;
    expect(await complete(world, result)).toBe("ack");
    expect(world.calls).toEqual(["defer 5000 store-away"]);
    expect(await complete(unconfirmed(), result)).toBe("requeue");
  });

  it("leaves the message to the broker after a short pause", async () => {
    const world = createWorld();
    expect(await complete(world, { kind: "again" })).toBe("requeue");
    expect(world.clock.slept).toEqual([1_000]);
  });
});

describe("keys of the store that nobody can read", () => {
  const corrupt = { kind: "corrupt", message: "ecs:{p}:cmd:x: is not a hash" } as const;

  it.each([
    ["a step", {}],
    ["a command that has just arrived", { envelope: null, from: "admit" }],
  ])("keep %s waiting, loudly: what cannot be stored is not told", async (_what, work) => {
    const world = createWorld();
    expect(await complete(world, corrupt, work)).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.calls).toEqual(["defer 2000 store-unreadable"]);
    expect(world.diary[0]).toBe(`unreadable ${corrupt.message}`);
    expect(await complete(unconfirmed(), corrupt, work)).toBe("requeue");
  });

  it.each([WATCH, FAILED])("keep what it has come to from being told", async (result) => {
    const world = createWorld();
    world.answers.save = () => corrupt;
    world.answers.finish = () => corrupt;
    expect(await complete(world, result)).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.calls).toContain("defer 2000 store-unreadable");
  });

  it("do not lose what a request has come to: it travels in its message", async () => {
    const world = createWorld();
    world.answers.save = () => corrupt;
    world.answers.claim = () => corrupt;
    expect(await complete(world, { ...WATCH, submitted: true })).toBe("ack");
    expect(world.published).toMatchObject([
      { kind: "step", envelope: { state: { phase: "watch", jobId: JOB, announced: false } } },
    ]);
  });
});

describe("a command whose id another one has in the store", () => {
  const taken = { kind: "id-taken", envelope: LINE } as const;
  const storing = () => {
    const world = createWorld();
    world.answers.refuse = ({ outcome }) => ({ kind: "finished", outcome, first: true });
    return world;
  };

  it("ends unresolved under a name of its own, stored before it is told", async () => {
    const world = storing();
    expect(await complete(world, taken)).toBe("ack");
    const alias = `${COMMAND}~${order().contentHash.slice(0, 12)}`;
    expect(world.refusals).toMatchObject([{ project: PROJECT, id: alias }]);
    expect(world.published.map(nameOfMessage)).toEqual(["event:unresolved", "dead"]);
    expect(events(world)[0]?.event).toMatchObject({
      id: `${alias}/1`,
      data: { command_id: alias, reused_command_id: COMMAND, why: "id-taken" },
    });
    expect(world.calls.at(-1)).toBe("store.published");
    expect(world.diary).toEqual(["ended submit unresolved"]);
  });

  it("says the same each time it comes", async () => {
    const [first, second] = [storing(), storing()];
    second.clock.pass(60_000);
    await complete(first, taken);
    await complete(second, taken);
    expect(second.published).toEqual(first.published);
  });

  it.each([
    [AWAY, "store-away"],
    [{ kind: "rebuilding", untilMs: NOW }, "store-rebuilding"],
    [{ kind: "corrupt", message: "m" }, "store-unreadable"],
  ] as const)("waits where its end cannot be stored: %j", async (answer, why) => {
    const world = createWorld();
    world.answers.refuse = () => answer;
    expect(await complete(world, taken)).toBe("ack");
    expect(world.published).toEqual([]);
    expect(world.calls).toContain(`defer 2000 ${why}`);
  });

  it("comes again while its end is not confirmed", async () => {
    const world = storing();
    world.answers.publish = () => "unconfirmed";
    expect(await complete(world, taken)).toBe("requeue");
    expect(world.calls).not.toContain("store.published");
  });
});

it("a raw command never submits", async () => {
  const world = createWorld();
  world.answers.save = () => AWAY;
  const result = { ...WATCH, submitted: true } as const;
  await expect(complete(world, result, { envelope: null })).rejects.toThrow("never submits");
});
