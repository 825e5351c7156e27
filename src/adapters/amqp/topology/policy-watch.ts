import { vhostOf } from "../connection/opening-refusal.ts";
import { objectionsTo, type PolicyObjection, purposeOf } from "./policy-rules.ts";
import { queueFacts } from "./queue-facts.ts";
import type { AmqpSettings, OnAmqpEvent } from "../settings.ts";
import { topologyOf } from "./topology.ts";
import { asError } from "../../thrown.ts";
import { manyMayListen, pause } from "../../time-limits.ts";

/** What is known of the policies over our queues. */
export interface PolicyReport {
  /** Null: everything was looked at, at the last look. Else why not: nobody may be asked, or nobody answers. */
  readonly unchecked: string | null;
  /** What did harm when it was last looked at. */
  readonly objections: readonly PolicyObjection[];
}

/** Looks at what the broker made effective for our queues, at the start and every minute. AMQP itself cannot ask for that. */
export class PolicyWatch {
  readonly #settings: AmqpSettings;
  readonly #onEvent: OnAmqpEvent;
  readonly #onReport: (report: PolicyReport) => void;
  readonly #stopping = new AbortController();
  #report: PolicyReport = { unchecked: "not looked at yet", objections: [] };
  #running: Promise<void> | undefined;

  constructor(
    settings: AmqpSettings,
    onEvent: OnAmqpEvent,
    onReport: (report: PolicyReport) => void = () => undefined,
  ) {
    this.#settings = settings;
    this.#onEvent = onEvent;
    this.#onReport = onReport;
    manyMayListen(this.#stopping.signal);
  }

  get report(): PolicyReport {
    return this.#report;
  }

  start(): void {
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run(this.#stopping.signal);
  }

  /** May come first, or twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (this.#settings.management === undefined) {
      this.#take({ unchecked: "AMQP_MANAGEMENT_URL is not set", objections: [] });
      return;
    }
    while (!signal.aborted) {
      const report = await this.#look(signal);
      if (signal.aborted) return;
      this.#take(report);
      const { policyCheckMs } = this.#settings;
      await pause(
        report.unchecked === null ? policyCheckMs : Math.min(SOON_MS, policyCheckMs),
        signal,
      );
    }
  }

  async #look(signal: AbortSignal): Promise<PolicyReport> {
    const { management, names, access, urls, rpcTimeoutMs } = this.#settings;
    const { objections: before } = this.#report;
    if (management === undefined) return this.#report;
    const vhost = vhostOf((access?.().urls ?? urls)[0] ?? "amqp://");
    const objections: PolicyObjection[] = [];
    let unchecked: string | null = null;
    for (const plan of topologyOf(this.#settings).queues) {
      if (signal.aborted) break;
      const keep = () => objections.push(...before.filter(({ queue }) => queue === plan.name));
      try {
        const answer = await queueFacts(management, vhost, plan.name, rpcTimeoutMs);
        if (answer.kind === "facts") {
          objections.push(...objectionsTo(plan, purposeOf(plan.name, names), answer.facts));
        } else {
          keep();
          unchecked ??= `the broker says nothing of queue '${plan.name}' yet`;
        }
      } catch (error) {
        // Nobody answers: what was wrong is wrong until somebody says otherwise.
        return { unchecked: asError(error).message, objections: before };
      }
    }
    return { unchecked, objections };
  }

  #take(report: PolicyReport): void {
    const before = this.#report;
    this.#report = report;
    this.#onReport(report);
    const known = new Set(before.objections.map(({ message }) => message));
    const now = new Set(report.objections.map(({ message }) => message));
    for (const { message, ...objection } of report.objections) {
      if (!known.has(message)) this.#onEvent("error", message, { ...objection });
    }
    for (const { message, queue, key } of before.objections) {
      if (!now.has(message)) this.#onEvent("info", "a harmful policy is gone", { queue, key });
    }
    if (report.unchecked !== null && report.unchecked !== before.unchecked) {
      const why = report.unchecked;
      this.#onEvent("warn", "policies over the queues are not checked", { why });
    }
  }
}

/** While something is not known. */
const SOON_MS = 5_000;
