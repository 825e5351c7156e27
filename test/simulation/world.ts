import type { ProgressEvent } from "../../src/contract/event.ts";
import { ProjectId } from "../../src/contract/ids.ts";
import { type Content, MemoryBroker } from "../support/in-memory/broker.ts";
import { type Course, MemoryCloud } from "../support/in-memory/cloud.ts";
import { type ProjectMemory, StoreMemory } from "../support/in-memory/memory.ts";
import { BEGINNING_MS, VirtualTime } from "../support/in-memory/virtual-time.ts";
import { Answering } from "./monitor/answering.ts";
import { Dice } from "./faults/dice.ts";
import { lineageHeader } from "./monitor/lineage.ts";
import { Incarnation, SWEEPER_MARK } from "./incarnation.ts";
import { InWork } from "./monitor/in-work.ts";
import { inflict } from "./faults/inflict.ts";
import { Loss } from "./monitor/loss.ts";
import { Monitor } from "./monitor/monitor.ts";
import type { Mutation } from "./mutation.ts";
import { brief } from "./network.ts";
import { Pauses } from "./monitor/pauses.ts";
import { FORGED, senderOf } from "./monitor/senders.ts";
import { Starts } from "./monitor/starts.ts";
import { TurnedOffServers } from "./monitor/turned-off.ts";
import { Storms } from "./monitor/storms.ts";
import type { SimulatedProcess } from "./process.ts";
import { Random } from "./random.ts";
import { HEARTBEAT_MS, RULES, SIGNATURE_WINDOW_MS, WAITING_TTL_MS } from "./rules.ts";
import { type Emission, PROJECT, type Scenario } from "./scenario.ts";

/** Every kind of job that there is here. */
const KINDS = ["sas/unknown/off", "sas/unknown/on"];

export interface WorldOptions {
  readonly scenario: Scenario;
  readonly mutation?: Mutation | undefined;
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** Everything there is in one run: workers, broker, store, cloud, time and chance. */
export class World {
  readonly scenario: Scenario;
  readonly mutation: Mutation | undefined;
  readonly random: Random;
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly memory: StoreMemory;
  readonly broker: MemoryBroker;
  readonly cloud: MemoryCloud;
  readonly monitor: Monitor;
  readonly loss: Loss;
  readonly pauses: Pauses;
  readonly answering: Answering;
  readonly storms: Storms;
  readonly #starts: Starts;
  readonly turnedOff = new TurnedOffServers(this);
  readonly inWork: InWork;
  readonly incarnations: Incarnation[] = [];
  storeUp = true;
  /** POSTs on their way. */
  inFlight = 0;
  /** Since the last event some worker was given an answer: its promises must run. */
  dirty = false;
  /** What the emitters have not published yet. */
  readonly toEmit: Set<Emission>;
  readonly #onTrace: ((line: string) => void) | undefined;
  readonly #blocked = new Map<string, number>();
  #names = 0;
  #lineages = 0;

  constructor({ scenario, mutation, onTrace }: WorldOptions) {
    this.scenario = mutation?.scenario?.(scenario) ?? scenario;
    this.mutation = mutation;
    this.#onTrace = onTrace;
    const random = new Random(scenario.seed + 0.5 * 2 ** 32);
    this.random = random;
    this.time = new VirtualTime(() => random.next());
    this.dice = new Dice(this.scenario, random);
    this.memory = new StoreMemory({
      nowMs: () => Math.floor(this.time.nowMs),
      historyMs: this.scenario.rates["store-forget"] === undefined ? 0 : 1_500,
      onKept: (text) => this.monitor.kept(text, "the store"),
      onIntent: (order, atMs) =>
        this.monitor.intended(
          order.commandId,
          this.inWork.begin(order) ??
            this.pauses.objectionTo(order.serverId, atMs) ??
            this.pauses.unapproved(order) ??
            this.#starts.objectionTo(order) ??
            this.storms.objectionTo(order.commandId) ??
            this.storms.forgottenObjectionTo(order.commandId) ??
            this.storms.besideObjectionTo(order.commandId),
        ),
      onIntentOver: (id) => this.inWork.end(id),
      onDebtTaken: ({ serverId, commandId }) => this.cloud.answersFor(serverId, commandId),
    });
    this.broker = this.#createBroker();
    this.cloud = this.#createCloud();
    this.monitor = new Monitor(this.#observed(), () => this.loss.happened, mutation?.breaks);
    this.loss = new Loss(this);
    this.pauses = new Pauses(this);
    this.answering = new Answering(this);
    this.storms = new Storms(this);
    this.#starts = new Starts(this);
    if (this.scenario.brakes.approval.length > 0) this.pauses.approveNowAndThen();
    this.inWork = new InWork(this.scenario.brakes);
    this.#prepareStore();
    this.toEmit = new Set(this.scenario.emissions);
    for (const emission of this.scenario.emissions) this.#emit(emission, emission.atMs);
    for (let i = 0; i < this.scenario.workers; i++) this.start();
    this.time.after(this.scenario.faultsForMs, () => this.#endFaults());
  }

  get project(): ProjectMemory {
    return this.memory.of(ProjectId.parse(PROJECT));
  }

  /** Clocks further off than this must keep a worker from sending. */
  get allowedSkewMs(): number {
    return RULES.maxClockOffsetMs;
  }

  latency(): number {
    return this.scenario.slowNetwork ? this.random.wild(1, 5_000) : this.random.wild(1, 50);
  }

  /** How long the broker takes to miss a silent worker. */
  heartbeatLoss(): number {
    return this.random.between(2, 3) * HEARTBEAT_MS;
  }

  start(): void {
    if (this.dice.over && this.incarnations.some((one) => one.process.alive)) return;
    const name = `w${(this.#names += 1)}`;
    const { skewMs } = this.scenario;
    const skew = this.dice.over ? 0 : Math.round(this.random.between(-skewMs, skewMs));
    this.trace(`${name}       starts${skew === 0 ? "" : `, its clock ${skew} ms off`}`);
    this.incarnations.push(new Incarnation(this, name, skew));
  }

  keptOffBy(serverId: string): string | null {
    const plan = this.scenario.servers.find((one) => one.id === serverId);
    const server = plan && this.cloud.server(plan.id);
    return server?.exists && server.vm === "stopped" && server.running.size === 0
      ? server.offBy
      : null;
  }

  /** A place where a fault may happen. */
  boundary(process: SimulatedProcess, label: string): void {
    if (!process.alive) return;
    const fault = this.dice.boundary(label);
    if (fault === null) return;
    this.trace(`FAULT    ${fault} at ${process.name} "${label}"`);
    inflict(this, fault, process);
  }

  resumed(process: SimulatedProcess, label: string, value: unknown): void {
    this.dirty = true;
    if (this.#onTrace !== undefined && value !== null) {
      this.trace(`${process.name}       ${label} = ${brief(value)}`);
    }
  }

  isBlocked(process: SimulatedProcess): boolean {
    return this.broker.blocked || (this.#blocked.get(process.name) ?? 0) > this.time.nowMs;
  }

  block(process: SimulatedProcess, durationMs: number): void {
    this.#blocked.set(process.name, this.time.nowMs + durationMs);
  }

  published(event: ProgressEvent, by: string): void {
    const { data } = event;
    const why = data["class"] ?? data["waits_for"] ?? data["evidence"] ?? data["why"];
    const told = typeof why === "string" ? `${data.event} ${why}` : data.event;
    this.trace(`event    ${event.id} ${told} (by ${by})`);
    this.monitor.event(event);
  }

  get tracing(): boolean {
    return this.#onTrace !== undefined;
  }

  trace(text: string): void {
    if (this.#onTrace === undefined) return;
    const seconds = ((this.time.nowMs - BEGINNING_MS) / 1000).toFixed(3).padStart(10);
    this.#onTrace(`${seconds}  ${text}`);
  }

  /** Nothing is on its way and nobody has anything in hand. */
  isIdle(): boolean {
    if (!this.dice.over || this.inFlight > 0 || this.toEmit.size > 0) return false;
    return this.broker.isEmpty();
  }

  #emit(emission: Emission, delayMs: number): void {
    this.time.after(delayMs, () => {
      if (!this.broker.up) return this.#emit(emission, 1_000);
      this.toEmit.delete(emission);
      this.monitor.emitted(emission);
      const sender = senderOf(emission.id);
      const content: Content = {
        about: emission.id,
        kind: "command",
        body: emission.body,
        properties: {
          messageId: emission.id,
          contentType: "application/json",
          timestamp: Math.floor(this.time.nowMs / 1_000),
          ...(emission.replyTo === undefined ? {} : { replyTo: emission.replyTo }),
          ...FORGED,
          ...(sender === undefined ? {} : { userId: sender }),
          headers: { ...FORGED.headers, ...lineageHeader((this.#lineages += 1)) },
        },
        label: "command",
      };
      this.broker.put("commands", content);
    });
  }

  #endFaults(): void {
    this.dice.over = true;
    this.trace("---      the faults are over");
    this.storeUp = true;
    this.pauses.liftAll();
    this.#blocked.clear();
    if (!this.broker.up) this.broker.setUp(true);
    for (const one of this.incarnations) one.process.wake();
    for (const one of this.incarnations) if (!one.connected) one.reconnect();
    // A fresh worker with a right clock, in case all others are dead or misled.
    this.#names += 1;
    this.incarnations.push(new Incarnation(this, `w${this.#names}`, 0));
  }

  #prepareStore(): void {
    const { replaced, kept } = this.scenario.samples;
    this.memory.evidence.set("sas:replaced", replaced);
    this.memory.evidence.set("sas:kept", kept);
    for (const kind of KINDS) this.project.durations.set(kind, this.scenario.durations ?? []);
    // As a first installation leaves it: open at once.
    const since = this.memory.nowMs() - 60_000;
    this.project.origin = "first";
    this.project.epoch = { id: "first", run: this.memory.run, since, openAt: since };
  }

  #createBroker(): MemoryBroker {
    const { random, dice, time, scenario } = this;
    return new MemoryBroker({
      time,
      choose: (n) => random.below(n),
      deliveryLimit: scenario.deliveryLimit,
      waitingTtlMs: WAITING_TTL_MS,
      handOver: () => ({
        lateMs: dice.call("hand-over-late", "hand-over") ? random.wild(1_000, 180_000) : 0,
        copyLateMs: dice.call("hand-over-copy", "hand-over") ? random.wild(1, 20_000) : null,
      }),
      onAcked: (message) => this.monitor.acked(message),
      onTrace: (text) => this.trace(text),
    });
  }

  #createCloud(): MemoryCloud {
    const { random, time, scenario } = this;
    return new MemoryCloud({
      time,
      signatureWindowMs: SIGNATURE_WINDOW_MS,
      lax: scenario.cloud.lax,
      agedMs: 3_600_000,
      keepsDisk: scenario.cloud.keepsDisk,
      volumeType: "sas",
      plans: scenario.servers,
      courseOf: () => this.#course(),
      stopMs: () => random.between(3_000, 30_000),
      startMs: () => random.between(3_000, 30_000),
      onExecuted: (execution, overlapping) => this.monitor.executed(execution, overlapping),
      onStopped: (serverId, commandId) => {
        this.turnedOff.stopped(serverId, commandId);
        this.monitor.stopped(serverId, commandId);
      },
      onStarted: (serverId) => this.turnedOff.started(serverId),
      onTrace: (text) => this.trace(text),
    });
  }

  #course(): Course {
    const { random, scenario } = this;
    const { failShare, stuckShare, strangeJobs, plainJobsFromMs, jobsUpToMs } = scenario.cloud;
    if (plainJobsFromMs !== undefined) {
      const durationMs = random.between(plainJobsFromMs, jobsUpToMs);
      const plain = { earlyMs: 0, visibleAfterMs: 0, vanishesAfterMs: null, foreign: false };
      const fails = failShare > 0 && random.chance(failShare);
      return { durationMs, end: fails ? "fail-old-disk" : "success", ...plain };
    }
    const hidden = scenario.servers.some((one) => one.view === "hidden");
    const stuck = !hidden && random.chance(stuckShare);
    return {
      durationMs: stuck ? null : random.between(10_000, scenario.cloud.jobsUpToMs),
      end: random.chance(failShare)
        ? random.pick(["fail-error", "fail-old-disk", "fail-no-disk"])
        : "success",
      // Where nothing shows that it runs, only a SUCCESS that is early by less than two polls can be seen through.
      earlyMs: random.chance(0.3) ? random.between(0, hidden ? 3_000 : 20_000) : 0,
      visibleAfterMs: random.chance(0.2) ? random.between(0, 10_000) : 0,
      vanishesAfterMs: strangeJobs && random.chance(0.3) ? random.between(5_000, 60_000) : null,
      foreign: strangeJobs && random.chance(0.1),
      oursAfterMs: strangeJobs && random.chance(0.3) ? random.between(1_000, 60_000) : 0,
    };
  }

  #observed() {
    const { memory, cloud, broker } = this;
    const project = () => this.project;
    const { time } = this;
    return {
      get nowMs() {
        return time.nowMs;
      },
      ledger: cloud.ledger,
      serverLimit: this.scenario.brakes.serverLimit,
      knowsAges: this.scenario.disks && !this.scenario.cloud.keepsDisk,
      serverWindowMs: this.scenario.brakes.serverWindowMs,
      get locks() {
        return project().locks;
      },
      get slots() {
        return project().slots;
      },
      get waiting() {
        const { waiters, line, groupLines, lineUntil, waiting } = project();
        const sets = [...waiters.values(), line, ...groupLines.values(), lineUntil, waiting];
        return new Set(sets.flatMap((set) => [...set.keys()]));
      },
      memory,
      isSwept: (id: string) => this.project.records.get(id)?.claim.includes(SWEEPER_MARK) === true,
      readyTimeoutMs: this.scenario.rules.readyTimeoutMs,
      skewMs: this.scenario.skewMs,
      asksOf: (id: string) => this.answering.asksOf(id),
      messagesAbout: (id: string) => broker.contents().filter((c) => c.about === id).length,
      keptOffBy: (serverId: string) => this.keptOffBy(serverId),
      diskChanges: (serverId: string) =>
        this.scenario.servers
          .filter((one) => one.id === serverId)
          .reduce((sum, one) => sum + cloud.server(one.id).diskChanges, 0),
    };
  }
}
