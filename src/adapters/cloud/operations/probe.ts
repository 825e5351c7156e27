import type { ProjectId } from "../../../contract/ids.ts";
import type { Calls, Service } from "../calls.ts";
import type { Send } from "../http/exchange.ts";

export interface ProbeDeps {
  readonly calls: Calls;
  readonly ecs: Service;
  readonly ims: Service | null;
  readonly evs: Service | null;
  readonly send: Send;
  /** Null: no tokens are used. */
  readonly iam: IamProof | null;
}

/** What gives tokens. */
export interface IamProof {
  /** It does not answer, or refuses our user: nothing has shown yet that this is over. A good token shows nothing of it. */
  isDue(): boolean;
  /** Asks for a token that nobody needs. */
  prove(project: ProjectId, signal: AbortSignal): Promise<unknown>;
  /** The project, or another one where it is the project that is refused. */
  standIn(project: ProjectId): ProjectId;
}

/**
 * One signed question for a page of one server (ECS API notes §12): its answer proves endpoint, credentials and clock,
 * whatever it holds. A refusal for want of a right (403, `ecs:cloudServers:list`) proves them too. The image and
 * disk services are asked only with credentials that are proven: at most one refusal is spent. The disk service is asked for
 * a disk that does not exist, with the one right that the worker needs there; a 404 proves it.
 */
export function createProbe({ calls, ecs, ims, evs, send, iam }: ProbeDeps) {
  return async function probe(asked: ProjectId, signal: AbortSignal): Promise<void> {
    const project = iam?.standIn(asked) ?? asked;
    const common = { method: "GET", project, query: [["limit", "1"]], send } as const;
    if (!isSettled(ecs)) {
      const path = `/v1/${project}/cloudservers/detail`;
      await calls.call({ ...common, operation: "probe", path, service: ecs }, signal);
    }
    if (iam?.isDue() === true) await iam.prove(project, signal);
    if (ims !== null && isDue(ims)) {
      const path = "/v2/cloudimages";
      await calls.call({ ...common, operation: "image", path, service: ims }, signal);
    }
    if (evs !== null && isDue(evs)) {
      const path = `/v2/${project}/cloudvolumes/${NO_DISK}`;
      const disk = { method: "GET", project, send, operation: "disk" } as const;
      await calls.call({ ...disk, path, service: evs }, signal);
    }
  };
}

const NO_DISK = "00000000-0000-0000-0000-000000000000";

function isDue({ endpoint, auth }: Service): boolean {
  return !endpoint.seen().lived && auth.seen().proven;
}

function isSettled({ endpoint, auth }: Service): boolean {
  return endpoint.seen().lived && auth.seen().proven;
}
