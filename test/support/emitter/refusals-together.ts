import type { ProjectId } from "../../../src/contract/ids.ts";
import type { SharedRefusals } from "../../../src/adapters/cloud/credentials/shared-refusals.ts";

/** What replicas know together, without their Redis. */
export function refusalsTogether(forMs: number): SharedRefusals {
  const counts = new Map<string, number>();
  const about = new Map<string, ProjectId>();
  const turns = new Set<string>();
  return {
    async look(name) {
      const project = about.get(name);
      const refusals = counts.get(name) ?? 0;
      return { refusals, forMs, why: null, ...(project && { project }) };
    },
    async refused(name, atLeast, { project }) {
      const count = Math.max((counts.get(name) ?? 0) + 1, atLeast);
      counts.set(name, count);
      if (project !== undefined) about.set(name, project);
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
