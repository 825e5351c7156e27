import { type Answer, readAnswer } from "../../../../src/adapters/cloud/answers/answer.ts";

export interface Wire {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly elapsedMs?: number;
  readonly secrets?: readonly string[];
  readonly nowMs?: number;
}

/** An answer as it would be read from the wire; a body that is no text is sent as JSON. */
export function answer(body: unknown, wire: Wire = {}): Answer {
  return readAnswer(
    {
      status: wire.status ?? 200,
      headers: new Map(Object.entries(wire.headers ?? {})),
      body: typeof body === "string" ? body : JSON.stringify(body),
      elapsedMs: wire.elapsedMs ?? 0,
    },
    { secrets: wire.secrets ?? [], nowMs: wire.nowMs ?? 0 },
  );
}

/** As ECS itself reports an error (ECS API notes §5.1). */
export function ecsError(status: number, code: string, message = "some text"): Answer {
  return answer({ error: { code, message } }, { status });
}
