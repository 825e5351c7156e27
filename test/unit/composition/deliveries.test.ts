import { describe, expect, it } from "vitest";
import type { Delivery } from "../../../src/adapters/amqp/delivery.ts";
import { createDeliveries, routesOf } from "../../../src/composition/deliveries.ts";
import { createLogger } from "../../../src/observe/logging/logger.ts";
import { createMetrics } from "../../../src/observe/metrics/metrics.ts";
import { MINUTE, NOW, SECOND } from "../core/builders.ts";
import { delivery, fakeClock } from "../steps/fakes.ts";

const ack = async () => "ack" as const;

function build() {
  const entered: number[] = [];
  const enteredWaiting: number[] = [];
  const metrics = createMetrics({ version: "1", processMetrics: false });
  const handlers = createDeliveries({
    worker: { takeCommand: ack, takeStep: ack, takeDead: ack },
    commandsQueue: "commands",
    metrics,
    logger: createLogger({ level: "silent", destination: { write: () => {} } }),
    inHand: { taken: () => () => {} },
    clock: fakeClock(),
    workLag: { took: (enteredMs) => void entered.push(enteredMs) },
    waitingLag: { took: (enteredMs) => void enteredWaiting.push(enteredMs) },
    signal: new AbortController().signal,
    traced: (handler) => handler,
  });
  const waited = async () => {
    const page = await metrics.page();
    const read = (of: string) =>
      Number(new RegExp(`^ecs_reinstall_queue_delay_seconds_${of} (.+)$`, "m").exec(page)?.[1]);
    return { count: read("count"), sum: read("sum") };
  };
  return { handlers, waited, entered, enteredWaiting };
}

const came = (changed: Partial<Delivery>): Delivery => ({
  ...delivery({}),
  queue: "commands",
  bytes: 2,
  deliveryCount: 0,
  ...changed,
});

describe("the time that a command lay in its queue", () => {
  it("is from the emitter's stamp to the first delivery", async () => {
    const { handlers, waited } = build();
    await handlers.commands(came({ timestampMs: NOW - 90 * SECOND }));
    expect(await waited()).toEqual({ count: 1, sum: 90 });
  });

  it("is not counted again when the command is redelivered, nor for our own messages", async () => {
    const { handlers, waited } = build();
    await handlers.commands(came({ timestampMs: NOW - MINUTE, redelivered: true }));
    await handlers.work(came({ timestampMs: NOW - MINUTE }));
    await handlers.workDead(came({ timestampMs: NOW - MINUTE }));
    expect(await waited()).toEqual({ count: 0, sum: 0 });
  });

  it.each([
    ["there is no stamp", undefined],
    ["the stamp is in milliseconds", NOW * 1_000],
    ["the stamp is of a clock that was never set", 0],
  ])("is not known where %s", async (_, timestampMs) => {
    const { handlers, waited } = build();
    await handlers.commands(came({ timestampMs }));
    expect(await waited()).toEqual({ count: 0, sum: 0 });
  });

  it("is nothing where the emitter's clock is a little ahead", async () => {
    const { handlers, waited } = build();
    await handlers.commands(came({ timestampMs: NOW + 2 * SECOND }));
    expect(await waited()).toEqual({ count: 1, sum: 0 });
  });
});

describe("when a message entered the work queue", () => {
  const DEATH = { reason: "expired", queue: "delay", expirationMs: null };

  it("is when its delay queue gave it up, or when it was published straight there", async () => {
    const { handlers, entered } = build();
    const timestampMs = NOW - MINUTE;
    await handlers.work(came({ timestampMs }));
    await handlers.work(came({ timestampMs, death: { ...DEATH, atMs: NOW - SECOND } }));
    await handlers.work(came({ timestampMs, death: { ...DEATH, atMs: null } }));
    expect(entered).toEqual([timestampMs, NOW - SECOND, timestampMs]);
  });

  it("is kept apart for those who wait in a crowd: theirs says nothing of the steps in work", async () => {
    const { handlers, entered, enteredWaiting } = build();
    await handlers.workWaiting(came({ timestampMs: NOW - MINUTE }));
    expect([entered, enteredWaiting]).toEqual([[], [NOW - MINUTE]]);
  });

  it("says nothing of what comes again, has no stamp, or comes from another queue", async () => {
    const { handlers, entered } = build();
    await handlers.work(came({ timestampMs: NOW - MINUTE, redelivered: true }));
    await handlers.work(came({ timestampMs: undefined }));
    await handlers.commands(came({ timestampMs: NOW - MINUTE }));
    await handlers.workDead(came({ timestampMs: NOW - MINUTE }));
    expect(entered).toEqual([]);
  });
});

describe("what an emitter writes as if it were ours", () => {
  const FORGED = {
    type: "ecs.reinstall.arrival.v1",
    headers: { "x-ecs-arrived-at": 1, "x-ecs-sender": "mallory" },
  };
  const taken = async (queue: keyof ReturnType<typeof routesOf>, changed: Partial<Delivery>) => {
    const asked: unknown[] = [];
    const note = async (_delivery: unknown, ...more: unknown[]) => {
      asked.push(...more);
      return "ack" as const;
    };
    const worker = { takeCommand: note, takeStep: note, takeDead: note };
    await routesOf(worker, "commands")[queue](came({ ...FORGED, ...changed }));
    return asked;
  };
  const diedIn = (queue: string) => ({ headers: { ...FORGED.headers, "x-death": [{ queue }] } });

  it("is not read in the command queue, nor when it comes straight from there", async () => {
    expect(await taken("commands", {})).toEqual([]);
    expect(await taken("workDead", diedIn("commands"))).toEqual(["command"]);
  });

  it("is read where nobody but the worker writes", async () => {
    expect(await taken("work", {})).toMatchObject([{ sender: "mallory" }]);
    expect(await taken("workWaiting", {})).toMatchObject([{ sender: "mallory" }]);
    expect(await taken("workDead", diedIn("work"))).toMatchObject([
      "command",
      { sender: "mallory" },
    ]);
  });
});
