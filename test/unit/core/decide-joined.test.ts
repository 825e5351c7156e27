import { describe, expect, it } from "vitest";
import { FINAL_EVENTS } from "../../../src/contract/event.ts";
import { afterLeaderLook, type Leader } from "../../../src/core/decide-joined.ts";
import {
  asFinal,
  asNext,
  CALM,
  finalEvent,
  LEADER,
  MINUTE,
  NOW,
  order,
  RULES,
  SERVER,
  state,
} from "./builders.ts";

function after(
  leader: Leader,
  { rebuilding = false, cancelRequested = false, sinceMs = NOW } = {},
) {
  const current = state("joined", { sinceMs });
  return afterLeaderLook(order(), current, leader, rebuilding, cancelRequested, NOW, RULES, CALM);
}

describe("a command that joined another", () => {
  it.each(["open", "unreadable"] as const)("waits while the other is %s", (kind) => {
    const decision = asNext(after({ kind }, { sinceMs: NOW - 6 * MINUTE }), "joined");
    expect(decision.state).toEqual(state("joined", { sinceMs: NOW - 6 * MINUTE }));
    expect(decision).toMatchObject({ delayMs: 60_000, events: [] });
  });

  it.each(FINAL_EVENTS)("ends as the other did: %s", (event) => {
    const leader: Leader = {
      kind: "finished",
      event: finalEvent(event, { job_id: "j", verified: true }),
    };
    const { draft, lock, healedAtMs, sample } = asFinal(after(leader), event);
    // Its own identity is put in when the event is made: nothing of the other's may cover it.
    expect(draft.data).toEqual({ job_id: "j", verified: true, leader: LEADER });
    expect({ lock, healedAtMs, sample }).toEqual({ lock: "free", healedAtMs: null, sample: null });
  });

  it("cannot end as something that is no outcome", () => {
    const leader: Leader = { kind: "finished", event: finalEvent("progress") };
    expect(() => after(leader)).toThrow('"progress" is stored as an outcome and is none');
  });

  it("is unresolved when nobody has heard of the other", () => {
    const { draft, lock } = asFinal(after({ kind: "unheard-of" }), "unresolved");
    expect(lock).toBe("free");
    expect(draft.data).toMatchObject({ leader: LEADER, why: "store-forgot" });
    expect(draft.data["next_step"]).toContain(SERVER);
  });

  it("waits while the store is being rebuilt: the other's message may still come", () => {
    asNext(after({ kind: "unheard-of" }, { rebuilding: true }), "joined");
  });

  it.each([{ kind: "open" }, { kind: "finished", event: finalEvent("succeeded") }] as const)(
    "is cancelled when a person says so (%j)",
    (leader) => {
      asFinal(after(leader, { cancelRequested: true }), "cancelled");
    },
  );
});
