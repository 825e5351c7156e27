import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { createHttpApp, type HttpAppDeps } from "./http-app.ts";
import { limitConnections } from "./http-connections.ts";

/** Where it listens, and where its answers come from. */
export interface HttpServerOptions extends HttpAppDeps {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Of the port, for whoever must change it; absent: HTTP_PORT. */
  readonly setting?: string;
}

/** The HTTP server of the worker. */
export interface HttpServer {
  /** Resolves when it listens; rejects with a message for people when it cannot. After `stop` it does nothing. */
  start(): Promise<void>;
  /** Answers what it has begun, ends every connection, and resolves. May come first, or twice. */
  stop(): Promise<void>;
  /** Where it listens; null when it does not. */
  address(): { readonly host: string; readonly port: number } | null;
}

/** The process's own web server: metrics, health, and looks into the store. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { host, port, setting = "HTTP_PORT", ...deps } = options;
  const { fetch } = createHttpApp(deps);
  const answer = getRequestListener((request) => fetch(request));
  // Never rejects: what goes wrong is answered by the app, or ends with the connection.
  const server = createServer(LIMITS, (incoming, outgoing) => void answer(incoming, outgoing));
  limitConnections(server, MOST_CONNECTIONS);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // Whoever does not read its answer.
  server.setTimeout(QUIET_MS);
  let stopped: Promise<void> | null = null;
  let started: Promise<void> | null = null;

  return {
    start() {
      if (stopped !== null) return Promise.resolve();
      started ??= listen(server, { host, port, setting });
      return started;
    },
    stop() {
      stopped ??= (async () => {
        // A start that failed has already said so; one that is under way must end first.
        await started?.catch(() => undefined);
        if (server.listening) await close(server);
      })();
      return stopped;
    },
    address() {
      const bound = server.address() as AddressInfo | null;
      return bound === null ? null : { host: bound.address, port: bound.port };
    },
  };
}

/** Nobody needs a body or much of a head here: whoever sends one slowly must not hold a socket. */
const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
} as const;
const KEEP_ALIVE_MS = 5000;
const QUIET_MS = 15_000;
/** More than a few scrapers and people need, less than the least limit of open files. */
const MOST_CONNECTIONS = 256;
/** A request that is still being answered may end; after that its connection is cut. */
const LAST_ANSWERS_MS = 1000;

function listen(
  server: Server,
  { host, port, setting }: Required<Pick<HttpServerOptions, "host" | "port" | "setting">>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      const message =
        cause.code === "EADDRINUSE"
          ? `the port is taken: nothing can listen on ${where}; set ${setting} to another (0 takes any)`
          : `cannot listen on ${where} (HTTP_HOST, ${setting}): ${cause.code ?? cause.message}`;
      reject(new Error(message, { cause }));
    };
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      // From here on an error is one of a single connection, which ends with it.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
  await closed;
  clearTimeout(cut);
}
