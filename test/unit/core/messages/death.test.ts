import { describe, expect, it } from "vitest";
import { deathOf } from "../../../../src/adapters/amqp/x-death.ts";
import { endOfDead, isOfTheQueue } from "../../../../src/core/messages/death.ts";

const NOW = Date.parse("2026-11-26T10:00:00Z");
const TIME = { "!": "timestamp", value: NOW / 1_000 - 60 };
const COMMANDS = "ecs.reinstall.commands";

const dead = (reason: string, more: Readonly<Record<string, unknown>> = {}) => ({
  "x-death": [
    { reason, queue: COMMANDS, count: 1, time: TIME, ...more },
    { reason: "expired", queue: "ecs.reinstall.delay.2000", count: 3, time: TIME },
  ],
});
const end = (headers: Readonly<Record<string, unknown>>) => endOfDead(deathOf(headers), NOW);

describe("the end of a command that the broker gave up on", () => {
  it("is `expired` when the queue's time was over", () => {
    expect(end(dead("expired"))).toEqual({
      event: "expired",
      data: { expires_at: "2026-11-26T09:59:00.000Z", because: "message-ttl", queue: COMMANDS },
    });
  });

  it("is `expired` when the message's own time was over", () => {
    expect(end(dead("expired", { "original-expiration": "30000" }))).toMatchObject({
      event: "expired",
      data: { because: "expiration", expiration_ms: 30_000, queue: COMMANDS },
    });
  });

  it.each([
    ["delivery_limit", "undeliverable", /too often without being taken/],
    ["maxlen", "queue-overflow", /pushed out of the queue ecs\.reinstall\.commands/],
    ["rejected", "rejected-by-consumer", /rejected by a consumer of the queue/],
    ["some-day", "undeliverable", /took it out of the queue .*\(some-day\)/],
  ])("%s is told as %s", (reason, code, message) => {
    expect(end(dead(reason))).toEqual({
      event: "rejected",
      data: { problems: [{ path: "", code, message: expect.stringMatching(message) }] },
      deadReason: `rejected: ${code}`,
    });
  });

  it.each([{}, { "x-death": "?" }, { "x-death": [] }, { "x-death": [{ reason: 1, queue: 2 }] }])(
    "is told without a reason where there is none to read: %j",
    (headers) => {
      expect(deathOf(headers)).toBeNull();
      expect(end(headers)).toMatchObject({ data: { problems: [{ code: "undeliverable" }] } });
    },
  );

  it.each([[{ "!": "timestamp", value: -1 }], ["soon"], [Number.NaN], [1e300]])(
    "takes now for a time that is none: %j",
    (time) => {
      expect(end(dead("expired", { time }))).toMatchObject({
        data: { expires_at: new Date(NOW).toISOString() },
      });
    },
  );
});

it("time and length are the queue's doing, the rest may be the message's", () => {
  const reasons = ["expired", "maxlen", "delivery_limit", "rejected"];
  expect(reasons.filter((reason) => isOfTheQueue(deathOf(dead(reason))))).toEqual([
    "expired",
    "maxlen",
  ]);
  expect(isOfTheQueue(null)).toBe(false);
});
