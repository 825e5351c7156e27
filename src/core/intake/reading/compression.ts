import type { Problem } from "../../../contract/command.ts";

/** First bytes of compressed data. Brotli has none; no JSON text begins with any of these. */
const BEGINNINGS: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["LZ4", [0x04, 0x22, 0x4d, 0x18]],
  ["zip", [0x50, 0x4b, 0x03, 0x04]],
];

const ADVICE = "compressed messages are not read: send the JSON as it is (a command is small)";

/** Problem of a message whose properties say that it is compressed; null when they do not. */
export function compressionSaid(
  contentEncoding: string,
  headers: Readonly<Record<string, unknown>>,
): Problem | null {
  if (!["", "utf-8", "utf8", "identity"].includes(contentEncoding)) {
    return {
      path: "content_encoding",
      code: "unsupported",
      message: `must be left out or utf-8: ${ADVICE}`,
    };
  }
  // kombu, and so Celery, names its compression in this header and leaves the encoding as it is.
  const { compression } = headers;
  if (compression === undefined || compression === null || compression === "") return null;
  return {
    path: "headers.compression",
    code: "unsupported",
    message: `must be left out: ${ADVICE}`,
  };
}

/** Problem of bytes that are no JSON because they are compressed; null when they do not look it. */
export function compressionSeen(body: Uint8Array): Problem | null {
  const name = isZlib(body)
    ? "zlib"
    : BEGINNINGS.find(([, bytes]) => bytes.every((byte, at) => body[at] === byte))?.[0];
  if (name === undefined) return null;
  return { path: "", code: "compressed", message: `looks compressed (${name}): ${ADVICE}` };
}

/** RFC 1950: deflate with the usual window of 32 KiB, and the two first bytes together a multiple of 31. */
function isZlib([first, second = 0]: Uint8Array): boolean {
  return first === 0x78 && (first * 256 + second) % 31 === 0;
}
