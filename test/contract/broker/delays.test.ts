import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NEVER } from "../amqp/rig.ts";
import type { BrokerRig } from "./rig.ts";
import { RIGS_AND_COPIES } from "./rigs.ts";
import { publish, step, stepIds } from "./samples.ts";

/** Milliseconds that clocks and time-outs may be off by. */
const ROUNDING_MS = 5;

describe.each(RIGS_AND_COPIES)("delays %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: BrokerRig;

  beforeEach(async () => {
    rig = await fresh();
  });
  afterEach(async () => {
    await rig.close();
  });

  it("brings a step without a delay at once, as it was published", async () => {
    const { hands } = await rig.connect();
    expect(await publish(rig, step("a", 800), step("b"))).toBe("confirmed");
    await rig.until(() => hands.brought.length > 0, "a step");
    expect(hands.ids()).toEqual(stepIds("b"));
    expect(hands.brought[0]).toMatchObject({
      as: "step",
      delivery: { contentType: "application/json", type: "ecs.reinstall.step.v1" },
    });
    const { order } = JSON.parse(hands.of("b/step/1").delivery.body.toString());
    expect(order.commandId).toBe("b");
  });

  // A broker that stalls brings two rungs together, once; a wrong rung is wrong each time.
  it("brings a delayed step after the smallest rung that is long enough, or the longest there is", {
    retry: 2,
  }, async () => {
    const { hands } = await rig.connect({ answer: () => "ack" });
    const begunMs = rig.nowMs();
    const delays = { beyond: 60_000, over: 401, exact: 400, between: 201, small: 1, none: 0 };
    const steps = Object.entries(delays).map(([command, delayMs]) => step(command, delayMs));
    expect(await publish(rig, ...steps)).toBe("confirmed");
    const publishedMs = rig.nowMs();
    await rig.until(
      () => Object.keys(delays).every((id) => hands.has(`${id}/step/1`)),
      "all steps",
    );
    const came = (command: string) => {
      const first = hands.brought.find(({ id }) => id === `${command}/step/1`);
      return (first?.atMs ?? Number.NaN) - begunMs;
    };
    const rungs = { none: 0, small: 200, between: 400, exact: 400, over: 800, beyond: 800 };
    for (const [command, rungMs] of Object.entries(rungs))
      expect(came(command), command).toBeGreaterThanOrEqual(rungMs - ROUNDING_MS);
    // What differs by a rung comes apart.
    expect(came("none")).toBeLessThan(came("small"));
    expect(came("small")).toBeLessThan(Math.min(came("between"), came("exact")));
    expect(Math.max(came("between"), came("exact"))).toBeLessThan(came("over"));
    expect(came("beyond")).toBeLessThan(60_000 - (publishedMs - begunMs));
  });

  it("does not mark a step as redelivered because it waited", async () => {
    const { hands } = await rig.connect({ answer: () => "ack" });
    await publish(rig, step("a", 200), step("last", 800));
    await rig.until(() => hands.has("last/step/1"), "the last step");
    // A copy, where there is one, looks just like it.
    expect(hands.has("a/step/1")).toBe(true);
    for (const { delivery } of hands.brought) expect(delivery.redelivered).toBe(false);
    const bodies = hands.brought.filter(({ id }) => id === "a/step/1").map((one) => one.delivery);
    for (const { body } of bodies) expect(body).toEqual(bodies[0]?.body);
  });

  it("brings a step that came back from a wait again and again, marked from then on", async () => {
    const first = await rig.connect();
    await publish(rig, step("a", 200));
    await rig.until(() => first.hands.has("a/step/1"), "the step");
    await first.cut();
    const second = await rig.connect();
    await rig.until(() => second.hands.brought.some((one) => one.delivery.redelivered), "it again");
  });

  describe("a raw command that is put aside", () => {
    const COMMAND = {
      messageId: "cmd",
      body: Buffer.from([0xff, 0, 0x7b]),
      contentType: "application/json",
      contentEncoding: "odd",
      correlationId: "corr",
      replyTo: "asker",
      timestampMs: 1_700_000_000_000,
      headers: { traceparent: "00-a-b-01", deep: { list: [1, "two", true, null] } },
    };
    const ARRIVED = { arrivedAtMs: 1_700_000_001_234, unseenUntilMs: 1_700_000_002_345 };
    const MARKS = { delayMs: 100, mayHaveRun: true, ...ARRIVED };
    const AGAIN = { delayMs: 300, mayHaveRun: false, ...ARRIVED, unseenUntilMs: null };

    it("comes back on the work queue, byte for byte, with what is remembered of it", async () => {
      const { hands } = await rig.connect();
      await rig.send(COMMAND);
      await rig.until(() => hands.has("cmd"), "the command");
      const begunMs = rig.nowMs();
      const raw = hands.of("cmd");
      expect(await rig.outlet.republishArrival(raw.delivery, MARKS, NEVER)).toBe("confirmed");
      raw.settle("ack");
      await rig.until(() => hands.has("cmd", 2), "its return");
      const back = hands.of("cmd");
      expect(back.atMs - begunMs).toBeGreaterThanOrEqual(200 - ROUNDING_MS);
      const { messageId, headers, ...kept } = COMMAND;
      expect(back).toMatchObject({
        as: "command",
        marksWhenDeferred: { ...ARRIVED, mayHaveRun: true },
        delivery: { messageId, headers, ...kept, redelivered: false },
      });
    });

    it("goes a second round like the first, with the marks of the second", async () => {
      const { hands } = await rig.connect();
      await rig.send(COMMAND);
      await rig.until(() => hands.has("cmd"), "the command");
      const first = hands.of("cmd").delivery;
      expect(await rig.outlet.republishArrival(first, MARKS, NEVER)).toBe("confirmed");
      hands.of("cmd").settle("ack");
      await rig.until(
        () => hands.brought.some((one) => one.marksWhenDeferred?.mayHaveRun === true),
        "round one",
      );
      const second = hands.of("cmd").delivery;
      expect(await rig.outlet.republishArrival(second, AGAIN, NEVER)).toBe("confirmed");
      for (const one of hands.inHand()) one.settle("ack");
      await rig.until(
        () => hands.brought.some((one) => one.marksWhenDeferred?.mayHaveRun === false),
        "round two",
      );
      const back = hands.brought.find((one) => one.marksWhenDeferred?.mayHaveRun === false);
      const { messageId, headers, ...kept } = COMMAND;
      expect(back).toMatchObject({
        marksWhenDeferred: { ...ARRIVED, unseenUntilMs: null, mayHaveRun: false },
        delivery: { messageId, headers, ...kept, redelivered: false },
      });
    });
  });
});
