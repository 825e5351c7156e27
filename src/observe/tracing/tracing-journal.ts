import type { Journal } from "../../steps/ports/journal.ts";
import type { Tracer } from "./tracing-tracer.ts";

/** The diary goes on as it is; what it says of a delivery's end becomes part of the delivery's span. */
export function tracedJournal(journal: Journal, tracer: Tracer): Journal {
  return {
    ...journal,
    moved(order, from, to, events) {
      tracer.delivery()?.setAttributes({
        "ecs.outcome": "moved",
        "ecs.next_phase": to,
        "ecs.events": events.map(({ data }) => data.event),
      });
      journal.moved(order, from, to, events);
    },
    ended(from, outcome, observedAtMs) {
      const { command_id, event } = outcome.event.data;
      tracer.delivery()?.setAttributes({
        "ecs.command_id": command_id,
        "ecs.outcome": event,
        "ecs.events": [event],
      });
      journal.ended(from, outcome, observedAtMs);
    },
    dropped(commandId, phase, why) {
      tracer.delivery()?.setAttributes({ "ecs.outcome": "dropped", "ecs.why": why });
      journal.dropped(commandId, phase, why);
    },
    deferred(commandId, phase, why, delayMs) {
      tracer.delivery()?.setAttributes({
        "ecs.outcome": "deferred",
        "ecs.why": why,
        "ecs.delay_ms": delayMs,
      });
      journal.deferred(commandId, phase, why, delayMs);
    },
  };
}
