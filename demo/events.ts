import { connect } from "amqplib";
import { ProgressEvent } from "../src/contract/event.ts";

const EXCHANGE = "ecs.reinstall.events";

export interface EventReader {
  stop(): Promise<void>;
}

/** Reads every progress event from a queue of its own, as any program may that wants to know. */
export async function readEvents(
  amqpUrl: string,
  onEvent: (event: ProgressEvent) => void,
): Promise<EventReader> {
  const connection = await connect(amqpUrl);
  // The broker ends with the demo: a connection that goes away is no news.
  connection.on("error", () => undefined);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  // Of commands: what people do by hand goes by `operator.<action>`.
  await channel.bindQueue(queue, EXCHANGE, "*.*.*");
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      const event = ProgressEvent.safeParse(JSON.parse(message.content.toString("utf8")));
      if (!event.success) throw new Error(`an event breaks the contract: ${event.error.message}`);
      onEvent(event.data);
    },
    { noAck: true, exclusive: true },
  );
  return {
    async stop() {
      await connection.close().catch(() => undefined);
    },
  };
}
