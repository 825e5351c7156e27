import { SpanKind } from "@opentelemetry/api";
import type { DiskEvidence } from "../../steps/ports/disk-evidence.ts";
import type { StoreCall, StoreWatch } from "../watched-store.ts";
import { fail, type SpanStart, type Tracer } from "./tracing-tracer.ts";

/** The script behind each question to the store, as spans name it. */
const SCRIPTS = {
  admit: "admit",
  refuse: "refuse",
  claim: "claim",
  hop: "hop",
  acquire: "acquire",
  noteDisk: "note-disk",
  mayStop: "may-stop",
  mayStart: "may-start",
  takeAttempt: "take-attempt",
  recordIntent: "intent",
  save: "save",
  finish: "finish",
  settle: "settle",
  endInquiry: "end-inquiry",
  published: "published",
  outcomeOf: "outcome-of",
} as const satisfies Record<StoreCall, string>;

/** A span for each script that the store runs, with the kind of its answer; the claim adds its attempt to the delivery's span. */
export function storeTracing(tracer: Tracer): StoreWatch {
  return {
    around: (call, ask) =>
      tracer.within(scriptSpan(SCRIPTS[call]), async (span) => {
        const answer = await ask();
        const { kind } = (answer ?? {}) as { readonly kind?: string };
        span?.setAttributes({ "ecs.store.answer": kind });
        if (kind === "away" || kind === "corrupt") fail(span, kind);
        return answer;
      }),
    seen: {
      claim(answer) {
        if (answer.kind !== "claimed") return;
        const { takenOver, restored } = answer;
        tracer.delivery()?.setAttributes({ "ecs.taken_over": takenOver, "ecs.restored": restored });
      },
      takeAttempt(answer) {
        if (answer.kind === "taken") tracer.delivery()?.setAttribute("ecs.attempt", answer.attempt);
      },
    },
  };
}

/** The evidence as it is, with a span for each question. */
export function tracedEvidence(evidence: DiskEvidence, tracer: Tracer): DiskEvidence {
  return {
    ...evidence,
    trust: (volumeType) =>
      tracer.within(scriptSpan("evidence-trust"), async (span) => {
        const trust = await evidence.trust(volumeType);
        span?.setAttribute("ecs.store.answer", trust);
        return trust;
      }),
    count: (...args) => tracer.within(scriptSpan("evidence-count"), () => evidence.count(...args)),
  };
}

function scriptSpan(script: string): SpanStart {
  return {
    name: `redis ${script}`,
    kind: SpanKind.CLIENT,
    attributes: { "db.system.name": "redis", "db.operation.name": script },
  };
}
