import { z } from "zod";
import { shownName } from "./reading/names.ts";

/** Where a message comes from: what is left out, neither the broker nor its publisher says. */
export const Origin = z.object({
  /** As the publisher calls itself (AMQP `app_id`). */
  appId: z.string().optional(),
  /** Its user at the broker (AMQP `user_id`): the broker takes no other name than the user's own. */
  userId: z.string().optional(),
  /** What it was published to, and the key; the default exchange has no name. */
  exchange: z.string().optional(),
  routingKey: z.string().optional(),
  /** The queue that held it. */
  queue: z.string().optional(),
});
export type Origin = z.infer<typeof Origin>;

/** The same for people and programs, null where it is not known; what is odd is described, not shown. */
export function shownOrigin({ appId, userId, exchange, routingKey, queue }: Origin) {
  const shown = (text: string | undefined) => (text === undefined ? null : shownName(text));
  return {
    app_id: shown(appId),
    user_id: shown(userId),
    exchange: shown(exchange),
    routing_key: shown(routingKey),
    queue: shown(queue),
  };
}
