import { z } from "zod";
import { OPERATOR_ACTIONS } from "../../../../contract/operator-actions.ts";

/** What `note_act` (audit.lua) writes into the list of actions: a `NotedAct`, without what it is not about. */
export const ActArgument = z.object({
  id: z.string(),
  action: z.enum(OPERATOR_ACTIONS),
  by: z.string(),
  reason: z.string(),
  command: z.string().optional(),
  server: z.string().optional(),
  scope: z.string().optional(),
  as: z.string().optional(),
  count: z.int().optional(),
  forMs: z.number().optional(),
});
