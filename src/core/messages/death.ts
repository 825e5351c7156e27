import type { FinalDraft } from "./events.ts";
import { rejected } from "./events.ts";

/** Why the broker took a message out of a queue, by its own note (`x-death`). */
export interface Death {
  /**
   * `expired`: the queue's message-ttl or the message's own `expiration`; `delivery_limit`; `rejected`: by a consumer;
   * `maxlen`: pushed out of a full queue. Others may come with later brokers.
   */
  readonly reason: string;
  readonly queue: string;
  /** Epoch ms, whole seconds; null: not said. */
  readonly atMs: number | null;
  /** The message's own `expiration` in ms, by which it expired; null: it had none. */
  readonly expirationMs: number | null;
}

/** How a command ends that the broker gave up on, when nothing was done for it. */
export function endOfDead(death: Death | null, nowMs: number): FinalDraft {
  switch (death?.reason) {
    case "expired":
      return expiredInQueue(death, nowMs);
    case "maxlen":
      return undeliverable(
        "queue-overflow",
        `was pushed out of the queue ${death.queue}, which a policy gives a longest length; nothing was done`,
      );
    case "rejected":
      return undeliverable(
        "rejected-by-consumer",
        `was rejected by a consumer of the queue ${death.queue} that is none of these workers; nothing was done`,
      );
    case "delivery_limit":
    case undefined:
      return undeliverable(
        "undeliverable",
        "was delivered too often without being taken; nothing was done",
      );
    default:
      return undeliverable(
        "undeliverable",
        `the broker took it out of the queue ${death?.queue} (${death?.reason}); nothing was done`,
      );
  }
}

/** Is it the message's fault? Time and length are the queue's own. */
export function isOfTheQueue(death: Death | null): boolean {
  return death?.reason === "expired" || death?.reason === "maxlen";
}

function expiredInQueue({ queue, atMs, expirationMs }: Death, nowMs: number): FinalDraft {
  return {
    event: "expired",
    data: {
      expires_at: new Date(atMs ?? nowMs).toISOString(),
      because: expirationMs === null ? "message-ttl" : "expiration",
      queue,
      ...(expirationMs === null ? {} : { expiration_ms: expirationMs }),
    },
  };
}

function undeliverable(code: string, message: string): FinalDraft {
  return rejected([{ path: "", code, message }], `rejected: ${code}`);
}
