import { type Context, Hono } from "hono";
import { bringsToken, CHALLENGE, type HttpAccess } from "./http-access.ts";
import { ROUTES } from "./http-routes.ts";
import type { RouteDeps, Route } from "./route.ts";

/** Where the answers come from. */
export interface HttpAppDeps extends RouteDeps {
  /** Hears of a bug: the caller sees no more than "internal". */
  readonly onError: (error: unknown) => void;
  /** Absent: everybody. */
  readonly access?: HttpAccess;
  /** Which routes: all of them, metrics and probes only, or all but those. Absent: all. */
  readonly serves?: "all" | "probes" | "api";
}

/** The read-only API of the process (contract §5), route by route. */
export function createHttpApp(options: HttpAppDeps): Hono {
  const { onError, access = { kind: "open" }, serves = "all", ...deps } = options;
  const app = new Hono();
  const routes = ROUTES.filter((route) => isServed(route, serves, access));
  const paths = routes.map(({ path }) => path).join(", ");

  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      // A page says itself what a browser may do with it.
      if (!context.res.headers.has(name)) context.header(name, value);
    }
  });
  for (const { path, take, isProbe } of routes) {
    app.get(path, (context) => {
      const refused =
        access.kind === "token" &&
        isProbe !== true &&
        !bringsToken(context.req.header("authorization"), access.tokens());
      return refused ? unauthorized(context) : take(deps, context);
    });
    app.all(path, (context) =>
      context.json({ error: "method-not-allowed", message: "only GET and HEAD" }, 405, {
        allow: "GET, HEAD",
      }),
    );
  }
  app.notFound((context) => context.json({ error: "not-found", message: `one of ${paths}` }, 404));
  app.onError((error, context) => {
    onError(error);
    return context.json({ error: "internal", message: "see the log" }, 500);
  });
  return app;
}

function isServed(route: Route, serves: "all" | "probes" | "api", access: HttpAccess): boolean {
  if (route.isProbe === true) return serves !== "api";
  return serves !== "probes" && access.kind !== "off";
}

function unauthorized(context: Context): Response {
  const message = "a token is needed: Authorization: Bearer";
  return context.json({ error: "unauthorized", message }, 401, { "www-authenticate": CHALLENGE });
}

const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;
