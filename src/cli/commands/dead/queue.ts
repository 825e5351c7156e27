import type { ConfirmChannel, GetMessage } from "amqplib";
import { deliveryOf } from "../../../adapters/amqp/delivery.ts";
import { headersToKeep } from "../../../adapters/amqp/publishing/publications.ts";
import type { AmqpNames } from "../../../adapters/amqp/settings.ts";
import {
  type DeadLetter,
  type DeadMessage,
  leftMs,
  readDeadLetter,
  RETURNED,
  returnsOf,
  sentOf,
} from "../../../core/messages/dead-letter.ts";
import { CliFailure } from "../../failure.ts";

/** Messages of the dead queue that this program holds: nobody else is given them meanwhile. */
export interface HeldDead {
  /** The oldest first. */
  readonly letters: readonly DeadLetter[];
  /** There is no other. */
  readonly complete: boolean;
  /** For good. Resolves when the broker has taken the word. */
  drop(letters: readonly DeadLetter[]): Promise<void>;
  /** Publishes it as a command again, as it was sent, and drops it once the broker has confirmed that. */
  returnOne(letter: DeadLetter): Promise<void>;
  /** Whatever is held goes back to its place. */
  putBack(): Promise<void>;
}

/** Of what is held at once. */
const MOST_BYTES = 64 * 1_048_576;
const ROUTING_KEY = "reinstall";

interface Holding {
  readonly names: Pick<AmqpNames, "deadQueue" | "commandsExchange">;
  readonly most: number;
  /** Bounds the wait for an answer of the broker. */
  readonly within: <T>(work: Promise<T>) => Promise<T>;
}

/**
 * Holds the first messages of the dead queue. They are given back by `basic.nack`: RabbitMQ counts that as a delivery in
 * vain before 4.3, and the queue is declared with a limit that no person reaches; a queue without one drops a message
 * at the 21st time in RabbitMQ 4.0 to 4.2.
 */
export async function holdDead(
  channel: ConfirmChannel,
  { names, most, within }: Holding,
): Promise<HeldDead> {
  const { deadQueue, commandsExchange } = names;
  const held = new Map<DeadLetter, { readonly raw: GetMessage; readonly message: DeadMessage }>();
  let bytes = 0;
  let complete = false;
  while (held.size < most && bytes < MOST_BYTES) {
    const raw = await within(channel.get(deadQueue, { noAck: false }));
    complete = raw === false || raw.fields.messageCount === 0;
    if (raw === false) break;
    const message = deadMessageOf(deadQueue, raw);
    held.set(readDeadLetter(message, Date.now()), { raw, message });
    bytes += raw.content.byteLength;
    if (complete) break;
  }

  function heldOf(letter: DeadLetter) {
    const one = held.get(letter);
    if (one === undefined) throw new Error("a dead letter that is not held");
    return one;
  }
  /** The broker does what a channel asks in its order: an answer to this says that what was asked before is taken. */
  const taken = () => within(channel.checkQueue(deadQueue));
  async function drop(letters: readonly DeadLetter[]): Promise<void> {
    for (const letter of letters) channel.ack(heldOf(letter).raw);
    await taken();
    for (const letter of letters) held.delete(letter);
  }

  return {
    letters: [...held.keys()],
    complete,
    drop,
    async returnOne(letter) {
      const { raw, message } = heldOf(letter);
      let unroutable = false;
      channel.once("return", () => {
        unroutable = true;
      });
      const options = { ...propertiesAgain(raw, message), persistent: true, mandatory: true };
      await within(
        new Promise<void>((resolve, reject) => {
          channel.publish(commandsExchange, ROUTING_KEY, raw.content, options, (error: unknown) => {
            if (error === null || error === undefined) resolve();
            else
              reject(
                new CliFailure(
                  "the broker refused it (the queue of commands is full, or cannot be written to): it stays in the dead queue",
                ),
              );
          });
        }),
      );
      if (unroutable) {
        throw new CliFailure(
          `no queue is bound to exchange ${commandsExchange}: it stays in the dead queue`,
        );
      }
      await drop([letter]);
    },
    async putBack() {
      const last = [...held.values()].at(-1);
      if (last === undefined) return;
      held.clear();
      channel.nack(last.raw, true, true);
      await taken();
    },
  };
}

function deadMessageOf(queue: string, raw: GetMessage): DeadMessage {
  const { expiration } = raw.properties;
  const own = typeof expiration === "string" && /^\d{1,15}$/.test(expiration);
  return {
    ...deliveryOf(queue, raw),
    expirationMs: own ? Number(expiration) : undefined,
  };
}

/** As its emitter sent it, but for the user: the broker takes nobody else's. */
function propertiesAgain({ properties }: GetMessage, message: DeadMessage) {
  const { contentType, contentEncoding, correlationId, replyTo, messageId, appId, type } =
    properties;
  const nowMs = Date.now();
  const left = leftMs(message, nowMs);
  return {
    contentType,
    contentEncoding,
    correlationId,
    replyTo,
    messageId,
    appId,
    type,
    timestamp: Math.floor((sentOf(message, nowMs) ?? 0) / 1_000),
    ...(left === null ? {} : { expiration: String(left) }),
    headers: { ...headersToKeep(message.headers), [RETURNED]: returnsOf(message) + 1 },
  };
}
