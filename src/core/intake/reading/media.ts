import { JSON_MEDIA_TYPE } from "../../../contract/cloud-event.ts";
import type { Problem } from "../../../contract/command.ts";
import { hasAttributes } from "./cloud-event.ts";
import { compressionSaid } from "./compression.ts";

export interface MessageProperties {
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** How a message carries its command. */
export type Mode = "plain" | "structured" | "binary";

export type Media =
  | { readonly kind: "supported"; readonly mode: Mode }
  | { readonly kind: "unsupported"; readonly mode: Mode; readonly problem: Problem };

const STRUCTURED = "application/cloudevents+json";

/** JSON in UTF-8, plain or as a CloudEvent. Anything else is refused rather than guessed: a guess wipes a disk. */
export function mediaOf({ contentType, contentEncoding, headers = {} }: MessageProperties): Media {
  const [type = "", ...parameters] = (contentType ?? "")
    .split(";")
    .map((part) => part.trim().toLowerCase());
  const mode: Mode =
    type === STRUCTURED ? "structured" : hasAttributes(headers) ? "binary" : "plain";
  const unsupported = (problem: Problem): Media => ({ kind: "unsupported", mode, problem });
  if (!isTaken(type, mode)) {
    const message = `must be application/json, or ${STRUCTURED} for a CloudEvent in structured mode`;
    return unsupported({ path: "content_type", code: "unsupported", message });
  }
  const charset = parameters
    .find((part) => part.startsWith("charset="))
    ?.slice("charset=".length)
    .replaceAll('"', "");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") {
    const message = "charset must be utf-8";
    return unsupported({ path: "content_type", code: "unsupported", message });
  }
  const compressed = compressionSaid((contentEncoding ?? "").toLowerCase(), headers);
  return compressed === null ? { kind: "supported", mode } : unsupported(compressed);
}

/** In binary mode the content type is the event's `datacontenttype`: JSON, by any of its names. */
function isTaken(type: string, mode: Mode): boolean {
  if (mode === "structured" || type === "application/json") return true;
  return (
    mode === "binary" && JSON_MEDIA_TYPE.test(type) && !type.startsWith("application/cloudevents")
  );
}
