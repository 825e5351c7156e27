import { z } from "zod";
import type { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { Attempt, Attempted, AttemptFn } from "./attempt.ts";
import type { AuthBreaker } from "./auth-breaker.ts";
import { identityOf, publicNameOf, secretsOf } from "./credentials.ts";
import { isAuthenticationFailure, summary, unavailableBy } from "./error-table.ts";
import { createTokenPauses, type IamUser, type NoToken, tokenKey } from "./token-pauses.ts";

type TokenAnswer = { readonly kind: "token"; readonly token: string } | NoToken;

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
  /** Instead of `through.auth`, for projects that the user is given no token for, and is for others. */
  readonly strangers: AuthBreaker;
  /** How long nothing is sent after refusals. */
  readonly authOpenMs: number;
  readonly iamEndpoint: URL;
  /** Of the credentials as they are now. */
  readonly identity: () => string;
}

/** A token lives 24 h; one about to expire must not be used (ECS API notes §6.1). */
const REFRESH_BEFORE_MS = 45 * 60_000;
/** While an old token still serves, a refresh that fails is tried again after this. */
const REFRESH_PAUSE_MS = 60_000;
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
  const pauses = createTokenPauses(() => clock.monotonicMs());
  const known = createKnownProjects();

  async function refresh(project: ProjectId, user: IamUser): Promise<TokenAnswer> {
    const identity = identityOf(user);
    const isStrange = known.isStrange(project, identity);
    const answered = await requestToken(deps, project, user, isStrange);
    const found = readToken(answered);
    if (found.kind === "unavailable") {
      const isRefused = answered.kind === "answered" && isAuthenticationFailure(answered.answer);
      if (isRefused) known.refused(project);
      const answer = isStrange ? refusedAlone(found, project, isRefused) : found;
      // The others, who may need a new token, go first when one request may be tried again.
      const pauseMs = isRefused && isStrange ? deps.authOpenMs + REFRESH_PAUSE_MS : 0;
      pauses.failed(project, user, answer, pauseMs);
      return answer;
    }
    known.given(project, identity);
    pauses.given(project, user);
    const nowMs = clock.monotonicMs();
    // By the token's own length, not its end: that is an instant of the cloud's clock.
    const expiresAtMs = nowMs + found.lifetimeMs;
    const refreshAtMs = expiresAtMs - Math.min(REFRESH_BEFORE_MS, found.lifetimeMs / 4);
    cache.set(project, { identity, token: found.token, expiresAtMs, refreshAtMs });
    return { kind: "token", token: found.token };
  }

  /** Its own life: the caller who began it may give up while others wait. */
  function sharedRefresh(project: ProjectId, user: IamUser): Promise<TokenAnswer> {
    const key = tokenKey(project, user);
    const flying = flights.get(key);
    if (flying !== undefined) return flying;
    const failed = pauses.answerTo(project, user);
    if (failed !== null) return Promise.resolve(failed);
    const flight = refresh(project, user).finally(() => flights.delete(key));
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

/** Refusals in a row after which a project is a strange one. */
const STRANGE_AFTER = 2;

/** For which projects IAM gives tokens to a user: who is given some, and none for one project, is no wrong user. */
function createKnownProjects() {
  const givenTo = new Map<ProjectId, string>();
  const refusals = new Map<ProjectId, number>();
  return {
    /** Its user is given tokens, and none for this project. */
    isStrange: (project: ProjectId, identity: string) =>
      givenTo.get(project) !== identity && [...givenTo.values()].includes(identity),
    given(project: ProjectId, identity: string): void {
      givenTo.set(project, identity);
      refusals.delete(project);
    },
    refused(project: ProjectId): void {
      const count = (refusals.get(project) ?? 0) + 1;
      refusals.set(project, count);
      if (count >= STRANGE_AFTER) givenTo.delete(project);
    },
  };
}

/** The user is right: what is wrong is its project. */
function refusedAlone(answer: NoToken, project: ProjectId, isRefused: boolean): NoToken {
  if (!isRefused && answer.heldBack !== true) return answer;
  const why = isRefused
    ? answer.message
    : "no token: held back, IAM refused one for a project a short time ago";
  const message = `${why}; for other projects there is one: check ECS_PROJECTS, and what the user may do in ${project}`;
  return { ...answer, message };
}

function requestToken(
  { attempt, through, strangers, iamEndpoint, identity }: TokenDeps,
  project: ProjectId,
  user: IamUser,
  isStrange: boolean,
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
        sharedName: isStrange ? `${publicNameOf(user)}-strange` : publicNameOf(user),
        proof: own,
        isCurrent: () => identity() === own,
      },
      signedAtMs: null,
      secrets: secretsOf(user),
      ...through,
      ...(isStrange && { auth: strangers }),
    },
    new AbortController().signal,
  );
}

const TokenBody = z.object({
  token: z.object({ expires_at: z.string(), issued_at: z.string().optional() }),
});

function readToken(
  result: Attempted,
): { readonly kind: "token"; readonly token: string; readonly lifetimeMs: number } | NoToken {
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
