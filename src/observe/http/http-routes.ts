import type { Context } from "hono";
import { z } from "zod";
import type { Found } from "../../contract/found.ts";
import type { HealthSource } from "../../contract/http.ts";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import { troubleOf, mayWork } from "../health.ts";
import { instantText } from "../instant-text.ts";
import { quarantinedServers } from "../quarantined.ts";
import { auditRoutes } from "./audit-routes.ts";
import { Fault } from "./fault.ts";
import {
  Alive,
  brakeJson,
  keptOffJson,
  Brakes,
  callsJson,
  Commands,
  commandsJson,
  evidencesJson,
  quarantinedJson,
  Ready,
  Server,
  serverJson,
  slotJson,
} from "./http-answers.ts";
import { lookRoutes } from "./look-routes.ts";
import { openApi } from "./openapi.ts";
import { overviewRoutes } from "./overview-routes.ts";
import { pageRoutes } from "./page/page-routes.tsx";
import { asked, NO_PROJECT, WRONG } from "./paging.ts";
import type { Route, RouteAnswer } from "./route.ts";
import { storeAway, unknown } from "./store-away.ts";

const BAD_ID: RouteAnswer = { says: "an id that cannot be one", body: Fault };
const AWAY: RouteAnswer = { says: "the store does not answer", body: Fault };

const CommandParams = z.object({ id: CommandId.describe("the command's id") });
const CommandQuery = z.object({
  view: z
    .enum(["evidence"], "must be `evidence`")
    .optional()
    .describe("`evidence`: with all that is kept of it, for a ticket"),
});
const ServerParams = z.object({
  project: ProjectId.describe("the project's id"),
  server: ServerId.describe("the server's id"),
});
const BrakesQuery = z.strictObject({
  project: ProjectId.optional().describe("only those of this project"),
});

/** Everything that can be asked, but for /openapi.json itself. Nothing here changes anything, or shows a secret. */
const ANSWERED: readonly Route[] = [
  {
    path: "/metrics",
    isProbe: true,
    summary: "the metrics (docs/metrics.md), in the text format of Prometheus",
    answers: { 200: { says: "all of them", body: "text/plain" } },
    take: async ({ metrics }, context) => {
      const page = await metrics.page();
      return context.body(page, 200, { "content-type": metrics.contentType });
    },
  },
  {
    path: "/livez",
    isProbe: true,
    summary:
      "whether the process does its work; a dependency that is away is no reason to restart it",
    answers: {
      200: { says: "it does", body: Alive },
      503: {
        says: "a delivery is in hand for longer than any step can take: only a restart helps",
        body: Alive,
      },
    },
    take({ health }, context) {
      const detail = health.hangs();
      return detail === null
        ? context.json({ status: "alive" })
        : context.json({ status: "needs a restart", detail }, 503);
    },
  },
  {
    path: "/readyz",
    isProbe: true,
    summary: "whether it can work: each dependency with its state and cause",
    answers: {
      200: { says: "none is known to be away", body: Ready },
      503: { says: "at least one is away", body: Ready },
    },
    take: ({ health }, context) => {
      const dependencies = health.dependencies();
      const ready = dependencies.every(mayWork);
      const body = {
        status: ready ? "ready" : "not ready",
        dependencies: dependencies.map(({ name, state, sinceMs, detail }) => ({
          name,
          state,
          since: instantText(sinceMs),
          detail,
        })),
      };
      return context.json(body, ready ? 200 : 503);
    },
  },
  {
    path: "/v1/commands/:id",
    summary: "one command, in every project where its id occurs, with its final event",
    params: CommandParams,
    query: CommandQuery,
    answers: {
      200: { says: "what the store knows of it", body: Commands },
      400: BAD_ID,
      404: { says: "no such command is known", body: Fault },
      503: AWAY,
    },
    take: async ({ views, health, nowMs }, context) => {
      const asked = CommandParams.safeParse(context.req.param());
      if (!asked.success) return malformed(context, "command id", asked.error);
      const query = CommandQuery.safeParse(context.req.query());
      if (!query.success) return malformed(context, "parameter view", query.error);
      if (query.data.view === "evidence") {
        const kept = await views.evidenceById(asked.data.id);
        return answer(context, { what: "command", found: kept, health }, (view) =>
          evidencesJson(view, nowMs(), troubleOf(health)),
        );
      }
      const found = await views.commandById(asked.data.id);
      return answer(context, { what: "command", found, health }, (view) =>
        commandsJson(view, nowMs(), troubleOf(health)),
      );
    },
  },
  {
    path: "/v1/servers/:project/:server",
    summary: "what holds a server, who waits for it, and its last reinstalls",
    params: ServerParams,
    answers: {
      200: { says: "its lock, its line and its history", body: Server },
      400: BAD_ID,
      404: { says: "no project of this worker", body: Fault },
      503: AWAY,
    },
    take: async ({ views, health, nowMs }, context) => {
      const asked = ServerParams.safeParse(context.req.param());
      if (!asked.success) {
        const [wrong] = asked.error.issues[0]?.path ?? [];
        return malformed(context, `${String(wrong)} id`, asked.error);
      }
      const { project, server } = asked.data;
      const found = { what: "project", found: await views.serverStatus(project, server), health };
      return answer(context, found, (view) =>
        serverJson({ project, server }, view, nowMs(), troubleOf(health)),
      );
    },
  },
  {
    path: "/v1/brakes",
    summary: "the brakes that hold something now, as far as this worker knows",
    query: BrakesQuery,
    answers: {
      200: { says: "from the worker's memory, read again for who asks", body: Brakes },
      400: WRONG,
      404: NO_PROJECT,
    },
    take: ({ brakes, ...sources }, context) =>
      asked(context, BrakesQuery, async ({ project }) => {
        const [found, isCurrent] = await Promise.all([
          quarantinedServers(sources, project, sources.nowMs()),
          brakes.refresh(),
        ]);
        if (found.kind === "absent") {
          return context.json({ error: "not-found", message: "no such project is known" }, 404);
        }
        const readAtMs = brakes.readAtMs();
        const isAsked = ({ projectId }: { readonly projectId: string }) =>
          (project ?? projectId) === projectId;
        return context.json({
          read_at: readAtMs === null ? null : instantText(readAtMs),
          is_current: isCurrent,
          holding: brakes.holding().filter(isAsked).map(brakeJson),
          kept_off: brakes.keptOff().filter(isAsked).map(keptOffJson),
          quarantined: found.kind === "found" ? found.view.map(quarantinedJson) : null,
          slots: brakes.slots().filter(isAsked).map(slotJson),
          calls: brakes.calls().filter(isAsked).map(callsJson),
        });
      }),
  },
];

/** All of it, the description of itself too. */
export const ROUTES: readonly Route[] = [
  ...ANSWERED,
  ...overviewRoutes(),
  ...auditRoutes(),
  ...pageRoutes(),
  ...lookRoutes(),
  {
    path: "/openapi.json",
    summary: "this description",
    answers: { 200: { says: "OpenAPI 3.1", body: z.looseObject({ openapi: z.string() }) } },
    take: (_deps, context) => context.json(openApi(ROUTES)),
  },
];

function answer<View>(
  context: Context,
  {
    what,
    found,
    health,
  }: {
    readonly what: string;
    readonly found: Found<View>;
    readonly health: Pick<HealthSource, "dependencies">;
  },
  json: (view: View) => object,
): Response {
  switch (found.kind) {
    case "found":
      return context.json(json(found.view));
    case "absent":
      return context.json(unknown(what, health), 404);
    case "unavailable":
      return context.json(storeAway(health), 503);
  }
}

/** Says the rule, not the value: it is the caller's own, and may be anything. */
function malformed(context: Context, what: string, error: z.ZodError): Response {
  const rule = error.issues[0]?.message ?? "is malformed";
  return context.json({ error: "bad-request", message: `the ${what} ${rule}` }, 400);
}
