import type { ConsumeMessage } from "amqplib";
import { z } from "zod";
import { FINAL_EVENTS, type ProgressEvent } from "../../../src/contract/event.ts";
import { OperatorEvent } from "../../../src/contract/operator-event.ts";
import type { Emitter, HeardEvent } from "./emitter.ts";
import { eventually } from "../eventually.ts";

/** What a listener has heard so far, and what tests ask about it. */
export interface HeardEvents {
  take(message: ConsumeMessage): void;
  readonly asked: Pick<Emitter, "heard" | "actions" | "story" | "outcome" | "event" | "misuse">;
}

export function createHeardEvents(): HeardEvents {
  const all: HeardEvent[] = [];
  const actions: OperatorEvent[] = [];
  const heard = (id?: string) =>
    id === undefined ? all : all.filter(({ event }) => event.data.command_id === id);
  const find = (id: string, wanted: (name: string) => boolean) =>
    heard(id).find(({ event }) => wanted(event.data.event))?.event;
  const misuses = (id: string, name: string) =>
    all
      .map(({ event }) => event)
      .filter(({ data }) => data["reused_command_id"] === id && data.event === name);
  return {
    take(message) {
      const text = message.content.toString("utf8");
      const key = message.fields.routingKey;
      if (key.startsWith("operator.")) {
        // A member that the contract does not name is refused here.
        actions.push(z.strictObject(OperatorEvent.shape).parse(JSON.parse(text)));
        return;
      }
      all.push({
        key,
        text,
        event: JSON.parse(text) as ProgressEvent,
        heardAtMs: Date.now(),
      });
    },
    asked: {
      heard,
      actions: () => actions,
      story: (id) => {
        const events = new Map(heard(id).map(({ event }) => [event.id, event]));
        return [...events.values()]
          .sort((a, b) => a.data.sequence - b.data.sequence)
          .map(({ data }) => data.event);
      },
      outcome: (id, timeoutMs = 60_000) =>
        eventually(() => find(id, (name) => FINAL_EVENTS.some((one) => one === name)) ?? false, {
          what: `the outcome of ${id} (heard: ${heard(id)
            .map((h) => h.event.data.event)
            .join(", ")})`,
          timeoutMs,
        }),
      misuse: (id, name, timeoutMs = 60_000) =>
        eventually(() => misuses(id, name)[0] ?? false, {
          what: `the answer ${name} to a misuse of ${id}`,
          timeoutMs,
        }),
      event: (id, name, timeoutMs = 60_000) =>
        eventually(() => find(id, (one) => one === name) ?? false, {
          what: `the event ${name} of ${id}`,
          timeoutMs,
        }),
    },
  };
}
