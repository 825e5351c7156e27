/*
 * What a person types, as events and explanations print it: with the ids filled in and words that a shell takes for words, so
 * that it runs as it was copied. Only the reason is left to write.
 */

/** Of a command; an order has these. */
interface Ids {
  readonly commandId: string;
  readonly projectId: string;
}

export function resolveLine(ids: Ids): string {
  return `${resolveAs(ids, "reinstalled")}, or the same with --as not-reinstalled`;
}

export function resolveAs(
  { commandId, projectId }: Ids,
  as: "reinstalled" | "not-reinstalled",
): string {
  return `ecs-reinstall resolve ${commandId} --project ${projectId} --as ${as} --reason …`;
}

export function cancelLine({ commandId, projectId }: Ids): string {
  return `ecs-reinstall cancel ${commandId} --project ${projectId} --reason …`;
}

/** Somebody else's text as one word of a shell: nothing in it is a command. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
