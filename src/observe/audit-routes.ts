import { z } from "zod";
import type { AuditView } from "../contract/audit.ts";
import { CommandId, ProjectId, ServerId } from "../contract/ids.ts";
import { OPERATOR_ACTIONS } from "../contract/operator-event.ts";
import type { Route } from "./http-routes.ts";
import { instantText } from "./instant-text.ts";
import {
  asked,
  cursor,
  DEFAULT_LIMIT,
  limit,
  listAnswers,
  listed,
  name,
  next,
  whole,
} from "./paging.ts";

const AuditQuery = z.strictObject({
  project: ProjectId.optional().describe("only those of this project"),
  action: z.enum(OPERATOR_ACTIONS).optional().describe("only those of this kind"),
  server: ServerId.optional().describe("only those about this server"),
  command: CommandId.optional().describe("only those about this command"),
  by: name(200).optional().describe("only those of this person"),
  max_age_seconds: whole(0, 100_000_000).optional().describe("only those that are not older"),
  limit,
  cursor,
});

const text = (description: string) => z.string().nullable().describe(description);

const AuditJson = z.object({
  id: z.string().describe("of the action; its event is `operator/<id>`"),
  at: z.iso.datetime().nullable().describe("when it was done"),
  action: z.string().describe("what was done"),
  project_id: z.string(),
  by: z.string().describe("who did it, as that person says"),
  reason: z.string(),
  command_id: text("the command that it is about"),
  server_id: text("the server that it is about"),
  scope: text("of `pause` and `resume`: what it covers, or the storm that it ends"),
  as: text("of `resolve`: what the person says became of it"),
  dead_letters: z
    .int()
    .nullable()
    .describe("of `dead-drop` and `dead-return`: of how many dead letters"),
});

const AuditList = z.object({
  actions: z
    .array(AuditJson)
    .describe("the youngest first; of each project the last 1000 are kept"),
  next,
});

/** What people did by hand, page by page. */
export function auditRoutes(): readonly Route[] {
  return [
    {
      path: "/v1/audit",
      summary: "what people did by hand, who and why: the youngest first",
      query: AuditQuery,
      answers: listAnswers("a page of it", AuditList),
      take: ({ audit }, context) =>
        asked(context, AuditQuery, async (query) => {
          const { max_age_seconds, limit = DEFAULT_LIMIT, cursor, ...filter } = query;
          const maxAgeMs = max_age_seconds === undefined ? undefined : max_age_seconds * 1000;
          const found = await audit.entries({ ...filter, maxAgeMs }, { limit, cursor });
          return listed(context, found, (entries) => ({ actions: entries.map(auditJson) }));
        }),
    },
  ];
}

function auditJson(entry: AuditView): z.input<typeof AuditJson> {
  const { id, at, action, projectId, by, reason, command, server, scope, as, count } = entry;
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
    as: as ?? null,
    dead_letters: count ?? null,
  };
}
