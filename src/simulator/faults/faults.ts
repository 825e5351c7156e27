import { z } from "zod";
import { type Effects, type Fault, type FaultSpec, faultSchema } from "./fault-schema.ts";
import type { Target } from "../routes/route.ts";

/** A fault that is switched on, and how often it met a call. */
interface ActiveFault {
  readonly id: string;
  readonly fault: Fault;
  /** Calls that matched `operation`, `projectId` and `serverId`. */
  readonly matched: number;
  /** Calls that were touched. */
  readonly applied: number;
}

export interface Faults {
  /** Switches faults on, in addition to those that are; returns their ids. Throws `ZodError` on a bad spec. */
  set(spec: FaultSpec | readonly FaultSpec[]): readonly string[];
  /** Switches one fault off, or all. */
  clear(id?: string): void;
  list(): readonly ActiveFault[];
}

const faultsSchema = z.array(faultSchema);

/** The faults of one simulator. Several that match one call add up; of two that say the same thing the later wins. */
export function createFaults() {
  const active = new Map<string, { fault: Fault; matched: number; applied: number }>();
  let lastId = 0;

  const faults: Faults = {
    set(spec) {
      // Parsed together first: either all are switched on or none.
      const parsed = Array.isArray(spec) ? faultsSchema.parse(spec) : [faultSchema.parse(spec)];
      return parsed.map((fault) => {
        lastId += 1;
        const id = `fault-${lastId}`;
        active.set(id, { fault, matched: 0, applied: 0 });
        return id;
      });
    },

    clear(id) {
      if (id === undefined) active.clear();
      else active.delete(id);
    },

    list() {
      return [...active].map(([id, entry]) => ({ id, ...entry }));
    },
  };

  /** Counts a call against every fault that it matches and says what is to happen to it. */
  function take({ operation, projectId, serverId }: Target): Effects {
    let effects: Effects = {};
    for (const entry of active.values()) {
      const { operation: wanted, projectId: project, serverId: server, ...others } = entry.fault;
      const { after, times, ...rest } = others;
      if (project !== undefined && project !== projectId) continue;
      if (wanted !== "any" && wanted !== operation) continue;
      if (server !== undefined && server !== serverId) continue;
      entry.matched += 1;
      if (entry.matched <= after) continue;
      if (times !== undefined && entry.applied >= times) continue;
      entry.applied += 1;
      effects = { ...effects, ...rest, run: { ...effects.run, ...rest.run } };
    }
    return effects;
  }

  return { ...faults, take };
}
