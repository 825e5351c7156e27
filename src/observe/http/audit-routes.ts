import { z } from "zod";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import { OPERATOR_ACTIONS } from "../../contract/operator-actions.ts";
import { AuditJson, auditJson } from "./audit-json.ts";
import {
  asked,
  cursor,
  DEFAULT_LIMIT,
  limit,
  listAnswers,
  listed,
  name,
  next,
  oneOf,
  whole,
} from "./paging.ts";
import type { Route } from "./route.ts";

const AuditQuery = z.strictObject({
  project: ProjectId.optional().describe("only those of this project"),
  action: oneOf(OPERATOR_ACTIONS).optional().describe("only those of this kind"),
  server: ServerId.optional().describe("only those about this server"),
  command: CommandId.optional().describe("only those about this command"),
  by: name(200).optional().describe("only those of this person"),
  max_age_seconds: whole(0, 100_000_000).optional().describe("only those that are not older"),
  limit,
  cursor,
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
      take: ({ audit, health }, context) =>
        asked(context, AuditQuery, async (query) => {
          const { max_age_seconds, limit = DEFAULT_LIMIT, cursor, ...filter } = query;
          const maxAgeMs = max_age_seconds === undefined ? undefined : max_age_seconds * 1000;
          const found = await audit.entries({ ...filter, maxAgeMs }, { limit, cursor });
          return listed(context, { found, health }, (entries) => ({
            actions: entries.map(auditJson),
          }));
        }),
    },
  ];
}
