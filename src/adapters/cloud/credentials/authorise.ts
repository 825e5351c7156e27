import { createHash } from "node:crypto";
import type { ProjectId } from "../../../contract/ids.ts";
import type { Unavailable } from "../../../core/server/observations.ts";
import type { Clock } from "../../../steps/ports/clock.ts";
import type { Grant } from "./auth-record.ts";
import { createNaming, type Credentials, readCredentials, secretsOf } from "./credentials.ts";
import type { HttpRequest } from "../http/exchange.ts";
import { authorization, queryString, sdkDate } from "./signer.ts";
import type { TokenSource } from "./token.ts";

/** A request without its authentication. */
export interface PlainRequest {
  readonly method: "GET" | "POST";
  readonly origin: URL;
  readonly project: ProjectId;
  /** Percent-encoded. */
  readonly path: string;
  readonly query?: readonly (readonly [string, string])[];
  /** The exact bytes to send. */
  readonly body?: Uint8Array | undefined;
}

export interface Authorised {
  readonly kind: "authorised";
  readonly http: HttpRequest;
  /** What the signature says, whole seconds; null: a token, which does not expire with the request. */
  readonly signedAtMs: number | null;
  readonly grant: Grant;
  readonly secrets: readonly string[];
}

export type Authorise = (
  request: PlainRequest,
  signal: AbortSignal,
) => Promise<Authorised | ({ readonly kind: "unavailable" } & Unavailable)>;

/** Signs (AK/SK) or fetches a token for one request. Credentials are read again each time. */
export function createAuthorise(
  credentials: Credentials,
  tokens: TokenSource,
  clock: Pick<Clock, "nowMs">,
): Authorise {
  const namesOf = createNaming();
  return async function authorise(request, signal) {
    const values = readCredentials(credentials);
    const query = queryString(request.query ?? []);
    const target = query === "" ? request.path : `${request.path}?${query}`;
    // The official signer sends the content type with GET too (ECS API notes §6.2), and so do we.
    const headers: Record<string, string> = {
      "content-type": "application/json",
      host: request.origin.host,
      "x-project-id": request.project,
    };
    const { identity, publicName } = namesOf(values);
    const isPresent = () => namesOf(readCredentials(credentials)).identity === identity;
    const secrets = secretsOf(values);
    const grant: Grant = {
      identity,
      sharedName: publicName,
      proof: identity,
      isCurrent: isPresent,
    };
    const { method, body } = request;

    if (values.kind === "iam-user") {
      const found = await tokens.get(request.project, values, signal);
      if (found.kind === "unavailable") return found;
      return {
        kind: "authorised",
        http: { method, target, headers: { ...headers, "x-auth-token": found.token }, body },
        signedAtMs: null,
        grant: {
          ...grant,
          proof: createHash("sha256").update(found.token).digest("hex"),
          forget: () => tokens.forget(request.project, found.token),
          isCurrent: () => isPresent() && tokens.isCurrent(request.project, found.token),
        },
        secrets: [...secrets, found.token],
      };
    }

    const nowMs = clock.nowMs();
    headers["x-sdk-date"] = sdkDate(nowMs);
    if (values.securityToken !== null) headers["x-security-token"] = values.securityToken;
    const signed = authorization({ ...request, headers }, values);
    return {
      kind: "authorised",
      http: { method, target, headers: { ...headers, authorization: signed }, body },
      signedAtMs: Math.floor(nowMs / 1000) * 1000,
      grant,
      secrets: [...secrets, signed],
    };
  };
}
