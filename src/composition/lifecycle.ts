/** A piece of the worker with a beginning or an end. */
export interface Part {
  /** Begins, or does its first work. May be awaited by what comes after it; rejects when the worker cannot run at all. */
  readonly start?: () => void | Promise<void>;
  /** Ends what `start` began; may come first, or twice. */
  readonly stop?: () => void | Promise<void>;
}

/** Starts one after the other: each may count on those before it. Rejects with the first that does. */
export async function startInOrder(parts: readonly Part[]): Promise<void> {
  for (const part of parts) await part.start?.();
}

/** Stops the last one first: none loses what it still needs. */
export async function stopInReverse(parts: readonly Part[]): Promise<void> {
  for (const part of parts.toReversed()) await part.stop?.();
}
