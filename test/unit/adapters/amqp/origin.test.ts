import { describe, expect, it } from "vitest";
import { deliveryOf } from "../../../../src/adapters/amqp/delivery.ts";
import { ARRIVAL_TYPE, arrivalHeaders } from "../../../../src/adapters/amqp/marks.ts";
import { RETURNED } from "../../../../src/core/messages/dead-letter.ts";
import { shownOrigin } from "../../../../src/core/intake/origin.ts";

const PUBLISHED = { exchange: "ecs.reinstall.commands", routingKey: "reinstall" };
const EMITTER = { appId: "healer", userId: "ecs-emitter" };

function originOf(fields: object, properties: object) {
  const message = { content: Buffer.from("{}"), fields: { redelivered: false, ...fields } };
  return deliveryOf("q", { ...message, properties }).origin;
}

describe("where a message comes from", () => {
  it("is what it was published to, and by whom", () => {
    expect(originOf(PUBLISHED, EMITTER)).toEqual({ ...EMITTER, ...PUBLISHED, queue: "q" });
    expect(originOf({}, {})).toEqual({ queue: "q" });
  });

  it("is where it was before its first death", () => {
    const death = (queue: string, key: string) => ({ exchange: "x", queue, "routing-keys": [key] });
    const headers = { "x-death": [death("second", "b"), death("first", "a")] };
    expect(originOf({ exchange: "", routingKey: "work.dead" }, { ...EMITTER, headers })).toEqual({
      ...EMITTER,
      exchange: "x",
      routingKey: "a",
      queue: "first",
    });
  });

  it("stays what it was while a command waits, and nobody else can say so", () => {
    const marks = { arrivedAtMs: 5, mayHaveRun: false, unseenUntilMs: null };
    const headers = arrivalHeaders(marks, { ...EMITTER, ...PUBLISHED, queue: "q" });
    const waits = { type: ARRIVAL_TYPE, headers };
    expect(originOf({ exchange: "", routingKey: "work" }, waits)).toEqual({
      ...EMITTER,
      ...PUBLISHED,
      queue: "q",
    });
    expect(originOf(PUBLISHED, waits)).toEqual({ ...PUBLISHED, queue: "q" });
    const older = { type: ARRIVAL_TYPE, headers: arrivalHeaders(marks, undefined) };
    expect(originOf({ exchange: "" }, older)).toEqual({});
  });

  it("is described where it is odd, not shown", () => {
    const shown = shownOrigin({ appId: "a\u001b[2J", routingKey: "k".repeat(65), queue: "q" });
    expect(shown).toMatchObject({ user_id: null, exchange: null, queue: "q" });
    expect(shown.app_id).toMatch(/^\(name of 5 characters/);
    expect(shown.routing_key).toMatch(/^\(name of 65 characters/);
  });
});

it("what people returned counts as delivered before", () => {
  const message = { content: Buffer.from("{}"), fields: { redelivered: false } };
  const again = (headers: object) =>
    deliveryOf("q", { ...message, properties: { headers: { ...headers } } }).redelivered;
  expect([again({ [RETURNED]: 1 }), again({})]).toEqual([true, false]);
});
