import { connect } from "amqplib";

/** A header of so many tables, or arrays, in one another; as it goes over the wire, since amqplib cannot write it. */
export function nestedHeader(name: string, kind: "table" | "array", levels: number): Buffer {
  const head = kind === "table" ? [1, "a".charCodeAt(0), "F".charCodeAt(0)] : ["A".charCodeAt(0)];
  const bytes = head.length + 4;
  const inner = Array.from({ length: levels - 1 }, (_none, level) =>
    withLength(Buffer.from(head), (levels - 2 - level) * bytes),
  );
  const outer = Buffer.from([name.length, ...Buffer.from(name), head.at(-1) ?? 0]);
  return Buffer.concat([withLength(outer, (levels - 1) * bytes), ...inner]);
}

/** A header that is a text. */
export function textHeader(name: string, text: string): Buffer {
  const head = Buffer.from([name.length, ...Buffer.from(name), "S".charCodeAt(0)]);
  return Buffer.concat([withLength(head, Buffer.byteLength(text)), Buffer.from(text)]);
}

interface RawMessage {
  readonly exchange?: string;
  readonly routingKey: string;
  readonly messageId: string;
  /** Seconds. */
  readonly timestamp?: number;
  readonly headers: readonly Buffer[];
  readonly body: string;
}

/** Publishes with headers that are already bytes. Resolves when the broker has read it. */
export async function publishRaw(url: string, message: RawMessage): Promise<void> {
  const connection = await connect(url);
  let failed: Error | undefined;
  connection.on("error", (error: Error) => {
    failed = error;
  });
  const channel = await connection.createChannel();
  const { ch } = channel as unknown as { ch: number };
  const { sendBytes } = bytesOf(connection.connection);
  sendBytes(Buffer.concat(framesOf(ch, message)));
  // It is answered after what was sent before it.
  await channel.prefetch(1).catch((error: unknown) => {
    throw failed ?? error;
  });
  await connection.close();
}

function bytesOf(inner: unknown): { sendBytes: (bytes: Buffer) => void } {
  const { sendBytes } = inner as { sendBytes: (bytes: Buffer) => void };
  return { sendBytes: sendBytes.bind(inner) };
}

function framesOf(channel: number, message: RawMessage): Buffer[] {
  const { exchange = "", routingKey, messageId, timestamp, headers, body } = message;
  const publish = [0, 60, 0, 40, 0, 0, ...short(exchange), ...short(routingKey), 0];
  const table = Buffer.concat(headers);
  const head = Buffer.alloc(14);
  head.writeUInt16BE(60, 0);
  head.writeUInt32BE(Buffer.byteLength(body), 8);
  const stamp = Buffer.alloc(timestamp === undefined ? 0 : 8);
  if (timestamp !== undefined) stamp.writeBigUInt64BE(BigInt(timestamp));
  // Content type, headers, delivery mode, message id, timestamp.
  const flags = 0x80_00 | 0x20_00 | 0x10_00 | 0x00_80 | (timestamp === undefined ? 0 : 0x00_40);
  head.writeUInt16BE(flags, 12);
  const properties = [
    head,
    Buffer.from(short("application/json")),
    withLength(Buffer.alloc(0), table.length),
    table,
    Buffer.from([2, ...short(messageId)]),
    stamp,
  ];
  return [
    frame(1, channel, Buffer.from(publish)),
    frame(2, channel, Buffer.concat(properties)),
    frame(3, channel, Buffer.from(body)),
  ];
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const head = Buffer.from([type, channel >> 8, channel & 0xff]);
  return Buffer.concat([withLength(head, payload.length), payload, Buffer.from([0xce])]);
}

function short(text: string): number[] {
  return [Buffer.byteLength(text), ...Buffer.from(text)];
}

function withLength(head: Buffer, length: number): Buffer {
  const bytes = Buffer.alloc(head.length + 4);
  head.copy(bytes);
  bytes.writeUInt32BE(length, head.length);
  return bytes;
}
