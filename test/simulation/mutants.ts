import { ServerId } from "../../src/contract/ids.ts";
import { listedServer, looksOver } from "../../src/core/calls/listed-server.ts";
import { LIST_PAGE, LIST_RULES } from "../../src/core/calls/list-round.ts";
import type { Submission } from "../../src/core/server/observations.ts";
import type { ProgressEvent } from "../../src/contract/event.ts";
import type { Outgoing } from "../../src/steps/ports/outlet.ts";
import type { WorkerDeps } from "../../src/deliveries/worker-deps.ts";
import type { DeliveryContext, Mutation } from "./mutation.ts";
import type { ServerPlan } from "../support/in-memory/cloud.ts";
import { RULES } from "./rules.ts";
import { type CloudTraits, commandOf, LIMITED, type Scenario } from "./scenario.ts";
import { BEGINNING_MS } from "../support/in-memory/virtual-time.ts";
import { NO_BRAKES } from "../support/brake-rules.ts";

/** A cloud that does what it says. */
const HONEST: CloudTraits = {
  lax: false,
  keepsDisk: false,
  failShare: 0,
  stuckShare: 0,
  strangeJobs: false,
  jobsUpToMs: 90_000,
};

const STOPPED: ServerPlan = {
  id: ServerId.parse("4f4b3dfa-eb70-47cf-a60a-000000000000"),
  status: "SHUTOFF",
  view: "hidden",
  softStopWorks: true,
  endsAs: "ACTIVE",
};
const stopped = (number: number): ServerPlan => ({
  ...STOPPED,
  id: ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-00000000000${number}`),
});
const wish = (id: string, atMs: number) =>
  commandOf(id, STOPPED.id, atMs, { userid: `of-${id}` }, { on_busy: "wait" });

const ANOTHER: ServerPlan = {
  ...STOPPED,
  id: ServerId.parse("4f4b3dfa-eb70-47cf-a60a-000000000001"),
};

/** Two servers, and one slot. */
const TWO_AT_ONCE: Partial<Scenario> = {
  rates: {},
  faultsForMs: 100_000,
  cloud: HONEST,
  brakes: { ...NO_BRAKES, maxRunning: 1 },
  servers: [STOPPED, ANOTHER],
  emissions: [
    wish("cmd-1", 0),
    commandOf("cmd-2", ANOTHER.id, 500, { userid: "of-cmd-2" }, { on_busy: "wait" }),
    commandOf("cmd-3", ANOTHER.id, 150_000, { userid: "of-cmd-3" }, { on_busy: "wait" }),
  ],
};

/** A server that answers half a minute after its reinstall, and is asked for twice that. */
const ASKED: Partial<Scenario> = {
  rates: {},
  faultsForMs: 100_000,
  skewMs: 0,
  cloud: { ...HONEST, jobsUpToMs: 20_000 },
  rules: { ...RULES, readyTimeoutMs: 60_000 },
  servers: [{ ...STOPPED, address: "10.0.0.1", answersAfterMs: 30_000 }],
  emissions: [wish("cmd-1", 0), wish("cmd-2", 1_000)],
};

/** A running server whose reinstall the cloud refuses for now, for an hour. */
const REFUSED_FOR_NOW: Partial<Scenario> = {
  rates: { "send-throttled": 0.7, "send-not-sent": 0.7 },
  focus: [],
  faultsForMs: 3_600_000,
  skewMs: 0,
  cloud: HONEST,
  rules: RULES,
  servers: [{ ...STOPPED, status: "ACTIVE" }],
  emissions: [wish("cmd-1", 0)],
};

/** A command is put aside and copied, carried out, and forgotten before the last copy comes. */
const COPIES: Partial<Scenario> = {
  rates: {
    "store-away": 0.05,
    "store-flush": 0.02,
    "publish-twice": 0.3,
    "hand-over-copy": 0.2,
    "hand-over-late": 0.5,
    disconnect: 0.02,
  },
  focus: [],
  faultsForMs: 400_000,
  skewMs: 0,
  workers: 2,
  cloud: { ...HONEST, jobsUpToMs: 20_000 },
  servers: [STOPPED],
  emissions: [wish("cmd-1", 0)],
};

/** One slot, for which several wait; many copies, which come up to three minutes late. */
const LATE_COPIES: Partial<Scenario> = {
  rates: { "hand-over-copy": 0.5, "hand-over-late": 0.5 },
  faultsForMs: 600_000,
  skewMs: 0,
  workers: 2,
  brakes: { ...NO_BRAKES, maxRunning: 1 },
  servers: [stopped(0), stopped(1), stopped(2)],
  emissions: [0, 1, 2].map((number) =>
    commandOf(`cmd-${number}`, stopped(number).id, 100 * number, { userid: `of-${number}` }, {}),
  ),
};

/** A malformed message, and shortly after it the command as it was meant. */
const MENDED: Partial<Scenario> = {
  rates: { pause: 0.02, "publish-lost-confirm": 0.05, disconnect: 0.01 },
  faultsForMs: 100_000,
  cloud: HONEST,
  servers: [STOPPED],
  emissions: [
    commandOf("cmd-1", STOPPED.id, 0, { userid: "user" }, { on_busy: "steal" }),
    wish("cmd-1", 300),
    commandOf("cmd-1", STOPPED.id, 200, { userid: "user" }, { on_busy: "grab" }),
  ],
};

/** The protocol broken in one place each. The simulation must notice every one of them. */
export const MUTANTS: readonly Mutation[] = [
  {
    name: "no-intent",
    what: "the POST goes out although no intent is kept",
    breaks: ["P1"],
    switches: { forgetIntent: true },
  },
  {
    name: "no-fence",
    what: "not carried out is concluded while the request may still arrive",
    breaks: ["P1", "P5"],
    rules: { postFenceMs: 0 },
  },
  {
    name: "sign-at-send",
    what: "the signature is made when the request leaves, not before the intent",
    breaks: ["P1", "P5"],
    signAtSend: true,
    scenario: narrowed({
      rates: { pause: 0.03, "send-lost-request": 0.1 },
      focus: ["send"],
      focusFactor: 40,
      faultsForMs: 1_200_000,
      samples: { replaced: 5, kept: 0 },
      cloud: { ...HONEST, lax: true },
      rules: RULES,
    }),
  },
  {
    name: "no-attempt-cas",
    what: "the gate before the POST does not ask whose attempt it is",
    breaks: ["P1"],
    switches: { ignoreAttempt: true },
  },
  {
    name: "no-disk-check",
    what: "the last look before the POST does not compare the disk",
    breaks: ["P1"],
    deps: blindToTheDisk,
    scenario: narrowed({ rudeOutsiders: true }),
  },
  {
    name: "post-before-message",
    what: "the POST goes out before its submit message is durable",
    breaks: ["P1"],
    deps: postFirst,
  },
  {
    name: "ack-first",
    what: "a delivery is acknowledged before what follows is published",
    breaks: ["P4"],
    ackFirst: true,
  },
  {
    name: "left-off",
    what: "a server that was stopped in vain is not started again, and no event says so",
    breaks: ["F6"],
    rules: { powerAfter: "untouched" },
    deps: powerUnsaid,
  },
  {
    name: "power-rebuilt",
    what: "how the server was found is read from the server that we have stopped",
    breaks: ["F6"],
    deps: powerRebuilt,
  },
  {
    name: "stop-outlives-restore",
    what: "a server is started although its last stop may still come true, and then nothing was done",
    breaks: ["F6"],
    rules: { postFenceMs: 1 },
    scenario: narrowed({
      rates: { "stop-late": 0.6, "send-refused": 0.5 },
      cloud: HONEST,
      servers: [{ ...STOPPED, status: "ACTIVE" }],
      emissions: [wish("cmd-1", 0)],
    }),
  },
  {
    name: "other-stop-forgotten",
    what: "a stop that another delivery of the step may have asked for is not waited for",
    breaks: ["F6"],
    deps: otherStopForgotten,
    scenario: narrowed({
      rates: { "stop-late": 0.5, disconnect: 0.02, "send-refused": 0.5 },
      cloud: HONEST,
      servers: [{ ...STOPPED, status: "ACTIVE" }],
      emissions: [wish("cmd-1", 0)],
    }),
  },
  {
    name: "off-for-ever",
    what: "a server that was stopped stays off for as long as the cloud refuses its reinstall for now",
    breaks: ["F6"],
    rules: { stoppedWaitMs: 86_400_000 },
    scenario: narrowed(REFUSED_FOR_NOW),
  },
  {
    name: "rest-forgotten",
    what: "nobody counts how often a server was started again because the cloud refused for too long",
    breaks: ["F6"],
    deps: restartsForgotten,
    scenario: narrowed(REFUSED_FOR_NOW),
  },
  {
    name: "start-without-lock",
    what: "who has lost the server's lock starts it all the same",
    breaks: ["F6"],
    // So that there is somebody who loses it.
    switches: { lockTtlMs: 15_000 },
    deps: startsWithoutLock,
    scenario: narrowed({
      rates: { "send-refused": 0.5 },
      cloud: HONEST,
      servers: [{ ...STOPPED, status: "ACTIVE" }],
      emissions: [wish("cmd-1", 0), wish("cmd-2", 1_000)],
    }),
  },
  {
    name: "debt-forgotten",
    what: "who takes over what another command owes the server forgets it",
    breaks: ["F6"],
    switches: { lockTtlMs: 15_000 },
    deps: debtForgotten,
    scenario: narrowed({
      rates: { "send-refused": 0.5 },
      cloud: HONEST,
      servers: [{ ...STOPPED, status: "ACTIVE" }],
      emissions: [wish("cmd-1", 0), wish("cmd-2", 1_000)],
    }),
  },
  {
    name: "too-early",
    what: "the message of a waiting command does not say when it may begin",
    breaks: ["P7"],
    deps: withoutNotBefore,
    scenario: narrowed({ skewMs: 0 }),
  },
  {
    name: "lock-by-time",
    what: "a lock is free again after 20 s",
    breaks: ["P2"],
    switches: { lockTtlMs: 20_000 },
  },
  {
    name: "post-retried",
    what: "a POST without an answer is sent again",
    breaks: ["P1"],
    deps: changeSend(async (send, sendAnother) => {
      const first = await send();
      return first.kind === "unknown" ? await sendAnother() : first;
    }),
  },
  {
    name: "claim-ignored",
    what: "every copy of a step is carried out",
    breaks: ["P1"],
    switches: { ignoreClaims: true },
  },
  {
    name: "no-hold",
    what: "locks are given at once after the store lost its memory",
    breaks: ["P2"],
    rebuildHoldMs: 0,
    scenario: narrowed({
      rates: { "store-flush": 0.02 },
      focus: ["publish watch", "job"],
      focusFactor: 5,
      faultsForMs: 300_000,
      cloud: { ...HONEST, lax: true },
      servers: [STOPPED],
      emissions: [wish("cmd-1", 0), wish("cmd-2", 500), wish("cmd-3", 900)],
    }),
  },
  {
    name: "hop-unseen",
    what: "a message that waits longer than any delay queue does not put its lock back on the way",
    breaks: ["P2"],
    switches: { hopUnseen: true },
    scenario: narrowed({
      rates: { "store-flush": 0.0005, "job-unreadable": 0.6 },
      focus: ["acquire", "job"],
      focusFactor: 100,
      faultsForMs: 300_000,
      retryAfterUpToMs: 400_000,
      cloud: { ...HONEST, lax: true, jobsUpToMs: 300_000 },
      servers: [STOPPED],
      emissions: [wish("cmd-1", 0), wish("cmd-2", 500), wish("cmd-3", 150_000)],
    }),
  },
  {
    name: "copies-trusted",
    what: "a copy of a command that was put aside is new to a store that has forgotten the first",
    breaks: ["P1"],
    switches: { trustCopies: true },
    scenario: narrowed({
      ...COPIES,
      rates: { ...COPIES.rates, "store-flush": 0.004, disconnect: 0 },
    }),
  },
  {
    name: "waiting-trusted",
    what: "a command that waited is new to a store that has forgotten what it did since",
    breaks: ["P1"],
    switches: { trustWaiting: true },
    scenario: narrowed({
      ...COPIES,
      rates: {
        "store-flush": 0.004,
        "publish-twice": 0.3,
        "hand-over-copy": 0.3,
        "hand-over-late": 0.5,
      },
      cloud: { ...HONEST, jobsUpToMs: 15_000 },
      emissions: [wish("cmd-1", 0), wish("cmd-2", 500)],
    }),
  },
  {
    name: "old-copies-go-on",
    what: "an old copy takes its steps while the store is being put back, and the later message is dropped as old",
    breaks: ["F1"],
    switches: { neverYield: true },
    scenario: narrowed({
      ...LATE_COPIES,
      rates: { ...LATE_COPIES.rates, "store-flush": 0.0005 },
      focus: ["publish watch", "job"],
      focusFactor: 100,
      cloud: { ...HONEST, jobsUpToMs: 120_000 },
    }),
  },
  {
    name: "rebuilt-trusted",
    what: "what an old copy has put back passes for what the store remembers, and another copy goes by it",
    breaks: ["P1"],
    switches: { trustRebuilt: true },
    scenario: narrowed({
      ...LATE_COPIES,
      rates: { ...LATE_COPIES.rates, "store-flush": 0.0005 },
      focus: ["published"],
      focusFactor: 500,
      cloud: { ...HONEST, jobsUpToMs: 20_000 },
    }),
  },
  {
    name: "doubt-forgotten",
    what: "who takes over an admission does not doubt what the one before doubted",
    breaks: ["P1"],
    switches: { forgetDoubt: true },
    // Whoever doubts loses its first step, so that another delivery takes the admission over.
    deps: losingUnsureAdmissions,
    // Many copies that come late, and a store that forgets right after an outcome was published.
    scenario: narrowed({
      ...COPIES,
      rates: {
        "publish-twice": 0.5,
        "hand-over-copy": 0.5,
        "hand-over-late": 0.6,
        "store-away": 0.1,
        "store-flush": 0.01,
      },
      focus: ["published"],
      focusFactor: 60,
      cloud: { ...HONEST, jobsUpToMs: 3_000 },
    }),
  },
  {
    name: "run-id-ignored",
    what: "a restarted store is trusted to remember everything",
    breaks: ["P1"],
    switches: { ignoreRunId: true },
    scenario: narrowed({
      rates: { "store-forget": 0.02, crash: 0.01, disconnect: 0.01 },
      focus: ["send", "submit:"],
      focusFactor: 15,
      faultsForMs: 300_000,
      cloud: { ...HONEST, lax: true },
    }),
  },
  {
    name: "list-believed",
    what: "a server that looks over in a list counts as reinstalled, without a query of its job",
    breaks: ["P5"],
    deps: listBelieved,
    scenario: narrowed({
      cloud: { ...HONEST, failShare: 0.5 },
      lists: { ...LIST_RULES, worth: 0 },
    }),
  },
  {
    name: "untested-evidence",
    what: "the same disk proves something where nobody has watched one change",
    breaks: ["P1"],
    deps: (deps) => ({
      ...deps,
      evidence: { ...deps.evidence, trust: async () => "trusted" as const },
    }),
  },
  {
    name: "no-dedup",
    what: "a command that is known is admitted again",
    breaks: ["P1"],
    switches: { ignoreDuplicates: true },
  },
  {
    name: "final-not-kept",
    what: "a second finish replaces the first",
    breaks: ["P3"],
    switches: { finishAgain: true },
  },
  {
    name: "stale-numbers",
    what: "after a loss of memory events go on with the numbers that are remembered",
    breaks: ["P8"],
    switches: { staleNumbers: true },
  },
  {
    name: "refusal-numbers",
    what: "a command that was mended counts its events from 1, as what was refused before it did",
    breaks: ["P8"],
    switches: { numberAnew: true },
    scenario: narrowed(MENDED),
  },
  {
    name: "refusal-overtaken",
    what: "a command is admitted before what was refused under its id is told",
    breaks: ["P8"],
    switches: { admitUnconfirmed: true },
    scenario: narrowed(MENDED),
  },
  {
    name: "absence-trusted",
    what: "what a store that forgot does not know is taken for not done",
    breaks: ["P1"],
    switches: { trustAbsence: true },
    scenario: narrowed({
      rates: { "store-flush": 0.005, crash: 0.01, disconnect: 0.01 },
      focus: ["send", "submit:"],
      focusFactor: 15,
      faultsForMs: 300_000,
      cloud: { ...HONEST, lax: true },
      servers: [STOPPED],
      emissions: [wish("cmd-1", 0)],
    }),
  },
  {
    name: "lock-without-slot",
    what: "a lock is given although no slot is free, and the gate does not ask for one",
    breaks: ["F1"],
    switches: { lockWithoutSlot: true },
    scenario: narrowed(TWO_AT_ONCE),
  },
  {
    name: "slot-leaks",
    what: "a command that ends keeps its slot",
    breaks: ["P9"],
    switches: { leakSlot: true },
  },
  {
    name: "hop-forgets-slot",
    what: "a message that waits longer than any delay queue puts its lock back on the way, and not its slot",
    breaks: ["F1"],
    switches: { hopForgetsSlot: true },
    scenario: narrowed({
      ...TWO_AT_ONCE,
      rates: { "store-flush": 0.0005, "job-unreadable": 0.6 },
      focus: ["acquire", "job"],
      focusFactor: 100,
      faultsForMs: 300_000,
      retryAfterUpToMs: 400_000,
      cloud: { ...HONEST, jobsUpToMs: 300_000 },
    }),
  },
  {
    name: "pause-leaks",
    what: "the gate before the POST does not ask for pauses",
    breaks: ["F5"],
    switches: { ignoreBrakesAtIntent: true },
    scenario: narrowed({ rates: { "hold-all": 0.02, pause: 0.005 }, faultsForMs: 300_000 }),
  },
  {
    name: "history-forgotten",
    what: "an intent is not counted among the server's reinstalls",
    breaks: ["F2"],
    switches: { forgetHistory: true },
    scenario: narrowed({
      rates: {},
      cloud: { ...HONEST, jobsUpToMs: 20_000 },
      servers: [STOPPED],
      brakes: { ...LIMITED, cooldownMs: 0 },
      emissions: [wish("cmd-1", 0), wish("cmd-2", 60_000)],
    }),
  },
  {
    name: "disk-age-unkept",
    what: "after a loss of memory nobody counts what the age of the system disk says",
    breaks: ["F2"],
    switches: { ignoreDiskAge: true },
    scenario: narrowed({
      rates: { "store-flush": 0.01 },
      cloud: { ...HONEST, jobsUpToMs: 20_000 },
      servers: [STOPPED],
      disks: true,
      brakes: { ...LIMITED, cooldownMs: 0 },
      emissions: [wish("cmd-1", 0), wish("cmd-2", 300_000)],
    }),
  },
  {
    name: "storm-leaks",
    what: "the gate does not ask for a storm of failures",
    breaks: ["F3"],
    switches: { ignoreStorms: true },
    scenario: narrowed({
      rates: {},
      cloud: { ...HONEST, failShare: 1, jobsUpToMs: 20_000 },
      servers: [1, 2, 3, 4].map((number) => stopped(number)),
      brakes: { ...LIMITED, stormSame: 1, stormCooldownMs: 1_000 },
      emissions: [1, 2, 3, 4].map((number) =>
        commandOf(
          `cmd-${number}`,
          stopped(number).id,
          number < 3 ? 0 : 60_000,
          { userid: "u" },
          {},
        ),
      ),
    }),
  },
  {
    name: "storm-forgotten",
    what: "workers put back that a storm of failures stands, and not what it is at",
    breaks: ["F3"],
    switches: { forgetStorm: true },
    scenario: narrowed({
      rates: { "hold-all": 0, "store-flush": 0.0005 },
      faultsForMs: 900_000,
      cloud: { ...HONEST, failShare: 1, jobsUpToMs: 20_000 },
      servers: [1, 2, 3].map((number) => stopped(number)),
      brakes: { ...LIMITED, stormSame: 1, stormCooldownMs: 300_000 },
      skewMs: 0,
      emissions: [1, 2, 3].map((number) =>
        commandOf(
          `cmd-${number}`,
          stopped(number).id,
          number === 1 ? 0 : 60_000,
          { userid: "u" },
          {},
        ),
      ),
    }),
  },
  {
    name: "asks-leak",
    what: "a storm of asks leaves as many slots as there are",
    breaks: ["F1"],
    switches: { ignoreAsks: true },
    scenario: narrowed({
      rates: {},
      faultsForMs: 100_000,
      cloud: HONEST,
      brakes: { ...NO_BRAKES, stormAsks: 2 },
      servers: [1, 2, 3].map((number) => stopped(number)),
      emissions: [1, 2, 3].map((number) =>
        commandOf(`cmd-${number}`, stopped(number).id, 500 * number, { userid: "u" }, {}),
      ),
    }),
  },
  {
    name: "windows-leak",
    what: "the gate does not ask for windows",
    breaks: ["P7"],
    switches: { ignoreWindows: true },
    scenario: narrowed({ opensAtMs: BEGINNING_MS + 600_000 }),
  },
  {
    name: "approval-leaks",
    what: "the gate does not ask for approvals",
    breaks: ["P7"],
    switches: { ignoreApprovals: true },
    scenario: narrowed({ brakes: { ...NO_BRAKES, approval: ["all"] } }),
  },
  {
    name: "sender-forgotten",
    what: "a raw command that is put aside loses who sent it",
    breaks: ["P5"],
    deps: (deps) => ({
      ...deps,
      outlet: {
        ...deps.outlet,
        republishArrival: (raw, marks, signal) =>
          deps.outlet.republishArrival(raw, { ...marks, sender: undefined }, signal),
      },
    }),
    scenario: narrowed({ rates: { "store-away": 0.05 } }),
  },
  {
    name: "sender-believed",
    what: "what a message of the command queue says of who sent it is believed",
    breaks: ["P5"],
    believesEmitters: true,
  },
  {
    name: "source-leaks",
    what: "the gate does not ask how many commands of a source have started",
    breaks: ["P7"],
    switches: { ignoreSources: true },
    scenario: narrowed({
      rates: {},
      faultsForMs: 100_000,
      cloud: HONEST,
      brakes: { ...NO_BRAKES, perSourcePerHour: 1 },
      servers: [STOPPED, ANOTHER],
      emissions: [
        commandOf("cmd-1", STOPPED.id, 0, { userid: "u" }, { source: "healer" }),
        commandOf("cmd-2", ANOTHER.id, 60_000, { userid: "u" }, { source: "healer" }),
      ],
    }),
  },
  {
    name: "sender-leaks",
    what: "the gate does not ask how many commands of a broker user have started",
    breaks: ["P7"],
    switches: { ignoreSenders: true },
    scenario: narrowed({
      rates: {},
      faultsForMs: 100_000,
      cloud: HONEST,
      senders: [{ user: "healer-2", perHour: 1 }],
      servers: [STOPPED, ANOTHER],
      emissions: [
        commandOf("cmd-2", STOPPED.id, 0, { userid: "u" }, {}),
        commandOf("cmd-12", ANOTHER.id, 60_000, { userid: "u" }, {}),
      ],
    }),
  },
  {
    name: "protection-leaks",
    what: "the gate before the POST does not ask for protected servers",
    breaks: ["F4"],
    switches: { ignoreBrakesAtIntent: true },
    scenario: narrowed({ rates: { "hold-all": 0.02, pause: 0.005 }, faultsForMs: 300_000 }),
  },
  {
    name: "mark-unread",
    what: "the server's mark in the cloud is not asked for",
    breaks: ["F4"],
    deps: blindToTheMark,
    scenario: narrowed({ rates: { "hold-all": 0.02 }, faultsForMs: 300_000 }),
  },
  {
    name: "ready-unasked",
    what: "a server is said to be ready that did not answer",
    breaks: ["P5"],
    deps: (deps) => ({ ...deps, readiness: { ask: async () => ({ kind: "answered" }) } }),
    scenario: narrowed(ASKED),
  },
  {
    name: "ready-hasty",
    what: "the first ask that is not answered decides",
    breaks: ["P5"],
    rules: { readyTimeoutMs: 0 },
    scenario: narrowed(ASKED),
  },
  {
    name: "lifted-pause-comes-back",
    what: "who puts pauses back does not ask which entry is newer",
    breaks: ["F5"],
    switches: { lastWriterPauses: true },
    scenario: narrowed({ rates: { "hold-all": 0.02, pause: 0.02 }, faultsForMs: 600_000 }),
  },
  {
    name: "clock-unchecked",
    what: "the POST goes out whatever our clock says",
    breaks: ["P7"],
    rules: { maxClockOffsetMs: 600_000 },
  },
  {
    name: "unknown-is-no",
    what: "no answer is taken for not sent",
    breaks: ["P1"],
    deps: changeSend(async (send) => {
      const answer = await send();
      if (answer.kind !== "unknown") return answer;
      const { message } = answer;
      const why = { waitsFor: "cloud-unavailable", cloudCode: null, retryAfterMs: null } as const;
      return { kind: "not-sent", message, ...why };
    }),
  },
  {
    name: "body-kept",
    what: "the store keeps the body with its user_data",
    breaks: ["P6"],
    deps: keepBody,
  },
  {
    name: "block-ignored",
    what: "the POST goes out although the broker takes no messages",
    breaks: ["P7"],
    deps: (deps) => ({ ...deps, outlet: { ...deps.outlet, isBlocked: () => false } }),
  },
  {
    name: "confirm-ignored",
    what: "what is published counts without a confirm",
    breaks: ["P4"],
    deps: (deps) => ({
      ...deps,
      outlet: {
        ...deps.outlet,
        async publish(messages, signal) {
          await deps.outlet.publish(messages, signal);
          return "confirmed";
        },
      },
    }),
  },
  {
    name: "doubt-ignored",
    scenario: narrowed({
      rates: { "store-flush": 0.01, pause: 0.01 },
      focus: ["ack", "published"],
      focusFactor: 15,
      faultsForMs: 300_000,
      cloud: { ...HONEST, jobsUpToMs: 15_000 },
      servers: [STOPPED],
      emissions: [wish("cmd-1", 0)],
    }),
    what: "a redelivered command is new to a store that forgot it",
    breaks: ["P1"],
    deps: (deps) => ({
      ...deps,
      store: {
        ...deps.store,
        async admit(order, delivery) {
          const answer = await deps.store.admit(order, delivery);
          return answer.kind === "claimed" ? { ...answer, mayHaveRun: false } : answer;
        },
      },
    }),
  },
];

function narrowed(to: Partial<Scenario>): NonNullable<Mutation["scenario"]> {
  return (scenario) => ({ ...scenario, ...to });
}

/** `sendAnother`: the same wish, signed anew, for a signed request is sent once. */
function changeSend(
  change: (
    send: () => Promise<Submission>,
    sendAnother: () => Promise<Submission>,
  ) => Promise<Submission>,
): NonNullable<Mutation["deps"]> {
  return (deps) => ({
    ...deps,
    cloud: {
      ...deps.cloud,
      async sign(project, server, body, signal) {
        const signing = await deps.cloud.sign(project, server, body, signal);
        if (signing.kind !== "signed") return signing;
        const { request } = signing;
        const send = (sendSignal: AbortSignal) =>
          change(
            () => request.send(sendSignal),
            async () => {
              const another = await deps.cloud.sign(project, server, body, sendSignal);
              if (another.kind === "signed") return another.request.send(sendSignal);
              return { kind: "unknown", message: another.message };
            },
          );
        return { ...signing, request: { ...request, send } };
      },
    },
  });
}

function blindToTheMark(deps: WorkerDeps): WorkerDeps {
  const { cloud } = deps;
  return {
    ...deps,
    cloud: {
      ...cloud,
      look: async (...asked) => {
        const look = await cloud.look(...asked);
        return look.kind === "seen" ? { ...look, server: { ...look.server, mark: null } } : look;
      },
    },
  };
}

/** A poll that a list sends to its job does not ask it. */
function listBelieved(deps: WorkerDeps, { envelope }: DeliveryContext): WorkerDeps {
  const { cloud } = deps;
  const state = envelope?.state;
  if (state?.phase !== "watch") return deps;
  return {
    ...deps,
    cloud: {
      ...cloud,
      async job(project, server, job, signal) {
        const look = await cloud.list?.(project, { page: 1, limit: LIST_PAGE }, signal);
        const view = look?.kind === "seen" ? look.servers.get(server) : undefined;
        return view !== undefined && looksOver(listedServer(view), state.before)
          ? { kind: "succeeded", endedAtMs: null }
          : await cloud.job(project, server, job, signal);
      },
    },
  };
}

function blindToTheDisk(deps: WorkerDeps, { envelope }: DeliveryContext): WorkerDeps {
  const state = envelope?.state;
  if (state?.phase !== "submit") return deps;
  return {
    ...deps,
    cloud: {
      ...deps.cloud,
      async look(project, server, signal) {
        const look = await deps.cloud.look(project, server, signal);
        if (look.kind !== "seen") return look;
        return { ...look, server: { ...look.server, systemDiskId: state.before.systemDiskId } };
      },
    },
  };
}

/** What the POST said, in the memory of each process, for the submit message that comes after it. */
const SAID = new WeakMap<AbortSignal, Map<string, Submission>>();

function postFirst(deps: WorkerDeps, { about }: DeliveryContext): WorkerDeps {
  const said = SAID.get(deps.signal) ?? new Map<string, Submission>();
  SAID.set(deps.signal, said);
  const { cloud, store } = deps;
  return {
    ...deps,
    cloud: {
      ...cloud,
      async sign(project, server, body, signal) {
        const signing = await cloud.sign(project, server, body, signal);
        const answer = said.get(about);
        if (signing.kind !== "signed" || answer === undefined) return signing;
        said.delete(about);
        return { ...signing, request: { ...signing.request, send: async () => answer } };
      },
    },
    store: {
      ...store,
      async save(step) {
        const { order, state } = step;
        if (state.phase === "submit") {
          const { projectId, serverId } = order;
          const signing = await cloud.sign(projectId, serverId, state.body, deps.signal);
          if (signing.kind === "signed") said.set(about, await signing.request.send(deps.signal));
        }
        return store.save(step);
      },
    },
  };
}

/** Whose first step was lost, in the memory of each process: once each, so that the sound protocol goes on. */
const LOST = new WeakMap<AbortSignal, Set<string>>();

/** No mutation but a misfortune: the store is away when the first step of a command that may have run is to be saved. */
function losingUnsureAdmissions(deps: WorkerDeps): WorkerDeps {
  const away = { kind: "away", message: "lost by the scenario" } as const;
  let unsure = false;
  return {
    ...deps,
    store: {
      ...deps.store,
      async admit(order, delivery) {
        const answer = await deps.store.admit(order, delivery);
        const lost = LOST.get(deps.signal) ?? new Set();
        unsure = answer.kind === "claimed" && answer.mayHaveRun && !lost.has(order.commandId);
        LOST.set(deps.signal, unsure ? lost.add(order.commandId) : lost);
        return answer;
      },
      save: async (step) => (unsure ? away : await deps.store.save(step)),
      finish: async (step) => (unsure ? away : await deps.store.finish(step)),
    },
  };
}

function keepBody(deps: WorkerDeps): WorkerDeps {
  return {
    ...deps,
    store: {
      ...deps.store,
      save(step) {
        const { outbox, state } = step;
        if (outbox.next === null) return deps.store.save(step);
        const next = { ...outbox.next, envelope: { stored: outbox.next.envelope, state } };
        return deps.store.save({ ...step, outbox: { ...outbox, next } });
      },
    },
  };
}

/** What it publishes is another message. */
function publishing(deps: WorkerDeps, changed: (message: Outgoing) => Outgoing): WorkerDeps {
  const { outlet } = deps;
  return {
    ...deps,
    outlet: {
      ...outlet,
      publish: (messages, signal) => outlet.publish(messages.map(changed), signal),
    },
  };
}

function withoutNotBefore(deps: WorkerDeps): WorkerDeps {
  const stripped = (message: Outgoing): Outgoing => {
    if (message.kind !== "step") return message;
    const { notBeforeMs: _lost, ...order } = message.envelope.order;
    return { ...message, envelope: { ...message.envelope, order } };
  };
  return publishing(deps, stripped);
}

function powerRebuilt(deps: WorkerDeps): WorkerDeps {
  const rebuilt = (message: Outgoing): Outgoing => {
    if (message.kind !== "step" || message.envelope.state.phase !== "submit") return message;
    const state = {
      ...message.envelope.state,
      power: { was: "off" as const, mayHaveStopped: false },
    };
    return { ...message, envelope: { ...message.envelope, state } };
  };
  return publishing(deps, rebuilt);
}

/** No event says how the server was left. */
function powerUnsaid(deps: WorkerDeps): WorkerDeps {
  const unsaid = (message: Outgoing): Outgoing => {
    if (message.kind !== "event") return message;
    const { power: _power, ...data } = message.event.data;
    return { ...message, event: { ...message.event, data } as ProgressEvent };
  };
  return publishing(deps, unsaid);
}

/** What another delivery of a step may have asked for does not reach the next message. */
function otherStopForgotten(deps: WorkerDeps): WorkerDeps {
  const forgotten = (message: Outgoing): Outgoing => {
    if (message.kind !== "step") return message;
    const { state } = message.envelope;
    if (!("power" in state) || state.power?.stop?.unansweredAtMs === undefined) return message;
    const { unansweredAtMs: _forgotten, ...stop } = state.power.stop;
    const power = { ...state.power, stop };
    return { ...message, envelope: { ...message.envelope, state: { ...state, power } } };
  };
  return publishing(deps, forgotten);
}

function restartsForgotten(deps: WorkerDeps): WorkerDeps {
  const forgotten = (message: Outgoing): Outgoing => {
    if (message.kind !== "step") return message;
    const { state } = message.envelope;
    if (!("tries" in state)) return message;
    const { restarts: _forgotten, ...tries } = state.tries;
    return { ...message, envelope: { ...message.envelope, state: { ...state, tries } } };
  };
  return publishing(deps, forgotten);
}

/** What the claim says of a debt is not read; saved, it counts as taken over. */
function debtForgotten(deps: WorkerDeps): WorkerDeps {
  const { store } = deps;
  return {
    ...deps,
    store: {
      ...store,
      async claim(envelope, delivery) {
        const answer = await store.claim(envelope, delivery);
        return answer.kind === "claimed" ? { ...answer, debt: undefined } : answer;
      },
    },
  };
}

/** The lock counts as held whoever has it, for the step that starts a server and for the question right before it. */
function startsWithoutLock(deps: WorkerDeps): WorkerDeps {
  const { store } = deps;
  return {
    ...deps,
    store: {
      ...store,
      async claim(envelope, delivery) {
        const answer = await store.claim(envelope, delivery);
        if (answer.kind !== "claimed" || envelope.state.phase !== "restore") return answer;
        const claim = { ...answer.claim, rebuildingUntilMs: null };
        return { ...answer, claim, lock: "held" };
      },
      async mayStart(order, claim, held) {
        await store.mayStart(order, claim, held);
        return { kind: "go" };
      },
    },
  };
}
