import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NEVER } from "../amqp/rig.ts";
import type { Brought } from "./hands.ts";
import type { BrokerRig } from "./rig.ts";
import { RIGS, RIGS_AND_COPIES } from "./rigs.ts";
import { publish, publishSteps, step, stepIds } from "./samples.ts";

const LIMIT = 2;

const isDead = ({ as }: Brought) => as.startsWith("dead");
/** Puts everything back until the broker gives it up. */
const stubborn = (one: Brought) => (isDead(one) ? undefined : ("requeue" as const));

describe.each(RIGS)("giving up %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: BrokerRig;

  beforeEach(async () => {
    rig = await fresh({ deliveryLimit: LIMIT });
  });
  afterEach(async () => {
    await rig.close();
  });

  it("brings a step as often as the limit says after the first time, then among the dead", async () => {
    const { hands } = await rig.connect({ answer: stubborn });
    await publishSteps(rig, "a");
    await rig.until(() => hands.brought.some(isDead), "its death");
    expect(hands.brought.map(({ as, delivery }) => [as, delivery.redelivered])).toEqual([
      ["step", false],
      ["step", true],
      ["step", true],
      ["dead step", false],
    ]);
    const [first, , , dead] = hands.brought;
    expect(dead?.delivery).toMatchObject({ messageId: "a/step/1", body: first?.delivery.body });
  });

  it("counts lost connections like returns", async () => {
    await publishSteps(rig, "a");
    for (let lost = 0; lost <= LIMIT; lost += 1) {
      const taker = await rig.connect();
      const { brought } = taker.hands;
      await rig.until(() => brought.length > 0, "the step");
      expect(brought[0]?.as).toBe("step");
      await taker.cut();
    }
    const { hands } = await rig.connect();
    await rig.until(() => hands.brought.length > 0, "the step");
    // Marked or not: a connection ends channel by channel, and its last one may have been brought the dead.
    expect(hands.brought[0]?.as).toBe("dead step");
  });

  it("counts for each message, and neither what is acknowledged nor what only waits its turn", async () => {
    await publishSteps(rig, "poison", "good", "late");
    const { hands } = await rig.connect({
      prefetch: 1,
      answer: (one) => (one.id === "poison/step/1" ? stubborn(one) : "ack"),
    });
    await rig.until(() => hands.brought.length === 6, "everything");
    // The dead are brought by another queue: anywhere between the others.
    expect(hands.brought.filter((one) => !isDead(one)).map(({ id }) => id)).toEqual([
      "poison/step/1",
      "poison/step/1",
      "poison/step/1",
      "good/step/1",
      "late/step/1",
    ]);
    expect(hands.brought.filter(isDead).map(({ id }) => id)).toEqual(["poison/step/1"]);
  });

  it("tells a dead step that waited from a dead command", async () => {
    const { hands } = await rig.connect({ answer: stubborn });
    await publish(rig, step("a", 200));
    await rig.send({ messageId: "cmd", replyTo: "asker", timestampMs: 1_700_000_000_000 });
    await rig.until(() => hands.brought.filter(isDead).length === 2, "both deaths");
    expect(hands.of("a/step/1")).toMatchObject({
      as: "dead step",
      delivery: { redelivered: false },
    });
    expect(hands.of("cmd")).toMatchObject({
      as: "dead command",
      delivery: { redelivered: false, replyTo: "asker", timestampMs: 1_700_000_000_000 },
    });
  });

  it("knows a command that died while it was put aside for a command", async () => {
    const { hands } = await rig.connect({
      answer: (one) => (one.marksWhenDeferred === null ? undefined : stubborn(one)),
    });
    await rig.send({ messageId: "cmd" });
    await rig.until(() => hands.has("cmd"), "the command");
    const raw = hands.of("cmd");
    const marks = {
      arrivedAtMs: 1_700_000_001_234,
      mayHaveRun: false,
      unseenUntilMs: 1_700_000_002_345,
    };
    await rig.outlet.republishArrival(raw.delivery, { delayMs: 200, ...marks }, NEVER);
    raw.settle("ack");
    await rig.until(() => hands.brought.some(isDead), "its death");
    expect(hands.of("cmd")).toMatchObject({ as: "dead command", marksWhenDeferred: marks });
  });

  it("never gives up the dead", async () => {
    const deaths = 4 * LIMIT;
    const { hands } = await rig.connect({
      answer: (one) => {
        const died = hands.brought.filter(isDead).length;
        return isDead(one) && died > deaths ? "ack" : "requeue";
      },
    });
    await publishSteps(rig, "a");
    await rig.until(() => hands.brought.filter(isDead).length > deaths, "many deliveries");
    const dead = hands.brought.filter(isDead);
    expect(dead.map(({ as, delivery }) => [as, delivery.redelivered])).toEqual(
      dead.map((_, index) => ["dead step", index > 0]),
    );
    expect(hands.brought.at(-1)?.as).toBe("dead step");
  });

  it("gives a step that was revived its returns anew", async () => {
    const { hands } = await rig.connect({ answer: stubborn });
    await publishSteps(rig, "a");
    await rig.until(() => hands.brought.some(isDead), "its death");
    await publishSteps(rig, "a");
    hands.of("a/step/1").settle("ack");
    await rig.until(() => hands.brought.filter(isDead).length === 2, "its second death");
    expect(hands.brought.filter((one) => !isDead(one))).toHaveLength(2 * (LIMIT + 1));
  });
});

describe.each(RIGS_AND_COPIES)("the dead %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: BrokerRig;

  beforeEach(async () => {
    rig = await fresh({ deliveryLimit: LIMIT });
  });
  afterEach(async () => {
    await rig.close();
  });

  it("come at least once, each of them as if for the first time", async () => {
    const { hands } = await rig.connect({ answer: stubborn });
    await publish(rig, step("a"), step("b", 200));
    const dead = () => hands.brought.filter(isDead);
    const died = (id: string) => dead().some((one) => one.id === id);
    await rig.until(() => stepIds("a", "b").every(died), "both deaths");
    for (const { as, delivery } of dead())
      expect([as, delivery.redelivered]).toEqual(["dead step", false]);
    expect(new Set(hands.ids())).toEqual(new Set(stepIds("a", "b")));
  });
});
