import { beforeEach, describe, expect, it } from "vitest";
import type { PublishTransport } from "../support/in-memory/outlet.ts";
import { publishTransport } from "./network.ts";
import { SimulatedProcess } from "./process.ts";
import { scenarioOf } from "./scenario.ts";
import { World } from "./world.ts";

const MINUTE_MS = 60_000;

/** A world without workers, commands and chance faults. */
function emptyWorld(): World {
  const scenario = { ...scenarioOf(1), workers: 0, rates: {}, emissions: [], slowNetwork: false };
  return new World({ scenario: { ...scenario, faultsForMs: 60 * MINUTE_MS } });
}

describe("publishing through the simulated network", () => {
  let world: World;
  let taken: number;
  let publish: (signal?: AbortSignal) => ReturnType<PublishTransport>;

  beforeEach(() => {
    world = emptyWorld();
    taken = 0;
    const transport = publishTransport(world, new SimulatedProcess("w1", 0, world.time));
    const accept = () => {
      if (world.broker.blocked) return false;
      taken += 1;
      return true;
    };
    publish = (signal = new AbortController().signal) => transport("publish", accept, signal);
  });

  const pass = (ms: number) => {
    const untilMs = world.time.nowMs + ms;
    while (world.time.step(untilMs));
  };

  it("is confirmed after the message was taken", async () => {
    const publishing = publish();
    pass(MINUTE_MS);
    expect(await publishing).toBe("confirmed");
    expect(taken).toBe(1);
  });

  it("that is given up is unconfirmed at once; the message may arrive all the same", async () => {
    const aborting = new AbortController();
    const publishing = publish(aborting.signal);
    aborting.abort();
    expect(await publishing).toBe("unconfirmed");
    expect(taken).toBe(0);
    pass(MINUTE_MS);
    expect(taken).toBe(1);
  });

  it("that was given up before it began sends nothing", async () => {
    const publishing = publish(AbortSignal.abort());
    pass(MINUTE_MS);
    expect(await publishing).toBe("unconfirmed");
    expect(taken).toBe(0);
  });

  it("to a blocked broker is unconfirmed; some of it was sent, and comes when the alarm is over", async () => {
    world.broker.setAlarm(true);
    const publishing = Array.from({ length: 20 }, () => publish());
    pass(MINUTE_MS);
    expect(new Set(await Promise.all(publishing))).toEqual(new Set(["unconfirmed"]));
    expect(taken).toBe(0);
    world.broker.setAlarm(false);
    pass(MINUTE_MS);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(20);
  });

  it("to a broker that is down is unconfirmed, and never comes", async () => {
    world.broker.setUp(false);
    const publishing = Array.from({ length: 20 }, () => publish());
    pass(MINUTE_MS);
    expect(new Set(await Promise.all(publishing))).toEqual(new Set(["unconfirmed"]));
    world.broker.setUp(true);
    pass(MINUTE_MS);
    expect(taken).toBe(0);
  });
});
