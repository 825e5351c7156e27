import type { CloudAnswer, ErrorShape, Refusal } from "../requests/answers.ts";
import type { Effects } from "../faults/fault-schema.ts";
import type { Operation } from "../requests/operation.ts";
import type { WireRequest } from "../access/signature.ts";

/** One call that has completely arrived. */
export interface Call {
  readonly request: WireRequest;
  /** The named parts of the path: `project`, `server`, `job` … */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** What the simulator calls this request. */
  readonly requestId: string;
  readonly receivedAtMs: number;
  readonly effects: Effects;
  refuse(refusal: Refusal): CloudAnswer;
}

export interface Target {
  readonly operation: Operation;
  /** The one in the path. */
  readonly projectId?: string | undefined;
  readonly serverId?: string | undefined;
}

/** One API of the cloud. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly pattern: RegExp;
  readonly shape: ErrorShape;
  /** `project`: the credentials must be good for the project in the path; `any`: for whatever project. */
  readonly access: "none" | "any" | "project";
  /** What a call means for faults and counters, before anything about it is checked. */
  target(params: Readonly<Record<string, string>>, body: Uint8Array): Target;
  /** Carries the call out. Runs in one go: nothing else happens in the cloud meanwhile. */
  answer(call: Call): CloudAnswer;
  /** Told about every call that was not carried out, with the code that it was refused with, or `fault`. */
  refused?(call: Call, code: string): void;
}

/** Path parts as the cloud cuts them. */
export const PROJECT = "(?<project>[^/]+)";
export const SERVER = "(?<server>[^/]+)";

export function path(template: string): RegExp {
  return new RegExp(`^${template}$`);
}

/** The body as JSON; undefined when it is none. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}
