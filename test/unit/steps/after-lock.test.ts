import { describe, expect, it } from "vitest";
import type { DiskLook } from "../../../src/core/server/observations.ts";
import type { ServerHistory } from "../../../src/core/brakes/disk-age.ts";
import type { Order } from "../../../src/core/state/order.ts";
import { createAdmit } from "../../../src/steps/admit.ts";
import {
  asFinal,
  asNext,
  BODY,
  COMMAND,
  HOUR,
  MINUTE,
  NOW,
  order,
  SERVER,
  server,
} from "../core/builders.ts";
import { AWAY, CLAIM, createWorld, type World } from "./fakes.ts";

const DELIVERY = {
  nonce: "nonce-1",
  redelivered: false,
  mayHaveRun: false,
  arrivedAtMs: NOW,
  unseenUntilMs: null,
};
const SEEN: DiskLook = {
  kind: "seen",
  createdAtMs: NOW - HOUR,
  inFuture: false,
  status: "in-use",
  attachedTo: [SERVER],
  cloudTimeMs: NOW,
};
const UNREADABLE: DiskLook = {
  kind: "unreadable",
  waitsFor: "cloud-unavailable",
  cloudCode: null,
  message: "no answer",
  retryAfterMs: null,
};
const FUTURE: DiskLook = { ...SEEN, createdAtMs: NOW + HOUR, inFuture: true };

/** A worker with a disk service, and a store that answers this of the server's history. */
function world(history: ServerHistory, disk: DiskLook = SEEN): World {
  const made = createWorld();
  const claim = { ...CLAIM, step: 0, sequence: 1 };
  const lock = { kind: "acquired", token: 7, history } as const;
  made.answers.look = () => ({ kind: "seen", server: server({ createdAtMs: 0 }) });
  made.answers.admit = () => ({ kind: "claimed", claim, lock, verdicts: null, mayHaveRun: false });
  const cloud = {
    ...made.deps.cloud,
    disk: async () => {
      made.calls.push("disk");
      return disk;
    },
  };
  return { ...made, deps: { ...made.deps, cloud } };
}

async function admit(made: World, changed: Partial<Order> = {}) {
  const result = await createAdmit(made.deps)(order(changed), BODY, DELIVERY, made.signal);
  if (result.kind !== "conclude") throw new Error(`expected a conclusion, got ${result.kind}`);
  return result.decision;
}

describe("a server that the store has no history of", () => {
  it("has its disk looked at, and the store is asked once more with what was found", async () => {
    const made = world("none");
    asNext(await admit(made), "submit");
    expect(made.calls).toEqual(["store.admit", "look", "disk", "store.noteDisk reinstalled"]);
  });

  it("has not where the store knows it, or where no disk service is configured", async () => {
    const known = world("known");
    await admit(known);
    const without = createWorld();
    const lock = { kind: "acquired", token: 7, history: "lost" } as const;
    without.answers.admit = () => ({
      kind: "claimed",
      claim: { ...CLAIM, step: 0, sequence: 1 },
      lock,
      verdicts: null,
      mayHaveRun: false,
    });
    await admit(without);
    for (const { calls } of [known, without]) expect(calls).toEqual(["store.admit", "look"]);
  });

  it("has not where the server cannot be reinstalled now", async () => {
    const made = world("none");
    made.answers.look = () => ({ kind: "seen", server: server({ taskState: "powering-off" }) });
    asNext(await admit(made), "waiting");
    expect(made.calls).not.toContain("disk");
  });

  it("waits for the brake that counts it now", async () => {
    const made = world("lost");
    const untilMs = NOW + MINUTE;
    const hold = {
      brake: "cooldown",
      verdict: "wait",
      untilMs,
      command: "system-disk:1",
      endedMs: NOW,
    } as const;
    made.answers.noteDisk = () => ({ kind: "noted", lock: { kind: "held", hold }, verdicts: null });
    expect(asNext(await admit(made), "waiting").state.waitsFor).toBe("cooldown");
  });

  it("was healed since", async () => {
    const made = world("lost");
    made.answers.noteDisk = () => ({
      kind: "noted",
      lock: { kind: "superseded", healedAtMs: NOW - HOUR },
      verdicts: null,
    });
    const { draft } = asFinal(await admit(made), "superseded");
    expect(draft.data).toMatchObject({
      why: "healed-since",
      healed_at: "2026-11-23T14:00:00.000Z",
    });
  });

  it("is left to a later delivery where the store is away then", async () => {
    const made = world("lost");
    made.answers.noteDisk = () => AWAY;
    const result = await createAdmit(made.deps)(order(), BODY, DELIVERY, made.signal);
    expect(result).toMatchObject({ kind: "defer", why: "store-away" });
  });
});

const UNKNOWN_AGE =
  "the age of its system disk, which says when it was last reinstalled, is not known: no answer";

describe("a disk that says nothing", () => {
  it("holds a command where the memory may have forgotten, and says why", async () => {
    const made = world("lost", UNREADABLE);
    const { state, events } = asNext(await admit(made), "waiting");
    expect(state).toMatchObject({ waitsFor: "cloud-unavailable", before: { status: "SHUTOFF" } });
    expect(events.at(-1)?.data["detail"]).toBe(UNKNOWN_AGE);
    expect(made.calls).not.toContain("store.noteDisk reinstalled");
  });

  it("holds a command with an observed_at", async () => {
    const observed = { observedAtMs: NOW - MINUTE };
    asNext(await admit(world("none", UNREADABLE), observed), "waiting");
  });

  it.each([
    ["cannot be read", UNREADABLE, UNKNOWN_AGE],
    ["is from the future", FUTURE, "in the future"],
  ])("lets others go on, and says so: it %s", async (_what, disk, message) => {
    const next = asNext(await admit(world("none", disk)), "submit");
    expect(next.events[0]).toMatchObject({
      event: "accepted",
      data: {
        warnings: [
          {
            path: "server_id",
            code: "disk-age-unknown",
            message: expect.stringContaining(message),
          },
        ],
      },
    });
  });

  it("from the future is passed over also where the memory may have forgotten", async () => {
    asNext(await admit(world("lost", FUTURE), { observedAtMs: NOW - MINUTE }), "submit");
  });
});

describe("a dry run", () => {
  const checks = async (made: World, changed: Partial<Order> = {}) => {
    const { draft } = asFinal(await admit(made, { ...changed, dryRun: true }), "planned");
    return draft.data as { checks: { check: string; verdict: string }[]; would: string };
  };

  it("shows the age, and what the brakes say once they know it", async () => {
    const made = world("lost");
    const hold = {
      brake: "cooldown",
      verdict: "wait",
      untilMs: NOW + MINUTE,
      command: COMMAND,
      endedMs: NOW,
    } as const;
    made.answers.noteDisk = () => ({
      kind: "noted",
      lock: { kind: "acquired", token: 0, history: "known" },
      verdicts: [hold],
    });
    const planned = await checks(made);
    expect(planned.checks).toContainEqual({
      check: "disk-age",
      verdict: "pass",
      detail: "2026-11-23T14:00:00.000Z",
    });
    expect(planned.checks).toContainEqual(
      expect.objectContaining({ check: "cooldown", verdict: "wait" }),
    );
    expect(planned.would).toBe("nothing-now");
  });

  it("says that an unknown age holds a command, or does not", async () => {
    const held = await checks(world("lost", UNREADABLE));
    expect(held).toMatchObject({ would: "nothing-now" });
    const free = await checks(world("none", UNREADABLE));
    expect(free).toMatchObject({ would: "reinstall" });
    expect(free.checks).toContainEqual(
      expect.objectContaining({ check: "disk-age", verdict: "unknown" }),
    );
  });
});
