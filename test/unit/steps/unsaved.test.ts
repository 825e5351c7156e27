import { expect, it } from "vitest";
import { leaveAsFound } from "../../../src/core/decisions/leave-as-found.ts";
import { afterSubmission } from "../../../src/core/decisions/decide-submit.ts";
import { unsavedNext } from "../../../src/steps/complete/finish.ts";
import { conclude } from "../../../src/steps/step.ts";
import {
  envelope,
  JOB,
  moment,
  order,
  refusal,
  RULES,
  STOPPED,
  state,
  UNREADABLE,
} from "../core/builders.ts";
import { claimed } from "./fakes.ts";

const AT_THE_LINE = state("submit", { power: STOPPED });
const RUNNING_BEFORE = { ...AT_THE_LINE, power: { was: "on" as const, mayHaveStopped: false } };

/** How a command goes on whose POST had this outcome, and could not be saved. */
function unsaved(
  current: typeof AT_THE_LINE,
  outcome: Parameters<typeof afterSubmission>[2]["outcome"],
  now = moment(),
) {
  const known = afterSubmission(order(), current, { outcome, signedAtMs: now.nowMs }, now);
  const decision = leaveAsFound(current, current.power, known, now);
  const message = envelope(current);
  const result = conclude(claimed(), message, decision);
  if (result.kind !== "conclude") throw new Error(result.kind);
  return unsavedNext(message, result, now);
}

const NOT_SENT = { ...UNREADABLE, kind: "not-sent" } as const;

it("a server that we stopped is started before its command waits: it does not stay at the line with a number that nobody saved", () => {
  expect(unsaved(AT_THE_LINE, NOT_SENT)).toMatchObject({
    lock: "keep",
    events: [],
    state: {
      phase: "restore",
      power: STOPPED,
      after: { kind: "wait", place: { waitsFor: "store-rebuilding", tries: { attempt: 2 } } },
    },
  });
});

it("a command whose server was not stopped waits", () => {
  expect(unsaved(RUNNING_BEFORE, NOT_SENT).state).toMatchObject({
    phase: "waiting",
    tries: { attempt: 2 },
    power: { was: "on", mayHaveStopped: false },
  });
});

it("nothing is started where the configuration wants no server touched", () => {
  const untouched = moment({ rules: { ...RULES, powerAfter: "untouched" } });
  for (const outcome of [NOT_SENT, { kind: "refused", refusal: refusal() } as const]) {
    expect(unsaved(AT_THE_LINE, outcome, untouched).state).toMatchObject({ phase: "waiting" });
  }
});

it("a job that is watched is polled soon, for `submitted` is owed", () => {
  const accepted = { kind: "accepted", jobId: JOB } as const;
  const likelyEnd = { fromMs: 73_000, toMs: 107_000 };
  const decision = unsaved(AT_THE_LINE, accepted, moment({ likelyEnd }));
  expect(decision).toMatchObject({
    delayMs: 2_000,
    events: [],
    state: { phase: "watch", announced: false },
  });
  expect(decision).not.toHaveProperty("isPunctual");
});

it("a refusal is asked for again after the server was started", () => {
  const refused = { kind: "refused", refusal: refusal() } as const;
  expect(unsaved(AT_THE_LINE, refused).state).toMatchObject({ phase: "restore", power: STOPPED });
});
