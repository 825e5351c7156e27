import type { CloudAdapter } from "../adapters/cloud/cloud-api.ts";
import { createLookForPeople } from "../steps/look-for-people.ts";
import { createAuditLog } from "../adapters/redis/audit-log.ts";
import { createOverview } from "../adapters/redis/views/command-overview.ts";
import { createCommandViews } from "../adapters/redis/views/command-views.ts";
import type { Config } from "../config/assemble.ts";
import { tokensIn } from "../config/http-access.ts";
import type { BrakesView, HealthSource, Situation } from "../contract/http.ts";
import type { HttpAccess } from "../observe/http/http-access.ts";
import { createHttpServer, type HttpServer } from "../observe/http/http-server.ts";
import type { Ground } from "./ground.ts";
import { storeRules } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** What people are shown: from memory, or by a look at the cloud. */
export interface Shown {
  readonly cloud: CloudAdapter;
  readonly health: HealthSource;
  readonly brakes: BrakesView;
  readonly situation: Situation;
}

/** The HTTP server: health, metrics, and looks into the store for people; or two, where probes have a port of their own. */
export function createWatchedHttp(
  { config, projects, metrics, logger, clock, signal }: Ground,
  { redis, scripts }: Stores,
  { cloud, ...shown }: Shown,
): HttpServer {
  const { host, port, metricsPort } = config.http;
  const deps = {
    ...shown,
    host,
    metrics,
    projects,
    views: createCommandViews({ redis, projects, scripts, clock, rules: storeRules(config) }),
    overview: createOverview(redis, projects),
    audit: createAuditLog(redis, projects),
    looks: createLookForPeople({ cloud, projects, clock, signal }),
    access: accessOf(config.http),
    nowMs: () => clock.nowMs(),
    onError: (error: unknown) => logger.error({ err: error }, "http request failed"),
  };
  if (metricsPort === undefined) return createHttpServer({ ...deps, port });
  const probes = { ...deps, port: metricsPort, serves: "probes", setting: "METRICS_PORT" } as const;
  return together(createHttpServer(probes), createHttpServer({ ...deps, port, serves: "api" }));
}

function accessOf({ api, apiTokens }: Config["http"]): HttpAccess {
  if (api !== "token") return { kind: api };
  return { kind: "token", tokens: () => tokensIn(apiTokens?.() ?? "") };
}

/** The probes' server first, and last: they are answered for as long as anything runs. */
function together(probes: HttpServer, api: HttpServer): HttpServer {
  return {
    async start() {
      await probes.start();
      await api.start();
    },
    async stop() {
      await api.stop();
      await probes.stop();
    },
    address: () => api.address(),
  };
}
