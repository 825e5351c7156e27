import { z } from "zod";
import { Group } from "../../contract/command.ts";
import { FINAL_EVENTS, WaitReason } from "../../contract/event.ts";
import { ProjectId, ServerId } from "../../contract/ids.ts";
import { STATES } from "../../core/state/phases.ts";
import { CommandList, commandJson, LockList, lockJson } from "./overview-answers.ts";
import {
  asked,
  cursor,
  DEFAULT_LIMIT,
  limit,
  listAnswers,
  listed,
  name,
  oneOf,
  whole,
} from "./paging.ts";
import type { Route } from "./route.ts";

const CommandsQuery = z
  .strictObject({
    project: ProjectId.optional().describe("only those of this project"),
    state: oneOf(STATES)
      .optional()
      .describe(
        "only those in this phase (docs/states.md), who has not moved for longest first; `ended`: those that ended last, at most 200 of a project, the youngest end first",
      ),
    outcome: oneOf(FINAL_EVENTS)
      .optional()
      .describe("of those that ended, only those with this final event; implies `state=ended`"),
    waits_for: oneOf(WaitReason.options)
      .optional()
      .describe("only those that wait for this (docs/symptoms.md)"),
    server: ServerId.optional().describe(
      "the one who holds this server, and those who wait for it",
    ),
    source: name(200).optional().describe("only those of this source"),
    group: Group.optional().describe("only those of this group"),
    min_age_seconds: whole(0, 100_000_000)
      .optional()
      .describe("only those that the store has had for so long"),
    limit,
    cursor,
  })
  .refine(({ state = "ended", outcome }) => outcome === undefined || state === "ended", {
    path: ["outcome"],
    message: "goes with state=ended only",
  });

const LocksQuery = z.strictObject({
  project: ProjectId.optional().describe("only those of this project"),
  limit,
  cursor,
});

/** Lists of what the store has in hand, page by page. */
export function overviewRoutes(): readonly Route[] {
  return [
    {
      path: "/v1/commands",
      summary:
        "open commands and inquiries after `unresolved`, who has not moved for longest first; or the last that ended",
      query: CommandsQuery,
      answers: listAnswers("a page of them", CommandList),
      take: ({ overview, health }, context) =>
        asked(context, CommandsQuery, async (query) => {
          const { min_age_seconds, waits_for, limit = DEFAULT_LIMIT, cursor, ...rest } = query;
          const state = rest.state ?? (rest.outcome === undefined ? undefined : "ended");
          const minAgeMs = min_age_seconds === undefined ? undefined : min_age_seconds * 1000;
          const filter = { ...rest, state, waitsFor: waits_for, minAgeMs };
          const found = await overview.commands(filter, { limit, cursor });
          return listed(context, { found, health }, (entries) => ({
            commands: entries.map(commandJson),
          }));
        }),
    },
    {
      path: "/v1/locks",
      summary: "locked servers, the oldest lock first",
      query: LocksQuery,
      answers: listAnswers("a page of them", LockList),
      take: ({ overview, health }, context) =>
        asked(context, LocksQuery, async ({ project, limit = DEFAULT_LIMIT, cursor }) => {
          const found = await overview.locks(project, { limit, cursor });
          return listed(context, { found, health }, (entries) => ({
            locks: entries.map(lockJson),
          }));
        }),
    },
  ];
}
