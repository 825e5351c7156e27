import { z } from "zod";
import { ProjectId, ServerId } from "../../contract/ids.ts";
import { Fault } from "./fault.ts";
import { NO_PROJECT } from "./paging.ts";
import type { Route } from "./route.ts";

const LookParams = z.object({
  project: ProjectId.describe("the project's id"),
  server: ServerId.describe("the server's id"),
});

const LookJson = z.object({
  project_id: z.string(),
  server_id: z.string(),
  seen: z
    .enum(["idle", "busy", "absent", "unreadable"])
    .describe("`busy`: something runs on it; `unreadable`: the cloud gave no usable answer"),
  detail: z.string().describe("the same in words, or why it cannot be said"),
  status: z.string().nullable().describe("the cloud's word"),
  system_disk: z.string().nullable().describe("id of its system disk"),
});

/** Asks the cloud about one server, for people. */
export function lookRoutes(): readonly Route[] {
  return [
    {
      path: "/v1/servers/:project/:server/look",
      summary:
        "what the cloud shows of a server now: a call to the cloud, within the budget, at most one in 3 s for a server",
      params: LookParams,
      answers: {
        200: { says: "what was seen, or why nothing was", body: LookJson },
        400: { says: "an id that cannot be one", body: Fault },
        404: NO_PROJECT,
      },
      async take({ looks }, context) {
        const asked = LookParams.safeParse(context.req.param());
        if (!asked.success) {
          const [issue] = asked.error.issues;
          const message = `the ${String(issue?.path[0])} id ${issue?.message}`;
          return context.json({ error: "bad-request", message }, 400);
        }
        const { project, server } = asked.data;
        const found = await looks.look(project, server);
        if (found.kind !== "found") {
          return context.json({ error: "not-found", message: "no such project is known" }, 404);
        }
        const { seen, detail, status, systemDisk } = found.view;
        const of = { project_id: project, server_id: server };
        return context.json({ ...of, seen, detail, status, system_disk: systemDisk });
      },
    },
  ];
}
