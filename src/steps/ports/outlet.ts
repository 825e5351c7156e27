import type { ProgressEvent } from "../../contract/event.ts";
import type { OperatorEvent } from "../../contract/operator-event.ts";
import type { Death } from "../../core/messages/death.ts";
import type { Envelope } from "../../core/state/envelope.ts";
import type { DeferMarks } from "../../core/waiting/deferred.ts";
import type { Origin } from "../../core/intake/origin.ts";

/** What a step leaves behind, published before its delivery is acknowledged. */
export type Outgoing =
  | { readonly kind: "step"; readonly envelope: Envelope; readonly delayMs: number }
  | { readonly kind: "event"; readonly event: ProgressEvent; readonly routingKey?: string }
  /** What a person did by hand. */
  | { readonly kind: "operator"; readonly event: OperatorEvent }
  | {
      readonly kind: "reply";
      readonly event: ProgressEvent;
      readonly queue: string;
      readonly correlationId?: string | undefined;
    }
  | {
      readonly kind: "dead";
      readonly messageId: string;
      readonly reason: string;
      readonly body: unknown;
    };

export interface Outlet {
  /**
   * `confirmed` only when the broker has confirmed every one of them, and returned none (a `reply` may be returned: its
   * queue may be gone). `refused`: it lives, and said no to one of them, for a queue is full; some may be published.
   */
  publish(
    messages: readonly Outgoing[],
    signal: AbortSignal,
  ): Promise<"confirmed" | "refused" | "unconfirmed">;
  /**
   * Defers a raw command, byte for byte, for a while; it comes back on the work queue as an arrival.
   * May be repeated: the copies carry the same message id.
   */
  republishArrival(
    raw: Delivery,
    marks: ArrivalMarks,
    signal: AbortSignal,
  ): Promise<"confirmed" | "unconfirmed">;
  /**
   * Defers an internal message that we do not understand for a while, byte for byte; it comes back marked as
   * delivered before, so that whoever knows it can take over from a worker that died with it. May be repeated.
   */
  passOn(
    raw: Delivery,
    marks: { readonly delayMs: number; readonly passes: number },
    signal: AbortSignal,
  ): Promise<"confirmed" | "unconfirmed">;
  /** Is the broker refusing to take messages (alarm), or away? Then nothing dangerous may start. */
  isBlocked(): boolean;
}

/** What is remembered of a raw command while it waits. `mayHaveRun`: the broker said that it was delivered before. */
export interface ArrivalMarks extends DeferMarks {
  readonly delayMs: number;
}

/** A message as the broker brought it. `undefined`: that property was not set. */
export interface Delivery {
  readonly body: Buffer;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly messageId: string | undefined;
  readonly type: string | undefined;
  /** Epoch ms; AMQP itself counts whole seconds. */
  readonly timestampMs: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  /** Who published it, which the broker has checked. In a queue of ours: the worker, where it says so at all. */
  readonly userId?: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  /** W3C Trace Context: the span that sent it, where its headers name one. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** It may have been delivered before, to us or to another worker. False is no proof of the contrary. */
  readonly redelivered: boolean;
  /** Who published it, and where to. */
  readonly origin?: Origin;
  /** Why the broker took it out of a queue last, where it says so. */
  readonly death?: Death;
  /** How often workers that do not understand it have passed it on. */
  readonly passes?: number;
}

/** What the broker is answered about a delivery: done, or not now. */
export type Disposition = "ack" | "requeue";
