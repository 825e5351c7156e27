import { EventName } from "../../contract/event.ts";
import {
  DELIVERY_ENDS,
  MEASURED_QUEUES,
  POLICY_KEYS,
  PUBLICATION_KINDS,
  PUBLISH_RESULTS,
  QUEUE_ROLES,
  REPLY_ENDS,
  type DeliveryEnd,
  type MeasuredQueue,
  type PolicyKey,
  type PublicationKind,
  type PublishResult,
  type QueueRole,
  type ReplyEnd,
} from "../../contract/labels.ts";
import {
  CALL_BUCKETS,
  bounded,
  counter,
  gauge,
  histogram,
  type InstrumentsOf,
} from "./instruments.ts";

/** AMQP stamps whole seconds; a command without `expires_at` ends after a day. */
const QUEUE_BUCKETS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 86_400];

/** Their names, labels and help. */
export const BROKER_METRICS = {
  deliveries: counter("deliveries_total", "Deliveries settled, by the answer to the broker.", {
    queue: QUEUE_ROLES,
    disposition: DELIVERY_ENDS,
  }),
  redeliveries: counter("redeliveries_total", "Deliveries that were redelivered.", {
    queue: QUEUE_ROLES,
  }),
  queueDelay: histogram(
    "queue_delay_seconds",
    "From a command's AMQP timestamp to its first delivery, where the emitter sets one.",
    {},
    QUEUE_BUCKETS,
  ),
  queueMessages: gauge("queue_messages", "Messages that are ready in our queues.", {
    queue: MEASURED_QUEUES,
  }),
  queuePolicyHarm: gauge(
    "queue_policy_harm",
    "1: a policy over one of these queues does harm; /readyz and the log name it.",
    { queue: MEASURED_QUEUES, key: POLICY_KEYS },
  ),
  queuePoliciesChecked: gauge(
    "queue_policies_checked",
    "1: the policies over our queues were looked at; 0: nobody may be asked (AMQP_MANAGEMENT_URL) or nobody answers.",
    {},
  ),
  repliesGivenUp: counter(
    "replies_given_up_total",
    "Final events that did not reach their `reply_to`; the exchange has them.",
    { why: REPLY_ENDS },
  ),
  inFlight: gauge("in_flight", "Deliveries in hand.", { queue: QUEUE_ROLES }),
  publishes: counter("publishes_total", "Attempts to publish a message.", {
    kind: PUBLICATION_KINDS,
    result: PUBLISH_RESULTS,
  }),
  confirmSeconds: histogram(
    "publish_confirm_seconds",
    "From a publish to the broker's confirm.",
    {},
    CALL_BUCKETS,
  ),
  events: counter("events_total", "Progress events that the broker confirmed.", {
    event: EventName.options,
  }),
  deadLetters: counter("dead_letters_total", "Sanitised copies put into the dead queue.", {
    reason: null,
  }),
} as const;

/** Messages: what comes, what goes, and how our queues are. */
export interface BrokerMetrics {
  /** A command arrived for the first time, this long after it was sent (the emitter's clock may make it negative: counted as 0). */
  queued(seconds: number): void;
  /** Messages that are ready, as the broker counts them; null while it cannot say, and then the gauge has no value. */
  queueLengths(messages: Readonly<Record<MeasuredQueue, number>> | null): void;
  /** What policies over our queues do harm, and whether they could be looked at. */
  queuePolicies(report: {
    readonly unchecked: string | null;
    readonly objections: readonly { readonly purpose: MeasuredQueue; readonly key: PolicyKey }[];
  }): void;
  replyGivenUp(why: ReplyEnd): void;
  /** A delivery arrived; call the function that is returned once, with how it was settled. */
  delivery(queue: QueueRole, redelivered: boolean): (end: DeliveryEnd) => void;
  published(kind: PublicationKind, result: PublishResult, confirmSeconds?: number): void;
  /** An event is confirmed by the broker. */
  event(name: EventName): void;
  /** A copy went to the dead queue; `reason` from a closed set. */
  deadLetter(reason: string): void;
}

/** Sets and counts them on the instruments. */
export function brokerMetrics(m: InstrumentsOf<typeof BROKER_METRICS>): BrokerMetrics {
  const deadReason = bounded();

  return {
    queued: (seconds) => m.queueDelay.observe(Math.max(0, seconds)),
    queueLengths(messages) {
      m.queueMessages.reset();
      if (messages === null) return;
      for (const queue of MEASURED_QUEUES) m.queueMessages.set({ queue }, messages[queue]);
    },
    queuePolicies({ unchecked, objections }) {
      m.queuePoliciesChecked.set(unchecked === null ? 1 : 0);
      for (const queue of MEASURED_QUEUES) {
        for (const key of POLICY_KEYS) {
          const harm = objections.some((one) => one.purpose === queue && one.key === key);
          m.queuePolicyHarm.set({ queue, key }, harm ? 1 : 0);
        }
      }
    },
    replyGivenUp: (why) => m.repliesGivenUp.inc({ why }),
    delivery(queue, redelivered) {
      m.inFlight.inc({ queue });
      if (redelivered) m.redeliveries.inc({ queue });
      return (disposition) => {
        m.inFlight.dec({ queue });
        m.deliveries.inc({ queue, disposition });
      };
    },
    published(kind, result, confirmSeconds) {
      m.publishes.inc({ kind, result });
      if (confirmSeconds !== undefined) m.confirmSeconds.observe(confirmSeconds);
    },
    event: (event) => m.events.inc({ event }),
    deadLetter: (reason) => m.deadLetters.inc({ reason: deadReason(reason) }),
  };
}
