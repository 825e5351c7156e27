import { type ConfirmChannel, IllegalOperationError, type Options } from "amqplib";
import type { Changes } from "../changes.ts";

/** One message as it goes to the broker; the exchange `""` is the default one, whose routing key names a queue. */
export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly properties: PublicationProperties;
}

/** @internal */
export type PublicationProperties = Pick<
  Options.Publish,
  "contentType" | "contentEncoding" | "correlationId" | "replyTo" | "timestamp" | "type"
> & {
  readonly messageId?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
};

/** `lost`: the channel ended first, nobody knows. */
export type LaneOutcome = "confirmed" | "returned" | "nacked" | "lost";

/** Distinguishes a returned message from another one with the same message id. */
const SERIAL_HEADER = "x-ecs-publish";

/** One confirm channel and what is under way on it. */
export class ConfirmLane {
  readonly channel: ConfirmChannel;
  readonly #changed: Changes;
  readonly #underWay = new Map<string, { returned: boolean }>();
  #serial = 0;
  #full = false;
  #ended = false;
  #lastConfirmMs = performance.now();

  /** @param changed notified when the lane takes messages again, got an answer, or has ended */
  constructor(channel: ConfirmChannel, changed: Changes) {
    this.channel = channel;
    this.#changed = changed;
    channel.on("drain", () => {
      this.#full = false;
      this.#changed.notify();
    });
    // A channel that ends never drains.
    channel.on("close", () => {
      this.#ended = true;
      this.#changed.notify();
    });
    // Comes before the confirm of the same message, which is then an ack.
    channel.on("return", ({ properties }) => {
      const sent = this.#underWay.get(String(properties.headers?.[SERIAL_HEADER]));
      if (sent !== undefined) sent.returned = true;
    });
  }

  /** Its write buffer is full: what is sent now piles up in memory. */
  get full(): boolean {
    return this.#full;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get pending(): number {
    return this.#underWay.size;
  }

  /** When the broker last took something, by the monotonic clock. */
  get lastConfirmMs(): number {
    return this.#lastConfirmMs;
  }

  /** Settles with the broker's answer or the channel's end, and not before: time-outs are the caller's. Throws for what AMQP cannot carry. */
  async send({ exchange, routingKey, body, properties }: Publication): Promise<LaneOutcome> {
    this.#serial += 1;
    const serial = String(this.#serial);
    const sent = { returned: false };
    this.#underWay.set(serial, sent);
    try {
      return await new Promise<LaneOutcome>((resolve) => {
        const answered = (error: unknown) => {
          if (error === null) {
            this.#lastConfirmMs = performance.now();
            resolve(sent.returned ? "returned" : "confirmed");
          } else resolve(isNack(error) ? "nacked" : "lost");
        };
        const options = {
          ...properties,
          headers: { ...properties.headers, [SERIAL_HEADER]: serial },
          persistent: true,
          mandatory: true,
        };
        this.#full = !this.channel.publish(exchange, routingKey, body, options, answered);
      });
    } catch (error) {
      if (error instanceof IllegalOperationError) return "lost";
      throw error;
    } finally {
      this.#underWay.delete(serial);
      this.#changed.notify();
    }
  }
}

function isNack(error: unknown): boolean {
  return error instanceof Error && error.message === "message nacked";
}
