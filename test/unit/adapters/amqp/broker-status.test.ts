import { expect, it } from "vitest";
import { brokerStatus, type StatusParts } from "../../../../src/adapters/amqp/broker-status.ts";

const CONSUMING = { queue: "commands", consuming: true, inFlight: 0, lastError: null };

const ready = (change: Partial<StatusParts>) =>
  brokerStatus({
    connections: [],
    consumers: [CONSUMING],
    publisher: { isBlocked: () => false, isMovingOver: false, lastError: null },
    topologyProblem: null,
    policies: { unchecked: null, objections: [] },
    ...change,
  }).ready;

it("a publisher that moves over to a newer connection leaves the worker ready; one that is blocked does not", () => {
  const publisher = (isMovingOver: boolean) => ({
    isBlocked: () => true,
    isMovingOver,
    lastError: null,
  });
  expect(ready({})).toBe(true);
  expect(ready({ publisher: publisher(true) })).toBe(true);
  expect(ready({ publisher: publisher(false) })).toBe(false);
  expect(ready({ publisher: publisher(true), consumers: [] })).toBe(false);
});
