import type { Outlet } from "../../../src/steps/ports/outlet.ts";
import type { Answer, Hands } from "./hands.ts";

/** A broker under test, and what its surroundings may do to it. */
export interface BrokerRig {
  /** Of a worker that publishes and takes nothing. */
  readonly outlet: Outlet;
  /** What left the outlet for others. */
  readonly left: Left;
  /** Connects one more worker, which takes from all queues. */
  connect(options?: ConnectOptions): Promise<Taker>;
  /** An emitter's command. */
  send(command: Command): Promise<void>;
  /** The broker takes no messages, and the outlet knows. Off: it takes them again. */
  setAlarm(on: boolean): Promise<void>;
  /** Events reach nobody and are not confirmed. */
  refuseEvents(): Promise<void>;
  /** The broker dies, and every connection with it. Who was connected does not come back. */
  kill(): Promise<void>;
  /** It comes back with what it has on disk, and the outlet can publish. */
  restart(): Promise<void>;
  /** Waits, or lets virtual time pass, until the condition holds. */
  until(holds: () => boolean, what: string): Promise<void>;
  nowMs(): number;
  close(): Promise<void>;
}

export interface RigOptions {
  /** How often a message may come back before the broker gives it up. */
  readonly deliveryLimit?: number;
  /** How long a message may lie in the queue of those who wait; without it, for longer than any test. */
  readonly waitingTtlMs?: number;
}

interface ConnectOptions {
  /** Messages in hand of each queue. */
  readonly prefetch?: number;
  /** Answers at once, unless it is undefined. Without it the test settles each delivery. */
  readonly answer?: Answer;
}

/** One worker's consuming connection. */
export interface Taker {
  readonly hands: Hands;
  /** Takes nothing more from now on; resolves when what was in hand is settled and the connection is closed. */
  leave(): Promise<void>;
  /** The connection is lost, and the broker knows. */
  cut(): Promise<void>;
}

export interface Left {
  readonly events: { readonly id: string; readonly routingKey: string }[];
  readonly replies: { readonly id: string; readonly correlationId: string | undefined }[];
  readonly dead: { readonly messageId: string; readonly reason: string; readonly body: unknown }[];
}

interface Command {
  readonly messageId: string;
  readonly body?: Buffer;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly timestampMs?: number;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/** The delay ladder of both. */
export const LADDER_MS = [200, 400, 800] as const;
/** The queue of an asker, for replies. */
export const ASKER = "asker";
/** A queue that is not there. */
export const NOWHERE = "nowhere";
