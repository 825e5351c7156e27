import { jsonAnswer } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { viewJob } from "../requests/job-view.ts";
import { PROJECT, path, type Route } from "./route.ts";

/** Querying a job: version 1 even for a v2 reinstall (ECS API reference notes §2.1). */
export function jobRoutes(state: CloudState): Route[] {
  return [
    {
      method: "GET",
      pattern: path(`/v1/${PROJECT}/jobs/(?<job>[^/]+)`),
      shape: "job-query",
      access: "project",
      target: ({ job }) => ({
        operation: "job",
        serverId: state.jobs.get(job ?? "")?.parts[0]?.serverId,
      }),
      answer(call) {
        const view = viewJob(state, call.params.project ?? "", call.params.job ?? "");
        return view.kind === "found"
          ? jsonAnswer(200, view.body)
          : call.refuse({ code: "Common.0011", status: view.status });
      },
    },
  ];
}
