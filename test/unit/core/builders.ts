import type { ProgressEvent } from "../../../src/contract/event.ts";
import { CommandId, DiskId, JobId, ProjectId, ServerId } from "../../../src/contract/ids.ts";
import type { OsReinstall } from "../../../src/contract/os-reinstall.ts";
import type { Candidate } from "../../../src/core/candidate.ts";
import type { Decision, Final, Next } from "../../../src/core/decision.ts";
import type { Envelope } from "../../../src/core/state/envelope.ts";
import type { Hold } from "../../../src/core/brakes/hold.ts";
import type { JobLook, Look, Refusal, ServerView } from "../../../src/core/server/observations.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { Power } from "../../../src/core/server/power.ts";
import type { IntakeRules } from "../../../src/core/intake/intake-rules.ts";
import type { Moment } from "../../../src/core/moment.ts";
import type { Rules } from "../../../src/core/rules.ts";
import type { In, Phase, State } from "../../../src/core/state/state.ts";

/** 2026-11-23T15:00:00Z: the instant at which every test begins. */
export const NOW = Date.parse("2026-11-23T15:00:00Z");
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

export const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
export const OTHER_PROJECT = ProjectId.parse("fedcba9876543210fedcba9876543210");
export const FOREIGN_PROJECT = ProjectId.parse("99999999999999999999999999999999");
export const SERVER = ServerId.parse("4f4b3dfa-eb70-47cf-a60a-998a53bd598a");
export const COMMAND = CommandId.parse("heal-web-01");
export const LEADER = CommandId.parse("heal-web-01-first");
export const DISK = DiskId.parse("80c15cff-0000-4000-8000-000000000004");
export const NEW_DISK = DiskId.parse("90c15cff-0000-4000-8000-000000000005");
export const JOB = JobId.parse("ff80808200000000000000000000abcd");

/** A calm chance: no jitter. */
export const CALM = 0.9;
export const LADDER = [2_000, 5_000, 10_000, 30_000, 60_000];

export const RULES: Rules = {
  ladderMs: LADDER,
  jobDeadlineMs: 45 * MINUTE,
  postFenceMs: 18 * MINUTE,
  requestsExpire: true,
  settleMs: 0,
  readyTimeoutMs: null,
  unresolvedWatchMs: 7 * 24 * HOUR,
  maxSubmissions: 3,
  softStopMs: 2 * MINUTE,
  stopDeadlineMs: 10 * MINUTE,
  stopRunning: "always",
  userDataCheck: "strict",
  stopBy: "worker",
  powerAfter: "as-found",
  allow: "any",
  startDeadlineMs: 15 * MINUTE,
  stoppedWaitMs: 10 * MINUTE,
  maxClockOffsetMs: MINUTE,
  signatureMaxAgeMs: 30 * SECOND,
};

/** The moment in which every test begins, without jitter. */
export function moment(changed: Partial<Moment> = {}): Moment {
  return { nowMs: NOW, random: CALM, rules: RULES, ...changed };
}

/** What is taken for a command, with the defaults. */
export const INTAKE_RULES: Omit<IntakeRules, "projects"> = {
  commandMaxAgeMs: 24 * HOUR,
  dedupTtlMs: 7 * 24 * HOUR,
  overridable: ["windows"],
  senders: [],
  userDataCheck: "strict",
  isOurQueue: (queue) => queue.startsWith("ecs.reinstall."),
};

export const BODY: OsReinstall = {
  keyname: "KeyPair-350b",
  userid: "7e25b1da389f4697a79df3a0e5bd494e",
};

export function order(changed: Partial<Order> = {}): Order {
  return {
    commandId: COMMAND,
    projectId: PROJECT,
    serverId: SERVER,
    contentHash: "c".repeat(64),
    wishHash: "w".repeat(64),
    onBusy: "join",
    dryRun: false,
    expiresAtMs: NOW + 24 * HOUR,
    receivedAtMs: NOW,
    ...changed,
  };
}

export function candidate(changed: Partial<Candidate> = {}): Candidate {
  return {
    order: order(),
    body: BODY,
    tries: { attempt: 1, spent: 0 },
    waiting: null,
    ...changed,
  };
}

/** A stopped, idle server with its old disk: ready to be reinstalled. */
export function server(changed: Partial<ServerView> = {}): ServerView {
  return {
    status: "SHUTOFF",
    taskState: null,
    vmState: "stopped",
    systemDiskId: DISK,
    volumeType: "SSD",
    locked: false,
    frozen: false,
    name: "web-01",
    imageId: null,
    osType: null,
    faultMessage: null,
    mark: null,
    unreadMark: null,
    address: null,
    createdAtMs: null,
    cloudTimeMs: null,
    ...changed,
  };
}

export function seen(changed: Partial<ServerView> = {}): Look {
  return { kind: "seen", server: server(changed) };
}

export function refusal(changed: Partial<Refusal> = {}): Refusal {
  return {
    class: "quota",
    cloudCode: "Ecs.0319",
    httpStatus: 400,
    message: "the quota is used up",
    nextStep: "Raise the quota.",
    retryable: false,
    ...changed,
  };
}

export const ABSENT: Look = {
  kind: "absent",
  refusal: refusal({ class: "not-found", cloudCode: "Ecs.0114", httpStatus: 404 }),
};
export const REFUSED: Look = {
  kind: "refused",
  refusal: refusal({ class: "permission", cloudCode: "Common.0013", httpStatus: 403 }),
};
export const UNREADABLE = {
  kind: "unreadable",
  waitsFor: "cloud-unavailable",
  cloudCode: null,
  message: "no answer within 10 s",
  retryAfterMs: null,
} as const satisfies Look & JobLook;
/** For want of a call: nobody was asked. */
export const UNASKED = {
  ...UNREADABLE,
  waitsFor: "throttled",
  message: "the request budget is used up",
  retryAfterMs: 3_000,
  unasked: true,
} as const satisfies Look & JobLook;
export const RUNNING: JobLook = { kind: "running", jobStatus: "RUNNING", subJobs: null };

export const BEFORE: In<"submit">["before"] = {
  systemDiskId: DISK,
  volumeType: "SSD",
  status: "SHUTOFF",
  atMs: NOW - MINUTE,
};

/** A server that ran, and that we may have stopped. */
export const STOPPED: Power = {
  was: "on",
  mayHaveStopped: true,
  stop: { askedAtMs: NOW - MINUTE, jobId: JOB },
};

/** One state of every phase, as it is an instant after it came to be. */
export const STATES: { readonly [P in Phase]: In<P> } = {
  waiting: {
    phase: "waiting",
    body: BODY,
    tries: { attempt: 1, spent: 0 },
    waitsFor: "server-busy",
    holder: LEADER,
    sinceMs: NOW,
  },
  joined: { phase: "joined", leader: LEADER, sinceMs: NOW },
  prepare: {
    phase: "prepare",
    body: BODY,
    tries: { attempt: 1, spent: 0 },
    before: { ...BEFORE, status: "ACTIVE" },
    sinceMs: NOW,
  },
  submit: { phase: "submit", body: BODY, tries: { attempt: 1, spent: 0 }, before: BEFORE },
  reconcile: {
    phase: "reconcile",
    body: BODY,
    tries: { attempt: 1, spent: 1 },
    before: BEFORE,
    fenceAtMs: NOW + 18 * MINUTE,
    deadlineMs: NOW + 45 * MINUTE,
    sinceMs: NOW,
    why: "no-answer",
  },
  watch: {
    phase: "watch",
    tries: { attempt: 1, spent: 1 },
    jobId: JOB,
    before: BEFORE,
    acceptedAtMs: NOW,
    deadlineMs: NOW + 45 * MINUTE,
    announced: true,
    successes: 0,
    missing: 0,
  },
  settle: {
    phase: "settle",
    jobId: JOB,
    untilMs: NOW + MINUTE,
    success: {
      durationSeconds: 93.5,
      verified: true,
      evidence: "job",
      volumeType: "SSD",
      disk: "replaced",
    },
  },
  ready: {
    phase: "ready",
    jobId: JOB,
    success: {
      durationSeconds: 93.5,
      verified: true,
      evidence: "job",
      volumeType: "SSD",
      disk: "replaced",
    },
    sinceMs: NOW,
    untilMs: NOW + 10 * MINUTE,
  },
  restore: {
    phase: "restore",
    power: STOPPED,
    sinceMs: NOW,
    after: {
      kind: "end",
      ending: { event: "cancelled", data: { why: "cancelled by an operator" } },
    },
  },
  inquiry: {
    phase: "inquiry",
    before: BEFORE,
    fenceAtMs: NOW - HOUR,
    why: "no-answer",
    sinceMs: NOW,
    untilMs: NOW + 7 * 24 * HOUR,
  },
};

/** A state of one phase with something changed. */
export function state<P extends Phase>(phase: P, changed: Partial<In<P>> = {}): In<P> {
  return { ...STATES[phase], ...changed };
}

export function envelope<S extends State>(
  state: S,
  changed: Partial<Envelope> = {},
): Envelope & { readonly state: S } {
  return {
    v: 1,
    order: order(),
    step: 3,
    sequence: 4,
    epoch: "epoch-1",
    dueMs: NOW,
    token: 7,
    revived: 0,
    deaths: 0,
    ...changed,
    state,
  };
}

/** The decision as a next state of one phase; anything else fails the test. */
export function asNext<P extends Phase>(
  decision: { readonly kind: string },
  phase: P,
): Next & { readonly state: In<P> } {
  const next = decision as Decision;
  if (next.kind !== "next" || next.state.phase !== phase) {
    throw new Error(`expected next ${phase}, got ${nameOf(next)}`);
  }
  return next as Next & { readonly state: In<P> };
}

/** The decision as a final one with this event; anything else fails the test. */
export function asFinal(decision: { readonly kind: string }, event: string): Final {
  const final = decision as Decision;
  if (final.kind !== "final" || final.draft.event !== event) {
    throw new Error(`expected final ${event}, got ${nameOf(final)}`);
  }
  return final;
}

/** Where a decision leads: a phase or a final event. A cell of the table of transitions. */
export function nameOf(decision: Decision): string {
  return decision.kind === "next" ? decision.state.phase : decision.draft.event;
}

/** A final event of another command. */
export function finalEvent(event: string, data: Record<string, unknown> = {}): ProgressEvent {
  return {
    specversion: "1.0",
    id: `${LEADER}/5`,
    source: `/ecs-reinstall-worker/eu-west-0/${PROJECT}`,
    type: `ecs.reinstall.${event}.v1`,
    subject: SERVER,
    time: "2026-11-23T14:59:00.000Z",
    datacontenttype: "application/json",
    data: {
      command_id: LEADER,
      project_id: PROJECT,
      server_id: SERVER,
      event: event as "succeeded",
      sequence: 5,
      source: "the leader's emitter",
      reason: "the leader's reason",
      ...data,
    },
  };
}

/** A person has paused the project: what the gate answers then. */
export const PAUSED = {
  kind: "held",
  hold: {
    brake: "pause",
    verdict: "wait",
    scope: "project",
    sinceMs: NOW,
    by: "ada",
    reason: "maintenance",
  },
} as const;

/** A person protects the server: what the gate says then. */
export const PROTECTED = {
  brake: "protected",
  verdict: "no",
  scope: "operator",
  sinceMs: NOW,
  by: "ada",
  reason: "the database",
} as const;

/** The server was reinstalled too often: what the gate says then. */
export const QUARANTINED = {
  brake: "quarantine",
  verdict: "no",
  limit: 3,
  windowMs: 86_400_000,
  reinstalls: [
    { command: "cmd-1", atMs: NOW, source: "healer", reason: "ping", outcome: "succeeded" },
    { command: "cmd-2", atMs: NOW, outcome: "unresolved" },
    { command: "cmd-3", atMs: NOW, source: "healer" },
  ],
} as const satisfies Hold;

/** The server was reinstalled a moment ago: what the gate says then. */
export const RESTING = {
  brake: "cooldown",
  verdict: "wait",
  untilMs: NOW + 600_000,
  command: "cmd-1",
  endedMs: NOW,
} as const satisfies Hold;

/** Too many reinstalls have failed: what the gate says then. */
export const STORM = {
  brake: "storm-failures",
  verdict: "wait",
  sinceMs: NOW,
  reason: "5 reinstalls in a row failed, most often: job-failed Ecs.0319",
  untilMs: NOW + 600_000,
} as const satisfies Hold;

export const SLOWED = {
  brake: "cap",
  verdict: "wait",
  ahead: 3,
  cap: 1,
  running: 10,
  loweredBy: "storm-asks",
  because: "20 different servers were asked for within 300 s",
} as const satisfies Hold;
