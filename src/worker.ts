import type { ProjectId } from "./contract/ids.ts";
import { rungAtLeast } from "./core/backoff.ts";
import { type Death, deathOf, isOfTheQueue } from "./core/death.ts";
import { Envelope, isLaterVersion, storedEnvelope } from "./core/envelope.ts";
import { type Intake, type IntakeRules, readCommand } from "./core/intake.ts";
import { firstSeen, type PutAside, type PutAsideWhy, putAside } from "./core/put-aside.ts";
import { createAdmit, createAdmitUndeliverable, withoutAnswerOfItsOwn } from "./steps/admit.ts";
import { createComplete } from "./steps/complete.ts";
import type { Work } from "./steps/deferring.ts";
import { sentAt } from "./core/sent-at.ts";
import type { CommandDelivery } from "./steps/ports/admission.ts";
import type { Delivery, Disposition, Outlet } from "./steps/ports/outlet.ts";
import type { DiskEvidence } from "./steps/ports/disk-evidence.ts";
import type { Journal } from "./steps/ports/journal.ts";
import { createHop, stillWaiting } from "./steps/hop.ts";
import { createRefuse } from "./steps/refuse.ts";
import { bodyOf, createRunStep } from "./steps/run-step.ts";
import type { StepDeps } from "./steps/step.ts";

export interface WorkerDeps extends StepDeps {
  readonly outlet: Outlet;
  readonly evidence: DiskEvidence;
  readonly journal: Journal;
  readonly region: string;
  /** The projects this worker may act on; the first is the default. */
  readonly projects: readonly ProjectId[];
  /** What is taken for a command, beside its project. */
  readonly intake: Omit<IntakeRules, "projects">;
  /** Ends waits when the worker must stop now. */
  readonly signal: AbortSignal;
}

/** One worker: a delivery goes in, and what the broker is to be told about it comes out. Holds no state between deliveries. */
export interface Worker {
  /** `came`: its marks, where it was put aside; null when it comes from the command queue. */
  takeCommand(delivery: Delivery, came?: PutAside | null): Promise<Disposition>;
  takeStep(delivery: Delivery): Promise<Disposition>;
  /** What the broker gave up on: back on its way, or to an honest end. */
  takeDead(
    delivery: Delivery,
    kind: "command" | "step",
    came?: PutAside | null,
  ): Promise<Disposition>;
}

export function createWorker(deps: WorkerDeps): Worker {
  const { outlet, clock, rules, journal, signal, projects } = deps;
  const intakeRules = { projects, ...deps.intake };
  const admit = createAdmit(deps);
  const runStep = createRunStep(deps);
  const hop = createHop(deps);
  const complete = createComplete(deps);
  const refuse = createRefuse(deps);

  function takeCommand(delivery: Delivery, came: PutAside | null = null) {
    const { redelivered } = delivery;
    const { arrivedAtMs, doubt, unseenUntilMs } = came ?? firstSeen(clock.nowMs());
    return takeRaw(admit, delivery, {
      arrivedAtMs,
      redelivered: redelivered || came !== null,
      doubt: redelivered || doubt,
      // What the broker brings again may have been anywhere.
      unseenUntilMs: redelivered && came === null ? null : unseenUntilMs,
      ...(came?.taken === true ? { taken: true } : {}),
    });
  }

  async function takeRaw(
    step: typeof admit,
    delivery: Delivery,
    came: Omit<CommandDelivery, "nonce"> & Pick<PutAside, "taken">,
  ): Promise<Disposition> {
    const { arrivedAtMs } = came;
    const defer: Work["defer"] = (delayMs, why) => {
      const atMostMs = Math.min(delayMs, rules.ladderMs.at(-1) ?? 0);
      const marks = putAside(came, why, atMostMs, clock.nowMs());
      return outlet.republishArrival(delivery, { delayMs, ...marks }, signal);
    };
    const intake = readCommand({ ...delivery, ...traceOf(delivery) }, arrivedAtMs, intakeRules);
    if (intake.kind === "refused") return turnAway(intake, defer);
    const { order, body, notes } = intake;
    journal.noted(order.commandId, notes);
    // Published is before arrived: the broker may have held it for longer than the store remembers.
    const { atMs: sinceMs } = sentAt(delivery.timestampMs, arrivedAtMs);
    const { taken = false, ...delivered } = came;
    const arrival = { ...delivered, nonce: clock.nonce(), arrivedAtMs: sinceMs, notes };
    const result = await step(order, body, arrival, signal);
    const answer = taken ? withoutAnswerOfItsOwn(result) : result;
    return complete({ order, body, from: "admit", envelope: null, defer }, answer, signal);
  }

  async function turnAway(
    intake: Extract<Intake, { kind: "refused" }>,
    defer: Work["defer"],
  ): Promise<Disposition> {
    const refused = await refuse(intake);
    const { commandId } = intake.subject;
    const aside = async (why: PutAsideWhy): Promise<Disposition> => {
      const delayMs = rungAtLeast(rules.ladderMs[0] ?? 0, rules.ladderMs);
      journal.deferred(commandId, "refused", why.why, delayMs);
      return (await defer(delayMs, why)) === "confirmed" ? "ack" : "requeue";
    };
    if (refused.kind === "defer") {
      const { detail } = refused;
      if (detail !== undefined) journal.unreadable(intake.subject, detail);
      return aside(refused);
    }
    const told = await outlet.publish(refused.messages, signal);
    if (told === "refused") return aside({ why: "queue-full" });
    if (told === "unconfirmed") return "requeue";
    if (refused.kind === "misuse") {
      journal.dropped(commandId, "refused", "id-reused");
      return "ack";
    }
    const { home, outcome } = refused;
    if (home !== null) await deps.store.told(home, commandId, outcome.event.data.sequence);
    journal.ended("refused", outcome, null);
    return "ack";
  }

  async function takeStep(delivery: Delivery): Promise<Disposition> {
    const read = readEnvelope(delivery.body);
    if (read.kind !== "envelope") return setAside(delivery, read);
    const { envelope } = read;
    const { order, state } = envelope;
    const shelve = async (delayMs: number, shelved: Envelope) => {
      const put = await outlet.publish([{ kind: "step", envelope: shelved, delayMs }], signal);
      return put === "confirmed" ? "confirmed" : "unconfirmed";
    };
    const takenMs = clock.monotonicMs();
    const deferred = (delayMs: number, why: PutAsideWhy["why"]): Envelope => ({
      ...envelope,
      revived: envelope.revived + 1,
      // What the broker brings again may have been anywhere.
      ...(why === "store-away" && !delivery.redelivered
        ? stillWaiting(envelope, clock.monotonicMs() - takenMs, delayMs)
        : {}),
    });
    const work: Work = {
      order,
      from: state.phase,
      envelope,
      body: bodyOf(state),
      // It may have been claimed by a call whose answer was lost: the copy says so, and may take over.
      defer: (delayMs, { why }) => shelve(delayMs, deferred(delayMs, why)),
    };
    const hopped = await hop(envelope, delivery.redelivered);
    if (hopped.kind === "over") return complete(work, hopped.result, signal);
    if (hopped.kind === "waits") {
      // The broker's mark goes with the delivery; without it the copy would look like somebody else's step.
      const revived = envelope.revived + (delivery.redelivered ? 1 : 0);
      const waited = await shelve(hopped.delayMs, { ...envelope, ...hopped.marks, revived });
      return waited === "confirmed" ? "ack" : "requeue";
    }
    const arrival = { nonce: clock.nonce(), redelivered: delivery.redelivered };
    return complete(work, await runStep(envelope, arrival, signal), signal);
  }

  /**
   * A message of a later version is passed on, untouched and ever more slowly, until a worker takes it that knows it;
   * put back into the queue it would come first again and keep everything else waiting. Rubbish goes to the dead queue.
   */
  async function setAside(
    delivery: Delivery,
    read: { readonly kind: "later-version" } | { readonly kind: "rubbish"; readonly why: string },
  ): Promise<Disposition> {
    if (read.kind === "later-version") {
      const passes = (delivery.passes ?? 0) + 1;
      journal.trouble("a step of a later version is left to a later worker", {
        messageId: delivery.messageId,
        passes,
      });
      const delayMs = rules.ladderMs[passes - 1] ?? rules.ladderMs.at(-1) ?? 0;
      const passed = await outlet.passOn(delivery, { delayMs, passes }, signal);
      return passed === "confirmed" ? "ack" : "requeue";
    }
    journal.gaveUp("unreadable", {
      messageId: delivery.messageId,
      detail: read.why,
    });
    const dead = {
      kind: "dead" as const,
      messageId: `${delivery.messageId ?? "unnamed"}/dead`,
      reason: `internal message cannot be read: ${read.why}`,
      body: { bytes: delivery.body.byteLength, message_id: delivery.messageId ?? null },
    };
    return (await outlet.publish([dead], signal)) === "confirmed" ? "ack" : "requeue";
  }

  async function takeDead(
    delivery: Delivery,
    kind: "command" | "step",
    came: PutAside | null = null,
  ): Promise<Disposition> {
    const death = deathOf(delivery.headers);
    if (kind === "command") {
      if (isOfTheQueue(death) && death?.expirationMs === null) {
        // A policy is at work: whoever runs the broker should hear of it beside the emitter.
        const { messageId } = delivery;
        journal.trouble("the broker took a command out of its queue", { messageId, ...death });
      }
      return takeRaw(createAdmitUndeliverable(deps, death), delivery, {
        arrivedAtMs: came?.arrivedAtMs ?? clock.nowMs(),
        redelivered: true,
        doubt: true,
        unseenUntilMs: came?.unseenUntilMs ?? null,
      });
    }
    const read = readEnvelope(delivery.body);
    if (read.kind !== "envelope") return setAside(delivery, read);
    const { envelope } = read;
    if (isOfTheQueue(death)) return takeOverdue(envelope, death);
    const revived: Envelope = {
      ...envelope,
      revived: envelope.revived + 1,
      deaths: envelope.deaths + 1,
      dueMs: clock.nowMs(),
      unseenUntilMs: undefined,
    };
    journal.gaveUp("given-up", {
      commandId: envelope.order.commandId,
      phase: envelope.state.phase,
      deaths: revived.deaths,
    });
    const told = await outlet.publish(
      [
        {
          kind: "dead",
          messageId: `${envelope.order.commandId}/step/${envelope.step}/dead/${revived.deaths}`,
          reason: `the broker gave up on the step ${envelope.state.phase}`,
          body: storedEnvelope(envelope),
        },
        { kind: "step", envelope: revived, delayMs: rules.ladderMs[0] ?? 0 },
      ],
      signal,
    );
    return told === "confirmed" ? "ack" : "requeue";
  }

  /** A policy took the step out of its queue: no fault of its own, so it goes on as often as that happens. */
  async function takeOverdue(envelope: Envelope, death: Death | null): Promise<Disposition> {
    const { order, state } = envelope;
    journal.trouble("the broker took a step out of its queue; it is put back", {
      commandId: order.commandId,
      phase: state.phase,
      queue: death?.queue,
      why: death?.reason,
    });
    const revived = { ...envelope, revived: envelope.revived + 1, dueMs: clock.nowMs() };
    const delayMs = rules.ladderMs[0] ?? 0;
    const told = await outlet.publish([{ kind: "step", envelope: revived, delayMs }], signal);
    return told === "confirmed" ? "ack" : "requeue";
  }

  return { takeCommand, takeStep, takeDead };
}

type ReadEnvelope =
  | { readonly kind: "envelope"; readonly envelope: Envelope }
  | { readonly kind: "later-version" }
  | { readonly kind: "rubbish"; readonly why: string };

function readEnvelope(body: Buffer): ReadEnvelope {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return { kind: "rubbish", why: "not JSON" };
  }
  const parsed = Envelope.safeParse(value);
  if (parsed.success) return { kind: "envelope", envelope: parsed.data };
  if (isLaterVersion(value)) return { kind: "later-version" };
  const issue = parsed.error.issues[0];
  return { kind: "rubbish", why: `${issue?.path.join(".")}: ${issue?.code}` };
}

function traceOf({ headers }: Delivery) {
  const text = (name: string) => {
    const value = headers[name];
    return typeof value === "string" && value.length <= 512 ? value : undefined;
  };
  return { traceparent: text("traceparent"), tracestate: text("tracestate") };
}
