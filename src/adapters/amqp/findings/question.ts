import type { ChannelModel, ConfirmChannel } from "amqplib";
import { asError } from "../../thrown.ts";
import { within } from "../../time-limits.ts";

/** What the broker said to one question. */
export type Reply =
  | { readonly kind: "yes" }
  /** `code`: AMQP's reply code (403 refused, 404 missing, 406 exists in another form); null: of something else. */
  | { readonly kind: "no"; readonly code: number | null; readonly text: string };

/**
 * Asks the broker one thing on a channel of its own, since the broker closes a channel with its "no". Rejects when there
 * is no answer in time.
 */
export async function ask(
  model: ChannelModel,
  question: (channel: ConfirmChannel) => Promise<unknown>,
  timeoutMs: number,
): Promise<Reply> {
  const channel = await within(model.createConfirmChannel(), timeoutMs, "channel.open");
  let said: Error | undefined;
  channel.on("error", (error: Error) => {
    said = error;
  });
  try {
    await within(question(channel), timeoutMs, "a question to the broker");
    return { kind: "yes" };
  } catch (thrown) {
    const error = said ?? asError(thrown);
    const code = codeOf(thrown) ?? codeOf(error) ?? codeIn(error.message);
    if (code === null) throw error;
    return { kind: "no", code, text: textOf(error.message) };
  } finally {
    // A channel that the broker closed rejects at once.
    within(channel.close(), timeoutMs, "channel.close").catch(() => undefined);
  }
}

function codeOf(error: unknown): number | null {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "number" ? code : null;
}

function codeIn(message: string): number | null {
  const code = /\b(4\d\d|5\d\d) \(/.exec(message)?.[1];
  return code === undefined ? null : Number(code);
}

/** Without what the library puts before it. */
function textOf(message: string): string {
  return /with message "(.*)"$/s.exec(message)?.[1] ?? message;
}
