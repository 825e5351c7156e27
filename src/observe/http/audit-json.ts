import { z } from "zod";
import type { AuditEntry } from "../../contract/audit.ts";
import { instantText } from "../instant-text.ts";

const text = (description: string) => z.string().nullable().describe(description);

/** One action of a person, as programs read it. */
export const AuditJson = z.object({
  id: z.string().describe("of the action; its event is `operator/<id>`"),
  at: z.iso.datetime().nullable().describe("when it was done"),
  action: z.string().describe("what was done"),
  project_id: z.string(),
  by: z.string().describe("who did it, as that person says"),
  reason: z.string(),
  command_id: text("the command that it is about"),
  server_id: text("the server that it is about"),
  scope: text("of `pause` and `resume`: what it covers, or the storm that it ends"),
  until: z.iso
    .datetime()
    .nullable()
    .describe("of `resume` with `--for`: until then that storm does not begin"),
  as: text("of `resolve`: what the person says became of it"),
  dead_letters: z
    .int()
    .nullable()
    .describe("of `dead-drop` and `dead-return`: of how many dead letters"),
});

export function auditJson(
  entry: AuditEntry & { readonly projectId: string },
): z.input<typeof AuditJson> {
  const { id, at, action, projectId, by, reason, command, server, scope, as, count, forMs } = entry;
  return {
    id,
    at: instantText(at),
    action,
    project_id: projectId,
    by,
    reason,
    command_id: command ?? null,
    server_id: server ?? null,
    scope: scope ?? null,
    until: forMs === undefined ? null : instantText(at + forMs),
    as: as ?? null,
    dead_letters: count ?? null,
  };
}
