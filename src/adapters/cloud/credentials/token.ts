import type { ProjectId } from "../../../contract/ids.ts";
import { identityOf } from "./credentials.ts";
import { isAuthenticationFailure } from "../answers/error-table.ts";
import { createKnownProjects } from "./known-projects.ts";
import { type Given, grantOf, type LogInDeps, readToken, requestToken } from "./log-in.ts";
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
  /** Asks IAM, whatever tokens there are: shows that it works, and that it takes the user. */
  prove(project: ProjectId, user: IamUser, signal: AbortSignal): Promise<TokenAnswer>;
  /** What is to be asked about to learn of the user: the project itself, unless it was refused and there is another. */
  standIn(project: ProjectId, user: IamUser): ProjectId;
}

export interface TokenDeps extends LogInDeps {
  /** How long nothing is sent after refusals. */
  readonly authOpenMs: number;
  /** All that tokens may be asked for. */
  readonly projects: readonly ProjectId[];
}

/** A token lives 24 h; one about to expire must not be used (ECS API notes §6.1). */
const REFRESH_BEFORE_MS = 45 * 60_000;
/** While an old token still serves, a refresh that fails is tried again after this. */
const REFRESH_PAUSE_MS = 60_000;
interface Cached {
  readonly identity: string;
  readonly token: string;
  readonly expiresAtMs: number;
  refreshAtMs: number;
}

/** `keepsGood`: only to learn something; `beside`: not through the breaker of the log-ins, which is open. */
interface How {
  readonly keepsGood?: boolean;
  readonly beside?: boolean;
}

export function createTokenSource(deps: TokenDeps): TokenSource {
  const { clock } = deps;
  const cache = new Map<ProjectId, Cached>();
  const flights = new Map<string, Promise<TokenAnswer>>();
  const pauses = createTokenPauses(() => clock.monotonicMs());
  const known = createKnownProjects(deps.projects);

  async function refresh(project: ProjectId, user: IamUser, how: How): Promise<TokenAnswer> {
    const identity = identityOf(user);
    if (known.isRefused(project, identity) && !known.isStrange(project, identity)) {
      const said = await hearWitness(project, user, "any");
      // Nothing is known yet, and one question was asked.
      if (said?.kind === "unavailable") return failed(project, user, said);
    }
    const wasStrange = known.isStrange(project, identity);
    const way = how.beside === true ? "beside" : wasStrange ? "strange" : "login";
    const answered = await requestToken(deps, project, user, way);
    const found = readToken(answered);
    if (found.kind === "unavailable") {
      const isRefused = answered.kind === "answered" && isAuthenticationFailure(answered.answer);
      if (isRefused) known.refused(project, identity);
      if (isRefused && !wasStrange) await hearWitness(project, user, "given");
      if (!known.isStrange(project, identity)) return failed(project, user, found);
      // The others, who may need a new token, go first when one request may be tried again.
      const pauseMs = isRefused ? deps.authOpenMs + REFRESH_PAUSE_MS : 0;
      return failed(project, user, refusedAlone(found, project, isRefused), pauseMs);
    }
    known.given(project, identity);
    pauses.given(project, user);
    if (way === "beside") deps.through.auth.vouch(grantOf(deps, user, "login"));
    keep(project, { identity, ...found }, how.keepsGood === true);
    return { kind: "token", token: found.token };
  }

  function failed(project: ProjectId, user: IamUser, answer: NoToken, pauseMs = 0): NoToken {
    pauses.failed(project, user, answer, pauseMs);
    return answer;
  }

  function keep(
    project: ProjectId,
    { identity, token, lifetimeMs }: Omit<Given, "kind"> & { readonly identity: string },
    keepsGood: boolean,
  ): void {
    const nowMs = clock.monotonicMs();
    const old = cache.get(project);
    // Those who carry it are not to be held up for nothing.
    if (keepsGood && old?.identity === identity && nowMs < old.refreshAtMs) return;
    // By the token's own length, not its end: that is an instant of the cloud's clock.
    const expiresAtMs = nowMs + lifetimeMs;
    const refreshAtMs = expiresAtMs - Math.min(REFRESH_BEFORE_MS, lifetimeMs / 4);
    cache.set(project, { identity, token, expiresAtMs, refreshAtMs });
  }

  /**
   * After a refusal the next question is about another project: is it the user that IAM refuses, or this project alone? Where
   * refusals of this one have stopped all log-ins, one that the user had a token for is asked about beside them. Null: there is none.
   */
  async function hearWitness(
    project: ProjectId,
    user: IamUser,
    among: "given" | "any",
  ): Promise<TokenAnswer | null> {
    const identity = identityOf(user);
    const given = known.witness(project, identity, "given");
    const witness = given ?? (among === "any" ? known.witness(project, identity, "any") : null);
    if (witness === null) return null;
    const isStopped = deps.through.auth.waitMs(identity) > 0;
    const beside = isStopped && given !== null && known.suspects(identity) === 1;
    return sharedRefresh(witness, user, { keepsGood: true, beside });
  }

  /** Its own life: the caller who began it may give up while others wait. */
  function sharedRefresh(project: ProjectId, user: IamUser, how: How = {}): Promise<TokenAnswer> {
    const key = tokenKey(project, user);
    const flying = flights.get(key);
    if (flying !== undefined) return flying;
    const paused = pauses.answerTo(project, user);
    if (paused !== null) return Promise.resolve(paused);
    const flight = refresh(project, user, how).finally(() => flights.delete(key));
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
    prove: (project, user, signal) =>
      untilAborted(sharedRefresh(project, user, { keepsGood: true }), signal),
    standIn(project, user) {
      const identity = identityOf(user);
      if (!known.isRefused(project, identity)) return project;
      return known.witness(project, identity, "any") ?? project;
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
