import { describe, expect, it } from "vitest";
import { afterGlance, afterPoll, mayGlance } from "../../../../src/core/decisions/decide-watch.ts";
import type { JobLook, Look } from "../../../../src/core/server/observations.ts";
import type { Rules } from "../../../../src/core/rules.ts";
import type { In } from "../../../../src/core/state/state.ts";
import {
  ABSENT,
  asFinal,
  asNext,
  BEFORE,
  DISK,
  JOB,
  MINUTE,
  moment,
  order,
  NEW_DISK,
  NOW,
  REFUSED,
  RULES,
  RUNNING,
  SECOND,
  SERVER,
  seen,
  state,
  UNASKED,
  UNREADABLE,
} from "../builders.ts";

const DEADLINE = NOW + 45 * MINUTE;
const SUCCESS: JobLook = { kind: "succeeded", endedAtMs: NOW + 93_500 };
const MISSING: JobLook = { kind: "missing", cloudCode: "Common.0011" };
const FOREIGN: JobLook = { kind: "foreign", serverId: SERVER, by: "job" };
const PARTS_FOREIGN: JobLook = { ...FOREIGN, by: "sub-jobs" };
const REPLACED = seen({ systemDiskId: NEW_DISK });

/** At the deadline, the server looked at. */
const LATE = { at: DEADLINE, look: seen() };
interface Given {
  readonly at?: number;
  readonly look?: Look | null;
  readonly changed?: Partial<In<"watch">>;
  readonly rules?: Partial<Rules>;
}

function after(job: JobLook, { at = NOW + 2 * MINUTE, look = null, changed, rules }: Given = {}) {
  const current = state("watch", changed);
  return afterPoll(
    order(),
    current,
    { job, look },
    moment({ nowMs: at, rules: { ...RULES, ...rules } }),
  );
}

describe("a job that runs", () => {
  it("is asked again, and told", () => {
    const decision = asNext(after(RUNNING, { at: NOW + 12_345 }), "watch");
    expect(decision).toMatchObject({ delayMs: 10_000, intent: "keep", lock: "keep" });
    expect(decision.events).toEqual([
      {
        event: "progress",
        data: { job_id: JOB, job_status: "RUNNING", elapsed_seconds: 12.345 },
      },
    ]);
  });

  it("is told with its parts", () => {
    const job: JobLook = { kind: "running", jobStatus: "INIT", subJobs: { total: 3, done: 1 } };
    expect(asNext(after(job), "watch").events[0]?.data).toMatchObject({
      job_status: "INIT",
      sub_jobs_total: 3,
      sub_jobs_done: 1,
    });
  });

  it.each([
    [2 * SECOND, 2_000],
    [20 * SECOND, 10_000],
    [MINUTE, 5_000],
    [2 * MINUTE, 10_000],
    [6 * MINUTE, 30_000],
    [40 * MINUTE, 60_000],
  ])("is asked most often at the age at which jobs end: after %i ms in %i ms", (age, delayMs) => {
    expect(asNext(after(RUNNING, { at: NOW + age }), "watch").delayMs).toBe(delayMs);
  });

  it("is asked again when jobs of its kind are likely to end, punctually", () => {
    const likelyEnd = { fromMs: 73 * SECOND, toMs: 107 * SECOND };
    const foreseen = (job: JobLook, at: number) =>
      afterPoll(
        order(),
        state("watch"),
        { job, look: null },
        moment({ nowMs: NOW + at, likelyEnd, random: 0 }),
      );
    expect(foreseen(RUNNING, 13 * SECOND)).toMatchObject({ delayMs: 60_000, isPunctual: true });
    // What is odd, or was not answered, is asked again by the job's age.
    for (const job of [MISSING, PARTS_FOREIGN, UNREADABLE]) {
      const decision = asNext(foreseen(job, 13 * SECOND), "watch");
      expect(decision.delayMs).toBeLessThanOrEqual(10_000);
      expect(decision).not.toHaveProperty("isPunctual");
    }
  });

  it("starts the counts of successes and misses anew", () => {
    const changed = { successes: 2, missing: 2 };
    expect(asNext(after(RUNNING, { changed }), "watch").state).toMatchObject({
      successes: 0,
      missing: 0,
    });
  });

  it("is given up at the deadline, not before it, and the server stays locked", () => {
    asNext(after(RUNNING, { at: DEADLINE - 1 }), "watch");
    const { draft, lock } = asFinal(after(RUNNING, LATE), "unresolved");
    expect(lock).toBe("keep");
    expect(draft.data).toMatchObject({
      seen: "the job is still RUNNING; the server is SHUTOFF",
      why: "deadline",
      job_id: JOB,
      system_disk_before: DISK,
    });
  });

  it("is never of negative age, whatever the clock does", () => {
    const decision = asNext(after(RUNNING, { at: NOW - MINUTE }), "watch");
    expect(decision.events[0]?.data).toMatchObject({ elapsed_seconds: 0 });
  });
});

describe("the calls that are owed before `unresolved`", () => {
  const soon = { delayMs: 2_000, state: { phase: "watch", deadlineMs: DEADLINE } };

  it.each<[string, JobLook, Look | null, number]>([
    ["the job was not asked for", UNASKED, null, 3_000],
    ["the server was not looked at", RUNNING, null, 2_000],
    ["there was no call for the look", RUNNING, UNASKED, 3_000],
    ["there was no call for the look at an unknown job", MISSING, UNASKED, 3_000],
    ["there was no call for the look after SUCCESS", SUCCESS, UNASKED, 3_000],
  ])("are made soon after the deadline where %s", (_, job, look, delayMs) => {
    const at = DEADLINE + MINUTE;
    expect(asNext(after(job, { at, look }), "watch")).toMatchObject({
      ...soon,
      delayMs,
    });
  });

  it("are made once: an answer that says nothing is one", () => {
    asFinal(after(UNREADABLE, { at: DEADLINE, look: UNREADABLE }), "unresolved");
  });

  it("may end it well: the job cannot be read, and the disk is another", () => {
    const { data } = asFinal(
      after(UNREADABLE, { at: DEADLINE, look: REPLACED }),
      "succeeded",
    ).draft;
    expect(data).toMatchObject({ evidence: "system-disk-replaced", verified: true, job_id: JOB });
    asNext(after(UNREADABLE, { at: DEADLINE - 1, look: REPLACED }), "watch");
  });

  it.each([
    ["busy", seen({ systemDiskId: NEW_DISK, taskState: "rebuilding" })],
    ["in ERROR", seen({ systemDiskId: NEW_DISK, status: "ERROR" })],
    ["without a system disk", seen({ systemDiskId: null })],
  ])("do not end it well while the server is %s", (_, look) => {
    asFinal(after(UNREADABLE, { at: DEADLINE, look }), "unresolved");
  });
});

describe("`submitted`", () => {
  const changed = { announced: false, tries: { attempt: 4, spent: 2 } };
  const submitted = { event: "submitted", data: { job_id: JOB, attempt: 4 } };

  it.each([
    ["with the first progress", RUNNING],
    ["with a poll that shows nothing", UNREADABLE],
    ["before the evidence is asked", FOREIGN],
  ])("is made up for %s, before anything else", (_, job: JobLook) => {
    const decision = after(job, { changed });
    if (decision.kind !== "next") throw new Error("was final");
    expect(decision.events[0]).toEqual(submitted);
  });

  it("says late, too, what the cloud calls the request", () => {
    const decision = asNext(
      after(UNREADABLE, { changed: { ...changed, requestId: "r-1" } }),
      "watch",
    );
    expect(decision.events[0]?.data).toMatchObject({ request_id: "r-1" });
  });

  it("is told once", () => {
    expect(asNext(after(UNREADABLE, { changed }), "watch").state.announced).toBe(true);
    expect(asNext(after(UNREADABLE), "watch").events).toEqual([]);
  });
});

describe("a job that cannot be read", () => {
  it("may still run: only the deadline ends the wait", () => {
    const changed = { successes: 2, missing: 1 };
    const decision = asNext(after(UNREADABLE, { at: DEADLINE - 1, changed }), "watch");
    expect(decision.state).toMatchObject(changed);
    const { draft, lock } = asFinal(after(UNREADABLE, LATE), "unresolved");
    expect(lock).toBe("keep");
    expect(draft.data["seen"]).toContain(UNREADABLE.message);
  });
});

describe("a job that failed", () => {
  it.each([NOW, DEADLINE])("ends the command with the cloud's word (at %i)", (at) => {
    const job: JobLook = { kind: "failed", cloudCode: "Ecs.0202", message: "no disk" };
    const { draft, lock, healedAtMs } = asFinal(after(job, { at }), "failed");
    expect({ lock, healedAtMs }).toEqual({ lock: "free", healedAtMs: null });
    expect(draft.data).toMatchObject({
      class: "job-failed",
      cloud_code: "Ecs.0202",
      message: "no disk",
      retryable: false,
      job_id: JOB,
    });
  });
});

describe("a job that the cloud does not know", () => {
  it("may not be visible yet", () => {
    const decision = asNext(after(MISSING, { at: NOW + SECOND }), "watch");
    expect(decision.state.missing).toBe(1);
  });

  it.each<[string, number, number]>([
    ["only twice", 1, NOW + 30 * MINUTE],
    ["three times within a minute", 2, NOW + MINUTE - 1],
  ])("has not vanished when missed %s", (_, missing, at) => {
    const decision = asNext(after(MISSING, { at, changed: { missing } }), "watch");
    expect(decision.state.missing).toBe(missing + 1);
  });

  it("has vanished when missed three times after a minute: the disk may tell", () => {
    const given = { at: NOW + MINUTE, changed: { missing: 2 } };
    const decision = asNext(after(MISSING, given), "reconcile");
    expect(decision.state).toEqual({
      phase: "reconcile",
      tries: { attempt: 1, spent: 1 },
      before: BEFORE,
      fenceAtMs: NOW + 18 * MINUTE,
      deadlineMs: DEADLINE,
      sinceMs: NOW + MINUTE,
      accepted: { jobId: JOB, atMs: NOW },
      why: "job-vanished",
    });
  });

  it("vanishes sooner where the deadline is short", () => {
    const rules = { jobDeadlineMs: 20 * SECOND };
    const given = { at: NOW + 5 * SECOND, changed: { missing: 2 }, rules };
    asNext(after(MISSING, given), "reconcile");
  });

  it("is unresolved at the deadline", () => {
    asFinal(after(MISSING, LATE), "unresolved");
  });
});

it("a job of another server tells nothing about ours", () => {
  expect(asNext(after(FOREIGN), "reconcile").state).toMatchObject({
    why: "job-foreign",
    accepted: { jobId: JOB },
  });
});

describe("a job that says SUCCESS", () => {
  it("has succeeded when the disk is another one", () => {
    const decision = asFinal(after(SUCCESS, { look: REPLACED }), "succeeded");
    expect(decision.draft.data).toEqual({
      job_id: JOB,
      duration_seconds: 93.5,
      verified: true,
      evidence: "job",
    });
    expect(decision).toMatchObject({
      lock: "free",
      healedAtMs: NOW + 2 * MINUTE,
      sample: { volumeType: "SSD", disk: "replaced" },
    });
  });

  it("keeps the lock for the settling time where there is one", () => {
    const decision = asNext(
      after(SUCCESS, { look: REPLACED, rules: { settleMs: MINUTE } }),
      "settle",
    );
    expect(decision.state).toMatchObject({ jobId: JOB, untilMs: NOW + 3 * MINUTE });
  });

  it.each([
    ["the end that the job tells", NOW + 60_250, 60.25],
    ["now, where it tells none", null, 120],
    ["nothing, where it ended before it was accepted", NOW - MINUTE, 0],
  ])("took until %s", (_, endedAtMs, seconds) => {
    const decision = after({ kind: "succeeded", endedAtMs }, { look: REPLACED });
    expect(asFinal(decision, "succeeded").draft.data["duration_seconds"]).toBe(seconds);
  });

  it.each([
    ["the old disk", seen()],
    ["a task", seen({ taskState: "rebuilding", systemDiskId: NEW_DISK })],
    ["a status that passes", seen({ status: "REBUILD", systemDiskId: NEW_DISK })],
    ["no disk", seen({ systemDiskId: null })],
    ["nothing", UNREADABLE],
    ["nothing to us", REFUSED],
    ["no server", ABSENT],
    ["nothing, for it was not asked", null],
  ])("may say so too early while the server shows %s", (_, look) => {
    const decision = asNext(after(SUCCESS, { look, changed: { missing: 2 } }), "watch");
    expect(decision.state).toMatchObject({ successes: 1, missing: 0 });
    expect(decision.events).toEqual([]);
  });

  it("is believed the third time on an idle server that kept its disk, and that is counted", () => {
    asNext(after(SUCCESS, { look: seen(), changed: { successes: 1 } }), "watch");
    const given = { look: seen(), changed: { successes: 2 } };
    const decision = asFinal(after(SUCCESS, given), "succeeded");
    expect(decision.draft.data).toMatchObject({ verified: false, evidence: "job" });
    expect(decision.sample).toEqual({ volumeType: "SSD", disk: "kept" });
  });

  it("is not believed by counting while the server is busy", () => {
    const busy = seen({ taskState: "rebuilding" });
    const given = { look: busy, changed: { successes: 50 } };
    asNext(after(SUCCESS, given), "watch");
    const { lock, draft } = asFinal(after(SUCCESS, { ...given, at: DEADLINE }), "unresolved");
    expect(lock).toBe("keep");
    expect(draft.data["seen"]).toContain("SHUTOFF (rebuilding)");
  });

  it("is believed at the deadline when the server cannot be asked, and says that it could not", () => {
    asNext(
      after(SUCCESS, { look: UNREADABLE, at: DEADLINE - 1, changed: { successes: 9 } }),
      "watch",
    );
    const decision = asFinal(after(SUCCESS, { look: UNREADABLE, at: DEADLINE }), "succeeded");
    expect(decision.draft.data).toMatchObject({ verified: false });
    expect(decision.sample).toBeNull();
  });

  it("counts for no volume type where none was told", () => {
    const { volumeType: _untold, ...before } = BEFORE;
    const decision = after(SUCCESS, { look: REPLACED, changed: { before } });
    expect(asFinal(decision, "succeeded").sample).toEqual({ volumeType: null, disk: "replaced" });
  });
});

describe("a cloud that asks to stay away", () => {
  const asked = { ...UNREADABLE, retryAfterMs: 5 * MINUTE } as const;

  it.each<[string, JobLook, Look | null]>([
    ["the job", asked, null],
    ["the server", SUCCESS, asked],
  ])("is asked for %s no sooner, longer than the ladder though it is", (_what, job, look) => {
    expect(asNext(after(job, { look }), "watch").delayMs).toBe(5 * MINUTE);
  });

  it("is asked in the usual rhythm when its wait is shorter", () => {
    const soon = { ...UNREADABLE, retryAfterMs: 1 } as const;
    expect(asNext(after(soon), "watch").delayMs).toBe(10_000);
  });
});

describe("a wait for a job that cannot be read", () => {
  const unreadable = (more: object): JobLook => ({ ...UNREADABLE, ...more });
  const delay = (job: JobLook) => asNext(after(job, { at: NOW + 20 * MINUTE }), "watch").delayMs;

  it("is as long as the cloud asks, in full", () => {
    expect(delay(unreadable({ retryAfterMs: 10 * MINUTE }))).toBe(10 * MINUTE);
  });

  it("is short while it is we who hold the question back", () => {
    expect(delay(unreadable({}))).toBe(60 * SECOND);
    expect(delay(unreadable({ heldBack: true }))).toBe(10 * SECOND);
  });
});

describe("a job whose parts name another server only", () => {
  it("is asked again, and counted", () => {
    const decision = asNext(after(PARTS_FOREIGN, { at: NOW + 2 * SECOND }), "watch");
    expect(decision.state).toMatchObject({ foreign: 1 });
    const second = asNext(after(PARTS_FOREIGN, { changed: { foreign: 1 } }), "watch");
    expect(second.state).toMatchObject({ foreign: 2 });
  });

  it("is followed like any other once its list has grown", () => {
    const { state: next } = asNext(after(RUNNING, { changed: { foreign: 4 } }), "watch");
    expect(next).toMatchObject({ foreign: 0 });
    const done = after(SUCCESS, { look: REPLACED, changed: { foreign: 4 } });
    expect(asFinal(done, "succeeded").draft.data).toMatchObject({ evidence: "job" });
  });

  it.each([
    ["says so too often", NOW + 2 * MINUTE, 4, "reconcile"],
    ["is young", NOW + 30 * SECOND, 9, "watch"],
    ["has not said so often enough", NOW + 2 * MINUTE, 3, "watch"],
  ] as const)("proves nothing more when it %s", (_how, at, foreign, phase) => {
    asNext(after(PARTS_FOREIGN, { at, changed: { foreign } }), phase);
  });

  it("ends at the deadline", () => {
    const young = { ...LATE, changed: { foreign: 0 } };
    asFinal(after(PARTS_FOREIGN, young), "unresolved");
  });
});

describe("a list instead of a query", () => {
  const ageMs = 40 * SECOND;
  const asked = { acceptedAtMs: NOW, askedAtMs: NOW + 20 * SECOND };
  const may = (changed: Partial<In<"watch">>, nowMs = NOW + ageMs) =>
    mayGlance(state("watch", { ...asked, ...changed }), moment({ nowMs }));

  it("may do while nothing is odd and no query is owed", () => {
    expect(may({})).toBe(true);
  });

  it.each<[string, Partial<In<"watch">>, number?]>([
    ["SUCCESS was said", { successes: 1 }],
    ["the job was missing", { missing: 1 }],
    ["the job was about another server", { foreign: 1 }],
    ["`submitted` is to be published", { announced: false }],
    ["the job was not asked for long", { askedAtMs: NOW }],
    ["its time is over", { deadlineMs: NOW + ageMs }],
  ])("does not do where %s", (_, changed) => {
    expect(may(changed)).toBe(false);
  });

  it("moves nothing but the next poll", () => {
    const current = state("watch", asked);
    const decision = asNext(
      afterGlance(current, "goes-on", moment({ nowMs: NOW + ageMs })),
      "watch",
    );
    expect(decision).toMatchObject({ delayMs: 5_000, events: [], intent: "keep", lock: "keep" });
    expect(decision.state).toBe(current);
  });

  it("is waited for on the shortest rung", () => {
    const current = state("watch", asked);
    const decision = afterGlance(current, "awaited", moment({ nowMs: NOW + ageMs }));
    expect(asNext(decision, "watch")).toMatchObject({ delayMs: 2_000, events: [] });
  });
});
