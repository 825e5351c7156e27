import { describe, expect, it } from "vitest";
import type { Intake } from "../../../src/core/intake.ts";
import { duplicateMessages, idReusedMessages } from "../../../src/steps/answer-duplicate.ts";
import type { StoredOutcome } from "../../../src/steps/ports/reinstall-store.ts";
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

const refuse = (world: World, intake: Refusal = INTAKE) => createRefuse(world.deps)(intake);

async function told(world: World, intake?: Refusal) {
  const refused = await refuse(world, intake);
  if (refused.kind !== "tell") throw new Error(refused.why);
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
    const world = createWorld();
    const foreign = { ...INTAKE, subject: { ...INTAKE.subject, projectId: FOREIGN_PROJECT } };
    const { messages } = await told(world, foreign);
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

  it.each([FOREIGN_PROJECT, null])(
    "leaves no record in a project of others: %s",
    async (projectId) => {
      const world = createWorld();
      await told(world, { ...INTAKE, subject: { ...INTAKE.subject, projectId } });
      expect(world.calls).toEqual([]);
    },
  );

  it("is answered to whoever asked", async () => {
    const world = createWorld();
    const replyTo = { queue: "answers", correlationId: "c" };
    const subject = { ...INTAKE.subject, projectId: null, replyTo };
    const { messages, outcome } = await told(world, { ...INTAKE, subject });
    expect(messages.map(nameOfMessage)).toEqual(["event:rejected", "reply:rejected", "dead"]);
    expect(outcome.reply).toEqual(replyTo);
  });

  it("keeps away from the events of the command whose id it uses", async () => {
    const world = createWorld();
    world.answers.refuse = () => ({ kind: "id-reused", sinceMs: NOW - SECOND });
    const { outcome } = await told(world);
    expect(outcome.event).toMatchObject({
      id: `${COMMAND}~0123456789ab/1`,
      time: "2026-11-23T14:59:59.000Z",
    });
    world.answers.refuse = () => ({ kind: "corrupt", message: "m" });
    expect((await told(world)).outcome.event.id).toBe(`${COMMAND}~0123456789ab/1`);
  });

  it.each([
    [AWAY, { why: "store-away" }],
    [
      { kind: "rebuilding", untilMs: NOW },
      { why: "store-rebuilding", untilMs: NOW, doubt: false },
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
        id: `${COMMAND}~duplicate-watch-${NOW - SECOND}/9`,
        type: "ecs.reinstall.duplicate.v1",
        time: "2026-11-23T14:59:59.000Z",
        data: {
          event: "duplicate",
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

  it("is told the same under the same id as long as the original does not move", () => {
    const at = (receivedAtMs: number) => duplicateMessages("r", order({ receivedAtMs }), view);
    expect(at(NOW + SECOND)).toEqual(at(NOW));
  });
});

describe("another command under a known id", () => {
  it("is rejected under an event id that no command of that id can have", () => {
    const messages = idReusedMessages("eu-west-0", order({ contentHash: HASH }), NOW - SECOND);
    expect(messages.map(nameOfMessage)).toEqual(["event:rejected", "dead"]);
    expect(messages[0]).toMatchObject({
      event: {
        id: `${COMMAND}~0123456789ab/1`,
        time: "2026-11-23T14:59:59.000Z",
        data: { problems: [{ path: "command_id", code: "id-reused" }] },
      },
    });
  });

  it("is told the same each time it comes", () => {
    const at = (receivedAtMs: number) => idReusedMessages("r", order({ receivedAtMs }), NOW)[0];
    expect(at(NOW + SECOND)).toEqual(at(NOW));
  });
});
