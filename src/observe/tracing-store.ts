import type { DiskEvidence } from "../steps/ports/disk-evidence.ts";
import type { ReinstallStore } from "../steps/ports/reinstall-store.ts";
import type { SpanStart } from "./tracing-spans.ts";
import type { Tracer } from "./tracing-tracer.ts";

/** A span for each script that the store runs, with the kind of its answer; the claim tells the delivery its attempt. */
export function tracedStore(store: ReinstallStore, tracer: Tracer): ReinstallStore {
  function asked<T extends { readonly kind: string }>(
    script: string,
    ask: () => Promise<T>,
  ): Promise<T> {
    return tracer.within(scriptSpan(script), async (span) => {
      const answer = await ask();
      span?.set({ "ecs.store.answer": answer.kind });
      if (answer.kind === "away" || answer.kind === "corrupt") span?.fail(answer.kind);
      return answer;
    });
  }

  return {
    ...store,
    admit: (...args) => asked("admit", () => store.admit(...args)),
    refuse: (...args) => asked("refuse", () => store.refuse(...args)),
    async claim(...args) {
      const answer = await asked("claim", () => store.claim(...args));
      if (answer.kind === "claimed") {
        tracer.delivery()?.set({
          "ecs.taken_over": answer.takenOver,
          "ecs.restored": answer.restored,
        });
      }
      return answer;
    },
    hop: (...args) => asked("hop", () => store.hop(...args)),
    acquire: (...args) => asked("acquire", () => store.acquire(...args)),
    async takeAttempt(...args) {
      const answer = await asked("take-attempt", () => store.takeAttempt(...args));
      if (answer.kind === "taken") tracer.delivery()?.set({ "ecs.attempt": answer.attempt });
      return answer;
    },
    mayStop: (...args) => asked("may-stop", () => store.mayStop(...args)),
    recordIntent: (...args) => asked("intent", () => store.recordIntent(...args)),
    save: (...args) => asked("save", () => store.save(...args)),
    finish: (...args) => asked("finish", () => store.finish(...args)),
    told: (...args) => tracer.within(scriptSpan("told"), () => store.told(...args)),
    outcomeOf: (...args) => asked("outcome-of", () => store.outcomeOf(...args)),
  };
}

export function tracedEvidence(evidence: DiskEvidence, tracer: Tracer): DiskEvidence {
  return {
    ...evidence,
    trust: (volumeType) =>
      tracer.within(scriptSpan("evidence-trust"), async (span) => {
        const trust = await evidence.trust(volumeType);
        span?.set({ "ecs.store.answer": trust });
        return trust;
      }),
    count: (...args) => tracer.within(scriptSpan("evidence-count"), () => evidence.count(...args)),
  };
}

function scriptSpan(script: string): SpanStart {
  return {
    name: `redis ${script}`,
    kind: "client",
    attributes: { "db.system.name": "redis", "db.operation.name": script },
  };
}
