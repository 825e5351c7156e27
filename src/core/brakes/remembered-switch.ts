import { z } from "zod";
import { SwitchEntry } from "../../contract/brakes.ts";

/**
 * What a storm of failures is at, as the store keeps it beside the storm's entry (`adapters/redis/scripts/shared/storm.lua`), which writes
 * and reads it. Instants are epoch ms by the store's clock. Since 0.2; a version before it neither remembers nor puts it back.
 */
const StormProgress = z.object({
  /**
   * When all of this but the probe changed last. Of two that belong to one entry the later one counts. 0: a version wrote it that does
   * not say when; -1: there is nothing.
   */
  changedMs: z.number(),
  /** The same of the probe: a gate may take another one before the rest is put back. */
  probeAtMs: z.number(),
  /** How long nothing starts after the last failure, ms; absent: as long as the worker's configuration says. */
  cooldownMs: z.number().optional(),
  /** Since when; absent: since the entry. */
  closedAtMs: z.number().optional(),
  /** The one command that may go on; absent: the next that asks. */
  probe: z.string().optional(),
  /** So many slots are open again since the entry; absent: the storm stands, or all are. */
  level: z.number().optional(),
  /** The command that doubled it last: it does so once. */
  levelBy: z.string().optional(),
});

/** A switch as workers keep it in their memory, and put it back into a store that forgot it. */
export const RememberedSwitch = SwitchEntry.extend({
  /** With the entry of a storm of failures, which goes on from there. */
  storm: StormProgress.optional(),
});
export type RememberedSwitch = z.infer<typeof RememberedSwitch>;
