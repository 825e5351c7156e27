import { describe, expect, it } from "vitest";
import { JobId } from "../../../../src/contract/ids.ts";
import { afterPrepareLook, afterStop } from "../../../../src/core/decisions/decide-prepare.ts";
import type { CancelRequest } from "../../../../src/core/endings.ts";
import type { Look, StopOutcome } from "../../../../src/core/server/observations.ts";
import type { In } from "../../../../src/core/state/state.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  DISK,
  MINUTE,
  moment,
  NEW_DISK,
  NOW,
  order,
  REFUSED,
  refusal,
  seen,
  state,
  UNREADABLE,
} from "../builders.ts";

const ACTIVE = seen({ status: "ACTIVE" });
const STOPPING = seen({ status: "ACTIVE", taskState: "powering-off" });

function after(
  look: Look,
  changed: Partial<In<"prepare">> = {},
  {
    cancelRequest = null,
    expiresAtMs = NOW + MINUTE,
  }: { readonly cancelRequest?: CancelRequest | null; readonly expiresAtMs?: number } = {},
) {
  return afterPrepareLook(
    order({ expiresAtMs }),
    state("prepare", changed),
    { look, cancelRequest },
    moment(),
  );
}

const asked = (type: "SOFT" | "HARD", ago: number) => ({ type, askedAtMs: NOW - ago });

describe("a server that should be stopped", () => {
  it("is asked to stop, softly first", () => {
    expect(after(ACTIVE)).toEqual({ kind: "stop", type: "SOFT" });
  });

  it("is not asked while something runs on it", () => {
    asNext(after(STOPPING), "prepare");
  });

  it.each([
    ["before it is stopped", {}],
    ["while it stops", { stop: asked("SOFT", 0) }],
  ])("is left alone when its mark says so, %s", (_, changed) => {
    const look = seen({ status: "ACTIVE", mark: "never" });
    asFinal(after(look, changed), "rejected");
  });

  it("is given time for a soft stop", () => {
    asNext(after(ACTIVE, { stop: asked("SOFT", 2 * MINUTE - 1) }), "prepare");
    asNext(after(STOPPING, { stop: asked("SOFT", 0) }), "prepare");
  });

  it.each([
    ["idle", ACTIVE],
    ["still stopping", STOPPING],
  ])("is stopped hard when the soft stop takes too long (%s)", (_, look) => {
    expect(after(look, { stop: asked("SOFT", 2 * MINUTE) })).toEqual({
      kind: "stop",
      type: "HARD",
    });
  });

  it.each([asked("SOFT", 0), asked("SOFT", 5 * MINUTE), asked("HARD", 0)])(
    "is stopped softly once more when somebody starts it after the stop: %j",
    (stop) => {
      const starting = seen({ status: "SHUTOFF", taskState: "powering-on" });
      const decision = asNext(after(starting, { stop }), "prepare");
      expect(decision.state).not.toHaveProperty("stop");
      expect(after(ACTIVE, decision.state)).toEqual({ kind: "stop", type: "SOFT" });
    },
  );

  it("is not stopped hard twice", () => {
    asNext(after(ACTIVE, { stop: asked("HARD", 5 * MINUTE) }), "prepare");
  });

  it("is given up at the deadline, not before it", () => {
    const stop = asked("HARD", MINUTE);
    asNext(after(ACTIVE, { stop, sinceMs: NOW - 10 * MINUTE + 1 }), "prepare");
    const decision = after(STOPPING, { stop, sinceMs: NOW - 10 * MINUTE });
    const { draft, lock } = asFinal(decision, "failed");
    expect(lock).toBe("free");
    expect(draft.data).toMatchObject({ class: "stop-failed", retryable: true });
    expect(draft.data["message"]).toContain("ACTIVE (powering-off)");
  });

  it.each(["SHUTOFF", "ERROR"])("goes to the line when it is %s and idle", (status) => {
    const late = { sinceMs: NOW - 20 * MINUTE, tries: { attempt: 2, spent: 1 } };
    const decision = asNext(after(seen({ status }), late), "submit");
    expect(decision.delayMs).toBe(0);
    expect(decision.state).toMatchObject({
      tries: { attempt: 2, spent: 1 },
      before: { systemDiskId: DISK, status, atMs: NOW },
    });
  });

  it.each([
    ["a task", seen({ taskState: "powering-on" })],
    ["no disk", seen({ systemDiskId: null })],
  ])("does not go to the line with %s", (_, look) => {
    expect(after(look, { stop: asked("SOFT", 0) }).kind).toBe("next");
    asNext(after(look, { stop: asked("SOFT", 0) }), "prepare");
  });

  it("is looked at again when it cannot be read, ever more seldom", () => {
    expect(asNext(after(UNREADABLE), "prepare").delayMs).toBe(2_000);
    const old = asNext(after(UNREADABLE, { sinceMs: NOW - 3 * MINUTE }), "prepare");
    expect(old.delayMs).toBe(30_000);
  });

  it.each([
    ["absent", ABSENT],
    ["refused", REFUSED],
  ])("ends the command when it is %s", (_, look) => {
    asFinal(after(look), "failed");
  });

  it("ends the command when its disk is another one", () => {
    asFinal(after(seen({ systemDiskId: NEW_DISK })), "superseded");
    asFinal(after(seen({ status: "ACTIVE", systemDiskId: NEW_DISK })), "superseded");
  });

  it("is left alone when a person says so, or when it is too late", () => {
    const cancelRequest = { by: "ada", why: "not needed" };
    expect(after(ACTIVE, {}, { cancelRequest })).toMatchObject({
      draft: { event: "cancelled", data: { by: "ada", why: "not needed" } },
    });
    asFinal(after(ACTIVE, {}, { cancelRequest: {} }), "cancelled");
    asFinal(after(ACTIVE, {}, { expiresAtMs: NOW }), "expired");
    asFinal(after(UNREADABLE, {}, { expiresAtMs: NOW }), "expired");
  });
});

describe("a stop that was asked for", () => {
  const stop = (outcome: StopOutcome, type: "SOFT" | "HARD" = "SOFT") =>
    afterStop(state("prepare"), type, outcome, moment());
  const job = JobId.parse("stop-job");

  it("is told, with its job", () => {
    const decision = asNext(stop({ kind: "accepted", jobId: job }), "prepare");
    expect(decision.state.stop).toEqual({ type: "SOFT", askedAtMs: NOW, jobId: job });
    expect(decision).toMatchObject({ delayMs: 2_000 });
    expect(decision.events).toEqual([
      { event: "stopping", data: { stop_type: "SOFT", job_id: job } },
    ]);
  });

  it("is told without a job where the cloud names none", () => {
    const decision = asNext(stop({ kind: "accepted", jobId: null }, "HARD"), "prepare");
    expect(decision.state.stop).toEqual({ type: "HARD", askedAtMs: NOW });
    expect(decision.events).toEqual([{ event: "stopping", data: { stop_type: "HARD" } }]);
  });

  it("is asked for again after a refusal for now: it may be stopping already", () => {
    const outcome: StopOutcome = { kind: "refused", refusal: refusal({ retryable: true }) };
    const decision = asNext(stop(outcome), "prepare");
    expect(decision.state.stop).toBeUndefined();
    expect(decision.events).toEqual([]);
  });

  it("ends the command after a refusal for good", () => {
    const outcome: StopOutcome = { kind: "refused", refusal: refusal({ class: "permission" }) };
    expect(asFinal(stop(outcome), "failed").draft.data).toMatchObject({ class: "permission" });
  });

  it.each([
    [null, 2_000],
    [500, 2_000],
    [90_000, 90_000],
  ])("is asked for again when nobody answered (retry after %j ms)", (retryAfterMs, delayMs) => {
    const decision = asNext(stop({ ...UNREADABLE, retryAfterMs }), "prepare");
    expect(decision.delayMs).toBe(delayMs);
    expect(decision.state.stop).toBeUndefined();
  });
});

describe("a stop that was not sent", () => {
  it.each([{ unasked: true }, { heldBack: true }] as const)(
    "is none that may come true: %j",
    (unsent) => {
      const current = state("prepare", { power: { was: "on", mayHaveStopped: true } });
      const sent = afterStop(current, "SOFT", UNREADABLE, moment());
      expect(asNext(sent, "prepare").state.power).toHaveProperty("stop");
      const held = afterStop(current, "SOFT", { ...UNREADABLE, ...unsent }, moment());
      expect(asNext(held, "prepare").state).toEqual(current);
    },
  );
});

describe("a wait for a server that cannot be read", () => {
  const delay = (more: object) =>
    asNext(after({ ...UNREADABLE, ...more }, { sinceMs: NOW - 10 * MINUTE }), "prepare").delayMs;

  it("is as long as the cloud asks, in full", () => {
    expect(delay({ retryAfterMs: 10 * MINUTE })).toBe(10 * MINUTE);
  });

  it("is short while it is we who hold the question back", () => {
    expect([delay({}), delay({ heldBack: true })]).toEqual([60_000, 10_000]);
  });
});
