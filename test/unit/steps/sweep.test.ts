import { describe, expect, it } from "vitest";
import { storedEnvelope } from "../../../src/core/state/envelope.ts";
import { createComplete } from "../../../src/steps/complete/complete.ts";
import type { Stranded } from "../../../src/steps/ports/stranded-commands.ts";
import { createSweep } from "../../../src/steps/sweep.ts";
import {
  COMMAND,
  DISK,
  envelope,
  finalEvent,
  MINUTE,
  NOW,
  order,
  PROJECT,
  STATES,
} from "../core/builders.ts";
import { AWAY, claimed, createWorld, nameOfMessage, type World } from "./fakes.ts";

const LONG_AGO = { dueMs: NOW - 10 * MINUTE };
const lost = (changed: Partial<Stranded> = {}): Stranded => ({
  commandId: COMMAND,
  order: order(),
  resume: null,
  outcome: null,
  ...changed,
});
const lostIn = (phase: keyof typeof STATES, changed: object = LONG_AGO) =>
  lost({ resume: storedEnvelope(envelope(STATES[phase], changed)) });

const sweep = (world: World, ...found: Stranded[]) => sweepBehind(0, world, ...found);

/** While the work queue is so far behind. */
async function sweepBehind(behindMs: number, world: World, ...found: Stranded[]) {
  const asked: unknown[] = [];
  const results: string[] = [];
  const run = createSweep({
    ...world.deps,
    stranded: {
      find: async (...args) => {
        asked.push(args);
        return found;
      },
    },
    complete: createComplete(world.deps),
    sweepAfterMs: 5 * MINUTE,
    behindMs: () => behindMs,
    onSwept: (result, id, project) => {
      expect([id, project]).toEqual([COMMAND, PROJECT]);
      results.push(result);
    },
  });
  return { touched: await run(world.signal), asked, results };
}

describe("a command that nobody moves any more", () => {
  it("is looked for in each project, by age, and not all at once", async () => {
    const { asked, touched } = await sweep(createWorld());
    expect(asked).toEqual([[PROJECT, 5 * MINUTE, 100]]);
    expect(touched).toBe(0);
  });

  it.each(["waiting", "prepare", "submit", "watch"] as const)(
    "may still be in a work queue that is behind: %s",
    async (phase) => {
      const world = createWorld();
      const late = await sweepBehind(5 * MINUTE + 1, world, lostIn(phase));
      expect(late.asked).toEqual([[PROJECT, 10 * MINUTE + 1, 100]]);
      expect(late.results).toEqual(["moving"]);
      expect([...world.claims, ...world.published]).toEqual([]);
      const reached = await sweepBehind(5 * MINUTE, world, lostIn(phase));
      expect(reached.results).toEqual([phase === "watch" ? "revived" : "ended"]);
    },
  );

  it.each(["joined", "watch", "reconcile", "settle"] as const)(
    "is put back on its way where it needs no body: %s",
    async (phase) => {
      const world = createWorld();
      const { touched } = await sweep(world, lostIn(phase));
      expect(touched).toBe(1);
      expect(world.published).toMatchObject([
        {
          kind: "step",
          delayMs: 0,
          // Its first message may turn up yet: this one says that it is a repeat.
          envelope: { revived: 1, dueMs: NOW, step: 3, state: { phase } },
        },
      ]);
      expect(world.claims).toEqual([]);
    },
  );

  it("can never send again what it put back without a body", async () => {
    const world = createWorld();
    await sweep(world, lostIn("reconcile"));
    expect(JSON.stringify(world.published)).not.toContain('"body"');
  });

  it.each(["waiting", "prepare", "submit"] as const)(
    "has failed where its body is lost and nothing was sent: %s",
    async (phase) => {
      const world = createWorld();
      await sweep(world, lostIn(phase));
      expect(world.claims).toMatchObject([{ redelivered: true }]);
      expect(world.published.map(nameOfMessage)).toEqual(["event:failed"]);
      expect(world.calls).toContain("store.published");
    },
  );

  it("looks for proof where its body is lost and something may have been sent", async () => {
    const world = createWorld();
    const intent = { attempt: 1, signedAtMs: NOW, diskId: DISK };
    world.answers.claim = () => claimed({ attempt: { attempt: 1, intent, jobId: null } });
    await sweep(world, lostIn("submit"));
    expect(world.published.map(nameOfMessage)).toEqual(["step:reconcile"]);
    expect(JSON.stringify(world.published)).not.toContain("lost");
  });

  it.each([{ kind: "stale" }, AWAY, { kind: "corrupt", message: "m" }] as const)(
    "is left alone when its step is not ours: %j",
    async (answer) => {
      const world = createWorld();
      world.answers.claim = () => answer;
      await sweep(world, lostIn("submit"));
      expect(world.published).toEqual([]);
    },
  );

  it.each([
    ["within its wait", { dueMs: NOW + 20 * MINUTE }],
    ["not yet late enough", { dueMs: NOW - 5 * MINUTE + 1 }],
  ])("is left alone when it is %s", async (_, due) => {
    const world = createWorld();
    await sweep(world, lostIn("watch", due), lostIn("submit", due));
    expect(world.published).toEqual([]);
    expect(world.claims).toEqual([]);
  });

  it("is left alone when its record cannot be read", async () => {
    const world = createWorld();
    const { results } = await sweep(
      world,
      lost({ resume: { strange: true } }),
      lost({ resume: null, order: null }),
    );
    expect(world.calls).toEqual([]);
    expect(results).toEqual(["stuck", "stuck"]);
  });

  it.each(["refused", "unconfirmed"] as const)("is stuck while its end is %s", async (outcome) => {
    const world = createWorld();
    world.answers.publish = () => outcome;
    const ended = { event: finalEvent("failed"), reply: null, dead: null };
    expect((await sweep(world, lost({ outcome: ended }))).results).toEqual(["stuck"]);
  });

  it.each([
    [{ kind: "corrupt", message: "m" }, "stuck"],
    [AWAY, "moving"],
    [{ kind: "stale" }, "moving"],
  ] as const)("is said to be ended only when it is: %j", async (answer, result) => {
    const world = createWorld();
    world.answers.claim = () => answer;
    expect((await sweep(world, lostIn("submit"))).results).toEqual([result]);
  });

  it("is told when its outcome is stored and was not told", async () => {
    const world = createWorld();
    const outcome = { event: finalEvent("failed"), reply: { queue: "answers" }, dead: null };
    await sweep(world, lost({ outcome }));
    expect(world.published.map(nameOfMessage)).toEqual(["event:failed", "reply:failed"]);
    expect(world.calls.at(-1)).toBe("store.published");
  });

  it("is not known to be told while that is not confirmed", async () => {
    const world = createWorld();
    world.answers.publish = () => "unconfirmed";
    await sweep(world, lost({ outcome: { event: finalEvent("failed"), reply: null, dead: null } }));
    expect(world.calls).not.toContain("store.published");
  });

  it("has failed when its first step was never saved", async () => {
    const world = createWorld();
    await sweep(world, lost());
    expect(world.admitted).toMatchObject([{ redelivered: true, mayHaveRun: true }]);
    expect(world.published.map(nameOfMessage)).toEqual(["event:failed"]);
  });

  it("is proven first when its first step was never saved in this memory", async () => {
    const world = createWorld();
    const { admit } = world.answers;
    world.answers.admit = () => ({ ...admit(), mayHaveRun: true }) as ReturnType<typeof admit>;
    await sweep(world, lost());
    const steps = world.published.flatMap((m) => (m.kind === "step" ? [m.envelope] : []));
    expect(steps).toMatchObject([{ state: { phase: "reconcile", why: "store-forgot" } }]);
    expect(steps[0]?.state).not.toHaveProperty("body");
  });

  it("is left alone when its first step is somebody's after all", async () => {
    const world = createWorld();
    world.answers.admit = () => ({ kind: "handed-over" });
    await sweep(world, lost());
    expect(world.published).toEqual([]);
  });

  it("is left for the next sweep when the worker must stop", async () => {
    const world = createWorld();
    world.stopping.abort();
    const { touched } = await sweep(world, lostIn("watch"));
    expect(touched).toBe(0);
    expect(world.published).toEqual([]);
  });
});
