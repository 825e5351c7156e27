import { setMaxListeners } from "node:events";
import type { SwitchName } from "../../src/contract/brakes.ts";
import { createMemoryKeeper } from "../../src/background/memory-keeper.ts";
import { createPauseKeeper, type PauseKeeper } from "../../src/background/pause-keeper.ts";
import { createSweeper } from "../../src/background/sweeper.ts";
import type { BackgroundTask } from "../../src/background/task.ts";
import { createComplete } from "../../src/steps/complete/complete.ts";
import type { Envelope } from "../../src/core/state/envelope.ts";
import type { RememberedSwitch } from "../../src/core/brakes/remembered-switch.ts";
import type { Closed } from "../../src/core/brakes/windows.ts";
import type { Clock } from "../../src/steps/ports/clock.ts";
import type { Disposition } from "../../src/steps/ports/outlet.ts";
import type { Journal } from "../../src/steps/ports/journal.ts";
import { createSweep } from "../../src/steps/sweep.ts";
import { createWorkLag, type WorkLag } from "../../src/steps/work-lag.ts";
import { createWorker } from "../../src/worker.ts";
import type { WorkerDeps } from "../../src/deliveries/worker-deps.ts";
import { ProjectId } from "../../src/contract/ids.ts";
import type { Connection, Message } from "../support/in-memory/broker.ts";
import { believingEmitters } from "./monitor/senders.ts";
import { handOver } from "../support/in-memory/deliveries.ts";
import { createMemoryOutlet } from "../support/in-memory/outlet.ts";
import {
  createMemoryDurations,
  createMemoryEvidence,
  createMemoryLists,
  createMemoryLook,
  createMemoryPauses,
  createMemoryStore,
  createMemoryStranded,
} from "../support/in-memory/store.ts";
import { lineageOf } from "./monitor/lineage.ts";
import { createCloudPort } from "./cloud-port.ts";
import type { DeliveryContext } from "./mutation.ts";
import { publishTransport, storeTransport } from "./network.ts";
import { SimulatedProcess } from "./process.ts";
import {
  COMMAND_MAX_AGE_MS,
  EVIDENCE_MIN_SAMPLES,
  PAUSE_INTERVAL_MS,
  REBUILD_HOLD_MS,
  SWEEP_AFTER_MS,
  SWEEP_INTERVAL_MS,
} from "./rules.ts";
import { PROJECT } from "./scenario.ts";
import type { World } from "./world.ts";

/** Begins the nonces of what the sweeper claims. */
export const SWEEPER_MARK = "sweeper-";
const THROWN_PAUSE_MS = 1_000;
const QUIET: Journal = {
  moved() {},
  ended() {},
  dropped() {},
  deferred() {},
  noted() {},
  gaveUp() {},
  unreadable() {},
  inquiryOver() {},
  trouble() {},
};

/** One life of one worker: the real worker and sweeper, on ports that lead through the simulated network. */
export class Incarnation {
  readonly process: SimulatedProcess;
  inHand = 0;
  /** When it last began to read the pauses, and did. */
  keptSinceMs = 0;
  readonly #world: World;
  readonly #hardStop = new AbortController();
  readonly #workLag: WorkLag;
  readonly #waitingLag: WorkLag;
  readonly #sweeper: ReturnType<typeof createSweeper>;
  readonly #pauseKeeper: PauseKeeper;
  readonly #memoryKeeper: BackgroundTask;
  #connection: Connection | null = null;
  /** Stood still for a while: what it remembers may be put back too late. */
  #wasPaused = false;
  #stopping = false;
  #nonces = 0;
  #storm: RememberedSwitch | undefined;

  constructor(world: World, name: string, skewMs: number) {
    this.#world = world;
    // One signal for everything in hand, as in production.
    setMaxListeners(0, this.#hardStop.signal);
    this.process = new SimulatedProcess(name, skewMs, world.time);
    this.#workLag = createWorkLag(this.#clock(), SWEEP_AFTER_MS);
    this.#waitingLag = createWorkLag(this.#clock(), SWEEP_AFTER_MS);
    this.#sweeper = this.#createSweeper();
    this.#sweeper.start();
    this.#pauseKeeper = this.#createPauseKeeper();
    this.#memoryKeeper = this.#createMemoryKeeper();
    // Where nobody pauses, nobody need ask.
    if (world.scenario.rates["hold-all"] !== undefined) {
      this.#pauseKeeper.start();
      this.#memoryKeeper.start();
    }
    this.connect();
  }

  get connected(): boolean {
    return this.#connection?.open === true;
  }

  connect(): void {
    const { broker, scenario } = this.#world;
    if (!this.process.alive || this.#stopping || !broker.up || this.connected) return;
    const connection = broker.connect(scenario.prefetch, (message) =>
      this.process.after(this.#world.latency(), () => void this.#take(message, connection)),
    );
    this.#connection = connection;
  }

  /** The broker's side of the connection ends; the client comes back by itself. */
  disconnect(): void {
    this.#connection?.close();
    this.reconnect();
  }

  reconnect(): void {
    this.process.after(this.#world.random.wild(100, 5_000), () => {
      if (this.#world.broker.up) this.connect();
      else this.reconnect();
    });
  }

  /** SIGKILL. The broker may hear of it at once, or by missed heartbeats. */
  crash(): void {
    this.process.kill();
    const heardMs = this.#world.random.chance(0.7) ? 0 : this.#world.heartbeatLoss();
    this.#world.time.after(heardMs, () => this.#connection?.close());
  }

  /** SIGSTOP, and SIGCONT later. */
  pause(durationMs: number): void {
    if (this.process.paused) return;
    this.process.pause(durationMs);
    this.#wasPaused = true;
    const silentMs = this.#world.heartbeatLoss();
    if (silentMs < durationMs) {
      const connection = this.#connection;
      this.#world.time.after(silentMs, () => connection?.close());
      this.#world.time.after(durationMs + 1, () => this.reconnect());
    }
  }

  /** SIGTERM: takes nothing more, ends what is in hand, or leaves it after the grace time. */
  terminate(graceMs: number): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#connection?.cancel();
    this.#sweeper.stop();
    this.#pauseKeeper.stop();
    this.#memoryKeeper.stop();
    this.process.after(graceMs, () => this.#hardStop.abort());
    this.process.after(graceMs + 2_000, () => this.crash());
  }

  /** Does it know that this scope is paused, and can it put that back? */
  remembersPause(scope: SwitchName): boolean {
    const { alive, paused } = this.process;
    if (!alive || paused || this.#stopping || this.#wasPaused) return false;
    return this.#pauseKeeper.standing().some((one) => one.scope === scope);
  }

  /** What it has read last of the storm of failures, if it still puts that back. */
  knownStorm(): RememberedSwitch | undefined {
    return this.process.alive && !this.#stopping ? this.#storm : undefined;
  }

  async #take(message: Message, connection: Connection): Promise<void> {
    const { about, label } = message.content;
    const { queue, enteredMs, redelivered } = message;
    if (queue === "work" && !redelivered) this.#workLag.took(enteredMs);
    if (queue === "work.waiting" && !redelivered) this.#waitingLag.took(enteredMs);
    this.inHand += 1;
    // Its first steps are promises: without this they would wait until something else happens somewhere.
    this.#world.dirty = true;
    this.#world.trace(
      `${this.process.name}       takes #${message.id} ${about} ${label}${message.redelivered ? " (redelivered)" : ""}`,
    );
    const takenMs = this.#world.time.nowMs;
    const settle = (disposition: Disposition) => {
      this.#world.boundary(this.process, "ack");
      this.process.after(this.#world.latency(), () => {
        const done = connection.settle(message, disposition);
        if (done && namesLock(message)) this.#world.loss.handled(about, takenMs);
        this.#world.trace(
          `${this.process.name}       ${disposition}s #${message.id}${done ? "" : " in vain"}`,
        );
      });
    };
    const ackFirst = this.#world.mutation?.ackFirst === true;
    if (ackFirst) settle("ack");
    const disposition = await this.#handle(message);
    this.inHand -= 1;
    if (!ackFirst) settle(disposition);
  }

  async #handle(message: Message): Promise<Disposition> {
    const { content } = message;
    const envelope =
      content.kind === "step" ? (JSON.parse(content.body.toString("utf8")) as Envelope) : null;
    const { about } = content;
    const { redelivered } = message;
    const worker = createWorker(
      this.#deps({ about, lineage: lineageOf(content), envelope, redelivered }),
    );
    try {
      const believes = this.#world.mutation?.believesEmitters === true;
      return await handOver(believes ? believingEmitters(worker) : worker, message);
    } catch (error) {
      this.#world.monitor.threw(error);
      await this.#clock().sleep(THROWN_PAUSE_MS, this.#hardStop.signal);
      return "requeue";
    }
  }

  #deps(context: DeliveryContext): WorkerDeps {
    const world = this.#world;
    const { process } = this;
    const { mutation } = world;
    const transport = storeTransport(world, process, context);
    const deps: WorkerDeps = {
      cloud: createCloudPort(world, process, context),
      store: createMemoryStore({
        memory: world.memory,
        nonce: () => this.#nonce(),
        rebuildHoldMs: mutation?.rebuildHoldMs ?? REBUILD_HOLD_MS,
        brakes: world.scenario.brakes,
        senders: world.scenario.senders ?? [],
        closedNow: () => this.#closedNow(),
        transport,
        ...(mutation?.switches === undefined ? {} : { switches: mutation.switches }),
      }),
      evidence: createMemoryEvidence(world.memory, EVIDENCE_MIN_SAMPLES, transport),
      readiness: world.answering.port(process, context.about),
      // Each worker remembers them in production: no call of its own.
      durations: createMemoryDurations(world.memory),
      ...(world.scenario.lists && {
        lists: createMemoryLists(world.memory, world.scenario.lists, transport),
      }),
      clock: this.#clock(context.about === "sweep" ? SWEEPER_MARK : ""),
      rules: { ...world.scenario.rules, ...mutation?.rules },
      reach: (label) => this.#reach(label),
      outlet: createMemoryOutlet({
        broker: world.broker,
        ladderMs: world.scenario.rules.ladderMs,
        transport: publishTransport(world, process),
        isBlocked: () => world.isBlocked(process),
        onEvent: (event) => world.published(event, process.name),
        onReply: (event) => world.monitor.replied(event),
        onDead: (id, reason, body) =>
          world.monitor.kept(`${reason} ${JSON.stringify(body)}`, `dead letter ${id}`),
      }),
      journal: QUIET,
      region: "sim",
      projects: [ProjectId.parse(PROJECT)],
      intake: {
        userDataCheck: "strict",
        commandMaxAgeMs: COMMAND_MAX_AGE_MS,
        dedupTtlMs: 7 * 86_400_000,
        overridable: [],
        senders: [],
        isOurQueue: () => false,
      },
      signal: this.#hardStop.signal,
    };
    return mutation?.deps?.(deps, context) ?? deps;
  }

  #closedNow(): Closed | null {
    const { opensAtMs = 0 } = this.#world.scenario;
    return this.process.nowMs() < opensAtMs ? { untilMs: opensAtMs, reason: "simulated" } : null;
  }

  #createPauseKeeper() {
    const world = this.#world;
    const about = { about: "pauses", envelope: null };
    const store = createMemoryPauses({
      memory: world.memory,
      nonce: () => this.#nonce(),
      rebuildHoldMs: REBUILD_HOLD_MS,
      brakes: world.scenario.brakes,
      transport: storeTransport(world, this.process, about),
      ...(world.mutation?.switches === undefined ? {} : { switches: world.mutation.switches }),
    });
    return createPauseKeeper({
      store: {
        keep: async (project, remembered) => {
          const beganMs = world.time.nowMs;
          const answer = await store.keep(project, remembered);
          if (answer.kind !== "kept") return answer;
          this.keptSinceMs = beganMs;
          this.#storm = answer.pauses.get("storm-failures");
          return answer;
        },
      },
      projects: [ProjectId.parse(PROJECT)],
      clock: this.#clock(),
      intervalMs: PAUSE_INTERVAL_MS,
      onChanged: () => {},
      onPutBack: (_project, count) => {
        world.trace(`${this.process.name}       puts back ${count} pauses`);
        world.monitor.pausesKept(world.pauses.comeBack());
      },
      onRead: () => {},
    });
  }

  #createMemoryKeeper() {
    const world = this.#world;
    return createMemoryKeeper({
      store: createMemoryLook({
        memory: world.memory,
        nonce: () => this.#nonce(),
        rebuildHoldMs: REBUILD_HOLD_MS,
        transport: storeTransport(world, this.process, { about: "memory", envelope: null }),
        ...(world.mutation?.switches === undefined ? {} : { switches: world.mutation.switches }),
      }),
      projects: [ProjectId.parse(PROJECT)],
      clock: this.#clock(),
      intervalMs: PAUSE_INTERVAL_MS,
      queuesExisted: () => true,
      onChanged: ({ cause, putBack }) =>
        world.trace(`${this.process.name}       sees memory: ${cause}, ${putBack.size} locks back`),
    });
  }

  #createSweeper() {
    const world = this.#world;
    const deps = this.#deps({ about: "sweep", envelope: null });
    return createSweeper({
      sweep: createSweep({
        ...deps,
        stranded: createMemoryStranded(
          world.memory,
          storeTransport(world, this.process, { about: "sweeper", envelope: null }),
        ),
        complete: createComplete(deps),
        sweepAfterMs: SWEEP_AFTER_MS,
        behindMs: () => this.#workLag.behindMs() + this.#waitingLag.behindMs(),
      }),
      isSteady: () => world.broker.up && world.storeUp,
      intervalMs: SWEEP_INTERVAL_MS,
      steadyMs: SWEEP_AFTER_MS,
      clock: deps.clock,
      onSwept: () => {},
      onError: (error) => world.monitor.threw(error),
    });
  }

  /** Nothing happens at most places; where it does, the process stays there or goes on later. */
  #reach(label: string): Promise<void> | void {
    const { process } = this;
    this.#world.boundary(process, label);
    if (!process.alive) return new Promise<void>(() => {});
    if (!process.paused) return;
    return new Promise((resolve) =>
      process.inside(() => {
        this.#world.resumed(process, label, null);
        resolve();
      }),
    );
  }

  #clock(mark = ""): Clock {
    const world = this.#world;
    return {
      nowMs: () => this.process.nowMs(),
      monotonicMs: () => world.time.nowMs,
      random: () => world.random.next(),
      nonce: () => mark + this.#nonce(),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const done = () => {
            world.resumed(this.process, "sleep", null);
            resolve();
          };
          if (signal.aborted) return done();
          const wake = () => {
            signal.removeEventListener("abort", wake);
            done();
          };
          this.process.after(ms, wake);
          signal.addEventListener("abort", wake);
        }),
    };
  }

  #nonce(): string {
    return `${this.process.name}-${(this.#nonces += 1)}`;
  }
}

function namesLock({ content }: Message): boolean {
  if (content.kind !== "step") return false;
  const envelope = JSON.parse(content.body.toString("utf8")) as Envelope;
  return envelope.token !== null;
}
