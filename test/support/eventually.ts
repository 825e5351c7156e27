import { setTimeout as sleep } from "node:timers/promises";

export interface EventuallyOptions {
  /** How long the condition may take to come true. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** What is awaited, for the error message. */
  readonly what?: string;
}

/**
 * Tries until the attempt neither throws nor answers `false`, and answers what it answered last.
 * Fails at the deadline with the last failure as `cause`; an attempt that hangs is abandoned there.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 30_000, intervalMs = 50, what = "the condition" }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const startedMs = performance.now();
  let attempts = 0;
  let last: unknown = "no attempt ended";
  for (;;) {
    attempts += 1;
    const leftMs = timeoutMs - (performance.now() - startedMs);
    const outcome = await outcomeWithin(attempt, Math.max(leftMs, 1));
    if (outcome.kind === "held") return outcome.value;
    if (outcome.kind === "not-yet") last = outcome.why;
    if (outcome.kind === "hangs" || performance.now() - startedMs + intervalMs >= timeoutMs) {
      const hanging = outcome.kind === "hangs" ? "; the last attempt never ended" : "";
      throw new Error(
        `${what} did not come true within ${timeoutMs} ms (${attempts} attempts${hanging}): ${asText(last)}`,
        { cause: last },
      );
    }
    await sleep(intervalMs);
  }
}

type Outcome<T> =
  | { readonly kind: "held"; readonly value: Exclude<T, false> }
  | { readonly kind: "not-yet"; readonly why: unknown }
  | { readonly kind: "hangs" };

async function outcomeWithin<T>(
  attempt: () => T | Promise<T>,
  timeoutMs: number,
): Promise<Outcome<T>> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<Outcome<T>>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, { kind: "hangs" });
  });
  try {
    return await Promise.race([hangs, outcomeOf(attempt)]);
  } finally {
    clearTimeout(timer);
  }
}

async function outcomeOf<T>(attempt: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    const value = await attempt();
    if (value === false) return { kind: "not-yet", why: "it answered false" };
    return { kind: "held", value: value as Exclude<T, false> };
  } catch (error) {
    return { kind: "not-yet", why: error };
  }
}

function asText(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
