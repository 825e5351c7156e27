import { FINAL_EVENTS, type ProgressEvent } from "../../../src/contract/event.ts";
import { contractFaults } from "../../support/emitter/event-contract.ts";
import { isRefusal } from "../../support/emitter/refusals.ts";
import type { Message } from "../../support/in-memory/broker.ts";
import type { Execution } from "../../support/in-memory/cloud.ts";
import {
  checkOutcome,
  checkPower,
  checkReady,
  checkSettled,
  checkSettledPower,
  leavesTrace,
  type Observed,
} from "./outcome.ts";
import type { PromiseName, Violation } from "./promises.ts";
import { type Emission, SECRET } from "../scenario.ts";
import { wrongSender } from "./senders.ts";
import type { Objection } from "./pauses.ts";

/** What is known of one command id from the outside. */
export interface Track {
  readonly contents: Set<string>;
  readonly serverIds: Set<string>;
  highest: number;
  /** Final events, by id. */
  readonly finals: Map<string, ProgressEvent>;
  readonly reuses: Set<string>;
  /** Events that say that a message was refused before it was admitted: they end that message, not the id. */
  readonly refusals: Set<string>;
  /** The highest number of those. */
  refusedHighest: number;
  /** The store forgot that it was finished while copies were about: it may be carried out anew (design §6). */
  forgotten: boolean;
  /** The store forgot a step that was saved and perhaps not told: who saved it tells it when he likes. */
  rewound: boolean;
  /** Forgotten while another publish of it was about that had not been admitted: that one counts from 1 again. */
  renumbered: boolean;
  /** Which publishes of it were admitted. */
  readonly admitted: Set<number>;
  /**
   * Forgotten when it was finished, or its own message did not come back within the hold; and another publish of it was
   * about that had not been admitted: it is a new command.
   */
  reborn: boolean;
  /** One of its stops was held up on its way to the cloud. */
  stopHeldUp: boolean;
  /** Such a stop came true after its reinstall had begun: not waited for (docs/promises.md, "What is not promised"). */
  stoppedAfterPost: boolean;
  /** Its emitter's `not_before`; the earliest where the id was used for several contents. */
  notBeforeMs: number;
}

/** Watches everything that leaves the workers, against what the cloud really did. Promises are those of design §2. */
export class Monitor {
  violation: Violation | null = null;
  checks = 0;
  readonly tracks = new Map<string, Track>();
  readonly #observed: Observed;
  readonly #watched: readonly PromiseName[] | undefined;
  readonly #storeForgot: () => boolean;
  readonly #contents = new Map<string, string>();
  /** Servers whose operation was forgotten and did not come back within the hold. */
  readonly relaxedServers = new Set<string>();

  constructor(
    observed: Observed,
    storeForgot: () => boolean,
    /** For a mutant: the promises that it is to break. */
    watched: readonly PromiseName[] | undefined,
  ) {
    this.#watched = watched;
    this.#observed = observed;
    this.#storeForgot = storeForgot;
  }

  fail(promise: PromiseName, text: string): void {
    if (this.#watched?.includes(promise) === false) return;
    this.violation ??= { promise, text };
  }

  track(id: string): Track {
    let track = this.tracks.get(id);
    if (track === undefined) {
      track = {
        contents: new Set(),
        serverIds: new Set(),
        highest: 0,
        finals: new Map(),
        reuses: new Set(),
        refusals: new Set(),
        refusedHighest: 0,
        forgotten: false,
        rewound: false,
        renumbered: false,
        admitted: new Set(),
        reborn: false,
        stopHeldUp: false,
        stoppedAfterPost: false,
        notBeforeMs: Number.POSITIVE_INFINITY,
      };
      this.tracks.set(id, track);
    }
    return track;
  }

  emitted({ id, body, serverId }: Emission): void {
    const track = this.track(id);
    track.contents.add(body.toString("utf8"));
    track.serverIds.add(serverId);
    const { not_before } = JSON.parse(body.toString("utf8")) as { not_before?: string };
    const notBeforeMs = not_before === undefined ? 0 : Date.parse(not_before);
    // Of two contents under one id nobody knows here which one is carried out.
    track.notBeforeMs = Math.min(track.notBeforeMs, notBeforeMs);
  }

  /** P6: nothing that is seen or kept holds `user_data`. */
  kept(text: string, where: string): void {
    this.checks += 1;
    if (text.includes(SECRET)) this.fail("P6", `user_data in ${where}`);
  }

  /** What emitters are told in docs/contract is what they get. */
  asTheContractSays(event: ProgressEvent): void {
    this.checks += 1;
    const [fault] = contractFaults(event);
    if (fault !== undefined) this.fail("bug", fault);
    const wrong = wrongSender(event);
    if (wrong !== null) this.fail("P5", `${event.id} says ${wrong}`);
  }

  /** Answers to a misuse of an id go to whoever asked, and then to nobody else. */
  replied(event: ProgressEvent): void {
    this.kept(JSON.stringify(event), "a reply");
    this.asTheContractSays(event);
    const reused = event.data["reused_command_id"];
    if (typeof reused === "string" && event.data.event === "rejected") {
      this.track(reused).reuses.add(event.id);
    }
  }

  event(event: ProgressEvent): void {
    const text = JSON.stringify(event);
    this.kept(text, `event ${event.id}`);
    this.asTheContractSays(event);
    this.checks += 1;
    const name = event.id.slice(0, event.id.lastIndexOf("/"));
    const [id = "", suffix] = name.split("~");
    const track = this.track(id);
    const seen = this.#contents.get(event.id);
    // When a message was refused, and so which numbers its id has used, may be forgotten.
    const ofRefusal = isRefusal(event) || track.refusals.has(event.id);
    const lenient = track.renumbered || (ofRefusal && this.#storeForgot());
    if (seen !== undefined && seen !== text && !lenient) {
      this.fail("P8", `event ${event.id} has two contents: ${seen} and ${text}`);
    }
    this.#contents.set(event.id, text);
    // Where the store forgot whose id it was, the other content may have taken it.
    if (event.data["why"] === "id-taken" && !(this.#storeForgot() && track.contents.size > 1))
      this.fail("bug", `an id was said to be another's: ${text}`);
    if (suffix === "settled") {
      const problem = checkSettled(event, this.#observed);
      if (problem !== null && !track.reborn) this.fail("P5", `${event.id} ${problem}: ${text}`);
      const off = track.reborn ? null : checkSettledPower(event, this.#observed);
      const isPromised = event.data.event !== "succeeded" || !track.stoppedAfterPost;
      if (off !== null && isPromised) this.fail("F6", `${event.id} ${off}: ${text}`);
      return;
    }
    if (suffix !== undefined) {
      if (event.data.event === "rejected") track.reuses.add(event.id);
      return;
    }
    if (seen !== text) this.#newEvent(track, event, text);
  }

  #newEvent(track: Track, event: ProgressEvent, text: string): void {
    const { sequence } = event.data;
    if (!track.forgotten) {
      // A refusal of a memory that is lost: who was held up while publishing it says it later, under its number of then.
      const isOld = isRefusal(event) && this.#storeForgot();
      if (sequence <= track.highest && !track.rewound && !track.renumbered && !isOld) {
        this.fail("P8", `event ${event.id} comes after number ${track.highest}`);
      }
      if (track.finals.size > 0 && FINAL.has(event.data.event)) {
        const [first] = track.finals.keys();
        this.fail("P3", `a second final outcome, ${event.id} after ${first}: ${text}`);
      }
      if (track.finals.size > 0 && !track.rewound)
        this.fail("P8", `${event.id} follows the final event: ${text}`);
    }
    if (sequence <= track.refusedHighest && !this.#storeForgot()) {
      this.fail("P8", `event ${event.id} comes after refusal number ${track.refusedHighest}`);
    }
    if (isRefusal(event)) {
      track.refusals.add(event.id);
      track.refusedHighest = Math.max(track.refusedHighest, sequence);
      return;
    }
    track.highest = Math.max(track.highest, sequence);
    if (!FINAL.has(event.data.event)) return;
    track.finals.set(event.id, event);
    const problem = track.reborn
      ? null
      : checkOutcome(event, this.#observed, (id) => this.#leaderOf(id));
    if (problem !== null) this.fail("P5", `${event.id} ${problem}: ${text}`);
    const wrong = track.reborn ? null : checkReady(event, this.#observed);
    if (wrong !== null) this.fail("P5", `${event.id} ${wrong}: ${text}`);
    const off = track.reborn ? null : checkPower(event, this.#observed);
    const isPromised = event.data.event !== "succeeded" || !track.stoppedAfterPost;
    if (off !== null && isPromised) this.fail("F6", `${event.id} ${off}: ${text}`);
  }

  stopHeldUp(id: string): void {
    this.track(id).stopHeldUp = true;
  }

  /**
   * F6: a stop of a command's comes true. After its end it would leave off a server of which it was said that it runs. A stop that the
   * network holds up is waited for only where no reinstall was carried out (docs/promises.md, "What is not promised").
   */
  stopped(serverId: string, id: string): void {
    this.checks += 1;
    const track = this.track(id);
    const isAfterPost = this.#observed.ledger.some(({ commandId }) => commandId === id);
    if (track.stopHeldUp && isAfterPost) track.stoppedAfterPost = true;
    const final = [...track.finals.values()].at(-1);
    if (final === undefined || track.forgotten || track.reborn) return;
    if (final.data.event === "succeeded" && track.stoppedAfterPost) return;
    if (checkPower(final, this.#observed) !== null) {
      this.fail("F6", `a stop of ${id} turns ${serverId} off after its final event ${final.id}`);
    }
  }

  /** F6: what a command does to a server that it stopped, while the cloud refuses its reinstall for now (null: what it should). */
  leftToRest(objection: string | null): void {
    this.checks += 1;
    if (objection !== null) this.fail("F6", objection);
  }

  /** F6: only the lock's owner starts a server: another one may be about to reinstall it. */
  startArrives(id: string, serverId: string): void {
    this.checks += 1;
    const owner = this.#observed.locks.get(serverId)?.owner;
    if (owner === undefined || owner === id || this.relaxedServers.has(serverId)) return;
    this.fail("F6", `${id} starts ${serverId}, which ${owner} has`);
  }

  #leaderOf(id: string): string | undefined {
    const finals = [...(this.tracks.get(id)?.finals.values() ?? [])];
    const leader = finals.at(-1)?.data["leader"];
    return typeof leader === "string" ? leader : undefined;
  }

  /** P4, P9: whoever takes a message away leaves something behind. */
  acked({ content }: Message): void {
    this.checks += 1;
    const track = this.track(content.about);
    if (track.finals.size + track.refusals.size > 0) return;
    if (this.#observed.messagesAbout(content.about) > 0) return;
    if (this.#observed.isSwept(content.about)) return;
    // Of a command whose id belongs to another content.
    if (track.contents.size > 1 && track.reuses.size > 0) return;
    this.fail("P4", `${content.about} ${content.label} was acknowledged and nothing follows`);
  }

  executed(execution: Execution, overlapping: readonly Execution[]): void {
    this.checks += 1;
    const { commandId, serverId, jobId } = execution;
    if (commandId === null) return;
    const track = this.track(commandId);
    const all = this.#observed.ledger.filter(
      (one) => one.commandId === commandId && leavesTrace(one),
    );
    if (all.length > 1 && !track.reborn) {
      this.fail("P1", `${commandId} was carried out ${all.length} times, the last as ${jobId}`);
    }
    const other = overlapping.find((one) => one.commandId !== null);
    const excused = this.relaxedServers.has(serverId) || track.reborn;
    if (other !== undefined && !excused) {
      this.fail("P2", `${commandId} runs on ${serverId} together with ${other.commandId}`);
    }
    this.#limited(execution);
    const final = [...track.finals.values()].find((one) => one.data.event !== "unresolved");
    if (final !== undefined && !track.forgotten) {
      this.fail("P5", `${commandId} was carried out after its final event ${final.id}`);
    }
  }

  /**
   * F2: no server is reinstalled more often than the limit, as far as the store remembers. After a loss the disk that one
   * left behind counts as one, where there is somebody to ask how old it is.
   */
  #limited(execution: Execution): void {
    const { serverId, startMs } = execution;
    const { serverLimit, serverWindowMs, ledger, knowsAges } = this.#observed;
    const forgot = this.#storeForgot();
    if (serverLimit === 0 || (forgot && !(knowsAges && serverLimit === 1))) return;
    if (forgot && this.relaxedServers.has(serverId)) return;
    const all = ledger.filter(
      (one) =>
        one.serverId === serverId &&
        one.commandId !== null &&
        (forgot && one !== execution ? one.outcome === "succeeded" : leavesTrace(one)) &&
        one.startMs > startMs - serverWindowMs,
    );
    if (all.length <= serverLimit) return;
    const who = all.map(({ commandId }) => commandId).join(", ");
    this.fail("F2", `${serverId} was reinstalled ${all.length} times: ${who}`);
  }

  /** The gate records an intent, although a brake forbids it (null: none does). */
  intended(id: string, objection: Objection | null): void {
    this.checks += 1;
    if (objection === null) return;
    this.fail(objection.promise, `the intent of ${id} is recorded ${objection.text}`);
  }

  /** F5, the other way round: what was resumed is not paused again by who remembers it (null: it is not). */
  pausesKept(objection: string | null): void {
    this.checks += 1;
    if (objection !== null) this.fail("F5", objection);
  }

  /** The worker lets go of a POST. P1, P2, P7, F4. */
  posted(post: {
    readonly id: string;
    readonly serverId: string;
    readonly clockOffMs: number;
    readonly allowedMs: number;
    readonly brokerBlocked: boolean;
    /** The disk that the command is meant for. */
    readonly diskBefore: string | null;
    readonly diskAtLook: string | null;
    /** Of the server, as the last look before it showed it. */
    readonly markAtLook: string | null;
    /** By a clock that is right, and how far the clocks of the workers are from it. */
    readonly atMs: number;
    readonly opensAtMs: number;
    readonly anyClockOffMs: number;
  }): void {
    this.checks += 1;
    const { id, serverId } = post;
    const earlyMs = this.track(id).notBeforeMs - post.atMs;
    if (Number.isFinite(earlyMs) && earlyMs > post.anyClockOffMs) {
      this.fail("P7", `${id} sends a POST ${earlyMs} ms before its not_before`);
    }
    const closedForMs = post.opensAtMs - post.atMs;
    if (closedForMs > post.anyClockOffMs) {
      this.fail("P7", `${id} sends a POST ${closedForMs} ms before the windows open`);
    }
    const owner = this.#observed.locks.get(serverId)?.owner;
    const relaxed = this.relaxedServers.has(serverId);
    if (owner !== undefined && owner !== id && !relaxed) {
      this.fail("P2", `${id} sends a POST while ${owner} holds ${serverId}`);
    }
    // A clock that is behind signs early: its request dies early, and a slow look may hide it.
    if (post.clockOffMs > post.allowedMs + 1) {
      this.fail("P7", `${id} sends a POST with a clock that is ${post.clockOffMs} ms off`);
    }
    if (post.brokerBlocked) this.fail("P7", `${id} sends a POST while the broker takes nothing`);
    if (post.markAtLook === "never") {
      this.fail("F4", `${id} sends a POST to a server whose mark says never`);
    }
    if (post.diskAtLook !== post.diskBefore) {
      this.fail("P1", `${id} sends a POST to another disk than it was meant for`);
    }
  }

  threw(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.fail("bug", `a step threw: ${text}`);
  }

  /** P3, P9: at rest every command has exactly one outcome, every lock a reason. */
  atRest(storeForgot: boolean): void {
    for (const [id, track] of this.tracks) {
      this.checks += 1;
      const answers = track.finals.size + track.refusals.size;
      if (answers === 0) this.fail("P3", `${id} never got an outcome`);
      const known = Math.min(1, track.finals.size) + track.refusals.size + track.reuses.size;
      if (!storeForgot && known < track.contents.size) {
        this.fail(
          "P3",
          `${id} was used for ${track.contents.size} contents; not all were answered`,
        );
      }
    }
    for (const id of this.#observed.slots.keys()) this.fail("P9", `${id} keeps its slot for ever`);
    for (const id of this.#observed.waiting) this.fail("P9", `${id} stands in line for ever`);
    for (const [serverId, { owner }] of this.#observed.locks) {
      const finals = [...(this.tracks.get(owner)?.finals.values() ?? [])];
      if (!finals.some((one) => one.data.event === "unresolved")) {
        this.fail("P9", `${serverId} stays locked by ${owner}, which is not unresolved`);
      }
    }
  }
}

const FINAL: ReadonlySet<string> = new Set(FINAL_EVENTS);
