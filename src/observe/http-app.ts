import { type Context, Hono } from "hono";
import type { z } from "zod";
import { CommandId, ProjectId, ServerId } from "../contract/ids.ts";
import { mayWork } from "./health.ts";
import type {
  BrakeStatus,
  BrakesView,
  CommandStatus,
  CommandViews,
  Found,
  HealthSource,
  MetricsPage,
  ServerStatus,
} from "../contract/http.ts";

/** Where the answers come from. */
export interface HttpAppDeps {
  readonly metrics: MetricsPage;
  readonly health: HealthSource;
  readonly views: CommandViews;
  readonly brakes: BrakesView;
  /** Told of a bug: the caller sees no more than "internal". */
  readonly onError: (error: unknown) => void;
}

/** The read-only API of the process (contract §5). Nothing here changes anything, or tells a secret. */
export function createHttpApp({ metrics, health, views, brakes, onError }: HttpAppDeps): Hono {
  const app = new Hono();

  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.header(name, value);
  });

  app.get("/metrics", async (context) => {
    const page = await metrics.page();
    return context.body(page, 200, { "content-type": metrics.contentType });
  });

  app.get("/livez", (context) =>
    health.isAlive()
      ? context.json({ status: "alive" })
      : context.json({ status: "needs a restart" }, 503),
  );

  app.get("/readyz", (context) => {
    const dependencies = health.dependencies();
    const ready = dependencies.every(mayWork);
    const body = {
      status: ready ? "ready" : "not ready",
      dependencies: dependencies.map(({ name, state, sinceMs, detail }) => ({
        name,
        state,
        since: instant(sinceMs),
        detail,
      })),
    };
    return context.json(body, ready ? 200 : 503);
  });

  app.get("/v1/commands/:id", async (context) => {
    const id = CommandId.safeParse(context.req.param("id"));
    if (!id.success) return malformed(context, "command id", id.error);
    return answer(context, "command", await views.commandById(id.data), commandsJson);
  });

  app.get("/v1/servers/:project/:server", async (context) => {
    const project = ProjectId.safeParse(context.req.param("project"));
    if (!project.success) return malformed(context, "project id", project.error);
    const server = ServerId.safeParse(context.req.param("server"));
    if (!server.success) return malformed(context, "server id", server.error);
    const found = await views.serverStatus(project.data, server.data);
    return answer(context, "project", found, (view) => ({
      project_id: project.data,
      server_id: server.data,
      ...serverJson(view),
    }));
  });

  app.get("/v1/brakes", (context) => {
    const asked = context.req.query("project");
    const readAtMs = brakes.readAtMs();
    const holding = brakes.holding().filter(({ projectId }) => (asked ?? projectId) === projectId);
    return context.json({
      read_at: readAtMs === null ? null : instant(readAtMs),
      holding: holding.map(brakeJson),
    });
  });

  for (const path of PATHS) {
    app.all(path, (context) =>
      context.json({ error: "method-not-allowed", message: "only GET and HEAD" }, 405, {
        allow: "GET, HEAD",
      }),
    );
  }
  app.notFound((context) =>
    context.json({ error: "not-found", message: `one of ${PATHS.join(", ")}` }, 404),
  );
  app.onError((error, context) => {
    onError(error);
    return context.json({ error: "internal", message: "see the log" }, 500);
  });
  return app;
}

const PATHS = [
  "/metrics",
  "/livez",
  "/readyz",
  "/v1/commands/:id",
  "/v1/servers/:project/:server",
  "/v1/brakes",
] as const;

const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

function answer<View>(
  context: Context,
  what: string,
  found: Found<View>,
  json: (view: View) => object,
): Response {
  switch (found.kind) {
    case "found":
      return context.json(json(found.view));
    case "absent":
      return context.json({ error: "not-found", message: `no such ${what} is known` }, 404);
    case "unavailable":
      return context.json({ error: "store-away", message: "the store does not answer" }, 503);
  }
}

/** Says the rule, not the value: it is the caller's own, and may be anything. */
function malformed(context: Context, what: string, error: z.ZodError): Response {
  const rule = error.issues[0]?.message ?? "is malformed";
  return context.json({ error: "bad-request", message: `the ${what} ${rule}` }, 400);
}

/**
 * One id may occur in several projects: `commands` has them all, the one that moved last first. Its members stand beside
 * the list, too, for readers who know one project only.
 */
function commandsJson(views: readonly CommandStatus[]): object {
  const commands = views.map(commandJson);
  return { ...commands[0], commands };
}

function commandJson(view: CommandStatus): object {
  return {
    command_id: view.commandId,
    project_id: view.projectId,
    server_id: view.serverId,
    phase: view.phase,
    sequence: view.sequence,
    updated_at: instant(view.updatedAtMs),
    outcome: view.outcome,
    job_id: view.jobId,
    final_event: view.finalEvent,
  };
}

function brakeJson({ brake, projectId, scope, by, sinceMs, reason }: BrakeStatus): object {
  const since = sinceMs === null ? null : instant(sinceMs);
  return { brake, project_id: projectId, scope, by, since, reason };
}

function serverJson({ lock, waiting }: ServerStatus): object {
  return {
    lock: lock && {
      owner: lock.owner,
      token: lock.token,
      operation: lock.operation,
      since: instant(lock.sinceMs),
      phase: lock.phase,
    },
    waiting: waiting.map(({ commandId, sinceMs }) => ({
      command_id: commandId,
      since: instant(sinceMs),
    })),
  };
}

/** What another version of us left in the store may be no time at all. */
function instant(ms: number): string | null {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null;
}
