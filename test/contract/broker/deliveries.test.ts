import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BrokerRig } from "./rig.ts";
import { RIGS } from "./rigs.ts";
import { publish, publishSteps, step, stepIds } from "./samples.ts";

describe.each(RIGS)("deliveries %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: BrokerRig;

  beforeEach(async () => {
    rig = await fresh();
  });
  afterEach(async () => {
    await rig.close();
  });

  it("hands over a command as its emitter sent it", async () => {
    const { hands } = await rig.connect();
    await rig.send({
      messageId: "cmd",
      body: Buffer.from([0xff, 0, 0x7b]),
      contentType: "application/json",
      correlationId: "corr",
      replyTo: "asker",
      timestampMs: 1_700_000_000_000,
      headers: { traceparent: "00-a-b-01" },
    });
    await rig.until(() => hands.has("cmd"), "the command");
    expect(hands.of("cmd")).toMatchObject({
      as: "command",
      marksWhenDeferred: null,
      delivery: {
        body: Buffer.from([0xff, 0, 0x7b]),
        contentType: "application/json",
        contentEncoding: undefined,
        type: undefined,
        correlationId: "corr",
        replyTo: "asker",
        timestampMs: 1_700_000_000_000,
        headers: { traceparent: "00-a-b-01" },
        redelivered: false,
      },
    });
  });

  it("does not bring again what was acknowledged", async () => {
    const first = await rig.connect();
    await publishSteps(rig, "a");
    await rig.until(() => first.hands.has("a/step/1"), "the step");
    first.hands.of("a/step/1").settle("ack");
    await first.leave();
    // Whatever came back would stand in front of it.
    await publishSteps(rig, "marker");
    const second = await rig.connect({ prefetch: 1 });
    await rig.until(() => second.hands.brought.length > 0, "the marker");
    expect(second.hands.ids()).toEqual(stepIds("marker"));
  });

  it("brings each queue's messages in the order of their publishing", async () => {
    await publishSteps(rig, "a", "b", "c", "d");
    const { hands } = await rig.connect({ prefetch: 1, answer: () => "ack" });
    await rig.until(() => hands.brought.length === 4, "all steps");
    expect(hands.ids()).toEqual(stepIds("a", "b", "c", "d"));
  });

  it("brings what is requeued again, marked, in front of all others", async () => {
    await publishSteps(rig, "a", "b");
    const { hands } = await rig.connect({
      prefetch: 1,
      answer: ({ id, delivery }) =>
        id === "a/step/1" && !delivery.redelivered ? "requeue" : "ack",
    });
    await rig.until(() => hands.brought.length === 3, "three deliveries");
    expect(hands.brought.map(({ id, delivery }) => [id, delivery.redelivered])).toEqual([
      ["a/step/1", false],
      ["a/step/1", true],
      ["b/step/1", false],
    ]);
    expect(hands.brought[1]?.delivery.body).toEqual(hands.brought[0]?.delivery.body);
  });

  it("brings what a lost connection held again, marked, in its order, in front of all others", async () => {
    await publishSteps(rig, "a", "b", "c", "d");
    const lost = await rig.connect({ prefetch: 3 });
    await rig.until(() => lost.hands.brought.length === 3, "three in hand");
    await lost.cut();
    const { hands } = await rig.connect({ prefetch: 1, answer: () => "ack" });
    await rig.until(() => hands.brought.length === 4, "all of them");
    expect(hands.brought.map(({ id, delivery }) => [id, delivery.redelivered])).toEqual([
      ["a/step/1", true],
      ["b/step/1", true],
      ["c/step/1", true],
      ["d/step/1", false],
    ]);
  });

  it("gives back what two lost connections held, the first that was lost first", async () => {
    await publishSteps(rig, "a", "b", "c", "d", "e");
    const first = await rig.connect({ prefetch: 2 });
    await rig.until(() => first.hands.brought.length === 2, "two in hand");
    const second = await rig.connect({ prefetch: 2 });
    await rig.until(() => second.hands.brought.length === 2, "two more in hand");
    await second.cut();
    const { hands } = await rig.connect({
      prefetch: 1,
      answer: ({ id }) => (id === "c/step/1" ? undefined : "ack"),
    });
    await rig.until(() => hands.has("c/step/1"), "the first that came back");
    await first.cut();
    hands.of("c/step/1").settle("ack");
    await rig.until(() => hands.brought.length === 5, "all of them");
    // How soon the broker hears of the second loss is open.
    const order = hands.ids();
    expect(order.slice(0, 2)).toEqual(stepIds("c", "d"));
    expect(order.filter((id) => id !== "e/step/1").slice(2)).toEqual(stepIds("a", "b"));
  });

  it("hears no word about a delivery whose connection was lost", async () => {
    await publishSteps(rig, "acked", "requeued");
    const lost = await rig.connect();
    await rig.until(() => lost.hands.brought.length === 2, "the first deliveries");
    await lost.cut();
    const second = await rig.connect();
    await rig.until(() => second.hands.brought.length === 2, "the second deliveries");
    lost.hands.of("acked/step/1").settle("ack");
    lost.hands.of("requeued/step/1").settle("requeue");
    await publishSteps(rig, "marker");
    await rig.until(() => second.hands.has("marker/step/1"), "the marker");
    expect(second.hands.ids()).toEqual(stepIds("acked", "requeued", "marker"));
    await second.cut();
    const third = await rig.connect();
    await rig.until(() => third.hands.brought.length === 3, "the third deliveries");
    expect(third.hands.ids()).toEqual(stepIds("acked", "requeued", "marker"));
  });

  it("has no more in hand than the prefetch says, of each queue for itself", async () => {
    const commands = ["1", "2", "3", "4"];
    await publishSteps(rig, ...commands);
    for (const command of commands) await rig.send({ messageId: command });
    const { hands } = await rig.connect({ prefetch: 2 });
    const inHand = (as: string) => hands.inHand().filter((one) => one.as === as);
    for (let settled = 0; settled < 8; settled += 1) {
      const full = (as: string, left: number) => inHand(as).length >= Math.min(2, left);
      const cameOf = (as: string) => hands.brought.filter((one) => one.as === as).length;
      const leftOf = (as: string) => 4 - (cameOf(as) - inHand(as).length);
      await rig.until(
        () => full("step", leftOf("step")) && full("command", leftOf("command")),
        "full hands",
      );
      expect(inHand("step").length).toBeLessThanOrEqual(2);
      expect(inHand("command").length).toBeLessThanOrEqual(2);
      (inHand("step")[0] ?? inHand("command")[0])?.settle("ack");
    }
    expect(hands.brought).toHaveLength(8);
  });

  it("brings who leaves nothing more, and hears the last words", async () => {
    const leaving = await rig.connect({ prefetch: 2 });
    await publishSteps(rig, "done", "not-done");
    await rig.until(() => leaving.hands.brought.length === 2, "two in hand");
    const left = leaving.leave();
    await publishSteps(rig, "next");
    const staying = await rig.connect();
    await rig.until(() => staying.hands.has("next/step/1"), "the next step");
    leaving.hands.of("done/step/1").settle("ack");
    leaving.hands.of("not-done/step/1").settle("requeue");
    await left;
    await rig.until(() => staying.hands.has("not-done/step/1"), "what was given back");
    expect(staying.hands.of("not-done/step/1").delivery.redelivered).toBe(true);
    expect(staying.hands.ids()).toEqual(stepIds("next", "not-done"));
    expect(leaving.hands.ids()).toEqual(stepIds("done", "not-done"));
  });

  it("shares a queue between two: each message is with one of them, and both get some", async () => {
    const one = await rig.connect({ prefetch: 2, answer: () => "ack" });
    const other = await rig.connect({ prefetch: 2, answer: () => "ack" });
    const commands = Array.from({ length: 20 }, (_, index) => `c${index}`);
    await publishSteps(rig, ...commands);
    const ids = () => [...one.hands.ids(), ...other.hands.ids()];
    await rig.until(() => ids().length >= commands.length, "all steps");
    await publish(rig, step("marker"));
    await rig.until(() => ids().includes("marker/step/1"), "the marker");
    expect(ids().toSorted()).toEqual(stepIds("marker", ...commands).toSorted());
    expect(one.hands.brought.length).toBeGreaterThan(0);
    expect(other.hands.brought.length).toBeGreaterThan(0);
  });
});
