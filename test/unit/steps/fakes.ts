import type { Envelope } from "../../../src/core/state/envelope.ts";
import { notesData } from "../../../src/core/intake/notes.ts";
import type { Rules } from "../../../src/core/rules.ts";
import type { ArrivalMarks, Delivery, Outgoing, Outlet } from "../../../src/steps/ports/outlet.ts";
import type { ClaimAnswer, StepClaim } from "../../../src/steps/ports/step-claim.ts";
import type { CommandDelivery, Refusal } from "../../../src/steps/ports/admission.ts";
import type { ReinstallStore } from "../../../src/steps/ports/reinstall-store.ts";
import type { StepFinish, StepSave } from "../../../src/steps/ports/step-record.ts";
import type { Clock } from "../../../src/steps/ports/clock.ts";
import type { CloudApi, PowerCall, Signing } from "../../../src/steps/ports/cloud-api.ts";
import type { DiskEvidence } from "../../../src/steps/ports/disk-evidence.ts";
import type { JobDurations } from "../../../src/steps/ports/job-durations.ts";
import type {
  JobLook,
  Look,
  ReadyAnswer,
  StartOutcome,
  StopOutcome,
  Submission,
} from "../../../src/core/server/observations.ts";
import type { Journal } from "../../../src/steps/ports/journal.ts";
import type { WorkerDeps } from "../../../src/deliveries/worker-deps.ts";
import { INTAKE_RULES, NOW, PROJECT, RULES, RUNNING, seen } from "../core/builders.ts";

export interface FakeClock extends Clock {
  /** Lets time pass, for both clocks. */
  pass(ms: number): void;
  /** Sets the wall clock alone, as a jump does. */
  jumpTo(nowMs: number): void;
  readonly slept: number[];
}

/** Stands still until it is told to go on; sleeping is passing. */
export function fakeClock(): FakeClock {
  let now = NOW;
  let monotonic = 5_000;
  let nonces = 0;
  const slept: number[] = [];
  const pass = (ms: number) => {
    now += ms;
    monotonic += ms;
  };
  return {
    nowMs: () => now,
    monotonicMs: () => monotonic,
    random: () => 0.9,
    nonce: () => `nonce-${++nonces}`,
    async sleep(ms, signal) {
      if (signal.aborted) return;
      slept.push(ms);
      pass(ms);
    },
    pass,
    jumpTo: (ms) => {
      now = ms;
    },
    slept,
  };
}

export const CLAIM: StepClaim = {
  nonce: "nonce-1",
  step: 3,
  sequence: 20,
  epoch: "epoch-1",
  atMs: NOW,
  arrivedMs: NOW,
  slot: true,
  rebuildingUntilMs: null,
};

export type Claimed = Extract<ClaimAnswer, { kind: "claimed" }>;

/** A step that is ours, with nothing special about it. */
export function claimed(changed: Partial<Claimed> = {}): Claimed {
  return {
    kind: "claimed",
    claim: CLAIM,
    attempt: { attempt: 1, intent: null, jobId: null },
    takenOver: false,
    restored: "no",
    foreignEpoch: false,
    unseen: false,
    lock: "held",
    cancelRequest: null,
    ...changed,
  };
}

type Store = ReinstallStore;
/** What the fakes answer; a function where the answer depends on the moment. */
interface Answers {
  look: () => Look;
  job: () => JobLook;
  stop: (call: PowerCall) => StopOutcome;
  start: (call: PowerCall) => StartOutcome;
  signing: () => Signing;
  submission: () => Submission | Promise<Submission>;
  admit: () => Awaited<ReturnType<Store["admit"]>>;
  refuse: (refusal: Refusal) => Awaited<ReturnType<Store["refuse"]>>;
  claim: () => ClaimAnswer;
  hop: () => Awaited<ReturnType<Store["hop"]>>;
  acquire: () => Awaited<ReturnType<Store["acquire"]>>;
  noteDisk: () => Awaited<ReturnType<Store["noteDisk"]>>;
  mayStop: () => Awaited<ReturnType<Store["mayStop"]>>;
  mayStart: () => Awaited<ReturnType<Store["mayStart"]>>;
  takeAttempt: () => Awaited<ReturnType<Store["takeAttempt"]>>;
  recordIntent: () => Awaited<ReturnType<Store["recordIntent"]>>;
  save: () => Awaited<ReturnType<Store["save"]>>;
  /** Null: keeps what it is given. */
  finish: () => Awaited<ReturnType<Store["finish"]>> | null;
  /** Null: keeps what it is given. */
  settle: () => Awaited<ReturnType<Store["settle"]>> | null;
  outcomeOf: () => Awaited<ReturnType<Store["outcomeOf"]>>;
  ready: () => ReadyAnswer;
  trust: () => Awaited<ReturnType<DiskEvidence["trust"]>>;
  count: () => Awaited<ReturnType<DiskEvidence["count"]>>;
  likelyEnd: (kind: string) => Awaited<ReturnType<JobDurations["likelyEnd"]>>;
  learn: () => Awaited<ReturnType<JobDurations["learn"]>>;
  publish: () => "confirmed" | "refused" | "unconfirmed";
  /** Putting the same message aside; as `publish` says unless a test says otherwise. */
  marksWhenDeferred: () => "confirmed" | "unconfirmed";
  isBlocked: () => boolean;
}

export const AWAY = { kind: "away", message: "Redis does not answer" } as const;

/** The answer to a stop or a start during which the worker stands still; `could`: might it begin before that, and after? */
export function standsStill(world: World) {
  const could: boolean[] = [];
  const answer = ({ mayBegin }: PowerCall): StopOutcome => {
    could.push(mayBegin());
    world.clock.pass(RULES.signatureMaxAgeMs + 1);
    could.push(mayBegin());
    return { kind: "accepted", jobId: null };
  };
  return { could, answer };
}

export interface World {
  readonly deps: WorkerDeps & { readonly clock: FakeClock };
  readonly clock: FakeClock;
  readonly answers: Answers;
  /** Every call of a port, in order. */
  readonly calls: string[];
  readonly stopping: AbortController;
  readonly signal: AbortSignal;
  readonly sent: unknown[];
  readonly admitted: CommandDelivery[];
  readonly refusals: Refusal[];
  readonly claims: { envelope: Envelope; nonce: string; redelivered: boolean }[];
  readonly intents: unknown[];
  readonly saves: StepSave[];
  readonly finishes: StepFinish[];
  readonly published: Outgoing[];
  readonly marksWhenDeferred: ArrivalMarks[];
  readonly passedOn: { readonly delayMs: number; readonly passes: number }[];
  readonly counted: [string | null, string][];
  readonly diary: string[];
  readonly reached: string[];
  /** Called at every labelled point: a test makes the world change there. */
  onReach: (label: string) => void | Promise<void>;
}

/** A whole world of small fakes in which everything goes well, until a test changes an answer. */
export function createWorld(rules: Partial<Rules> = {}): World {
  const clock = fakeClock();
  const stopping = new AbortController();
  const calls: string[] = [];
  const world = {
    clock,
    calls,
    stopping,
    signal: stopping.signal,
    sent: [],
    admitted: [],
    refusals: [],
    claims: [],
    intents: [],
    saves: [],
    finishes: [],
    published: [],
    marksWhenDeferred: [],
    passedOn: [],
    counted: [],
    diary: [],
    reached: [],
    onReach: () => {},
  } as unknown as World;
  const answers: Answers = {
    look: () => seen(),
    job: () => RUNNING,
    stop: () => ({ kind: "accepted", jobId: null }),
    start: () => ({ kind: "accepted", jobId: null }),
    signing: () => signed(world),
    submission: () => ({ kind: "unknown", message: "not set by the test" }),
    admit: () => ({
      kind: "claimed",
      claim: { ...CLAIM, step: 0, sequence: 1 },
      lock: { kind: "acquired", token: 7, history: "known" },
      verdicts: null,
      mayHaveRun: false,
    }),
    refuse: () => AWAY,
    claim: () => claimed(),
    hop: () => ({ kind: "waits", atMs: NOW, mayHaveRun: false, cancelled: false }),
    acquire: () => ({ kind: "acquired", token: 7, history: "known" }),
    noteDisk: () => ({
      kind: "noted",
      lock: { kind: "acquired", token: 7, history: "known" },
      verdicts: null,
    }),
    mayStop: () => ({ kind: "go" }),
    mayStart: () => ({ kind: "go" }),
    takeAttempt: () => ({ kind: "taken", attempt: 2 }),
    recordIntent: () => ({ kind: "saved" }),
    save: () => ({ kind: "saved" }),
    finish: () => null,
    settle: () => null,
    outcomeOf: () => ({ kind: "open", holdsLock: true }),
    ready: () => ({ kind: "answered" }),
    trust: () => "trusted",
    count: () => "counted",
    likelyEnd: () => null,
    learn: () => "kept",
    publish: () => "confirmed",
    marksWhenDeferred: () => (answers.publish() === "confirmed" ? "confirmed" : "unconfirmed"),
    isBlocked: () => false,
  };
  const deps = {
    cloud: fakeCloud(world, calls),
    store: fakeStore(world, calls),
    evidence: {
      trust: async (volumeType) => {
        calls.push(`evidence.trust ${volumeType}`);
        return answers.trust();
      },
      count: async (volumeType, disk) => {
        calls.push(`evidence.count ${disk}`);
        world.counted.push([volumeType, disk]);
        return answers.count();
      },
    } satisfies DiskEvidence,
    readiness: {
      ask: async (address: string) => {
        calls.push(`ask ${address}`);
        return answers.ready();
      },
    },
    durations: {
      likelyEnd: async (_project, kind) => answers.likelyEnd(kind),
      learn: async (_project, kind, tookMs) => {
        calls.push(`durations.learn ${kind} ${tookMs}`);
        return answers.learn();
      },
    } satisfies JobDurations,
    outlet: fakeOutlet(world, calls),
    journal: fakeJournal(world.diary),
    clock,
    rules: { ...RULES, ...rules },
    region: "eu-west-0",
    projects: [PROJECT],
    intake: INTAKE_RULES,
    signal: stopping.signal,
    reach: async (label: string) => {
      world.reached.push(label);
      await world.onReach(label);
    },
  };
  return Object.assign(world, { answers, deps });
}

function signed(world: World): Signing {
  const signedAtMs = world.clock.nowMs();
  let used = false;
  return {
    kind: "signed",
    request: {
      signedAtMs,
      send: async () => {
        world.calls.push("send");
        if (used) throw new Error("a signed request is sent once");
        used = true;
        world.sent.push({ signedAtMs });
        return world.answers.submission();
      },
    },
  };
}

function fakeCloud(world: World, calls: string[]): CloudApi {
  return {
    look: async () => {
      calls.push("look");
      return world.answers.look();
    },
    job: async (_project, _server, job) => {
      calls.push(`job ${job}`);
      return world.answers.job();
    },
    stop: async (_project, _server, type, call) => {
      calls.push(`stop ${type}`);
      return world.answers.stop(call);
    },
    start: async (_project, _server, call) => {
      calls.push("start");
      return world.answers.start(call);
    },
    sign: async (_project, _server, body) => {
      calls.push(`sign ${JSON.stringify(body)}`);
      return world.answers.signing();
    },
  };
}

function fakeStore(world: World, calls: string[]): ReinstallStore {
  return {
    admit: async (_order, delivery) => {
      calls.push("store.admit");
      world.admitted.push(delivery);
      return world.answers.admit();
    },
    refuse: async (refusal) => {
      calls.push("store.refuse");
      world.refusals.push(refusal);
      return world.answers.refuse(refusal);
    },
    claim: async (envelope, { nonce, redelivered }) => {
      calls.push("store.claim");
      world.claims.push({ envelope, nonce, redelivered });
      return world.answers.claim();
    },
    hop: async () => {
      calls.push("store.hop");
      return world.answers.hop();
    },
    acquire: async () => {
      calls.push("store.acquire");
      return world.answers.acquire();
    },
    noteDisk: async (_order, _claim, age) => {
      calls.push(`store.noteDisk ${age.kind}`);
      return world.answers.noteDisk();
    },
    mayStart: async () => {
      calls.push("store.mayStart");
      return world.answers.mayStart();
    },
    mayStop: async () => {
      calls.push("store.mayStop");
      return world.answers.mayStop();
    },
    takeAttempt: async (_order, _claim, held) => {
      calls.push(`store.takeAttempt ${held}`);
      return world.answers.takeAttempt();
    },
    recordIntent: async (_order, _claim, intent) => {
      calls.push("store.recordIntent");
      world.intents.push(intent);
      return world.answers.recordIntent();
    },
    save: async (step) => {
      calls.push("store.save");
      world.saves.push(step);
      return world.answers.save();
    },
    finish: async (step) => {
      calls.push("store.finish");
      world.finishes.push(step);
      return world.answers.finish() ?? { kind: "finished", outcome: step.outcome, first: true };
    },
    settle: async ({ outcome }) => {
      calls.push(`store.settle ${String(outcome.event.data["as"])}`);
      return world.answers.settle() ?? { kind: "settled", outcome, first: true };
    },
    endInquiry: async () => {
      calls.push("store.endInquiry");
      return { kind: "saved" };
    },
    published: async () => {
      calls.push("store.published");
    },
    outcomeOf: async (_project, command) => {
      calls.push(`store.outcomeOf ${command}`);
      return world.answers.outcomeOf();
    },
  };
}

function fakeOutlet(world: World, calls: string[]): Outlet {
  return {
    publish: async (messages) => {
      calls.push(`publish ${messages.map(nameOfMessage).join(" ")}`);
      const outcome = world.answers.publish();
      if (outcome === "confirmed") world.published.push(...messages);
      return outcome;
    },
    republishArrival: async (_raw, marks) => {
      calls.push("republishArrival");
      world.marksWhenDeferred.push(marks);
      return world.answers.marksWhenDeferred();
    },
    passOn: async (_raw, marks) => {
      calls.push("passOn");
      world.passedOn.push(marks);
      return world.answers.marksWhenDeferred();
    },
    isBlocked: () => world.answers.isBlocked(),
  };
}

export function nameOfMessage(message: Outgoing): string {
  switch (message.kind) {
    case "step":
      return `step:${message.envelope.state.phase}`;
    case "event":
    case "reply":
      return `${message.kind}:${message.event.data.event}`;
    case "operator":
      return `operator:${message.event.data.action}`;
    case "dead":
      return "dead";
  }
}

function fakeJournal(diary: string[]): Journal {
  return {
    moved: (_order, from, to, events) =>
      void diary.push(`moved ${from} ${to} [${events.map((e) => e.data.event).join(" ")}]`),
    ended: (from, outcome) => void diary.push(`ended ${from} ${outcome.event.data.event}`),
    dropped: (_id, phase, why) => void diary.push(`dropped ${phase} ${why}`),
    deferred: (_id, phase, why, delayMs) => void diary.push(`deferred ${phase} ${why} ${delayMs}`),
    noted: (_id, notes) => {
      if (Object.keys(notesData(notes)).length > 0)
        diary.push(`noted ${JSON.stringify(notesData(notes))}`);
    },
    gaveUp: (reason) => void diary.push(`gave up ${reason}`),
    unreadable: (_about, detail) => void diary.push(`unreadable ${detail}`),
    inquiryOver: (_order, why) => void diary.push(`inquiry over ${why}`),
    trouble: (message) => void diary.push(`trouble ${message}`),
  };
}

/** A delivery as the broker brings it. */
export function delivery(body: unknown, changed: Partial<Delivery> = {}): Delivery {
  return {
    body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
    contentType: "application/json",
    contentEncoding: undefined,
    messageId: undefined,
    type: undefined,
    timestampMs: undefined,
    replyTo: undefined,
    correlationId: undefined,
    headers: {},
    redelivered: false,
    ...changed,
  };
}
