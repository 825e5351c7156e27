import type { SharedRefusals } from "../../../src/adapters/cloud/credentials/shared-refusals.ts";

/** What replicas know together, without their Redis. */
export function refusalsTogether(forMs: number): SharedRefusals {
  const counts = new Map<string, number>();
  const turns = new Set<string>();
  return {
    look: async (name) => ({
      refusals: counts.get(name) ?? 0,
      forMs,
      why: null,
    }),
    async refused(name, atLeast) {
      const count = Math.max((counts.get(name) ?? 0) + 1, atLeast);
      counts.set(name, count);
      return count;
    },
    async proven(name) {
      counts.delete(name);
    },
    async takeTurn(name) {
      if (turns.has(name)) return null;
      turns.add(name);
      return {
        async end() {
          turns.delete(name);
        },
      };
    },
  };
}
