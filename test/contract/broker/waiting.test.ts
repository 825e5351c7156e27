import { afterEach, describe, expect, it } from "vitest";
import type { Delivery as AmqpDelivery } from "../../../src/adapters/amqp/delivery.ts";
import type { Brought } from "./hands.ts";
import { type BrokerRig, LADDER_MS, type RigOptions } from "./rig.ts";
import { RIGS, RIGS_AND_COPIES } from "./rigs.ts";
import { publish, stepIds, waits, step } from "./samples.ts";

const [, , LONGEST_MS] = LADDER_MS;
const WAITING = "ecs.reinstall.work.waiting";
const LIMIT = 2;
const isDead = ({ as }: Brought) => as.startsWith("dead");
/** Both adapters say it; the steps do not ask. */
const queueOf = ({ delivery }: Brought) => (delivery as AmqpDelivery).queue;
const manyThat = (count: number) => Array.from({ length: count }, (_, n) => `many-${n}`);

describe.each(RIGS_AND_COPIES)("the queue of those who wait in a crowd %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: BrokerRig;
  const open = async (options?: RigOptions) => {
    rig = await fresh(options);
    return rig;
  };
  afterEach(async () => {
    await rig.close();
  });

  it("brings them from the longest delay, as it brings steps, and nobody else", async () => {
    const { hands } = await (await open()).connect();
    await publish(rig, waits("far", LONGEST_MS), waits("near", 400), step("watched", LONGEST_MS));
    await rig.until(() => stepIds("far", "near", "watched").every((id) => hands.has(id)), "all");
    const queues = hands.brought.map((one) => [one.as, one.id, queueOf(one)]);
    for (const [as, id, queue] of queues) {
      expect([as, queue]).toEqual(["step", id === "far/step/1" ? WAITING : "ecs.reinstall.work"]);
    }
    for (const { delivery } of hands.brought) expect(delivery.redelivered).toBe(false);
  });

  it("keeps none of those in work waiting, however full the hands are of it", async () => {
    const crowd = manyThat(40);
    const { hands } = await (await open()).connect({ prefetch: 2 });
    await publish(rig, ...crowd.map((id) => waits(id, LONGEST_MS)));
    const ofCrowd = () => hands.inHand().filter((one) => queueOf(one) === WAITING);
    await rig.until(() => ofCrowd().length === 2, "full hands");
    for (const id of ["a", "b", "c"]) {
      await publish(rig, step(id));
      await rig.until(() => hands.has(`${id}/step/1`), "a step");
      hands.of(`${id}/step/1`).settle("ack");
    }
    expect(hands.brought.filter((one) => queueOf(one) === WAITING)).toHaveLength(2);
  });

  it("brings what a lost connection had in hand again, marked", async () => {
    const first = await (await open()).connect();
    await publish(rig, waits("far", LONGEST_MS));
    await rig.until(() => first.hands.has("far/step/1"), "the step");
    await first.cut();
    const second = await rig.connect();
    const again = (one: Brought) => one.delivery.redelivered && queueOf(one) === WAITING;
    await rig.until(() => second.hands.brought.some(again), "it again");
  });
});

describe.each(RIGS)("what nobody takes of those who wait %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: BrokerRig;
  afterEach(async () => {
    await rig.close();
  });

  it("is dead after a while, as what a policy takes out of a queue, and not before", async () => {
    rig = await fresh({ waitingTtlMs: 300 });
    const taker = await rig.connect({ prefetch: 1 });
    await publish(rig, waits("held", LONGEST_MS), waits("left", LONGEST_MS));
    await rig.until(() => taker.hands.brought.some(isDead), "the death of one");
    expect(taker.hands.brought.map(({ as, id }) => [as, id])).toEqual([
      ["step", "held/step/1"],
      ["dead step", "left/step/1"],
    ]);
    const { death } = taker.hands.of("left/step/1").delivery;
    expect(death).toMatchObject({ reason: "expired", queue: WAITING });
  });

  it("is dead at its limit of deliveries, too", async () => {
    rig = await fresh({ deliveryLimit: LIMIT });
    const { hands } = await rig.connect({
      answer: (one) => (isDead(one) ? undefined : "requeue"),
    });
    await publish(rig, waits("far", LONGEST_MS));
    await rig.until(() => hands.brought.some(isDead), "its death");
    expect(hands.brought.map(({ as }) => as)).toEqual(["step", "step", "step", "dead step"]);
    const { death } = hands.of("far/step/1").delivery;
    expect(death).toMatchObject({ reason: "delivery_limit", queue: WAITING });
  });
});
