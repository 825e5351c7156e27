import { describe, expect, test } from "vitest";
import type { Delivery } from "../../../src/adapters/amqp/delivery.ts";
import { arrivalOf } from "../../../src/adapters/amqp/marks.ts";
import {
  arrivalPublication,
  isOurs,
  publicationOf,
  rungFor,
} from "../../../src/adapters/amqp/publishing/publications.ts";
import { backoffMs } from "../../../src/adapters/amqp/connection/backoff.ts";
import { anEnvelope, anEvent, PROJECT, SERVER, testSettings } from "./rig.ts";

const settings = testSettings("amqp://unused", { delaysMs: [2_000, 5_000, 60_000] });

const raw: Delivery = {
  queue: "ecs.reinstall.commands",
  body: Buffer.from("{}"),
  bytes: 2,
  contentType: undefined,
  contentEncoding: undefined,
  messageId: undefined,
  type: undefined,
  timestampMs: undefined,
  replyTo: undefined,
  correlationId: undefined,
  headers: {},
  redelivered: false,
  deliveryCount: 0,
};
const marks = { delayMs: 1, arrivedAtMs: 5, mayHaveRun: false, unseenUntilMs: 6 };

test.each([
  [0, "ecs.reinstall.work"],
  [-1, "ecs.reinstall.work"],
  [1, "ecs.reinstall.delay.2000"],
  [2_000, "ecs.reinstall.delay.2000"],
  [2_001, "ecs.reinstall.delay.5000"],
  [60_000, "ecs.reinstall.delay.60000"],
  [3_600_000, "ecs.reinstall.delay.60000"],
])("a wait of %i ms goes to %s", (delayMs, queue) => {
  expect(rungFor(settings, delayMs)).toBe(queue);
});

describe("a step of a command that waits", () => {
  const queueOf = (phase: string, delayMs: number, of = settings) => {
    const envelope = anEnvelope("c1", { state: { phase } as never });
    return publicationOf(of, { kind: "step", envelope, delayMs }).routingKey;
  };

  test.each(["waiting", "joined"])(
    "comes back beside the others from the longest delay: %s",
    (phase) => {
      expect(queueOf(phase, 5_001)).toBe("ecs.reinstall.delay.waiting.60000");
      expect(queueOf(phase, 3_600_000)).toBe("ecs.reinstall.delay.waiting.60000");
    },
  );

  test("shares the queue of those in work from every shorter delay", () => {
    expect(queueOf("waiting", 0)).toBe("ecs.reinstall.work");
    expect(queueOf("waiting", 5_000)).toBe("ecs.reinstall.delay.5000");
  });

  test("comes back beside them always where there is one delay only", () => {
    const one = { ...settings, delaysMs: [2_000] };
    expect(queueOf("waiting", 1, one)).toBe("ecs.reinstall.delay.waiting.2000");
    expect(queueOf("waiting", 0, one)).toBe("ecs.reinstall.work");
  });

  test.each([
    "prepare",
    "submit",
    "reconcile",
    "watch",
    "ready",
    "restore",
    "inquiry",
    "phase-to-come",
  ])("is no step of %s", (phase) => {
    expect(queueOf(phase, 60_000)).toBe("ecs.reinstall.delay.60000");
  });
});

test.each([
  [0, "c1/step/4"],
  [2, "c1/step/4/revived/2"],
])("a step revived %i times has the message id %s", (revived, messageId) => {
  const envelope = anEnvelope("c1", { step: 4, revived });
  const publication = publicationOf(settings, { kind: "step", envelope, delayMs: 0 });
  expect(publication.properties.messageId).toBe(messageId);
  expect(publication.properties.type).toBe("ecs.reinstall.step.v1");
  expect(JSON.parse(publication.body.toString())).toEqual(envelope);
});

describe("an event's routing key", () => {
  test("names project, server and event", () => {
    const publication = publicationOf(settings, { kind: "event", event: anEvent("c1/1") });
    expect(publication.routingKey).toBe(`${PROJECT}.${SERVER}.accepted`);
  });

  test("has dashes for what is not known", () => {
    const data = { ...anEvent("c1/1").data, project_id: null, server_id: null };
    const event = anEvent("c1/1", { data });
    expect(publicationOf(settings, { kind: "event", event }).routingKey).toBe("-.-.accepted");
  });

  test("is the caller's when there is one", () => {
    const message = { kind: "event", event: anEvent("c1/1"), routingKey: "duplicate" } as const;
    expect(publicationOf(settings, message).routingKey).toBe("duplicate");
  });
});

describe("headers of a command that is put aside", () => {
  const kept = (headers: Record<string, unknown>) =>
    arrivalPublication(settings, { ...raw, headers }, marks).properties.headers;
  const own = { "x-ecs-arrived-at": 5, "x-ecs-doubt": false, "x-ecs-unseen-until": 6 };

  test("keep the emitter's and lose the broker's", () => {
    const broker = {
      "x-death": [{}],
      "x-first-death-queue": "q",
      "x-last-death-reason": "expired",
      "x-delivery-count": 3,
      "x-ecs-publish": "7",
    };
    expect(kept({ traceparent: "t", mine: 1, ...broker })).toEqual({
      traceparent: "t",
      mine: 1,
      ...own,
    });
  });

  test.each<[string, unknown]>([
    ["no number", Number.NaN],
    ["a number below 64 bits", -1e300],
    ["an infinite number", Number.NEGATIVE_INFINITY],
    ["a large number with a fraction", 2 ** 50 + 0.25],
    ["an instant before 1970", { "!": "timestamp", value: 2 ** 64 }],
    ["a table that looks like a type", { "!": "mine", value: 1 }],
    ["the same further in", [{ deep: { "!": "string", value: 1 } }]],
    ["half a decimal", { "!": "decimal", value: { digits: 1 } }],
    ["a deep list", JSON.parse(`${"[".repeat(3_000)}${"]".repeat(3_000)}`)],
    ["a table with a name that grew", { ["\ufffd".repeat(100)]: 1 }],
  ])("leave out what cannot be written again: %s", (_name, value) => {
    expect(kept({ odd: value, mine: 1, ["\ufffd".repeat(100)]: 2 })).toEqual({ mine: 1, ...own });
  });

  test.each<[unknown]>([
    [1e300],
    [-1.5],
    [2 ** 53],
    [-(2 ** 62)],
    [null],
    [Buffer.from([1])],
    [{ "!": "timestamp", value: 7 }],
    [{ "!": "decimal", value: { digits: 3, places: 1 } }],
    [[{ a: [1, null, "x"] }]],
  ])("keep %j", (value) => {
    expect(kept({ odd: value })).toEqual({ odd: value, ...own });
  });

  test("say that it had been taken, and are read again", () => {
    const { headers } = arrivalPublication(settings, raw, { ...marks, taken: true }).properties;
    expect(headers).toMatchObject({ ...own, "x-ecs-taken": true });
    const back = { ...raw, type: "ecs.reinstall.arrival.v1", headers: headers ?? {} };
    expect(arrivalOf(back)).toMatchObject({ taken: true });
    expect(arrivalOf({ ...back, headers: own })).not.toHaveProperty("taken");
  });

  test("say who had sent it, and never what the emitter says of that", () => {
    const forged = { "x-ecs-sender": "mallory" };
    const asked = (sender?: string) =>
      arrivalPublication(settings, { ...raw, headers: forged }, { ...marks, sender }).properties;
    const read = ({ headers = {} }: ReturnType<typeof asked>) =>
      arrivalOf({ ...raw, type: "ecs.reinstall.arrival.v1", headers })?.sender;
    expect([read(asked("ada")), read(asked())]).toEqual(["ada", undefined]);
    expect(asked("ada")).not.toHaveProperty("userId");
  });

  test("never name further queues", () => {
    expect(kept({ CC: ["ecs.reinstall.dead"], BCC: ["x"] })).toEqual(own);
  });

  test("keep what makes a CloudEvent of it, however many others there are", () => {
    const event = {
      "cloudEvents:specversion": "1.0",
      "cloudEvents:id": "e1",
      cloudEvents_source: "/healer",
      cloudEvents_type: "t",
    };
    const fat = { fat: "x".repeat(100_000), "cloudEvents:dataschema": "x" };
    expect(kept({ ...event, ...fat })).toEqual({ ...event, ...own });
    expect(kept({ ...event, cloudEvents_type: "x".repeat(100_000) })).not.toHaveProperty(
      "cloudEvents_type",
    );
  });

  test("are cut down to what is read when they are too many for AMQP", () => {
    expect(kept({ tracestate: "s", fat: "x".repeat(100_000) })).toEqual({
      tracestate: "s",
      ...own,
    });
  });
});

test.each([
  ["ecs.reinstall.work", true],
  ["ecs.reinstall.work.dead", true],
  ["ecs.reinstall.work.waiting", true],
  ["ecs.reinstall.delay.7", true],
  ["ecs.reinstall.delay.waiting.60000", true],
  ["ecs.reinstall.commands", true],
  ["ecs.reinstall.dead", true],
  ["amq.rabbitmq.reply-to.abc", false],
  ["healer.answers", false],
])("%s is a queue of ours: %s", (queue, ours) => {
  expect(isOurs(settings, queue)).toBe(ours);
});

test.each([
  [0, 100, 200],
  [1, 200, 400],
  [4, 1_600, 3_200],
  [7, 7_500, 15_000],
  [1_000, 7_500, 15_000],
])("attempt %i waits between %i and %i ms", (attempt, least, most) => {
  const bounds = { initialMs: 200, maxMs: 15_000 };
  expect(backoffMs(attempt, bounds, () => 0)).toBe(least);
  expect(backoffMs(attempt, bounds, () => 1)).toBe(most);
});
