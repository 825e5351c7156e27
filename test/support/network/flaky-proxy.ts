import { connect, createServer, type Server, type Socket } from "node:net";
import { FlakyPipe, resetNow } from "./flaky-pipe.ts";
import { freePort } from "./free-port.ts";
import type { Direction, ProxyMode } from "./proxy-mode.ts";

export interface FlakyProxy {
  readonly port: number;
  /** The server's URL with the proxy in its place. */
  via(url: string): string;
  /** Takes effect at once, in the middle of a connection too. */
  set(mode: ProxyMode): Promise<void>;
  readonly mode: ProxyMode;
  /** Connections from now on lead to another port of this machine, as a failover's address does. */
  retarget(port: number): void;
  /** Bytes that came out at the other end, of all connections so far. */
  readonly bytes: Readonly<Record<Direction, number>>;
  /** Connections accepted so far, and those that are open now. */
  readonly accepted: number;
  readonly open: number;
  /** Those whose client has neither ended nor reset its side: what the other side makes of it is not its matter. */
  readonly held: number;
  /** Resets what is open, whatever it waits for, and stops. May be repeated. */
  close(): Promise<void>;
}

/** A TCP proxy on a free loopback port in front of a service of this machine. */
export async function startFlakyProxy(targetPort: number): Promise<FlakyProxy> {
  const port = await freePort();
  const links = new Set<Link>();
  const bytes = { up: 0, down: 0 };
  let mode: ProxyMode = { kind: "pass" };
  let target = targetPort;
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1;
    const link = openLink(client, target, bytes);
    links.add(link);
    // Of a client that has gone there may be bytes that are still held.
    void link.closed.then(() => links.delete(link));
    link.set(mode);
  });
  await listen(server, port);
  return {
    port,
    via(url) {
      const own = new URL(url);
      return url.replace(own.host, `${own.hostname}:${port}`);
    },
    async set(next) {
      mode = next;
      if (next.kind === "refuse") server.close();
      else if (!server.listening) await listen(server, port);
      for (const link of links) link.set(next);
    },
    get mode() {
      return mode;
    },
    retarget(next) {
      target = next;
    },
    bytes,
    get accepted() {
      return accepted;
    },
    get open() {
      return links.size;
    },
    get held() {
      return [...links].filter((link) => link.isHeld()).length;
    },
    async close() {
      if (server.listening) server.close();
      const open = [...links];
      for (const link of open) link.reset();
      await Promise.all(open.map(({ closed }) => closed));
    },
  };
}

interface Link {
  set(mode: ProxyMode): void;
  reset(): void;
  isHeld(): boolean;
  /** Both ends are. */
  readonly closed: Promise<unknown>;
}

function openLink(client: Socket, targetPort: number, bytes: Record<Direction, number>): Link {
  const upstream = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true });
  const reset = () => {
    for (const socket of [client, upstream]) resetNow(socket);
    up.stop();
    down.stop();
  };
  const counted = (direction: Direction) => (count: number) => (bytes[direction] += count);
  const up = new FlakyPipe({
    direction: "up",
    from: client,
    to: upstream,
    onBytes: counted("up"),
    cut: reset,
  });
  const down = new FlakyPipe({
    direction: "down",
    from: upstream,
    to: client,
    onBytes: counted("down"),
    cut: reset,
  });
  return {
    set(mode) {
      if (mode.kind === "reset") reset();
      else for (const pipe of [up, down]) pipe.set(mode);
    },
    reset,
    isHeld: () => !client.readableEnded && !client.destroyed,
    closed: Promise.all([client, upstream].map(whenClosed)),
  };
}

async function whenClosed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
