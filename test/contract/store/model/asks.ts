import { ProjectId, ServerId } from "../../../../src/contract/ids.ts";
import type { SwitchName } from "../../../../src/contract/brakes.ts";
import type { RememberedSwitch } from "../../../../src/core/brakes/remembered-switch.ts";
import { type Envelope, recordIdOf, storedEnvelope } from "../../../../src/core/state/envelope.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { StepClaim } from "../../../../src/steps/ports/step-claim.ts";
import { DISK, envelope, event, order, outcome, PROJECT, SERVER } from "../rig/samples.ts";
import { askInquiry, firstOfInquiry } from "./inquiries.ts";
import type { Present, Side } from "./sides.ts";
import { stateOf } from "./states.ts";
import type { Step } from "./steps.ts";

/** When each sequence begins, epoch ms. */
export const BEGINNING_MS = 1_800_000_000_000;
const OTHER_SERVERS = [2, 3].map((last) =>
  ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-00000000000${last}`),
);
const STRAY = ProjectId.parse("fedcba9876543210fedcba9876543210");
const SCOPES: readonly SwitchName[] = [
  "everything",
  "project",
  `server:${SERVER}`,
  "group:web",
  "storm-asks",
  "storm-failures",
];

/** What the players of a command know: both stores must have said the same. */
export interface Known {
  readonly order: Order;
  readonly claims: KnownClaim[];
  /** Of the command, and then of its inquiry. */
  readonly messages: Envelope[];
  token: number | null;
  /** It has its outcome. */
  ended: boolean;
  /** Number of the next refusal, and of the final event. */
  refusal: number;
  final: number;
}

interface KnownClaim {
  readonly claim: StepClaim;
  readonly ofInquiry: boolean;
}

/** One question to a store, and what the players learn from its answer. */
export interface Ask {
  readonly by: (side: Side) => Promise<unknown>;
  readonly learn?: (answer: unknown) => void;
}

/** A command of the model that nobody knows yet. */
export function knownOf(index: number): Known {
  const of = order(`cmd-${index}`, {
    serverId: index < 2 ? SERVER : (OTHER_SERVERS[index - 2] ?? SERVER),
    contentHash: "content 0",
    wishHash: index === 1 ? "another wish" : "wish",
    expiresAtMs: BEGINNING_MS + 3_600_000,
    receivedAtMs: BEGINNING_MS,
    onBusy: index % 2 === 0 ? "join" : "wait",
    ...(index % 2 === 0 ? { group: "web" } : {}),
    ...(index % 2 === 0 ? { sender: "user" } : {}),
    ...(index < 1 ? {} : { source: index === 1 ? "healer" : "detector" }),
  });
  return { order: of, claims: [], messages: [], token: null, ended: false, refusal: 1, final: 1 };
}

/** What a step asks. Null: only time passes. */
export function askOf(step: Step, commands: readonly Known[], present: Present): Ask | null {
  switch (step.op) {
    case "wait":
      present.nowMs += step.ms;
      return null;
    case "flushAll":
    case "restart":
      return { by: (side) => side[step.op]() };
    case "sweep":
      return { by: (side) => side.sweep(1_000, step.limit) };
    case "setPause": {
      const change = {
        scope: SCOPES[step.scope] ?? "project",
        on: step.on,
        by: "ada",
        reason: "x",
        id: `switch-${present.step}`,
      };
      return { by: (side) => side.setPause(change) };
    }
    case "keepPauses": {
      const atMs = present.nowMs - step.ageMs;
      const scope = SCOPES[step.scope] ?? "project";
      const entry: RememberedSwitch = { on: step.on, atMs, by: "bob", reason: "y" };
      const storm = { changedMs: atMs, probeAtMs: atMs + 1, ...progressOf(step, atMs) };
      const known = scope === "storm-failures" ? { ...entry, storm } : entry;
      const remembered = new Map([[scope, known]]);
      return { by: (side) => side.pauses.keep(PROJECT, remembered) };
    }
    default: {
      const known = commands[step.command];
      return known === undefined ? null : askAbout(step, known, present);
    }
  }
}

/** What a worker remembers of a storm of failures. */
function progressOf({ level }: Extract<Step, { op: "keepPauses" }>, atMs: number): object {
  if (level === null) return { cooldownMs: 1_400, closedAtMs: atMs, probe: "cmd-0" };
  return { level, levelBy: "cmd-1", ...(level === 2 && { cooldownMs: 1_400 }) };
}

type CommandStep = Extract<Step, { readonly command: number }>;

/** Where there is no claim, or no message yet, there is one afterwards. */
function askAbout(step: CommandStep, known: Known, present: Present): Ask {
  const { order: of } = known;
  switch (step.op) {
    case "admit":
      return admit(step, known, present);
    case "refuse":
      return refuse(step, known);
    case "published": {
      const [id, final] = step.inquiry
        ? [recordIdOf(of.commandId, "inquiry"), 1]
        : [of.commandId, known.final];
      return { by: ({ store }) => store.published(PROJECT, id, final) };
    }
    case "settle":
    case "endInquiry":
      return known.ended || step.early
        ? askInquiry(step, known, present)
        : askAbout(UNRESOLVED, known, present);
    case "unlock":
      return { by: (side) => side.unlock(of.serverId, of.commandId) };
    case "outcomeOf":
      return { by: ({ store }) => store.outcomeOf(PROJECT, of.commandId, of.serverId) };
    case "cancel":
      return { by: (side) => side.cancel(of.commandId) };
    case "claim":
    case "hop": {
      const message = known.messages.at(-1 - step.back);
      if (message !== undefined) return take(step, message, known, present);
      const last = known.claims.at(-1);
      const saving = {
        ...step,
        op: "save",
        phase: "submit",
        astray: false,
        clears: false,
        releases: false,
      } as const;
      return last === undefined
        ? admit(FIRST, known, present)
        : within(saving, last, known, present);
    }
    default: {
      const claim = known.claims.at(-1 - step.back);
      return claim === undefined
        ? admit(FIRST, known, present)
        : within(step, claim, known, present);
    }
  }
}

const FIRST = {
  content: 0,
  nonce: 0,
  redelivered: false,
  mayHaveRun: false,
  unseen: false,
  observed: false,
  dryRun: false,
  elsewhere: false,
};

/** How a command ends that leaves an inquiry behind. */
const UNRESOLVED = {
  op: "finish",
  back: 0,
  frees: false,
  heals: false,
  says: "nothing",
  inquires: true,
  owes: false,
  command: 0,
  twice: false,
  fault: null,
} as const;

function admit(step: typeof FIRST, known: Known, { nowMs }: Present): Ask {
  const of: Order = {
    ...known.order,
    contentHash: `content ${step.content}`,
    dryRun: step.dryRun,
    ...(step.observed ? { observedAtMs: nowMs - 1_000 } : {}),
    ...(step.elsewhere ? { replyTo: { queue: "elsewhere", correlationId: "1" } } : {}),
  };
  const delivery = {
    nonce: `n${step.nonce}`,
    redelivered: step.redelivered,
    mayHaveRun: step.mayHaveRun,
    arrivedAtMs: nowMs - 500,
    unseenUntilMs: step.unseen ? nowMs - 1_500 : null,
  };
  return { by: ({ store }) => store.admit(of, delivery), learn: (answer) => learn(known, answer) };
}

function refuse(step: Extract<Step, { op: "refuse" }>, known: Known): Ask {
  const { commandId: id } = known.order;
  return {
    by: ({ store }) =>
      store.refuse({
        project: PROJECT,
        ...(step.stray ? { strayFrom: STRAY } : {}),
        id,
        contentHash: `refused ${step.content}`,
        outcome: outcome(known.order, known.refusal),
      }),
    learn(answer) {
      const { kind, sequence } = answer as { readonly kind: string; readonly sequence?: number };
      if (kind === "finished") known.final = known.refusal;
      if (kind === "renumber") known.refusal = sequence ?? 1;
    },
  };
}

function take(
  step: Extract<Step, { op: "claim" | "hop" }>,
  message: Envelope,
  known: Known,
  { nowMs }: Present,
): Ask {
  const { redelivered } = step;
  if (step.op === "hop") return { by: ({ store }) => store.hop(message, { redelivered }) };
  const taken = step.unseen ? { ...message, unseenUntilMs: nowMs - 500 } : message;
  const delivery = { nonce: step.nonce === 3 ? "sweeper:1" : `n${step.nonce}`, redelivered };
  return {
    by: ({ store }) => store.claim(taken, delivery),
    learn: (answer) => learn(known, answer, message.state.phase === "inquiry"),
  };
}

function learn(known: Known, answer: unknown, ofInquiry = false): void {
  const said = answer as {
    readonly kind: string;
    readonly claim?: StepClaim;
    readonly lock?: { readonly kind?: string; readonly token?: number };
  };
  if (said.claim !== undefined) known.claims.push({ claim: said.claim, ofInquiry });
  if (said.lock?.kind === "acquired") known.token = said.lock.token ?? null;
}

function within(
  step: Extract<
    CommandStep,
    { op: "acquire" | "mayStop" | "takeAttempt" | "recordIntent" | "save" | "finish" }
  >,
  { claim, ofInquiry }: KnownClaim,
  known: Known,
  present: Present,
): Ask {
  const { order: of, token } = known;
  switch (step.op) {
    case "acquire":
      return {
        by: ({ store }) => store.acquire(of, claim, false),
        learn: (answer) => learn(known, { kind: "", lock: answer }),
      };
    case "mayStop":
      return { by: ({ store }) => store.mayStop(of, claim) };
    case "takeAttempt":
      return { by: ({ store }) => store.takeAttempt(of, claim, step.held) };
    case "recordIntent": {
      const signedAtMs = step.attempt === 2 ? null : claim.atMs;
      const intent = { attempt: step.attempt, token: token ?? 1, signedAtMs, diskId: DISK };
      return { by: ({ store }) => store.recordIntent(of, claim, intent) };
    }
    case "save": {
      const phase = ofInquiry && !step.astray ? "inquiry" : step.phase;
      const state = stateOf(phase, present.nowMs);
      const next = envelope(
        of,
        { claim, token },
        {
          v: 2,
          dueMs: present.nowMs,
          state,
          slot: claim.slot,
          placeMs: claim.arrivedMs,
        },
      );
      const outbox = {
        events: [event(of, claim.sequence, "waiting")],
        next: { envelope: storedEnvelope(next), delayMs: 100 },
      };
      return {
        by: ({ store }) =>
          store.save({
            order: of,
            claim,
            state: next.state,
            nextSequence: next.sequence,
            outbox,
            intent: step.clears ? "clear" : "keep",
            lock: step.releases ? "release" : "keep",
          }),
        learn(answer) {
          if ((answer as { readonly kind: string }).kind === "saved") known.messages.push(next);
        },
      };
    }
    case "finish": {
      const final = claim.sequence + 1;
      const further = step.inquires ? firstOfInquiry(of, { claim, token }, present.nowMs) : null;
      return {
        by: ({ store }) =>
          store.finish({
            order: of,
            claim,
            outcome: {
              ...outcome(of, final),
              ...(further === null
                ? {}
                : { inquiry: { envelope: storedEnvelope(further), delayMs: 0 } }),
            },
            lock: step.frees ? "free" : "keep",
            healedAtMs: step.heals ? present.nowMs : null,
            storm:
              step.says === "nothing"
                ? null
                : { result: step.says, cause: step.frees ? "unresolved" : "job-failed" },
            owes: step.owes
              ? { was: "on", mayHaveStopped: true, stop: { askedAtMs: present.nowMs } }
              : null,
          }),
        learn(answer) {
          if ((answer as { readonly kind: string }).kind !== "finished") return;
          known.ended = true;
          known.final = final;
          if (further !== null) known.messages.push(further);
        },
      };
    }
  }
}
