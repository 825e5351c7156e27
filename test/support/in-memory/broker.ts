import type { ArrivalMarks } from "../../../src/steps/ports.ts";
import type { VirtualTime } from "./virtual-time.ts";

export type QueueName = "commands" | "work" | "work.dead";

/** What a message is, whichever queue it is in. */
export interface Content {
  /** The command it is about: for whoever watches the broker. */
  readonly about: string;
  readonly kind: "command" | "arrival" | "step";
  readonly body: Buffer;
  readonly messageId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly timestampMs?: number | undefined;
  readonly marks?: Pick<ArrivalMarks, "arrivedAtMs" | "doubt">;
  /** For people: the phase of a step. */
  readonly label: string;
}

export interface Message {
  readonly id: number;
  readonly content: Content;
  queue: QueueName;
  redelivered: boolean;
  /** How often it came back without an ack. */
  returns: number;
  /** What the broker gave it up as. */
  diedAs: "command" | "step" | null;
}

export interface BrokerOptions {
  readonly time: VirtualTime;
  /** An index below n. */
  readonly choose: (n: number) => number;
  readonly deliveryLimit: { readonly commands: number; readonly work: number };
  /** What becomes of a message that leaves a delay queue: how late it comes, and how late a copy of it (null: none). */
  readonly handOver?: () => { readonly lateMs: number; readonly copyLateMs: number | null };
  readonly onAcked?: (message: Message) => void;
  readonly onTrace?: (text: string) => void;
}

/** Queues with redelivery, prefetch, delivery limits and delays, in virtual time. */
export class MemoryBroker {
  readonly #options: BrokerOptions;
  readonly #ready: Record<QueueName, Message[]> = { commands: [], work: [], "work.dead": [] };
  readonly #connections = new Set<Connection>();
  readonly #delayed = new Set<Content>();
  #nextId = 1;
  #up = true;

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Down: every connection is lost and nothing is taken; what was confirmed is there again when it comes back. */
  setUp(up: boolean): void {
    this.#up = up;
    if (!up) for (const connection of this.#connections) connection.close();
    this.#pump();
  }

  put(queue: QueueName, content: Content): void {
    const id = this.#nextId++;
    this.#ready[queue].push({
      id,
      content,
      queue,
      redelivered: false,
      returns: 0,
      diedAs: null,
    });
    this.#options.onTrace?.(`broker   ${queue} <- #${id} ${content.about} ${content.label}`);
    this.#pump();
  }

  /** Into the delay queue of this rung; 0 is the work queue itself. */
  putDelayed(content: Content, rungMs: number): void {
    if (rungMs <= 0) return this.put("work", content);
    const { handOver } = this.#options;
    const fate = handOver?.() ?? { lateMs: 0, copyLateMs: null };
    this.#expire(content, rungMs + fate.lateMs);
    if (fate.copyLateMs !== null) {
      this.#options.onTrace?.(`broker   will copy ${content.about} ${content.label}`);
      this.#expire(content, rungMs + fate.copyLateMs);
    }
  }

  connect(prefetch: number, onDelivery: (message: Message) => void): Connection {
    const connection = new Connection(prefetch, onDelivery, {
      settled: (message, ack) => {
        if (ack) this.#options.onAcked?.(message);
        else this.#giveBack(message);
        this.#pump();
      },
      closed: (messages) => {
        this.#connections.delete(connection);
        for (const message of messages) this.#giveBack(message);
        this.#pump();
      },
    });
    this.#connections.add(connection);
    this.#pump();
    return connection;
  }

  /** Everything that is not settled, wherever it is. */
  contents(): Content[] {
    const ready = Object.values(this.#ready).flat();
    const unacked = [...this.#connections].flatMap((c) => c.unacked());
    return [...[...ready, ...unacked].map((m) => m.content), ...this.#delayed];
  }

  /** Raw commands that were never delivered to anybody. */
  untouched(): Content[] {
    return this.#ready.commands.filter((m) => !m.redelivered).map((m) => m.content);
  }

  isEmpty(): boolean {
    return this.contents().length === 0;
  }

  #expire(content: Content, delayMs: number): void {
    // A copy is a content of its own, so that each is counted.
    const own = { ...content };
    this.#delayed.add(own);
    const leave = () => {
      if (!this.#up) {
        this.#options.time.after(1_000, leave);
        return;
      }
      this.#delayed.delete(own);
      this.put("work", own);
    };
    this.#options.time.after(delayMs, leave);
  }

  #giveBack(message: Message): void {
    message.redelivered = true;
    message.returns += 1;
    const { queue } = message;
    const limit =
      queue === "work.dead" ? Number.POSITIVE_INFINITY : this.#options.deliveryLimit[queue];
    if (message.returns <= limit) {
      this.#ready[queue].unshift(message);
      return;
    }
    this.#options.onTrace?.(`broker   gives up #${message.id} ${message.content.about}`);
    this.#ready["work.dead"].push({
      ...message,
      queue: "work.dead",
      redelivered: false,
      returns: 0,
      diedAs: message.content.kind === "step" ? "step" : "command",
    });
  }

  #pump(): void {
    if (!this.#up) return;
    for (const queue of ["commands", "work", "work.dead"] as const) {
      const ready = this.#ready[queue];
      while (ready.length > 0) {
        const free = [...this.#connections].filter((c) => c.hasRoom(queue));
        const connection = free[this.#options.choose(free.length)];
        const message = ready[0];
        if (connection === undefined || message === undefined) break;
        ready.shift();
        connection.take(message);
      }
    }
  }
}

interface ConnectionHooks {
  settled(message: Message, ack: boolean): void;
  closed(unacked: readonly Message[]): void;
}

/** One worker's consuming connection. Closed, it settles nothing any more. */
export class Connection {
  readonly #prefetch: number;
  readonly #onDelivery: (message: Message) => void;
  readonly #hooks: ConnectionHooks;
  readonly #unacked = new Map<number, Message>();
  #open = true;
  #consuming = true;

  constructor(prefetch: number, onDelivery: (message: Message) => void, hooks: ConnectionHooks) {
    this.#prefetch = prefetch;
    this.#onDelivery = onDelivery;
    this.#hooks = hooks;
  }

  get open(): boolean {
    return this.#open;
  }

  hasRoom(queue: QueueName): boolean {
    const inHand = [...this.#unacked.values()].filter((m) => m.queue === queue).length;
    return this.#open && this.#consuming && inHand < this.#prefetch;
  }

  take(message: Message): void {
    this.#unacked.set(message.id, message);
    this.#onDelivery(message);
  }

  unacked(): Message[] {
    return [...this.#unacked.values()];
  }

  settle(message: Message, disposition: "ack" | "requeue"): boolean {
    if (!this.#open || !this.#unacked.delete(message.id)) return false;
    this.#hooks.settled(message, disposition === "ack");
    return true;
  }

  /** Takes no more deliveries; what is in hand may still be settled. */
  cancel(): void {
    this.#consuming = false;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const unacked = this.unacked();
    this.#unacked.clear();
    this.#hooks.closed(unacked);
  }
}
