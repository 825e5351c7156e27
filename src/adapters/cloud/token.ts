import { z } from "zod";
import type { ProjectId } from "../../contract/ids.ts";
import type { Unavailable } from "../../core/observations.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { Attempt, Attempted, AttemptFn } from "./attempt.ts";
import { type CredentialValues, identityOf, publicNameOf, secretsOf } from "./credentials.ts";
import { summary, unavailableBy } from "./error-table.ts";

type IamUser = Extract<CredentialValues, { kind: "iam-user" }>;

type TokenAnswer =
  | { readonly kind: "token"; readonly token: string }
  | ({ readonly kind: "unavailable" } & Unavailable);

/** Tokens of IAM (ECS API notes §6.1), one per project, shared by all requests of this process. */
export interface TokenSource {
  /** The cached token, or a new one; many callers share one request for it. */
  get(project: ProjectId, user: IamUser, signal: AbortSignal): Promise<TokenAnswer>;
  /** This token was refused: the next `get` asks for another. Forgetting an older one changes nothing. */
  forget(project: ProjectId, token: string): void;
  /** Is this the token that `get` would give? */
  isCurrent(project: ProjectId, token: string): boolean;
}

export interface TokenDeps {
  readonly attempt: AttemptFn;
  readonly clock: Clock;
  readonly through: Pick<Attempt, "send" | "endpoint" | "auth">;
  readonly iamEndpoint: URL;
  /** Of the credentials as they are now. */
  readonly identity: () => string;
}

/** A token lives 24 h; one about to expire must not be used (ECS API notes §6.1). */
const REFRESH_BEFORE_MS = 45 * 60_000;
/** While an old token still serves, a refresh that fails is tried again after this. */
const REFRESH_PAUSE_MS = 60_000;
/** After a failure everybody gets its answer for so long, unless IAM says longer: it throttles too. */
const FAILURE_PAUSE_MS = 5_000;
/** When IAM does not say how long its token lives. */
const ASSUMED_LIFETIME_MS = 60 * 60_000;

interface Cached {
  readonly identity: string;
  readonly token: string;
  readonly expiresAtMs: number;
  refreshAtMs: number;
}

export function createTokenSource(deps: TokenDeps): TokenSource {
  const { clock } = deps;
  const cache = new Map<ProjectId, Cached>();
  const flights = new Map<string, Promise<TokenAnswer>>();
  const failures = new Map<string, { readonly untilMs: number; readonly answer: TokenAnswer }>();

  async function refresh(project: ProjectId, user: IamUser): Promise<TokenAnswer> {
    const identity = identityOf(user);
    const found = readToken(await requestToken(deps, project, user));
    if (found.kind === "unavailable") return found;
    const nowMs = clock.monotonicMs();
    // By the token's own length, not its end: that is an instant of the cloud's clock.
    const expiresAtMs = nowMs + found.lifetimeMs;
    const refreshAtMs = expiresAtMs - Math.min(REFRESH_BEFORE_MS, found.lifetimeMs / 4);
    cache.set(project, { identity, token: found.token, expiresAtMs, refreshAtMs });
    return { kind: "token", token: found.token };
  }

  /** Its own life: the caller who began it may give up while others wait. */
  function sharedRefresh(project: ProjectId, user: IamUser): Promise<TokenAnswer> {
    const key = `${project} ${identityOf(user)}`;
    const flying = flights.get(key);
    if (flying !== undefined) return flying;
    const failed = failures.get(key);
    if (failed !== undefined && clock.monotonicMs() < failed.untilMs) {
      return Promise.resolve(failed.answer);
    }
    const flight = refresh(project, user).then((answer) => {
      flights.delete(key);
      failures.clear();
      if (answer.kind === "unavailable") {
        const pauseMs = Math.max(FAILURE_PAUSE_MS, answer.retryAfterMs ?? 0);
        failures.set(key, { untilMs: clock.monotonicMs() + pauseMs, answer });
      }
      return answer;
    });
    flights.set(key, flight);
    return flight;
  }

  return {
    async get(project, user, signal) {
      const cached = cache.get(project);
      const nowMs = clock.monotonicMs();
      if (cached?.identity === identityOf(user) && nowMs < cached.expiresAtMs) {
        if (nowMs >= cached.refreshAtMs) {
          cached.refreshAtMs = nowMs + REFRESH_PAUSE_MS;
          // Nobody waits: the old one is still good.
          void sharedRefresh(project, user);
        }
        return { kind: "token", token: cached.token };
      }
      return untilAborted(sharedRefresh(project, user), signal);
    },
    forget(project, token) {
      if (cache.get(project)?.token === token) cache.delete(project);
    },
    isCurrent: (project, token) => cache.get(project)?.token === token,
  };
}

function requestToken(
  { attempt, through, iamEndpoint, identity }: TokenDeps,
  project: ProjectId,
  user: IamUser,
): Promise<Attempted> {
  const { username: name, password, domain } = user;
  const own = identityOf(user);
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
      grant: {
        identity: own,
        sharedName: publicNameOf(user),
        proof: own,
        isCurrent: () => identity() === own,
      },
      signedAtMs: null,
      secrets: secretsOf(user),
      ...through,
    },
    new AbortController().signal,
  );
}

const TokenBody = z.object({
  token: z.object({ expires_at: z.string(), issued_at: z.string().optional() }),
});

function readToken(
  result: Attempted,
):
  | { readonly kind: "token"; readonly token: string; readonly lifetimeMs: number }
  | ({ readonly kind: "unavailable" } & Unavailable) {
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

function untilAborted(flight: Promise<TokenAnswer>, signal: AbortSignal): Promise<TokenAnswer> {
  return new Promise((resolve, reject) => {
    const onAbort = () =>
      resolve({
        kind: "unavailable",
        waitsFor: "cloud-unavailable",
        cloudCode: null,
        message: "aborted while waiting for a token",
        retryAfterMs: null,
      });
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    flight.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
