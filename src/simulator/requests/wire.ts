import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { CloudAnswer } from "./answers.ts";
import type { Effects } from "../faults/fault-schema.ts";

/** The client's end of one exchange. */
export interface Wire {
  readonly response: ServerResponse;
  /** The TCP connection itself, below TLS. */
  readonly connection: Socket;
  /** Aborted when the simulator closes. */
  readonly signal: AbortSignal;
}

/** Sends the answer, or as much of it and as fast as its faults allow. */
export async function deliver(
  wire: Wire,
  answer: CloudAnswer,
  nowMs: number,
  effects: Effects,
): Promise<void> {
  const { response } = wire;
  const body = Buffer.from(answer.body, "utf8");
  const bodyless = answer.status === 204 || answer.status === 304;
  const headers: Record<string, string> = { ...answer.headers };
  if (effects.omitDate !== true) {
    headers.date = new Date(nowMs + (effects.dateSkewMs ?? 0)).toUTCString();
  }
  if (bodyless) delete headers["content-type"];
  else if (effects.endlessBody !== true) headers["content-length"] = String(body.length);

  if (effects.cutHeadersAfterBytes !== undefined) {
    const head = headBytes(answer.status, headers).subarray(0, effects.cutHeadersAfterBytes);
    return cut(wire, head, effects);
  }
  response.sendDate = false;
  response.writeHead(answer.status, headers);
  if (bodyless) {
    response.end();
  } else if (effects.cutBodyAfterBytes !== undefined) {
    response.flushHeaders();
    await write(response, body.subarray(0, effects.cutBodyAfterBytes));
    await end(wire, effects);
  } else if (effects.endlessBody === true) {
    await trickle(wire, endless(body), effects.bytesPerSecond);
  } else if (effects.bytesPerSecond !== undefined) {
    await trickle(wire, [body], effects.bytesPerSecond);
  } else {
    response.end(body);
  }
}

/** Ends the connection so that the client sees a reset, not an orderly end. */
export function resetConnection({ connection }: Pick<Wire, "connection">): void {
  // `resetAndDestroy()` of Node 20 sends a FIN first, and a client that sees it knows of no reset. This is what that
  // method does, without its graceful half.
  Object.assign(connection, { resetAndClosing: true });
  connection.destroy();
}

/** Waits; returns at once when the simulator closes. Never keeps the process alive. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {});
}

const TICK_MS = 50;
const CHUNK_BYTES = 64 * 1_024;

function headBytes(status: number, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from([`HTTP/1.1 ${status} Simulated`, ...lines, "", ""].join("\r\n"), "latin1");
}

async function cut(wire: Wire, bytes: Buffer, effects: Effects): Promise<void> {
  const { socket } = wire.response;
  if (socket === null) return;
  await new Promise<void>((resolve) => {
    socket.write(bytes, () => resolve());
  });
  await end(wire, effects);
}

async function end(wire: Wire, effects: Effects): Promise<void> {
  if (effects.cutBy !== "reset") {
    wire.response.socket?.destroySoon();
    return;
  }
  // A reset right behind the bytes reads as an orderly end on the other side: let it read the bytes first.
  await pause(TICK_MS, wire.signal);
  resetConnection(wire);
}

async function trickle(
  { response, signal }: Wire,
  chunks: Iterable<Buffer>,
  bytesPerSecond = Infinity,
): Promise<void> {
  const step = Math.max(1, Math.min(CHUNK_BYTES, Math.floor((bytesPerSecond * TICK_MS) / 1_000)));
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += step) {
      if (signal.aborted || response.destroyed) return;
      const part = chunk.subarray(from, from + step);
      await write(response, part);
      if (bytesPerSecond !== Infinity) {
        await pause((part.length / bytesPerSecond) * 1_000, signal);
      }
    }
  }
  response.end();
}

/** The body over and over again, as one JSON text that never closes. */
function* endless(body: Buffer): Generator<Buffer> {
  yield Buffer.from("[");
  const filler = Buffer.concat([body, Buffer.from(",")]);
  const chunk = Buffer.concat(
    Array.from({ length: Math.ceil(CHUNK_BYTES / filler.length) }, () => filler),
  );
  for (;;) yield chunk;
}

/** Waits until the bytes are handed to the kernel, or the connection is gone. */
async function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  if (bytes.length === 0) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off("close", done);
      resolve();
    };
    response.once("close", done);
    response.write(bytes, done);
  });
}
