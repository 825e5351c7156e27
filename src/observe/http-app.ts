import { Hono } from "hono";
import { type RouteDeps, ROUTES } from "./http-routes.ts";

/** Where the answers come from. */
export interface HttpAppDeps extends RouteDeps {
  /** Hears of a bug: the caller sees no more than "internal". */
  readonly onError: (error: unknown) => void;
}

/** The read-only API of the process (contract §5), route by route. */
export function createHttpApp({ onError, ...deps }: HttpAppDeps): Hono {
  const app = new Hono();

  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      // A page says itself what a browser may do with it.
      if (!context.res.headers.has(name)) context.header(name, value);
    }
  });
  for (const { path, take } of ROUTES) {
    app.get(path, (context) => take(deps, context));
    app.all(path, (context) =>
      context.json({ error: "method-not-allowed", message: "only GET and HEAD" }, 405, {
        allow: "GET, HEAD",
      }),
    );
  }
  app.notFound((context) => context.json({ error: "not-found", message: `one of ${PATHS}` }, 404));
  app.onError((error, context) => {
    onError(error);
    return context.json({ error: "internal", message: "see the log" }, 500);
  });
  return app;
}

const PATHS = ROUTES.map(({ path }) => path).join(", ");

const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;
