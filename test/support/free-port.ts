import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/*
 * Below the kernel's ephemeral range (32768 on Linux): a port taken from there could be given to some outgoing
 * connection while our server is down, and the restart on "the same port" would fail. Above every default port of
 * RabbitMQ, epmd, Redis and Sentinel, so that a developer's own services are never met.
 */
const LOWEST_PORT = 27_000;
const HIGHEST_PORT = 32_700;

const handedOut = new Set<number>();

/** A loopback port that nobody listens on now, and that this process will not hand out again. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 500; tries += 1) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await nobodyListens(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}

async function nobodyListens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () =>
      probe.close(() => resolve(true)),
    );
  });
}
