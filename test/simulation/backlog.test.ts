import { expect, it } from "vitest";
import { fleetOf, play } from "../../bench/support/fleet.ts";
import { NO_BRAKES } from "../support/brake-rules.ts";
import { BEGINNING_MS } from "../support/in-memory/virtual-time.ts";
import { commandOf } from "./scenario.ts";
import { World } from "./world.ts";

const HOURS = 3;

/** The first message of the command's next step is confirmed, and gone. */
function losing(broker: World["broker"], id: string): void {
  const put = broker.putDelayed.bind(broker);
  let gone = false;
  broker.putDelayed = (content, rungMs) => {
    if (gone || content.about !== id || content.kind !== "step") return put(content, rungMs);
    gone = true;
  };
}

/** So many commands at once for one worker that takes one message at a time, each call up to five seconds long. */
async function outcomes(commands: number, lost?: string) {
  const fleet = fleetOf({ servers: commands, brakes: NO_BRAKES, image: "good", hours: HOURS });
  const emissions = fleet.servers.map(({ id }, n) =>
    commandOf(`heal-${n}`, id, 0, { userid: "user" }, {}),
  );
  const rules = { ...fleet.rules, stopDeadlineMs: HOURS * 3_600_000 };
  const slow = { workers: 1, prefetch: 1, slowNetwork: true, rules };
  // What the broker loses is no mistake of ours: only outcomes are looked at then.
  const mutation = { name: "lost", what: "the broker loses a message", breaks: [] };
  const scenario = { ...fleet, emissions, ...slow };
  const world = new World({ scenario, ...(lost !== undefined && { mutation }) });
  if (lost !== undefined) losing(world.broker, lost);
  const { tracks } = world.monitor;
  const ended = () => [...tracks.values()].filter(({ finals }) => finals.size > 0);
  const endsMs = world.time.nowMs + HOURS * 3_600_000;
  while (world.monitor.violation === null && ended().length < commands) {
    if (!world.time.step(endsMs)) break;
    if (!world.dirty) continue;
    world.dirty = false;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(world.monitor.violation).toBeNull();
  const counts = new Map<string, number>();
  for (const { finals } of ended()) {
    for (const { data } of finals.values()) {
      const name = data.event === "failed" ? `failed ${String(data["class"])}` : data.event;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return Object.fromEntries(counts);
}

it("ends no command whose message waits in a backlog for longer than SWEEP_AFTER_MS", async () => {
  expect(await outcomes(40)).toEqual({ succeeded: 40 });
});

it("ends the one whose message is lost, once the queue has reached what came after it", async () => {
  expect(await outcomes(40, "heal-20")).toEqual({ succeeded: 39, "failed internal": 1 });
});

/** How long it takes until ten commands have ended, in virtual ms, beside so many of one source that may start one in an hour. */
async function tenBeside(waiters: number): Promise<number> {
  const brakes = { ...NO_BRAKES, perSourcePerHour: 1 };
  const servers = 10 + waiters;
  const fleet = fleetOf({ servers, brakes, image: "good", jobsUpToMs: 30_000, hours: HOURS });
  const emissions = fleet.servers.map(({ id }, n) =>
    commandOf(`heal-${n}`, id, 0, { userid: "user" }, { source: n < 10 ? `own-${n}` : "many" }),
  );
  // About 50 steps in a second, at the most.
  const world = new World({ scenario: { ...fleet, emissions, workers: 1, prefetch: 5 } });
  const { tracks } = world.monitor;
  const ten = fleet.servers.slice(0, 10).map((_server, n) => `heal-${n}`);
  const ended = () => ten.filter((id) => (tracks.get(id)?.finals.size ?? 0) > 0);
  await play(world, HOURS, () => ended().length === ten.length);
  expect(ended()).toEqual(ten);
  return world.time.nowMs - BEGINNING_MS;
}

it("those in work end as soon as without them, beside a thousand that wait", async () => {
  const aloneMs = await tenBeside(0);
  expect(await tenBeside(1_000)).toBeLessThan(aloneMs + 30_000);
});
