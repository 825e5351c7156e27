import type { PublicationKind, ReplyEnd } from "../../../contract/labels.ts";
import type { Outgoing } from "../../../steps/ports/outlet.ts";
import type { Publication } from "./confirm-lane.ts";
import type { Publisher, PublishOutcome } from "./publisher.ts";
import type { AmqpSettings, OnAmqpEvent } from "../settings.ts";

/** Stands around the publication of one message, all attempts included. May add headers, and gives back the result. */
export type AroundPublication = (
  message: Outgoing | { readonly kind: "arrival" },
  publication: Publication,
  send: (publication: Publication) => Promise<PublishOutcome>,
) => Promise<PublishOutcome>;

/** What the outlet publishes with, and whom it informs of the results. */
export interface AmqpOutletOptions {
  readonly publisher: Publisher;
  /** For replies alone: a queue of somebody else's that never confirms costs the others nothing. */
  readonly replyPublisher: Publisher;
  readonly settings: AmqpSettings;
  readonly onEvent: OnAmqpEvent;
  /** The time that the worker goes by. Default: the machine's. */
  readonly nowMs?: (() => number) | undefined;
  /** Each attempt, and how long the broker took to answer. */
  readonly onPublished?: (kind: PublicationKind, outcome: PublishOutcome, seconds: number) => void;
  /** A reply that its `reply_to` did not take; the event on the exchange has it all. */
  readonly onReplyGivenUp?: (why: ReplyEnd) => void;
  readonly around?: AroundPublication | undefined;
  /** A queue of ours was not there. */
  readonly onMissing: () => void;
}
