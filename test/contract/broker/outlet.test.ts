import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { anEvent, NEVER, PROJECT, SERVER } from "../amqp/rig.ts";
import { ASKER, type BrokerRig, NOWHERE } from "./rig.ts";
import { RIGS_TO_DISTURB } from "./rigs.ts";
import { event, publish, publishSteps, step, stepIds } from "./samples.ts";

describe.each(RIGS_TO_DISTURB)("an outlet %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: BrokerRig;

  beforeEach(async () => {
    rig = await fresh();
  });
  afterEach(async () => {
    await rig.close();
  });

  /** What is in the work queue, all of it: the marker came last. */
  async function stepsThere(): Promise<readonly string[]> {
    await publishSteps(rig, "marker");
    const { hands } = await rig.connect({ answer: () => "ack" });
    await rig.until(() => hands.has("marker/step/1"), "the marker");
    return hands.ids();
  }

  it("confirms a publish of nothing, whatever the signal says", async () => {
    expect(await publish(rig)).toBe("confirmed");
    expect(await rig.outlet.publish([], AbortSignal.abort())).toBe("confirmed");
  });

  it("publishes events under their own key, or the one that is asked for", async () => {
    expect(await publish(rig, event("c1/1"), event("c1/2", "a.b.c"))).toBe("confirmed");
    await rig.until(() => rig.left.events.length === 2, "both events");
    expect(rig.left.events).toEqual([
      { id: "c1/1", routingKey: `${PROJECT}.${SERVER}.accepted` },
      { id: "c1/2", routingKey: "a.b.c" },
    ]);
  });

  it("sends a reply to the queue that is named, and none into our own; one for nobody holds nothing up", async () => {
    const reply = (id: string, queue: string) =>
      ({ kind: "reply", event: anEvent(id), queue, correlationId: "corr" }) as const;
    const ours = ["ecs.reinstall.work", "ecs.reinstall.delay.200", "ecs.reinstall.commands"];
    const messages = [...ours, NOWHERE].map((queue) => reply("c1/8", queue));
    expect(await publish(rig, ...messages, reply("c1/9", ASKER))).toBe("confirmed");
    await rig.until(() => rig.left.replies.length > 0, "the reply");
    expect(rig.left.replies).toEqual([{ id: "c1/9", correlationId: "corr" }]);
    expect(await stepsThere()).toEqual(stepIds("marker"));
  });

  it("sends dead letters with their reason and body", async () => {
    const body = { command_id: "c1" };
    const dead = { kind: "dead", messageId: "c1", reason: "rejected", body } as const;
    expect(await publish(rig, dead)).toBe("confirmed");
    await rig.until(() => rig.left.dead.length > 0, "the dead letter");
    expect(rig.left.dead).toEqual([{ messageId: "c1", reason: "rejected", body }]);
  });

  it("says that a full queue refused a message, and sends nothing after it", async () => {
    await rig.refuseEvents();
    expect(await publish(rig, step("before"), event("c1/1"), step("after"))).toBe("refused");
    expect(await stepsThere()).toEqual(stepIds("before", "marker"));
  });

  it("sends nothing when the signal is aborted already", async () => {
    expect(await rig.outlet.publish([step("a")], AbortSignal.abort())).toBe("unconfirmed");
    expect(await stepsThere()).toEqual(stepIds("marker"));
  });

  it("sends nothing to a blocked broker, says so, and goes on when that is over", async () => {
    expect(rig.outlet.isBlocked()).toBe(false);
    await rig.setAlarm(true);
    expect(rig.outlet.isBlocked()).toBe(true);
    expect(await publish(rig, step("a"))).toBe("unconfirmed");
    await rig.setAlarm(false);
    expect(rig.outlet.isBlocked()).toBe(false);
    expect(await publish(rig, step("b"))).toBe("confirmed");
    expect(await stepsThere()).toEqual(stepIds("b", "marker"));
  });

  it("gives up on a blocked broker as soon as it is told to", async () => {
    await rig.setAlarm(true);
    const aborting = new AbortController();
    const publishing = rig.outlet.publish([step("a")], aborting.signal);
    aborting.abort();
    expect(await publishing).toBe("unconfirmed");
    await rig.setAlarm(false);
    expect(await stepsThere()).toEqual(stepIds("marker"));
  });

  it("leaves deliveries alone while the broker is blocked", async () => {
    const taker = await rig.connect();
    const { hands } = taker;
    await publish(rig, step("a"), step("b", 800));
    await rig.setAlarm(true);
    await rig.until(() => hands.has("a/step/1") && hands.has("b/step/1"), "both steps");
    for (const one of hands.inHand()) one.settle("ack");
    await taker.leave();
    await rig.setAlarm(false);
    expect(await stepsThere()).toEqual(stepIds("marker"));
  });

  // A broker is started again: 4 s on a quiet machine, half a minute on a busy one.
  it("confirms nothing while the broker is down; what it confirmed before is there again", {
    timeout: 90_000,
  }, async () => {
    const { hands } = await rig.connect({ prefetch: 1 });
    expect(await publish(rig, step("in-hand"), step("waiting"))).toBe("confirmed");
    await rig.until(() => hands.has("in-hand/step/1"), "the first step");
    expect(await publish(rig, step("delayed", 800))).toBe("confirmed");
    await rig.kill();
    expect(rig.outlet.isBlocked()).toBe(true);
    expect(await publish(rig, step("never"))).toBe("unconfirmed");
    hands.of("in-hand/step/1").settle("ack");
    await rig.restart();
    expect(rig.outlet.isBlocked()).toBe(false);
    const after = await rig.connect({ answer: () => "ack" });
    const ids = ["in-hand", "waiting", "delayed"].map((command) => `${command}/step/1`);
    await rig.until(() => ids.every((id) => after.hands.has(id)), "everything that was confirmed");
    await publishSteps(rig, "marker");
    await rig.until(() => after.hands.has("marker/step/1"), "the marker");
    expect(new Set(after.hands.ids())).toEqual(new Set([...ids, "marker/step/1"]));
    expect(after.hands.of("in-hand/step/1").delivery.redelivered).toBe(true);
    expect(after.hands.of("delayed/step/1").delivery.redelivered).toBe(false);
    expect(hands.ids()).toEqual(["in-hand/step/1"]);
  });

  it("publishes an arrival no more than a step where nothing may be published", async () => {
    const taker = await rig.connect();
    const { hands } = taker;
    await rig.send({ messageId: "cmd" });
    await rig.until(() => hands.has("cmd"), "the command");
    const raw = hands.of("cmd");
    const marks = { delayMs: 0, arrivedAtMs: 1, mayHaveRun: false, unseenUntilMs: null };
    const { outlet } = rig;
    expect(await outlet.republishArrival(raw.delivery, marks, AbortSignal.abort())).toBe(
      "unconfirmed",
    );
    await rig.setAlarm(true);
    expect(await outlet.republishArrival(raw.delivery, marks, NEVER)).toBe("unconfirmed");
    await rig.setAlarm(false);
    raw.settle("ack");
    await taker.leave();
    expect(await stepsThere()).toEqual(stepIds("marker"));
  });
});
