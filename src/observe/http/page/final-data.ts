import type { CommandDetail } from "../../../contract/overview.ts";

/** An object of another version of us, of which nothing is taken for granted. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** How long the cloud's job of a successful reinstall took, in ms; null: it did not succeed, or no job said it. */
export function reinstallMs({ finalEvent }: Pick<CommandDetail, "finalEvent">): number | null {
  const data = recordOf(recordOf(finalEvent)["data"]);
  const seconds = data["duration_seconds"];
  return data["event"] === "succeeded" && typeof seconds === "number" ? seconds * 1000 : null;
}

/** What a final event says of itself, in a few words; null: nothing. */
export function saidAtEnd({ finalEvent }: Pick<CommandDetail, "finalEvent">): string | null {
  const data = recordOf(recordOf(finalEvent)["data"]);
  const problem = Array.isArray(data["problems"]) ? recordOf(data["problems"][0]) : {};
  const said = [data["message"], data["seen"], problem["message"], data["why"], data["because"]];
  return said.find((one) => typeof one === "string") ?? null;
}

/** The middle of some numbers; null: there is none. */
export function medianOf(numbers: readonly number[]): number | null {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
