import type { ProjectId } from "../../contract/ids.ts";
import type { Calls, Service } from "./calls.ts";
import type { Send } from "./exchange.ts";

export interface ProbeDeps {
  readonly calls: Calls;
  readonly ecs: Service;
  readonly ims: Service | null;
  readonly send: Send;
}

/**
 * One signed question for a page of one server (ECS API notes §12): its answer proves endpoint, credentials and clock,
 * whatever it holds. A refusal for want of a right (403, `ecs:cloudServers:list`) proves them too. The image service is
 * asked only with credentials that are proven: at most one refusal is spent.
 */
export function createProbe({ calls, ecs, ims, send }: ProbeDeps) {
  return async function probe(project: ProjectId, signal: AbortSignal): Promise<void> {
    const common = { method: "GET", project, query: [["limit", "1"]], send } as const;
    if (!isSettled(ecs)) {
      const path = `/v1/${project}/cloudservers/detail`;
      await calls.call({ ...common, operation: "probe", path, service: ecs }, signal);
    }
    if (ims === null || ims.endpoint.seen().lived || !ims.auth.seen().proven) return;
    await calls.call(
      { ...common, operation: "image", path: "/v2/cloudimages", service: ims },
      signal,
    );
  };
}

function isSettled({ endpoint, auth }: Service): boolean {
  return endpoint.seen().lived && auth.seen().proven;
}
