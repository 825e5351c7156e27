import type { FinalDraft } from "../messages/events.ts";

/** What an end says of reinstalls in general: does the image, or the cloud, still make servers that work? */
export interface StormEnd {
  readonly result: "success" | "failure";
  /** Class and code: what a storm is explained by. */
  readonly cause: string;
}

/** Failures that are not the command's own: the error table says which codes of a job are. */
const COUNTED: readonly string[] = ["job-failed", "server-broken"];

/** Null: it says nothing of the next reinstall. A server that does not answer after its reinstall is a failure of the image. */
export function stormEndOf({ event, data }: FinalDraft, emittersFault: boolean): StormEnd | null {
  if (event === "succeeded") {
    return data["ready"] === false
      ? { result: "failure", cause: "not-ready" }
      : { result: "success", cause: "" };
  }
  if (event === "unresolved") return { result: "failure", cause: "unresolved" };
  const { class: failure, cloud_code: code } = data;
  if (event !== "failed" || emittersFault || typeof failure !== "string") return null;
  if (!COUNTED.includes(failure)) return null;
  return { result: "failure", cause: typeof code === "string" ? `${failure} ${code}` : failure };
}
