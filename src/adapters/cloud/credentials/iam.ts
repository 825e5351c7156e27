import type { AuthBreaker } from "./auth-breaker.ts";
import { createEndpointBreaker, type EndpointBreaker } from "../breaker.ts";
import { type Credentials, readCredentials } from "./credentials.ts";
import type { Send } from "../http/exchange.ts";
import type { LogInDeps } from "./log-in.ts";
import type { IamProof } from "../operations/probe.ts";
import type { CloudSettings } from "../settings.ts";
import { createTokenSource, type TokenSource } from "./token.ts";

interface IamDeps extends Pick<LogInDeps, "attempt" | "clock" | "identity"> {
  readonly breakers: { readonly [Name in "login" | "strangers" | "beside"]: AuthBreaker };
  readonly send: Send;
}

/** What gives tokens: its endpoint, the tokens, and what the probe asks of it (null: no tokens are used). */
export function createIam(settings: CloudSettings, deps: IamDeps) {
  const { attempt, clock, identity, breakers, send } = deps;
  const { login, strangers, beside } = breakers;
  const { breaker, iamEndpoint, projects = [], credentials } = settings;
  const endpoint = createEndpointBreaker(breaker, () => clock.monotonicMs());
  const tokens = createTokenSource({
    attempt,
    clock,
    through: { send, endpoint, auth: login },
    strangers,
    beside,
    authOpenMs: breaker.authOpenMs,
    iamEndpoint: new URL(iamEndpoint),
    projects,
    identity,
  });
  return { endpoint, tokens, proof: proofOf(credentials, { tokens, endpoint, login }) };
}

interface Proving {
  readonly tokens: TokenSource;
  readonly endpoint: EndpointBreaker;
  readonly login: AuthBreaker;
}

function proofOf(credentials: Credentials, { tokens, endpoint, login }: Proving): IamProof | null {
  if (credentials.kind === "ak-sk") return null;
  const user = () => {
    const values = readCredentials(credentials);
    if (values.kind === "ak-sk") throw new Error("the kind of the credentials has changed");
    return values;
  };
  return {
    isDue: () => !endpoint.seen().lived || login.state() !== "closed" || login.seen().why !== null,
    prove: (project, signal) => tokens.prove(project, user(), signal),
    standIn: (project) => tokens.standIn(project, user()),
  };
}
