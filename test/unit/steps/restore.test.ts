import { describe, expect, it } from "vitest";
import type { Decision } from "../../../src/core/decision.ts";
import type { StartOutcome } from "../../../src/core/server/observations.ts";
import type { In } from "../../../src/core/state/state.ts";
import { createRestore } from "../../../src/steps/phases/restore.ts";
import { envelope, NOW, refusal, seen, state, UNREADABLE } from "../core/builders.ts";
import { type Claimed, claimed, createWorld, type World } from "./fakes.ts";

const OFF = seen();
const BUSY = seen({ taskState: "powering-on" });
const ON = seen({ status: "ACTIVE" });
const STOPPED = { was: "on", mayHaveStopped: true } as const;
const RESTORE = state("restore", { power: STOPPED });
const STARTING = {
  event: "starting",
  data: {
    why: expect.stringContaining("the server was stopped for it"),
    detail: expect.stringContaining("no answer is known"),
  },
};

/** One step of a first delivery, or of a later one: what it decides, and what it publishes beside its next state or end. */
async function step(
  world: World,
  current: In<"restore">,
  redelivered: boolean,
  known: Partial<Claimed> = {},
) {
  const arrival = { nonce: "nonce-1", redelivered };
  const message = envelope(current, { token: 7 });
  const result = await createRestore(world.deps)(message, claimed(known), arrival, world.signal);
  if (result.kind !== "conclude") throw new Error(result.kind);
  const { decision, preface = [] } = result;
  const events = decision.kind === "next" ? decision.events : preface;
  return { decision, events };
}

function restoreIn(decision: Decision): In<"restore"> {
  if (decision.kind !== "next" || decision.state.phase !== "restore") throw new Error("it ended");
  return decision.state;
}

describe("a start of which nobody has the answer", () => {
  const worldOf = (look: World["answers"]["look"], start?: StartOutcome) => {
    const world = createWorld();
    world.answers.look = look;
    if (start !== undefined) world.answers.start = () => start;
    return world;
  };

  it("is told before the end, where another delivery may have asked for it and the server runs", async () => {
    const { decision, events } = await step(
      worldOf(() => ON),
      RESTORE,
      true,
    );
    expect(decision.kind).toBe("final");
    expect(events).toEqual([STARTING]);
  });

  it("is told by a later step, when the server was still starting", async () => {
    const first = await step(
      worldOf(() => BUSY),
      RESTORE,
      true,
    );
    expect(first.events).toEqual([]);
    const second = await step(
      worldOf(() => ON),
      restoreIn(first.decision),
      false,
    );
    expect(second.events).toEqual([STARTING]);
  });

  it("is told where the answer was lost on the way", async () => {
    const lost = await step(
      worldOf(() => OFF, UNREADABLE),
      RESTORE,
      false,
    );
    expect(lost.events).toEqual([]);
    const next = restoreIn(lost.decision);
    const refused = await step(
      worldOf(() => UNREADABLE),
      next,
      false,
    );
    const { events } = await step(
      worldOf(() => ON),
      restoreIn(refused.decision),
      false,
    );
    expect(events).toEqual([STARTING]);
  });

  it("is told once, with the answer, where it is asked for again", async () => {
    const asked = await step(
      worldOf(() => OFF),
      RESTORE,
      true,
    );
    expect(asked.events).toEqual([
      { event: "starting", data: { why: expect.stringContaining("stopped for it") } },
    ]);
    const { events } = await step(
      worldOf(() => ON),
      restoreIn(asked.decision),
      true,
    );
    expect(events).toEqual([]);
  });

  it("is not told where nobody can have asked, or the server is not seen on", async () => {
    const first = await step(
      worldOf(() => ON),
      RESTORE,
      false,
    );
    expect([first.decision.kind, first.events]).toEqual(["final", []]);
    const late = { ...RESTORE, startableSinceMs: NOW - 3_600_000 };
    const given = await step(
      worldOf(() => OFF),
      late,
      true,
    );
    expect([given.decision.kind, given.events]).toEqual(["final", []]);
  });
});

describe("a server that was stopped for a command which goes back to its place in line", () => {
  const { body, phase: _phase, ...place } = state("waiting", { waitsFor: "pause" });
  const HELD = state("restore", {
    body,
    power: STOPPED,
    after: { kind: "wait", place },
    startableSinceMs: 0,
  });
  const worldOf = (look: World["answers"]["look"], start?: StartOutcome) => {
    const world = createWorld();
    world.answers.look = look;
    if (start !== undefined) world.answers.start = () => start;
    return world;
  };
  it.each<[string, Partial<Claimed>, object]>([
    [
      "the store forgot what it did since: proof is looked for first, with the lock kept",
      { foreignEpoch: true, restored: "absent" },
      { state: { phase: "waiting", doubt: true }, lock: "keep" },
    ],
    [
      "nobody can have taken its message before the store forgot",
      { foreignEpoch: true, restored: "absent", unseen: true },
      { state: { phase: "waiting", doubt: undefined }, lock: "release" },
    ],
    [
      "nothing was forgotten",
      {},
      { state: { phase: "waiting", doubt: undefined }, lock: "release" },
    ],
  ])("waits on when it runs again: %s", async (_, known, expected) => {
    const { decision } = await step(
      worldOf(() => ON),
      HELD,
      false,
      known,
    );
    expect(
      decision.kind === "next" && { ...decision, state: { doubt: undefined, ...decision.state } },
    ).toMatchObject(expected);
  });

  const left = (power: object) => ({
    event: "waiting",
    data: {
      waits_for: "pause",
      power: { before: "on", next_step: expect.stringContaining("start it"), ...power },
      expires_at: expect.any(String),
    },
  });

  it.each([
    ["is off", () => OFF, { after: "off" }],
    ["cannot be seen", () => UNREADABLE, {}],
    ["is in ERROR", () => seen({ status: "ERROR" }), {}],
  ] as const)("is told of, where it was not started in time and %s", async (_, look, power) => {
    const { decision, events } = await step(worldOf(look), HELD, false);
    expect(decision).toMatchObject({ kind: "next", state: { phase: "waiting" } });
    expect(events).toMatchObject([left(power)]);
  });

  it("is told of, where the cloud refuses the start for good", async () => {
    const startableSinceMs = NOW;
    const refused = { kind: "refused", refusal: refusal({ retryable: false, message: "no" }) };
    const world = worldOf(() => OFF, refused as StartOutcome);
    const { events } = await step(world, { ...HELD, startableSinceMs }, false);
    expect(events).toMatchObject([left({ after: "off", detail: "no" })]);
  });

  it("is not told of where it runs, nor while it may still be started", async () => {
    const running = await step(
      worldOf(() => ON),
      HELD,
      false,
    );
    expect(running.events).toEqual([]);
    const starting = await step(
      worldOf(() => BUSY),
      { ...HELD, startableSinceMs: NOW },
      false,
    );
    expect(starting.events).toEqual([]);
  });
});

describe("a command that ends while the server is off that was stopped for it, and that it does not have any more", () => {
  const detailOf = async (lock: "lost" | "none") => {
    const message = envelope(RESTORE, { token: lock === "lost" ? 7 : null });
    const arrival = { nonce: "nonce-1", redelivered: false };
    const world = createWorld();
    const claim = claimed({ lock });
    const result = await createRestore(world.deps)(message, claim, arrival, world.signal);
    if (result.kind !== "conclude" || result.decision.kind !== "final")
      throw new Error("it goes on");
    return result.decision.draft.data["power"];
  };

  it("says who may start it: the one that has it, or nobody yet", async () => {
    expect(await detailOf("lost")).toMatchObject({
      detail: expect.stringContaining("another command has the server"),
    });
    expect(await detailOf("none")).toMatchObject({
      detail: expect.stringContaining("had given its server back"),
    });
  });
});
