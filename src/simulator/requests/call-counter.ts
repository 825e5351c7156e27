import { type Operation, operations } from "./operation.ts";
import type { CallCounts } from "../simulator.ts";

/** Counts calls as they arrive complete, before anything is checked or bent. */
export function createCallCounter() {
  const total = new Map<Operation, number>();
  const byServer = new Map<string, Map<Operation, number>>();

  return {
    count(operation: Operation, serverId: string | undefined): void {
      increase(total, operation);
      if (serverId === undefined) return;
      const own = byServer.get(serverId) ?? new Map<Operation, number>();
      byServer.set(serverId, own);
      increase(own, operation);
    },

    read(serverId?: string): CallCounts {
      const counts = serverId === undefined ? total : byServer.get(serverId);
      const pairs = operations.map((one) => [one, counts?.get(one) ?? 0]);
      return Object.fromEntries(pairs) as CallCounts;
    },

    clear(): void {
      total.clear();
      byServer.clear();
    },
  };
}

function increase(counts: Map<Operation, number>, operation: Operation): void {
  counts.set(operation, (counts.get(operation) ?? 0) + 1);
}
