import type { Context } from "hono";
import { z } from "zod";
import { ProjectId, ServerId } from "../contract/ids.ts";
import type { Overview } from "../contract/overview.ts";
import { Fault } from "./http-answers.ts";
import type { Route } from "./http-routes.ts";
import {
  CommandList,
  commandJson,
  Cursor,
  cursorText,
  LockList,
  lockJson,
} from "./overview-answers.ts";

const name = (most: number) =>
  z.string().min(1, "must not be empty").max(most, `must have at most ${most} characters`);
const whole = (least: number, most: number) => {
  const rule = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .pipe(z.number().min(least, rule).max(most, rule));
};

const limit = whole(1, 500).optional().describe("entries of a page, 1 to 500; 100 without it");
const cursor = Cursor.optional().describe("`next` of the answer before");

const CommandsQuery = z.strictObject({
  project: ProjectId.optional().describe("only those of this project"),
  state: name(32)
    .optional()
    .describe(
      "only those in this phase (docs/states.md), who has not moved for longest first; `ended`: those that ended last, at most 200 of a project, the youngest end first",
    ),
  outcome: name(32)
    .optional()
    .describe("of those that ended, only those with this final event; implies `state=ended`"),
  waits_for: name(32).optional().describe("only those that wait for this (docs/symptoms.md)"),
  server: ServerId.optional().describe("the one who holds this server, and those who wait for it"),
  source: name(200).optional().describe("only those of this source"),
  group: name(64).optional().describe("only those of this group"),
  min_age_seconds: whole(0, 100_000_000)
    .optional()
    .describe("only those that the store has had for so long"),
  limit,
  cursor,
});

const LocksQuery = z.strictObject({
  project: ProjectId.optional().describe("only those of this project"),
  limit,
  cursor,
});

const DEFAULT_LIMIT = 100;
/** In place of a phase. */
const ENDED = "ended";

const WRONG = {
  says: "a parameter that cannot be one: `message` names it and the rule",
  body: Fault,
};
const NO_PROJECT = { says: "no project of this worker", body: Fault };
const AWAY = { says: "the store does not answer", body: Fault };

/** Lists of what the store has in hand, page by page. */
export function overviewRoutes(): readonly Route[] {
  return [
    {
      path: "/v1/commands",
      summary:
        "open commands and inquiries after `unresolved`, who has not moved for longest first; or the last that ended",
      query: CommandsQuery,
      answers: {
        200: { says: "a page of them", body: CommandList },
        400: WRONG,
        404: NO_PROJECT,
        503: AWAY,
      },
      take: ({ overview }, context) =>
        asked(context, CommandsQuery, async (query) => {
          const { min_age_seconds, waits_for, limit = DEFAULT_LIMIT, cursor, ...rest } = query;
          const state = rest.state ?? (rest.outcome === undefined ? undefined : ENDED);
          const minAgeMs = min_age_seconds === undefined ? undefined : min_age_seconds * 1000;
          const filter = { ...rest, state, waitsFor: waits_for, minAgeMs };
          const found = await overview.commands(filter, { limit, cursor });
          return listed(context, found, (entries) => ({ commands: entries.map(commandJson) }));
        }),
    },
    {
      path: "/v1/locks",
      summary: "locked servers, the oldest lock first",
      query: LocksQuery,
      answers: {
        200: { says: "a page of them", body: LockList },
        400: WRONG,
        404: NO_PROJECT,
        503: AWAY,
      },
      take: ({ overview }, context) =>
        asked(context, LocksQuery, async ({ project, limit = DEFAULT_LIMIT, cursor }) => {
          const found = await overview.locks(project, { limit, cursor });
          return listed(context, found, (entries) => ({ locks: entries.map(lockJson) }));
        }),
    },
  ];
}

type Listed = Awaited<ReturnType<Overview["commands"] | Overview["locks"]>>;
type Entries<Found> = Found extends {
  readonly kind: "found";
  readonly view: { readonly entries: infer E };
}
  ? E
  : never;

function listed<Found extends Listed>(
  context: Context,
  found: Found,
  json: (entries: Entries<Found>) => object,
): Response {
  switch (found.kind) {
    case "found":
      return context.json({
        ...json(found.view.entries as Entries<Found>),
        next: cursorText(found.view.next),
      });
    case "absent":
      return context.json({ error: "not-found", message: "no such project is known" }, 404);
    case "unavailable":
      return context.json({ error: "store-away", message: "the store does not answer" }, 503);
  }
}

/** Reads the query, or answers which parameter breaks which rule: the value is the caller's own, and may be anything. */
async function asked<Shape extends z.ZodType>(
  context: Context,
  shape: Shape,
  take: (query: z.output<Shape>) => Promise<Response>,
): Promise<Response> {
  const query = shape.safeParse(context.req.query());
  if (query.success) return take(query.data);
  const rules = query.error.issues.map(({ code, path, message }) =>
    code === "unrecognized_keys" ? "a parameter is not known" : `${path.join(".")} ${message}`,
  );
  return context.json({ error: "bad-request", message: rules.join("; ") }, 400);
}
