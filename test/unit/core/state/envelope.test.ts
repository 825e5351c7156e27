import { describe, expect, it } from "vitest";
import {
  ENVELOPE_VERSION,
  Envelope,
  isLaterVersion,
  restoreEnvelope,
  storedEnvelope,
} from "../../../../src/core/state/envelope.ts";
import type { Phase } from "../../../../src/core/state/state.ts";
import { TRANSITIONS } from "../../../../src/core/state/transitions.ts";
import { BODY, envelope, JOB, NOW, order, STATES, state } from "../builders.ts";

const PHASES = Object.keys(STATES) as Phase[];
const SECRET = { ...BODY, metadata: { user_data: "UExBTlRFRA==" } };
const throughJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

describe("an internal message", () => {
  it.each(PHASES)("says the same after its journey: %s", (phase) => {
    const full = order({
      source: "s",
      reason: "r",
      observedAtMs: NOW,
      replyTo: { queue: "q", correlationId: "c" },
      trace: { traceparent: "t" },
    });
    const sent = envelope(STATES[phase], { order: full, token: null, revived: 2, deaths: 1 });
    expect(Envelope.parse(throughJson(sent))).toEqual(sent);
  });

  it.each(PHASES)("is stored without the body, and put together again with it: %s", (phase) => {
    const base = STATES[phase];
    const sent =
      base.phase === "joined"
        ? envelope({ ...base, body: SECRET }, { v: 2 })
        : envelope("body" in base ? { ...base, body: SECRET } : base);
    const stored = throughJson(storedEnvelope(sent));
    expect(JSON.stringify(stored)).not.toContain("UExBTlRFRA==");
    expect(stored).not.toHaveProperty("state.body");
    expect(restoreEnvelope(stored, SECRET)).toEqual(sent);
  });

  it.each(["waiting", "prepare", "submit"] as const)(
    "in %s cannot do without its body",
    (phase) => {
      expect(restoreEnvelope(storedEnvelope(envelope(STATES[phase])), undefined)).toBeNull();
    },
  );

  it.each(["joined", "watch", "settle", "reconcile"] as const)(
    "in %s can do without a body",
    (phase) => {
      const restored = restoreEnvelope(storedEnvelope(envelope(STATES[phase])), undefined);
      expect(restored?.state.phase).toBe(phase);
      expect(restored?.state).not.toHaveProperty("body");
    },
  );

  it("of version 1 gets the body that it was joined without from whoever still has it", () => {
    const old = envelope(STATES.joined);
    expect(restoreEnvelope(storedEnvelope(old), BODY)).toEqual(
      envelope({ ...STATES.joined, body: BODY }, { v: 2 }),
    );
    expect(restoreEnvelope(storedEnvelope(old), undefined)).toEqual(old);
  });

  it("gets no body back once its request was accepted: it is never sent again", () => {
    const accepted = { jobId: JOB, atMs: NOW };
    const { body: _gone, ...rest } = state("reconcile", { accepted });
    const restored = restoreEnvelope(storedEnvelope(envelope(rest)), BODY);
    expect(restored?.state).toEqual(rest);
  });

  it.each([[null], [5], ["text"], [{}], [{ state: 5 }], [{ state: { phase: "submit" } }]])(
    "cannot be made of %j",
    (stored) => {
      expect(restoreEnvelope(stored, BODY)).toBeNull();
    },
  );
});

describe("the version of a message", () => {
  it("is the second one for whatever this worker writes: it carries a place", () => {
    expect(ENVELOPE_VERSION).toBe(2);
    const sent = { ...envelope(STATES.waiting), v: 2, slot: false, placeMs: 5 } as const;
    expect(Envelope.parse(throughJson(sent))).toEqual(sent);
  });

  it("may be the first one: written by an older worker, without slot and place", () => {
    const old = { ...envelope(STATES.submit), v: 1 } as const;
    expect(Envelope.parse(throughJson(old))).toEqual(old);
  });

  it("may be the first one with the old name of the pause", () => {
    const old = envelope({ ...STATES.waiting, waitsFor: "paused" as never });
    expect(Envelope.parse(throughJson(old)).state).toMatchObject({ waitsFor: "pause" });
  });
});

describe("a message of a later version", () => {
  it("is taken although its order names brakes and causes that we do not know", () => {
    const later = { override: ["tomorrows-brake"], expiresBy: "tomorrows-cause" };
    const message = { ...envelope(STATES.watch), order: { ...order(), ...later } };
    expect(Envelope.parse(message).order).toMatchObject(later);
  });

  const sent = throughJson(envelope(STATES.watch)) as Record<string, unknown>;

  it.each<[string, unknown]>([
    ["another number", { ...sent, v: 3 }],
    ["another number and strange fields", { ...sent, v: 9, state: { phase: "watch", x: 1 } }],
    ["an unknown phase", { ...sent, state: { phase: "verify" } }],
  ])("is known by %s", (_, value) => {
    expect(Envelope.safeParse(value).success).toBe(false);
    expect(isLaterVersion(value)).toBe(true);
  });

  it.each<[string, unknown]>([
    ["one of ours", sent],
    ["a broken one of ours", { ...sent, step: "x" }],
    ["an object without a state", { v: 2, order: sent["order"] }],
    ["an object without an order", { v: 2, state: { phase: "x" } }],
    ["one with an impossible id", { ...sent, v: 2, order: { commandId: "a b" } }],
    ["a list", [sent]],
    ["nothing", null],
  ])("is not %s", (_, value) => {
    expect(isLaterVersion(value)).toBe(false);
  });

  it("is not any phase of the table", () => {
    for (const phase of Object.keys(TRANSITIONS)) {
      expect(isLaterVersion({ ...sent, state: { phase } })).toBe(false);
    }
  });
});
