import type { IncomingMessage } from "node:http";
import type { WireRequest } from "../access/signature.ts";

/** With AK/SK a body may have 12 MB (ECS API reference notes §6.3). */
const MAX_BODY_BYTES = 12 * 1_024 * 1_024;

export type ReadRequest =
  | { readonly kind: "complete"; readonly request: WireRequest }
  | { readonly kind: "too-large" }
  /** The connection ended first. */
  | { readonly kind: "incomplete" };

/** Takes a request off the wire, to its last byte. */
export async function readRequest(incoming: IncomingMessage): Promise<ReadRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // What is too much is read to the end and thrown away, so that the client gets to see the answer.
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    return { kind: "incomplete" };
  }
  if (!incoming.complete) return { kind: "incomplete" };
  if (bytes > MAX_BODY_BYTES) return { kind: "too-large" };
  return {
    kind: "complete",
    request: {
      method: incoming.method ?? "",
      target: incoming.url ?? "",
      headers: wireHeaders(incoming.rawHeaders),
      body: Buffer.concat(chunks),
    },
  };
}

/** From the raw list: Node's own record drops the second of two equal headers, which a signature would have covered. */
function wireHeaders(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    const value = raw[i + 1] ?? "";
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}
