import type { PublicationProperties } from "../../../src/adapters/amqp/publishing/confirm-lane.ts";
import type { VirtualTime } from "./virtual-time.ts";

export type QueueName = "commands" | "work" | "work.waiting" | "work.dead";

/** What a message is, whichever queue it is in. */
export interface Content {
  /** The command it is about: for whoever watches the broker. */
  readonly about: string;
  readonly kind: "command" | "arrival" | "step";
  readonly body: Buffer;
  readonly properties: PublicationProperties;
  /** For people: the phase of a step. */
  readonly label: string;
}

export interface Message {
  readonly id: number;
  readonly content: Content;
  readonly queue: QueueName;
  /** When it entered that queue. */
  readonly enteredMs: number;
  redelivered: boolean;
  /** How often it came back without an ack. */
  returns: number;
  /** The queue that gave it up, and why. */
  readonly death: Death | null;
}

interface Death {
  readonly queue: QueueName;
  readonly reason: "delivery_limit" | "expired";
}

export interface BrokerOptions {
  readonly time: VirtualTime;
  /** An index below n. */
  readonly choose: (n: number) => number;
  readonly deliveryLimit: { readonly commands: number; readonly work: number };
  /** How long a message may lie in `work.waiting`. */
  readonly waitingTtlMs: number;
  /** What becomes of a message that is dead-lettered, by time or by its limit: how late it comes, and how late a copy of it (null: none). */
  readonly handOver?: () => { readonly lateMs: number; readonly copyLateMs: number | null };
  readonly onAcked?: (message: Message) => void;
  readonly onTrace?: (text: string) => void;
}

/**
 * RabbitMQ as a worker sees it, in virtual time: queues with redelivery, prefetch, delivery limits and delays. The
 * contract tests hold it to the real one. Where it differs it allows more:
 *
 * - Of the connections that have room any may get the next message; RabbitMQ takes them in turn.
 * - Delayed messages that are due at the same instant come in any order; RabbitMQ keeps theirs.
 * - A message that is requeued comes back at once; the adapter of the real one waits a little before it says so.
 * - The prefetch is that of the worker for `work.dead` too, where the adapter takes four at the most.
 *
 * One thing is left out: a connection ends at once here. A real one ends channel by channel, so that the last one may
 * be brought, and give back marked, what died with the first. Nobody looks at that mark on what the broker gave up.
 */
export class MemoryBroker {
  readonly #options: BrokerOptions;
  readonly #queues: Record<QueueName, Queue> = {
    commands: emptyQueue(),
    work: emptyQueue(),
    "work.waiting": emptyQueue(),
    "work.dead": emptyQueue(),
  };
  readonly #connections = new Set<Connection>();
  /** Leaving one queue and not in the next: waiting, or handed over. */
  readonly #underWay = new Set<Content>();
  #nextId = 1;
  #up = true;
  #alarm = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  get nowMs(): number {
    return this.#options.time.nowMs;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Takes no messages now: it is away, or short of memory or disk. */
  get blocked(): boolean {
    return !this.#up || this.#alarm;
  }

  /** During an alarm nothing is taken; what is there is delivered and may be settled. */
  setAlarm(on: boolean): void {
    this.#alarm = on;
  }

  /** Down: every connection is lost and nothing is taken; what was confirmed is there again when it comes back. */
  setUp(up: boolean): void {
    this.#up = up;
    if (!up) for (const connection of this.#connections) connection.close();
    this.#expireWaiting();
    this.#pump();
  }

  put(queue: QueueName, content: Content): void {
    this.#add(queue, content, null);
    this.#pump();
  }

  /** Into the delay queue of this rung, before this queue; 0 is the work queue itself. */
  putDelayed(content: Content, rungMs: number, queue: "work" | "work.waiting" = "work"): void {
    if (rungMs <= 0) return this.put("work", content);
    this.#deadLetter(content, rungMs, (own) => this.put(queue, own));
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
    const ready = Object.values(this.#queues).flatMap(({ returned, fresh }) => [
      ...returned,
      ...fresh,
    ]);
    const unacked = [...this.#connections].flatMap((c) => c.unacked());
    return [...[...ready, ...unacked].map((m) => m.content), ...this.#underWay];
  }

  isEmpty(): boolean {
    return this.contents().length === 0;
  }

  #add(queue: QueueName, content: Content, death: Death | null): void {
    const id = this.#nextId++;
    const enteredMs = this.nowMs;
    const message = { id, content, queue, enteredMs, redelivered: false, returns: 0, death };
    this.#queues[queue].fresh.push(message);
    this.#options.onTrace?.(`broker   ${queue} <- #${id} ${content.about} ${content.label}`);
    if (queue !== "work.waiting") return;
    this.#options.time.after(this.#options.waitingTtlMs, () => this.#expireWaiting());
  }

  /** Only from its head, as a quorum queue does it. */
  #expireWaiting(): void {
    if (!this.#up) return;
    const { returned, fresh } = this.#queues["work.waiting"];
    for (const ready of [returned, fresh]) {
      for (let first = ready[0]; first !== undefined; first = ready[0]) {
        if (this.nowMs - first.enteredMs < this.#options.waitingTtlMs) break;
        ready.shift();
        this.#die(first, "expired");
      }
    }
  }

  #die({ content, queue }: Message, reason: Death["reason"]): void {
    this.#deadLetter(content, 0, (own) => {
      this.#add("work.dead", own, { queue, reason });
      this.#pump();
    });
  }

  /** From one queue into another, at least once. */
  #deadLetter(content: Content, afterMs: number, arrive: (own: Content) => void): void {
    const { handOver, onTrace } = this.#options;
    const fate = handOver?.() ?? { lateMs: 0, copyLateMs: null };
    this.#later(content, afterMs + fate.lateMs, arrive);
    if (fate.copyLateMs === null) return;
    onTrace?.(`broker   will copy ${content.about} ${content.label}`);
    this.#later(content, afterMs + fate.copyLateMs, arrive);
  }

  #later(content: Content, delayMs: number, arrive: (own: Content) => void): void {
    // A copy is a content of its own, so that each is counted.
    const own = { ...content };
    this.#underWay.add(own);
    const leave = () => {
      if (!this.#up) {
        this.#options.time.after(1_000, leave);
        return;
      }
      this.#underWay.delete(own);
      arrive(own);
    };
    this.#options.time.after(delayMs, leave);
  }

  #giveBack(message: Message): void {
    message.redelivered = true;
    message.returns += 1;
    const { queue, content } = message;
    if (message.returns <= this.#limitOf(queue)) {
      this.#queues[queue].returned.push(message);
      this.#expireWaiting();
      return;
    }
    this.#options.onTrace?.(`broker   gives up #${message.id} ${content.about}`);
    this.#die(message, "delivery_limit");
  }

  #limitOf(queue: QueueName): number {
    const { deliveryLimit } = this.#options;
    if (queue === "work.dead") return Number.POSITIVE_INFINITY;
    return queue === "commands" ? deliveryLimit.commands : deliveryLimit.work;
  }

  #pump(): void {
    if (!this.#up) return;
    for (const queue of QUEUES) {
      const { returned, fresh } = this.#queues[queue];
      while (returned.length + fresh.length > 0) {
        const free = [...this.#connections].filter((c) => c.hasRoom(queue));
        const connection = free[this.#options.choose(free.length)];
        if (connection === undefined) break;
        const message = returned.shift() ?? fresh.shift();
        if (message !== undefined) connection.take(message);
      }
    }
  }
}

const QUEUES = ["commands", "work", "work.waiting", "work.dead"] as const;

/** What came back is delivered first, and first what came back first. */
interface Queue {
  readonly returned: Message[];
  readonly fresh: Message[];
}

const emptyQueue = (): Queue => ({ returned: [], fresh: [] });

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
