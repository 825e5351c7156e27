import { z } from "zod";
import { CommandId, ProjectId } from "../contract/ids.ts";
import { Order } from "./order.ts";
import { State } from "./state.ts";

/** Layout of internal messages. A worker passes on, untouched, what carries another number. */
export const ENVELOPE_VERSION = 1;

/** Headroom of one step: a claim reserves this many event numbers, so that no two claims share one. */
export const SEQUENCE_BLOCK = 16;

/**
 * An internal message: one command between two steps, complete. `step` counts the command's steps from 1
 * (the raw command is step 0) and `sequence` its next event number; `epoch` names the memory of the store
 * that the step before ran in; nothing is done before `dueMs`.
 */
export const Envelope = z.object({
  v: z.literal(ENVELOPE_VERSION),
  order: Order,
  step: z.int().min(1),
  sequence: z.int().min(1),
  epoch: z.string(),
  dueMs: z.number(),
  /** Fencing token of the lock that this command holds; null when it holds none. */
  token: z.int().nullable(),
  /** How often this message was put back by us rather than by the broker: it may have been delivered before. */
  revived: z.int().min(0),
  state: State,
});
export type Envelope = z.infer<typeof Envelope>;

/** What every version of an internal message must at least say, so that an unknown one can be told apart from rubbish. */
export const EnvelopeHead = z.looseObject({
  v: z.int(),
  order: z.looseObject({ commandId: CommandId, projectId: ProjectId }),
});
