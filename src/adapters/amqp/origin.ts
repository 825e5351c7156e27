import type { Origin } from "../../core/intake/origin.ts";
import type { RawMessage } from "./raw-message.ts";
import { ARRIVAL_TYPE, originMark } from "./marks.ts";

/** Where a message comes from: as we noted it when it was deferred, by its first death, else by this delivery. */
export function originOf(queue: string, { fields, properties }: RawMessage): Origin {
  const headers = properties.headers ?? {};
  // Whoever may publish through the default exchange is one of us.
  if (properties.type === ARRIVAL_TYPE && fields.exchange === "") return originMark(headers);
  const deaths = headers["x-death"];
  const first: unknown = Array.isArray(deaths) ? deaths.at(-1) : undefined;
  const from = typeof first === "object" && first !== null ? ofDeath(first as ByName) : undefined;
  return {
    appId: text(properties.appId),
    userId: text(properties.userId),
    exchange: text(fields.exchange),
    routingKey: text(fields.routingKey),
    queue,
    ...from,
  };
}

type ByName = Readonly<Record<string, unknown>>;

function ofDeath({ exchange, queue, "routing-keys": keys }: ByName): Origin {
  const [routingKey]: unknown[] = Array.isArray(keys) ? keys : [];
  return { exchange: text(exchange), routingKey: text(routingKey), queue: text(queue) };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
