import type { ProjectId } from "../../../contract/ids.ts";
import type { Calls, Service } from "../calls.ts";
import type { Send } from "../http/exchange.ts";

export interface ProbeDeps {
  /** A page of one server. */
  readonly ask: (project: ProjectId, service: Service, signal: AbortSignal) => Promise<unknown>;
  /** Projects that are refused while others are taken. */
  readonly alone: () => readonly ProjectId[];
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
export function createProbe({ ask, alone, calls, ecs, ims, evs, send, iam }: ProbeDeps) {
  return async function probe(asked: ProjectId, signal: AbortSignal): Promise<void> {
    const project = iam?.standIn(asked) ?? asked;
    const common = { method: "GET", project, query: [["limit", "1"]], send } as const;
    if (!isSettled(ecs)) await ask(project, ecs, signal);
    // Without a command nobody would notice that they are taken again. Their pause holds the question back.
    for (const refused of alone()) await ask(refused, ecs, signal);
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

/** See {@link createProbe}. */
export function createPageQuestion(calls: Calls, send: Send): ProbeDeps["ask"] {
  return (project, service, signal) => {
    const path = `/v1/${project}/cloudservers/detail`;
    const page = { method: "GET", path, query: [["limit", "1"]] } as const;
    return calls.call({ ...page, operation: "probe", project, service, send }, signal);
  };
}

const NO_DISK = "00000000-0000-0000-0000-000000000000";

function isDue({ endpoint, auth }: Service): boolean {
  return !endpoint.seen().lived && auth.seen().proven;
}

function isSettled({ endpoint, auth }: Service): boolean {
  return endpoint.seen().lived && auth.seen().proven;
}
