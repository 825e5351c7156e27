import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { createAdmin } from "./admin.ts";
import { createAnswering } from "./requests/answering.ts";
import { createCallCounter } from "./requests/call-counter.ts";
import { type CloudState, createCloudState } from "./cloud/cloud-state.ts";
import { createExchange } from "./requests/exchange.ts";
import { createFaults } from "./faults/faults.ts";
import { createGateway } from "./requests/gateway.ts";
import { createKeyAccess } from "./access/key-access.ts";
import { optionsSchema, type Settings, type SimulatorOptions } from "./options.ts";
import { actionLogRoutes } from "./routes/action-log.ts";
import { iamRoutes } from "./routes/iam.ts";
import { imageRoutes } from "./routes/images.ts";
import { jobRoutes } from "./routes/jobs.ts";
import { powerRoutes } from "./routes/power.ts";
import { createQuota } from "./requests/quota.ts";
import { reinstallRoutes } from "./routes/reinstall.ts";
import { serverRoutes } from "./routes/servers.ts";
import { volumeRoutes } from "./routes/volumes.ts";
import { createSchedule } from "./cloud/schedule.ts";
import { serverHandle } from "./server-handle.ts";
import type { ServerRecord } from "./cloud/server-record.ts";
import type { InProcess, Simulator } from "./simulator.ts";
import { createTokenAccess } from "./access/token-access.ts";

/**
 * Starts a simulated cloud: ECS, IAM and corners of IMS and EVS on one port, strict as the API reference says, with faults on
 * demand. Resolves when it listens. Throws `ZodError` on bad options; rejects when the port cannot be had.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { clock = { nowMs: () => Date.now() }, ...rest } = options;
  const settings = optionsSchema.parse(rest);
  const schedule = createSchedule(clock);
  const state = createCloudState(settings, schedule);
  const keys = createKeyAccess(state);
  const tokens = createTokenAccess(state);
  const { take, ...faults } = createFaults();
  const calls = createCallCounter();
  const quota = createQuota(() => schedule.nowMs(), settings.quota);
  const answering = createAnswering(state);
  const closing = new AbortController();
  const connections = new Map<string, Socket>();

  const exchange = createExchange({
    state,
    takeEffects: take,
    countCall: (operation, serverId) => calls.count(operation, serverId),
    overQuota: (operation, errorAnswer) => quota.refuse(operation, errorAnswer),
    route: createGateway({ state, routes: allRoutes(state, tokens), keys, tokens }),
    // Below TLS: only the TCP connection itself can be reset.
    connectionOf: (socket) => connections.get(peerOf(socket)) ?? socket,
    signal: closing.signal,
  });

  const handleOf = (record: ServerRecord) =>
    serverHandle(state, record, () => answering.changed(record));
  const methods: InProcess = {
    addServer(spec = {}) {
      schedule.catchUp();
      const added = state.addServer(spec);
      answering.changed(added);
      return handleOf(added);
    },
    server(id) {
      const found = state.servers.get(id);
      return found === undefined ? undefined : handleOf(found);
    },
    servers: () => [...state.servers.values()].map(handleOf),
    removeServer(id) {
      state.servers.delete(id);
      answering.changed();
    },
    faults,
    ledger() {
      schedule.catchUp();
      return state.ledger.read();
    },
    calls: (serverId) => calls.read(serverId),
    refusals: () => keys.refusals(),
    setQuota: (next) => quota.set(next),
    quota: () => quota.read(),
    putImage(image) {
      state.putImage(image);
    },
    removeImage(id) {
      state.images.delete(id);
    },
    putCredential: (credential) => keys.put(credential),
    removeCredential: (accessKey) => keys.remove(accessKey),
    unlockCredential: (accessKey) => keys.unlock(accessKey),
    revokeTokens: () => tokens.revokeAll(),
    setClockSkew(skewMs) {
      schedule.catchUp();
      state.setSkewMs(skewMs);
    },
    reset() {
      state.clear();
      answering.changed();
      keys.reset();
      tokens.clear();
      faults.clear();
      calls.clear();
      quota.reset();
    },
  };

  const admin = createAdmin(methods, state);
  const server = createWebServer(settings, (request, response) => {
    const listener = request.url?.startsWith("/_sim/") === true ? admin : exchange;
    listener(request, response).catch((error: unknown) => {
      // A bug of the simulator must be seen as one, not as a fault of the cloud.
      process.emitWarning(error instanceof Error ? error : String(error));
      response.destroy();
    });
  });
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    connections.set(peer, socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      if (connections.get(peer) === socket) connections.delete(peer);
    });
  });
  async function stopListening(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    for (const socket of connections.values()) socket.destroy();
    await closed;
  }

  await listen(server, settings);
  const { port } = server.address() as AddressInfo;
  const scheme = settings.tls === undefined ? "http" : "https";
  const host = settings.host.includes(":") ? `[${settings.host}]` : settings.host;

  return {
    ...methods,
    port,
    url: `${scheme}://${host}:${port}`,
    goAway: stopListening,
    comeBack: async () => await listen(server, { ...settings, port }),
    async close() {
      closing.abort();
      await answering.close();
      await stopListening();
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** The largest header block that the real gateway takes (ECS API reference notes §5.3). */
const MAX_HEADER_BYTES = 128 * 1_024;

/** @internal Every call that is answered. */
export function allRoutes(state: CloudState, tokens: ReturnType<typeof createTokenAccess>) {
  return [
    ...reinstallRoutes(state),
    ...jobRoutes(state),
    ...serverRoutes(state),
    ...powerRoutes(state),
    ...actionLogRoutes(state),
    ...iamRoutes(state, tokens),
    ...imageRoutes(state),
    ...volumeRoutes(state),
  ];
}

function createWebServer(settings: Settings, listener: RequestListener): Server {
  // A kept connection outlives any pause between two polls: ends of connections are faults here, not accidents.
  const limits = { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 120_000 };
  return settings.tls === undefined
    ? createHttpServer(limits, listener)
    : createHttpsServer({ ...limits, ...settings.tls }, listener);
}

async function listen(server: Server, { host, port }: Settings): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
