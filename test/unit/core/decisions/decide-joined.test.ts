import { describe, expect, it } from "vitest";
import { afterLeaderLook, type Leader } from "../../../../src/core/decisions/decide-joined.ts";
import type { CancelRequest } from "../../../../src/core/endings.ts";
import type { In } from "../../../../src/core/state/state.ts";
import {
  asFinal,
  asNext,
  BODY,
  finalEvent,
  LEADER,
  MINUTE,
  moment,
  NOW,
  order,
  SERVER,
  state,
} from "../builders.ts";

interface Given {
  readonly rebuilding?: boolean;
  readonly cancelRequest?: CancelRequest | null;
  readonly mayHaveRun?: boolean;
  readonly changed?: Partial<In<"joined">>;
  readonly expiresAtMs?: number;
}

function after(leader: Leader, given: Given = {}) {
  const { rebuilding = false, cancelRequest = null, mayHaveRun = false, changed } = given;
  const current = state("joined", { body: BODY, ...changed });
  const of = given.expiresAtMs === undefined ? order() : order({ expiresAtMs: given.expiresAtMs });
  const look = { leader, rebuilding, cancelRequest, mayHaveRun };
  return afterLeaderLook(of, current, look, moment());
}

const ended = (event: Parameters<typeof finalEvent>[0], holdsLock = false): Leader => ({
  kind: "finished",
  event: finalEvent(event, { job_id: "j", verified: true }),
  holdsLock,
  settled: null,
});
/** Ends that are the leader's own. */
const ITS_OWN = ["expired", "cancelled", "superseded", "rejected", "planned"] as const;

describe("a command that joined another", () => {
  it.each<Leader>([
    { kind: "open", holdsLock: true },
    { kind: "open", holdsLock: false },
    { kind: "unreadable" },
  ])("waits while the other is %j", (leader) => {
    const changed = { sinceMs: NOW - 6 * MINUTE };
    const decision = asNext(after(leader, { changed }), "joined");
    expect(decision.state).toEqual(state("joined", { body: BODY, ...changed }));
    expect(decision).toMatchObject({ delayMs: 60_000, events: [] });
  });

  it("expires where the other waits, too, and stays where its reinstall may have begun", () => {
    const late = { expiresAtMs: NOW };
    asFinal(after({ kind: "open", holdsLock: false }, late), "expired");
    asNext(after({ kind: "open", holdsLock: false }, { expiresAtMs: NOW + 1 }), "joined");
    asNext(after({ kind: "open", holdsLock: true }, late), "joined");
    // Its lock may not be back yet.
    asNext(after({ kind: "open", holdsLock: false }, { ...late, rebuilding: true }), "joined");
    asNext(after({ kind: "unreadable" }, late), "joined");
    const doubtful = { ...late, mayHaveRun: true };
    asFinal(after({ kind: "open", holdsLock: false }, doubtful), "unresolved");
  });

  it.each(["succeeded", "failed"] as const)("ends as the other's reinstall did: %s", (event) => {
    const { draft, lock, healedAtMs, sample } = asFinal(after(ended(event)), event);
    // Its own identity is put in when the event is made: nothing of the other's may cover it.
    expect(draft.data).toEqual({ job_id: "j", verified: true, leader: LEADER });
    expect({ lock, healedAtMs, sample }).toEqual({ lock: "free", healedAtMs: null, sample: null });
  });

  it.each(ITS_OWN)("goes on by itself, with its body, when the other was %s", (event) => {
    const decision = asNext(after(ended(event)), "waiting");
    expect(decision).toMatchObject({ delayMs: 0, events: [], lock: "release" });
    expect(decision.state).toEqual({
      phase: "waiting",
      body: BODY,
      tries: { attempt: 1, spent: 0 },
      waitsFor: "server-busy",
      holder: LEADER,
      sinceMs: NOW,
    });
  });

  it("is too late by its own time then, not by the other's", () => {
    const { draft } = asFinal(after(ended("expired"), { expiresAtMs: NOW }), "expired");
    expect(draft.data).toEqual({ expires_at: new Date(NOW).toISOString() });
  });

  it("that an older version joined has nothing to go on with, and says so", () => {
    const { draft } = asFinal(
      after(ended("cancelled"), { changed: { body: undefined } }),
      "failed",
    );
    expect(draft.data).toMatchObject({ class: "internal", retryable: true });
    // What the other's reinstall came to it still shares.
    asFinal(after(ended("succeeded"), { changed: { body: undefined } }), "succeeded");
  });

  describe("that is unresolved", () => {
    it("stays joined as long as the server is locked for it", () => {
      expect(asNext(after(ended("unresolved", true)), "joined").events).toEqual([]);
    });

    it("expires in its own time", () => {
      asFinal(after(ended("unresolved", true), { expiresAtMs: NOW }), "expired");
    });

    it("goes on by itself once somebody has freed the server", () => {
      asNext(after(ended("unresolved", false)), "waiting");
    });
  });

  describe("and may have gone on already, in a memory that is lost", () => {
    it("keeps the doubt while it waits, and when it goes on", () => {
      expect(
        asNext(after({ kind: "open", holdsLock: true }, { mayHaveRun: true }), "joined").state
          .doubt,
      ).toBe(true);
      const changed = { doubt: true };
      expect(
        asNext(after({ kind: "open", holdsLock: true }, { changed }), "joined").state.doubt,
      ).toBe(true);
      const alone = asNext(after(ended("cancelled"), { changed }), "waiting");
      expect(alone.state).toMatchObject({ doubt: true });
    });

    it("does not say that nothing was done", () => {
      const late = { mayHaveRun: true, expiresAtMs: NOW };
      asFinal(after(ended("unresolved", true), late), "unresolved");
      asFinal(after(ended("expired"), late), "unresolved");
      asNext(
        after({ kind: "open", holdsLock: true }, { mayHaveRun: true, cancelRequest: {} }),
        "joined",
      );
    });
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

  it.each([{ kind: "open", holdsLock: true } as const, ended("succeeded")])(
    "is cancelled when a person says so (%j)",
    (leader) => {
      asFinal(after(leader, { cancelRequest: {} }), "cancelled");
    },
  );
});
