import { z } from "zod";
import type { ProjectId } from "../../../contract/ids.ts";
import type { Clock } from "../../../steps/ports/clock.ts";
import type { Attempt, Attempted, AttemptFn } from "../attempt.ts";
import type { AuthBreaker } from "./auth-breaker.ts";
import type { Grant } from "./auth-record.ts";
import { identityOf, publicNameOf, secretsOf } from "./credentials.ts";
import { summary, unavailableBy } from "../answers/error-table.ts";
import type { IamUser, NoToken } from "./token-pauses.ts";

/** What a log-in needs. */
export interface LogInDeps {
  readonly attempt: AttemptFn;
  readonly clock: Clock;
  readonly through: Pick<Attempt, "send" | "endpoint" | "auth">;
  /** Instead of `through.auth`, for projects that the user is given no token for, and is for others. */
  readonly strangers: AuthBreaker;
  /** Instead of it, for the one question that is asked while it is open. */
  readonly beside: AuthBreaker;
  readonly iamEndpoint: URL;
  /** Of the credentials as they are now. */
  readonly identity: () => string;
}

/** When IAM does not say how long its token lives. */
const ASSUMED_LIFETIME_MS = 60 * 60_000;

/** Through which breaker a log-in goes. */
export type Way = "login" | "strange" | "beside";

/** One log-in (ECS API notes §6.1). */
export function requestToken(
  deps: LogInDeps,
  project: ProjectId,
  user: IamUser,
  way: Way,
): Promise<Attempted> {
  const { attempt, through, strangers, iamEndpoint } = deps;
  const { username: name, password, domain } = user;
  const body = {
    auth: {
      identity: {
        methods: ["password"],
        password: { user: { name, password, domain: { name: domain } } },
      },
      // Without a project the token is global, and useless for ECS.
      scope: { project: { id: project } },
    },
  };
  const request = {
    method: "POST",
    // The catalogue would make the answer many times as long.
    target: "/v3/auth/tokens?nocatalog=true",
    headers: { host: iamEndpoint.host, "content-type": "application/json;charset=utf8" },
    body: Buffer.from(JSON.stringify(body)),
  } as const;
  return attempt(
    {
      operation: "token",
      project,
      origin: iamEndpoint,
      request,
      grant: grantOf(deps, user, way),
      signedAtMs: null,
      secrets: secretsOf(user),
      ...through,
      ...(way === "strange" && { auth: strangers }),
      ...(way === "beside" && { auth: deps.beside }),
    },
    new AbortController().signal,
  );
}

export function grantOf({ identity, clock }: LogInDeps, user: IamUser, way: Way): Grant {
  const own = identityOf(user);
  const name = publicNameOf(user);
  return {
    identity: own,
    sharedName: way === "login" ? name : `${name}-${way}`,
    // Of one that goes beside all others nothing is ever proven: one replica at a time.
    proof: way === "beside" ? `${own}-${clock.monotonicMs()}` : own,
    isCurrent: () => identity() === own,
  };
}

/** What IAM gave. */
export interface Given {
  readonly kind: "token";
  readonly token: string;
  readonly lifetimeMs: number;
}

const TokenBody = z.object({
  token: z.object({ expires_at: z.string(), issued_at: z.string().optional() }),
});

export function readToken(result: Attempted): Given | NoToken {
  if (result.kind !== "answered") {
    return {
      kind: "unavailable",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
      message: `no token: ${result.message}`,
      retryAfterMs: result.kind === "held" && result.by === "endpoint" ? result.ms : null,
      ...(result.kind === "stale" || (result.kind === "held" && result.by === "credentials")
        ? { heldBack: true }
        : {}),
    };
  }
  const { answer, headers } = result;
  const token = headers.get("x-subject-token");
  if (answer.status !== 201 || token === undefined || token === "") {
    return {
      kind: "unavailable",
      ...unavailableBy(answer),
      message: `no token: ${summary(answer)}`,
    };
  }
  const body = TokenBody.safeParse(answer.json);
  const endMs = body.success ? Date.parse(body.data.token.expires_at) : Number.NaN;
  const startMs = body.success
    ? Date.parse(body.data.token.issued_at ?? "") || (answer.cloudTimeMs ?? Number.NaN)
    : Number.NaN;
  const lifetimeMs = endMs - startMs;
  return {
    kind: "token",
    token,
    lifetimeMs: lifetimeMs > 0 ? lifetimeMs : ASSUMED_LIFETIME_MS,
  };
}
