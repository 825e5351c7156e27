import type { ChannelModel } from "amqplib";
import { asError, within } from "./waiting.ts";

/** More than anything of ours takes, and little enough to be sent once. */
const FAR_TOO_LONG_BYTES = 2 * 1_048_576;

/**
 * Does the broker take messages that are far too long? AMQP cannot ask for `max_message_size`, so one is sent where no
 * queue is: a broker with a limit closes the channel over it and names the limit, any other drops it. Once for a
 * process, on a channel of its own. Gives the limit in bytes; null: it took it. Rejects when there is no answer.
 *
 * @param nowhere a routing key of the default exchange without a queue
 */
export async function messageSizeLimit(
  model: ChannelModel,
  nowhere: string,
  timeoutMs: number,
): Promise<number | null> {
  const channel = await within(model.createConfirmChannel(), timeoutMs, "channel.open");
  let said: Error | undefined;
  channel.on("error", (error: Error) => {
    said = error;
  });
  try {
    channel.publish("", nowhere, Buffer.alloc(FAR_TOO_LONG_BYTES), { persistent: false });
    await within(channel.waitForConfirms(), timeoutMs, "publish");
    return null;
  } catch (error) {
    const text = said?.message ?? asError(error).message;
    const limit = /larger than configured max size (\d+)/.exec(text)?.[1];
    if (limit === undefined) throw error;
    return Number(limit);
  } finally {
    // A channel that the broker closed rejects at once.
    within(channel.close(), timeoutMs, "channel.close").catch(() => undefined);
  }
}
