import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Keeps a server within `most` connections by closing those that matter least, so that whoever comes next is answered: a
 * probe that finds no room would have the process restarted for nothing. Closed are, from the one that has been quiet for
 * longest, connections without a request in hand (idle, or sending their first line slowly), then any other.
 */
export function limitConnections(server: Server, most: number): void {
  /** Requests in hand, by connection; in the order in which each was last heard of. */
  const connections = new Map<Socket, number>();

  server.on("connection", (socket) => {
    connections.set(socket, 0);
    socket.once("close", () => connections.delete(socket));
    if (connections.size > most) leastNeeded(connections)?.destroy();
  });
  server.on("request", ({ socket }, response: ServerResponse) => {
    const inHand = connections.get(socket);
    if (inHand === undefined) return;
    connections.delete(socket);
    connections.set(socket, inHand + 1);
    response.once("close", () => {
      const left = connections.get(socket);
      if (left !== undefined) connections.set(socket, left - 1);
    });
  });
}

/** Never the last one, who has just come. */
function leastNeeded(connections: ReadonlyMap<Socket, number>): Socket | undefined {
  const others = [...connections].slice(0, -1);
  return (others.find(([, inHand]) => inHand === 0) ?? others[0])?.[0];
}
