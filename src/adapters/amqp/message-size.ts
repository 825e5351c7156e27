import type { ChannelModel } from "amqplib";
import { asError } from "../thrown.ts";
import { within } from "../time-limits.ts";
import type { SupervisedConnection } from "./connection/connection.ts";
import type { AmqpSettings, OnAmqpEvent } from "./settings.ts";

/** More than anything of ours takes, and little enough to be sent once. */
const FAR_TOO_LONG_BYTES = 2 * 1_048_576;

const TAKES_TOO_LONG =
  "broker takes messages of several MiB, and each is read whole: set max_message_size";

/** What is asked, and who says when it can be. */
interface SizeQuestion {
  readonly publisher: { isBlocked(): boolean };
  readonly publishing: SupervisedConnection;
  readonly settings: AmqpSettings;
  readonly onEvent: OnAmqpEvent;
}

/**
 * Says, once it can be published, whether the broker limits its messages. Never rejects: it is advice to whoever runs
 * the broker.
 */
export async function reportMessageSize(
  { publisher, publishing, settings, onEvent }: SizeQuestion,
  signal: AbortSignal,
): Promise<void> {
  const writable = () => publishing.live !== undefined && !publisher.isBlocked();
  if (!(await publishing.changed.until(writable, signal))) return;
  const model = publishing.live?.model;
  if (model === undefined) return;
  try {
    const nowhere = `${settings.names.workQueue}.probe`;
    const limitBytes = await messageSizeLimit(model, nowhere, settings.rpcTimeoutMs);
    if (limitBytes === null) onEvent("warn", TAKES_TOO_LONG, {});
    else onEvent("info", "broker limits messages", { maxMessageSize: limitBytes });
  } catch (error) {
    const { message } = asError(error);
    onEvent("debug", "the broker's limit of messages is not known", { error: message });
  }
}

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
