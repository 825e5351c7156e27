import { describe, expect, it } from "vitest";
import { notBeforeSays, tooEarly } from "../../../../src/core/brakes/not-before.ts";
import {
  asFinal,
  asNext,
  candidate,
  HOUR,
  moment,
  NOW,
  order,
  SECOND,
  STATES,
} from "../builders.ts";

const at = (notBeforeMs: number, more = {}) =>
  candidate({ order: order({ notBeforeMs, expiresAtMs: NOW + 48 * HOUR }), ...more });
const early = (one: ReturnType<typeof candidate>) => {
  const decision = tooEarly(one, moment());
  if (decision === null) throw new Error("may begin");
  return decision;
};

describe("before its not_before", () => {
  it("a command waits, says until when, and leaves the server to others", () => {
    const decision = asNext(early(at(NOW + HOUR)), "waiting");
    expect(decision.lock).toBe("release");
    expect(decision.state.waitsFor).toBe("not-before");
    expect(decision.events).toEqual([
      {
        event: "waiting",
        data: {
          waits_for: "not-before",
          until: "2026-11-23T16:00:00.000Z",
          expires_at: "2026-11-25T15:00:00.000Z",
        },
      },
    ]);
  });

  it.each([
    [12 * HOUR, 60 * SECOND],
    [60 * SECOND, 60 * SECOND],
    [40 * SECOND, 30 * SECOND],
    [4 * SECOND, 2 * SECOND],
    [1, 2 * SECOND],
  ])("with %i ms to go it tries again after %i", (remainingMs, delayMs) => {
    expect(asNext(early(at(NOW + remainingMs)), "waiting").delayMs).toBe(delayMs);
  });

  it("says so once, not at every try", () => {
    const { holder: _holder, ...waits } = STATES.waiting;
    const waiting = { ...waits, waitsFor: "not-before", sinceMs: NOW - HOUR } as const;
    expect(asNext(early(at(NOW + HOUR, { waiting })), "waiting").events).toEqual([]);
  });

  it("keeps the doubt of a memory that was lost", () => {
    expect(asNext(early(at(NOW + HOUR, { mayHaveRun: true })), "waiting").state.doubt).toBe(true);
  });

  it("is too late all the same once it has expired", () => {
    asFinal(
      early(candidate({ order: order({ notBeforeMs: NOW + 1, expiresAtMs: NOW }) })),
      "expired",
    );
  });
});

describe("from its not_before on", () => {
  it.each([NOW, NOW - 1, NOW - HOUR])("a command may begin: %i", (notBeforeMs) => {
    expect(tooEarly(at(notBeforeMs), moment())).toBeNull();
  });

  it("so does one without", () => {
    expect(tooEarly(candidate(), moment())).toBeNull();
  });
});

it.each([
  [undefined, { verdict: "go" }],
  [NOW - 1, { verdict: "go" }],
  [NOW, { verdict: "go" }],
  [NOW + 1, { verdict: "wait", untilMs: NOW + 1 }],
])("with a not_before of %s the brake says %j", (notBeforeMs, said) => {
  expect(notBeforeSays(order({ notBeforeMs }), NOW)).toEqual({ brake: "not-before", ...said });
});
