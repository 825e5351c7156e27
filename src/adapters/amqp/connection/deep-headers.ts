import type { ChannelModel } from "amqplib";
import { MAX_DEPTH } from "../carriable.ts";

/**
 * From now on a table or array that lies too deep in a message's headers is read as the bytes that it arrived in. amqplib calls
 * itself for each level: at some 5 000 (45 KB) its stack is full, the connection ends, and the broker delivers the same
 * message to the next one, for ever. It has no hook, but it asks its own method for each frame.
 */
export function cutDeepHeaders(model: ChannelModel): void {
  const inner = model.connection as unknown as Receiving;
  const receive = inner.recvFrame.bind(inner);
  inner.recvFrame = () => {
    cutFirstFrame(inner.rest);
    return receive();
  };
}

/** Of amqplib's connection, what its type does not name. */
interface Receiving {
  /** What arrived and is not read yet, from the beginning of a frame on. */
  readonly rest: Buffer;
  /** Reads one frame; calls itself again when more has arrived. */
  recvFrame: () => unknown;
}

/** In place: a table and an array begin with their length, and so do plain bytes. */
function cutFirstFrame(bytes: Buffer): void {
  if (bytes.length < FRAME_HEAD || bytes[0] !== CONTENT_HEADER) return;
  const end = FRAME_HEAD + bytes.readUInt32BE(3);
  if (bytes.length < end) return;
  try {
    cutHeaders(bytes.subarray(FRAME_HEAD, end));
  } catch (error) {
    // Lengths that lead beyond the frame: amqplib will say so.
    if (!(error instanceof RangeError)) throw error;
  }
}

function cutHeaders(payload: Buffer): void {
  const flags = payload.readUInt16BE(FLAGS_AT);
  let at = FLAGS_AT + 2;
  for (const property of BEFORE_HEADERS) {
    if ((flags & property) !== 0) at += 1 + payload.readUInt8(at);
  }
  if ((flags & HEADERS) === 0) return;
  cutMembers(payload, { at: at + 4, end: at + 4 + payload.readUInt32BE(at), named: true }, 0);
}

interface Members {
  readonly at: number;
  readonly end: number;
  /** Those of a table have names, those of an array have none. */
  readonly named: boolean;
}

/** @param depth of these members; those of the headers themselves have 0, as where a header is carried on */
function cutMembers(payload: Buffer, { at: first, end, named }: Members, depth: number): void {
  for (let at = first; at < end; ) {
    if (named) at += 1 + payload.readUInt8(at);
    const type = String.fromCharCode(payload.readUInt8(at));
    const bytes = FIXED_BYTES[type];
    if (bytes !== undefined) {
      at += 1 + bytes;
      continue;
    }
    // A type that nobody knows: amqplib will say so.
    if (!WITH_LENGTH.includes(type)) return;
    const from = at + 5;
    const to = from + payload.readUInt32BE(at + 1);
    if (type === "F" || type === "A") {
      if (depth > MAX_DEPTH) payload.write("x", at, "latin1");
      else cutMembers(payload, { at: from, end: to, named: type === "F" }, depth + 1);
    }
    at = to;
  }
}

/** Type, channel and length. */
const FRAME_HEAD = 7;
const CONTENT_HEADER = 2;
/** Behind class, weight and length of the body. */
const FLAGS_AT = 12;
/** The properties that stand before the headers: content type and encoding. */
const BEFORE_HEADERS = [0x80_00, 0x40_00];
const HEADERS = 0x20_00;
const FIXED_BYTES: Readonly<Record<string, number>> = {
  V: 0,
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  f: 4,
  D: 5,
  d: 8,
  l: 8,
  T: 8,
};
/** Text, bytes, table, array. */
const WITH_LENGTH = "SxFA";
