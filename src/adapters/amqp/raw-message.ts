import type { ConsumeMessage } from "amqplib";

/** What is read of a message. */
export interface RawMessage {
  readonly content: Buffer;
  readonly fields: Pick<ConsumeMessage["fields"], "redelivered"> & {
    readonly exchange?: string;
    readonly routingKey?: string;
  };
  readonly properties: Omit<Partial<ConsumeMessage["properties"]>, "headers"> & {
    readonly headers?: Readonly<Record<string, unknown>> | undefined;
  };
}
