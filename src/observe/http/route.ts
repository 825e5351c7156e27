import type { Context } from "hono";
import type { z } from "zod";
import type { AuditLog } from "../../contract/audit.ts";
import type {
  BrakesView,
  CommandViews,
  HealthSource,
  MetricsPage,
  Situation,
} from "../../contract/http.ts";
import type { ProjectId } from "../../contract/ids.ts";
import type { Overview } from "../../contract/overview.ts";
import type { ServerLooks } from "../../contract/server-look.ts";

/** Where the answers come from. */
export interface RouteDeps {
  readonly metrics: MetricsPage;
  readonly health: HealthSource;
  readonly views: CommandViews;
  readonly overview: Overview;
  readonly brakes: BrakesView;
  readonly audit: AuditLog;
  readonly situation: Situation;
  /** That the worker may act on. */
  readonly projects: readonly ProjectId[];
  readonly looks: ServerLooks;
  /** The time that the worker goes by, for ages and what is due. */
  readonly nowMs: () => number;
}

/** One answer of a route. */
export interface RouteAnswer {
  readonly says: string;
  /** Of a JSON body; else the media type of the text. */
  readonly body: z.ZodType | string;
}

/** One path of the API: what it answers, and its page in /openapi.json. */
export interface Route {
  /** As hono writes it: `/v1/commands/:id`. */
  readonly path: string;
  readonly summary: string;
  /** For the platform: it always answers, whoever asks. */
  readonly isProbe?: true;
  /** Each `:name` of the path. */
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** By HTTP status. */
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  readonly take: (deps: RouteDeps, context: Context) => Response | Promise<Response>;
}
