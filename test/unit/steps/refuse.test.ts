import { describe, expect, it } from "vitest";
import type { Intake } from "../../../src/core/intake/intake.ts";
import { duplicateMessages, idReusedMessages } from "../../../src/steps/complete/messages.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { StoredOutcome } from "../../../src/steps/ports/stored-outcome.ts";
import { createRefuse } from "../../../src/steps/refuse.ts";
import {
  COMMAND,
  FOREIGN_PROJECT,
  finalEvent,
  JOB,
  NOW,
  order,
  PROJECT,
  SECOND,
  SERVER,
} from "../core/builders.ts";
import { AWAY, createWorld, nameOfMessage, type World } from "./fakes.ts";

type Refusal = Extract<Intake, { kind: "refused" }>;
const HASH = "0123456789abcdef".repeat(4);
const PROBLEM = { path: "os-reinstall.mode", code: "invalid_value", message: "must be x" };
const INTAKE: Refusal = {
  kind: "refused",
  subject: { commandId: COMMAND, projectId: PROJECT, serverId: SERVER },
  contentHash: HASH,
  problems: [PROBLEM, { path: "", code: "odd", message: "is odd" }],
  copy: { bytes: 5, sha256: HASH },
};

const ALIAS = new RegExp(`^${COMMAND}~[0-9a-f]{12}$`);
const ALIASED = new RegExp(`^${COMMAND}~[0-9a-f]{12}/1$`);
const reuse = (sinceMs: number) => ({ sinceMs, contentHash: HASH, problems: [], copy: {} });

/** A store that keeps what it is given. */
function storing(): World {
  const world = createWorld();
  world.answers.refuse = ({ outcome }) => ({ kind: "finished", outcome, first: true });
  return world;
}
const refuse = (world: World, intake: Refusal = INTAKE) => createRefuse(world.deps)(intake);

async function told(world: World, intake?: Refusal) {
  const refused = await refuse(world, intake);
  if (refused.kind !== "publish") throw new Error(refused.kind);
  return refused;
}
const outcomeOf = (event: string): StoredOutcome => ({
  event: finalEvent(event),
  reply: null,
  dead: null,
});

describe("a refused command", () => {
  it("is told as it was stored, so that a repeat says the same", async () => {
    const world = createWorld();
    const outcome = outcomeOf("rejected");
    world.answers.refuse = () => ({ kind: "finished", outcome, first: false });
    expect((await told(world)).messages).toEqual([{ kind: "event", event: outcome.event }]);
  });

  it("names the fields and rules, in the event and in the dead letter", async () => {
    const { messages } = await told(storing());
    expect(messages.map(nameOfMessage)).toEqual(["event:rejected", "dead"]);
    expect(messages[0]).toMatchObject({
      event: { id: `${COMMAND}/1`, data: { problems: INTAKE.problems } },
    });
    expect(messages[1]).toMatchObject({
      messageId: `${COMMAND}/1/dead`,
      reason: "rejected: os-reinstall.mode: invalid_value, message: odd",
      body: { problems: INTAKE.problems, bytes: 5, sha256: HASH },
    });
  });

  it.each([
    [FOREIGN_PROJECT, FOREIGN_PROJECT],
    [null, "-"],
  ])("for a project that is not ours is kept in ours: %s", async (projectId, strayFrom) => {
    const world = storing();
    const { home } = await told(world, { ...INTAKE, subject: { ...INTAKE.subject, projectId } });
    expect(world.refusals).toMatchObject([{ project: PROJECT, strayFrom, id: COMMAND }]);
    expect(home).toBeNull();
  });

  it("is kept in the project that it names", async () => {
    const world = storing();
    expect((await told(world)).home).toBe(PROJECT);
    expect(world.refusals).toMatchObject([{ project: PROJECT, contentHash: HASH }]);
    expect(world.refusals[0]?.strayFrom).toBeUndefined();
  });

  it("is answered to whoever asked", async () => {
    const replyTo = { queue: "answers", correlationId: "c" };
    const subject = { ...INTAKE.subject, replyTo };
    const { messages, outcome } = await told(storing(), { ...INTAKE, subject });
    expect(messages.map(nameOfMessage)).toEqual(["event:rejected", "reply:rejected", "dead"]);
    expect(outcome.reply).toEqual(replyTo);
  });

  it("has the number that follows what was refused before under its id", async () => {
    const world = storing();
    const { refuse: keep } = world.answers;
    const numbers = [4, 6];
    world.answers.refuse = (refusal) => {
      const sequence = numbers.shift();
      return sequence === undefined ? keep(refusal) : { kind: "renumber", sequence };
    };
    const { outcome } = await told(world);
    expect(outcome.event).toMatchObject({ id: `${COMMAND}/6`, data: { sequence: 6 } });
    world.answers.refuse = () => ({ kind: "renumber", sequence: 9 });
    expect(await refuse(world)).toEqual({ kind: "defer", why: "refusal-unconfirmed" });
  });

  it("is answered where each copy asks, whoever sent the first", async () => {
    const world = createWorld();
    const stored = { ...outcomeOf("rejected"), reply: { queue: "of the first" } };
    world.answers.refuse = () => ({ kind: "finished", outcome: stored, first: false });
    const replyTo = { queue: "of the second", correlationId: "c-2" };
    const { messages } = await told(world, {
      ...INTAKE,
      subject: { ...INTAKE.subject, replyTo },
    });
    expect(messages).toEqual([
      { kind: "event", event: stored.event },
      { kind: "reply", event: stored.event, ...replyTo },
    ]);
    expect((await told(world)).messages.map(nameOfMessage)).toEqual(["event:rejected"]);
  });

  it("keeps away from the events of the command whose id it uses, and says all that is wrong", async () => {
    const world = createWorld();
    world.answers.refuse = () => ({ kind: "id-reused", sinceMs: NOW - SECOND });
    const refused = await refuse(world);
    if (refused.kind !== "misuse") throw new Error(refused.kind);
    expect(refused.messages.map(nameOfMessage)).toEqual(["event:rejected", "dead"]);
    const [answer] = refused.messages;
    expect(answer).toMatchObject({
      routingKey: "rejected",
      event: {
        id: expect.stringMatching(ALIASED),
        time: "2026-11-23T14:59:59.000Z",
        data: {
          command_id: expect.stringMatching(ALIAS),
          reused_command_id: COMMAND,
          problems: [...INTAKE.problems, { path: "command_id", code: "id-reused" }],
        },
      },
    });
  });

  it.each([
    [AWAY, { why: "store-away" }],
    [
      { kind: "rebuilding", untilMs: NOW },
      { why: "store-rebuilding", untilMs: NOW, mayHaveRun: false },
    ],
    [{ kind: "refusal-unconfirmed" }, { why: "refusal-unconfirmed" }],
    [
      { kind: "corrupt", message: "m" },
      { why: "store-unreadable", detail: "m" },
    ],
  ] as const)("waits for a store that cannot say whether it was told: %j", async (answer, why) => {
    const world = createWorld();
    world.answers.refuse = () => answer;
    expect(await refuse(world)).toEqual({ kind: "defer", ...why });
  });
});

describe("a duplicate", () => {
  const view = {
    phase: "watch",
    sequence: 9,
    updatedAtMs: NOW - SECOND,
    outcome: null,
    jobId: JOB,
  };

  it("is told how the original stands, apart from its events", () => {
    const [message, ...more] = duplicateMessages("eu-west-0", order(), view);
    expect(more).toEqual([]);
    expect(message).toMatchObject({
      kind: "event",
      routingKey: "duplicate",
      event: {
        id: expect.stringMatching(ALIASED),
        type: "ecs.reinstall.duplicate.v1",
        time: "2026-11-23T14:59:59.000Z",
        data: {
          event: "duplicate",
          command_id: expect.stringMatching(ALIAS),
          reused_command_id: COMMAND,
          original: {
            phase: "watch",
            outcome: null,
            job_id: JOB,
            updated_at: "2026-11-23T14:59:59.000Z",
          },
        },
      },
    });
  });

  it("is told to whoever asked, and then to nobody else", () => {
    const asked = order({ replyTo: { queue: "answers", correlationId: "c" } });
    const messages = duplicateMessages("eu-west-0", asked, view);
    expect(messages.map(nameOfMessage)).toEqual(["reply:duplicate"]);
    expect(messages[0]).toMatchObject({ queue: "answers", correlationId: "c" });
  });

  it.each([
    ["how the original stands", order(), { ...view, phase: "done", outcome: "failed" }],
    ["what the copy says of itself", order({ reason: "another" }), view],
  ])("has another id where it says something else: %s", (_what, copy, seen) => {
    const idOf = (of: Order, about: typeof view) =>
      duplicateMessages("r", of, about).map((m) => ("event" in m ? m.event.id : ""))[0];
    expect(idOf(copy, seen as typeof view)).not.toBe(idOf(order(), view));
  });

  it("is told the same under the same id as long as the original does not move", () => {
    const at = (receivedAtMs: number) => duplicateMessages("r", order({ receivedAtMs }), view);
    expect(at(NOW + SECOND)).toEqual(at(NOW));
  });
});

describe("another command under a known id", () => {
  it("is rejected under an event id that no command of that id can have", () => {
    const messages = idReusedMessages("eu-west-0", order(), reuse(NOW - SECOND));
    expect(messages.map(nameOfMessage)).toEqual(["event:rejected", "dead"]);
    expect(messages[0]).toMatchObject({
      routingKey: "rejected",
      event: {
        id: expect.stringMatching(ALIASED),
        time: "2026-11-23T14:59:59.000Z",
        data: { reused_command_id: COMMAND, problems: [{ path: "command_id", code: "id-reused" }] },
      },
    });
  });

  it("is rejected to whoever asked, and then to nobody else", () => {
    const asked = order({ replyTo: { queue: "answers", correlationId: "c" } });
    const messages = idReusedMessages("eu-west-0", asked, reuse(NOW));
    expect(messages.map(nameOfMessage)).toEqual(["reply:rejected", "dead"]);
    expect(messages[0]).toMatchObject({ queue: "answers", correlationId: "c" });
  });

  it("is told the same each time it comes", () => {
    const at = (receivedAtMs: number) =>
      idReusedMessages("r", order({ receivedAtMs }), reuse(NOW))[0];
    expect(at(NOW + SECOND)).toEqual(at(NOW));
  });
});
