import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

/*
 * Below the kernel's ephemeral range (32768 on Linux): a port taken from there could be given to some outgoing
 * connection while our server is down, and the restart on "the same port" would fail. Above every default port of
 * RabbitMQ, epmd, Redis and Sentinel, so that a developer's own services are never met.
 */
const LOWEST_PORT = 27_000;
const HIGHEST_PORT = 32_700;
/**
 * Ports are handed out from blocks. The first port of a block stays bound by the process that has the block, so that no
 * other process, test file, demo or benchmark, hands out one of its ports: not before the server that it is for
 * listens, nor while that server is down. The system gives a block back when its process ends.
 */
const BLOCK = 50;
const BLOCKS = (HIGHEST_PORT - LOWEST_PORT) / BLOCK;

let ports: Iterator<number> = [].values();

/** A loopback port that nobody listens on now, and that no process will be given again while this one runs. */
export async function freePort(): Promise<number> {
  for (;;) {
    const { value, done } = ports.next();
    if (done === true) {
      ports = await ownBlock();
    } else if (await nobodyListens(value)) {
      return value;
    }
  }
}

async function ownBlock(): Promise<Iterator<number>> {
  for (let tries = 0; tries < 50 * BLOCKS; tries += 1) {
    const first = LOWEST_PORT + randomInt(BLOCKS) * BLOCK;
    const lease = await listener(first);
    if (lease === undefined) continue;
    lease.unref();
    return Array.from({ length: BLOCK - 1 }, (_, index) => first + 1 + index).values();
  }
  throw new Error(`no free block of ports between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}

async function nobodyListens(port: number): Promise<boolean> {
  const probe = await listener(port);
  if (probe === undefined) return false;
  await new Promise((closed) => probe.close(closed));
  return true;
}

async function listener(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}
