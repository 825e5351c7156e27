import { createServer, type Server } from "node:http";
import type { CloudState } from "../cloud/cloud-state.ts";
import { isOn, type ServerRecord } from "../cloud/server-record.ts";

/** How late a server may begin, or cease, to answer. */
const LOOK_EVERY_MS = 10;

interface Listening {
  readonly server: Server;
  readonly at: string;
}

/**
 * The servers themselves, as far as they answer whoever connects to them. A connection is open before a program sees it, so
 * who does not answer must not listen: unlike the rest of the simulator this needs a timer, as long as a server has `answers`.
 */
export function createAnswering(state: CloudState) {
  const listening = new Map<string, Listening>();
  /** Those that have `answers`: there may be tens of thousands that have none. */
  const asked = new Set<ServerRecord>();
  const closing = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    state.schedule.catchUp();
    for (const record of asked) {
      if (state.servers.get(record.id) !== record) asked.delete(record);
    }
    for (const [id, { at }] of listening) {
      const record = state.servers.get(id);
      if (record === undefined || placeOf(record, state.schedule.nowMs()) !== at) end(id);
    }
    for (const record of asked) {
      const at = placeOf(record, state.schedule.nowMs());
      if (at !== null && !listening.has(record.id)) begin(record, at);
    }
    if (asked.size === 0) stopLooking();
  }

  function begin(record: ServerRecord, at: string): void {
    const { address, behaviour } = record;
    const server = createServer((_request, response) => {
      response.writeHead(behaviour.answers?.status ?? 200, { connection: "close" }).end("ok\n");
    });
    server.on("error", (error) => process.emitWarning(error));
    server.listen({ host: address, port: behaviour.answers?.port });
    listening.set(record.id, { server, at });
  }

  function end(id: string): void {
    const server = listening.get(id)?.server;
    if (server === undefined) return;
    listening.delete(id);
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeAllConnections();
    closing.add(closed);
    void closed.finally(() => closing.delete(closed));
  }

  function stopLooking(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    /** After a change of what a server is asked for, or when servers are gone. */
    changed(record?: ServerRecord): void {
      if (record?.behaviour.answers === null) asked.delete(record);
      else if (record !== undefined) asked.add(record);
      look();
      if (asked.size > 0) timer ??= setInterval(look, LOOK_EVERY_MS).unref();
    },
    /** Nobody answers any more. */
    async close(): Promise<void> {
      stopLooking();
      for (const id of listening.keys()) end(id);
      await Promise.all(closing);
    },
  };
}

/** Where it answers now; null: nowhere. */
function placeOf(record: ServerRecord, nowMs: number): string | null {
  const { answers } = record.behaviour;
  if (answers === null || !isOn(record) || record.running.size > 0) return null;
  if (record.reinstalledMs !== null) {
    if (answers.afterMs === null || nowMs < record.reinstalledMs + answers.afterMs) return null;
  }
  return `${record.address} ${answers.port} ${answers.status}`;
}
