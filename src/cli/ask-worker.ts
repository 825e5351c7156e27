import { Option } from "commander";
import { ProjectId } from "../contract/ids.ts";
import { EXIT_USAGE } from "../process/exit-codes.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";

/** The option `--url` as commander gives it. */
export interface UrlFlag {
  readonly url?: string;
}

/** The option `--url`, for every command that asks a worker. */
export function urlOption(): Option {
  return new Option(
    "--url <url>",
    "a worker's HTTP API (else ECS_REINSTALL_URL, else this machine's)",
  );
}

/** What a worker answered: a body, or that there is no such thing. */
export type Asked =
  | { readonly kind: "found"; readonly body: unknown }
  | { readonly kind: "absent"; readonly message: string };

/** A worker answers from its memory and from Redis. */
const PATIENCE_MS = 10_000;

/** Asks the HTTP API of a worker. Fails with one line when none answers in time, or when it says no. */
export async function askWorker(
  path: string,
  { url }: UrlFlag,
  io: CliIo,
  patienceMs = PATIENCE_MS,
): Promise<Asked> {
  const base = url ?? (io.env["ECS_REINSTALL_URL"] || `http://127.0.0.1:${localPort(io)}`);
  if (!/^https?:\/\//.test(base) || !URL.canParse(base)) {
    const source = url === undefined ? "ECS_REINSTALL_URL" : "--url";
    throw new CliFailure(`${source} must be an http:// or https:// URL`, EXIT_USAGE);
  }
  let status: number | undefined;
  let body: unknown;
  try {
    const token = io.env["ECS_REINSTALL_TOKEN"] ?? "";
    const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
    const signal = AbortSignal.timeout(patienceMs);
    const response = await io.fetch(base.replace(/\/+$/, "") + path, { headers, signal });
    status = response.status;
    body = await response.json();
  } catch (error) {
    const isLate = error instanceof Error && error.name === "TimeoutError";
    if (status !== undefined && !isLate) throw new CliFailure(noWorker(base, status));
    const late = `it gave no answer within ${patienceMs / 1000} s. It may stand still; ask another one`;
    const why = isLate ? late : `${reason(error)}. Name one by --url or ECS_REINSTALL_URL`;
    throw new CliFailure(`no worker answers at ${base}: ${why}`);
  }
  if (status === 200) return { kind: "found", body };
  const said = (body ?? {}) as { message?: unknown };
  const message = typeof said.message === "string" ? said.message : noWorker(base, status);
  if (status === 401) {
    throw new CliFailure(
      "the worker answers only who brings one of its tokens: ECS_REINSTALL_TOKEN",
    );
  }
  if (status === 404) {
    const hasPath = !message.startsWith("one of /");
    return { kind: "absent", message: hasPath ? message : `${base} has no ${path}: ${PATHS}` };
  }
  throw new CliFailure(message);
}

const PATHS =
  "--url is http://HOST:PORT alone, and a worker of an older version lacks some answers";

const noWorker = (base: string, status: number) =>
  `what answers at ${base} is no worker (HTTP status ${status}): name one by --url or ECS_REINSTALL_URL`;

/** Of a fetch that failed: what the network said. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return error instanceof Error ? error.message : String(error);
  return cause.message || (cause as NodeJS.ErrnoException).code || cause.name;
}

/** The first of ECS_PROJECTS; undefined: it names none. */
export function firstProject(io: CliIo): ProjectId | undefined {
  return ProjectId.safeParse((io.env["ECS_PROJECTS"] ?? "").split(",")[0]?.trim()).data;
}

/** `HTTP_PORT=0` says nothing about where the worker listens. */
function localPort(io: CliIo): string {
  const port = io.env["HTTP_PORT"] ?? "";
  return /^[1-9]\d*$/.test(port) ? port : "8080";
}
