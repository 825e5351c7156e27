import { connect as connectTcp, isIP, type Socket } from "node:net";
import { unescape } from "node:querystring";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** What the broker said instead of opening a connection. */
export interface OpeningRefusal {
  /** AMQP reply code; 530 for all that concerns a vhost. */
  readonly code: number;
  readonly text: string;
}

/** Of a broker's URL, as the broker knows it. amqplib takes no path and `/` alike for the vhost `/`. */
export function vhostOf(url: string): string {
  return unescape(new URL(url).pathname.slice(1)) || "/";
}

/**
 * Why does the broker not open this connection? amqplib knows and does not say: of a `connection.close` in answer to
 * `connection.open` its error has the name alone. So the handshake is done once more by hand, as far as that answer.
 * Null: it would be opened now, or nobody answers. Never rejects; the options' signal ends it.
 *
 * @param saslPlain the response of SASL PLAIN: `\0user\0password`
 */
export async function askOpeningRefusal(
  url: string,
  saslPlain: Buffer,
  options: ConnectionOptions & { readonly signal: AbortSignal },
): Promise<OpeningRefusal | null> {
  const socket = openSocket(url, options);
  try {
    return await handshake(socket, vhostOf(url), saslPlain);
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}

function openSocket(
  url: string,
  options: ConnectionOptions & { readonly signal: AbortSignal },
): Socket {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replaceAll(/^\[|\]$/g, "");
  if (protocol === "amqp:") {
    return connectTcp({ host, port: Number(port || 5672), signal: options.signal });
  }
  const servername = options.servername ?? (isIP(host) === 0 ? host : undefined);
  const named = servername === undefined ? {} : { servername };
  return connectTls({ ...options, ...named, host, port: Number(port || 5671) });
}

/** AMQP 0-9-1 §2.2.4: start, start-ok, tune, tune-ok and open, then open-ok or close. */
async function handshake(
  socket: Socket,
  vhost: string,
  saslPlain: Buffer,
): Promise<OpeningRefusal | null> {
  socket.write(Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]));
  for await (const method of methodsFrom(socket)) {
    switch (method.readUInt16BE(2)) {
      case START:
        socket.write(startOk(saslPlain));
        break;
      case TUNE:
        socket.write(tuneOk(method));
        socket.write(open(vhost));
        break;
      case CLOSE: {
        const length = method.readUInt8(6);
        return { code: method.readUInt16BE(4), text: method.toString("utf8", 7, 7 + length) };
      }
      default:
        return null;
    }
  }
  return null;
}

/** Methods of class 10, connection. */
const [START, START_OK, TUNE, TUNE_OK, OPEN, CLOSE] = [10, 11, 30, 31, 40, 50] as const;
const [METHOD_FRAME, FRAME_END] = [1, 0xce] as const;
/** More than a broker's greeting ever takes. */
const MAX_BYTES = 65_536;

/** Payloads of method frames: class id, method id, arguments. */
async function* methodsFrom(socket: Socket): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    if (rest.length > MAX_BYTES) return;
    while (rest.length >= 7) {
      const end = 7 + rest.readUInt32BE(3);
      if (rest.length <= end) break;
      if (rest[0] === METHOD_FRAME) yield rest.subarray(7, end);
      rest = rest.subarray(end + 1);
    }
  }
}

function startOk(saslPlain: Buffer): Buffer {
  const noProperties = Buffer.alloc(4);
  return frame(START_OK, [
    noProperties,
    shortString("PLAIN"),
    uint32(saslPlain.length),
    saslPlain,
    shortString("en_US"),
  ]);
}

/** What the broker proposes: channels, size of a frame, heartbeat. */
function tuneOk(tune: Buffer): Buffer {
  return frame(TUNE_OK, [tune.subarray(4, 12)]);
}

function open(vhost: string): Buffer {
  return frame(OPEN, [shortString(vhost), shortString(""), Buffer.alloc(1)]);
}

function frame(methodId: number, parts: readonly Buffer[]): Buffer {
  const payload = Buffer.concat([Buffer.from([0, 10, 0, methodId]), ...parts]);
  const head = Buffer.from([METHOD_FRAME, 0, 0]);
  return Buffer.concat([head, uint32(payload.length), payload, Buffer.from([FRAME_END])]);
}

function shortString(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8").subarray(0, 255);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
