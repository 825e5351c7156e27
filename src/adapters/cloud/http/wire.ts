import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/**
 * A TCP socket as a plain stream, to lay TLS over. Node lays TLS directly over the socket's handle; resetting
 * that handle while TLS is using it ends the whole process (seen with Node 20.20: a reset within a callback of
 * the TLS socket). With this in between the socket may be reset at any moment.
 */
export function wireOver(raw: Socket): Duplex {
  const wire = new Duplex({
    allowHalfOpen: true,
    read() {
      raw.resume();
    },
    write(chunk: Buffer, _encoding, callback) {
      raw.write(chunk, callback);
    },
    writev(chunks, callback) {
      raw.write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), callback);
    },
    final(callback) {
      raw.end(callback);
    },
    destroy(error, callback) {
      raw.destroy();
      callback(error);
    },
  });
  raw.on("data", (chunk: Buffer) => {
    if (!wire.push(chunk)) raw.pause();
  });
  raw.on("end", () => wire.push(null));
  raw.on("error", (error) => wire.destroy(error));
  raw.on("close", () => wire.destroy());
  raw.pause();
  return wire;
}
