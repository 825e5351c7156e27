import type { Clock } from "../../steps/ports/clock.ts";
import type { CloudApi } from "../../steps/ports/cloud-api.ts";
import { createAttempt } from "./attempt.ts";
import { createAuthBreaker } from "./auth-breaker.ts";
import { createAuthorise } from "./authorise.ts";
import { type BreakerState, createEndpointBreaker } from "./breaker.ts";
import type { RequestBudget } from "./budget.ts";
import { createCalls, type Service } from "./calls.ts";
import { createConnect } from "./connect.ts";
import { identityOf, readCredentials } from "./credentials.ts";
import { createHttpClient } from "./http.ts";
import { createImage } from "./images.ts";
import { createJob } from "./jobs.ts";
import type { RequestInfo } from "./operation.ts";
import { createPostOnce } from "./post-once.ts";
import type { Environment } from "./proxy.ts";
import { createSign } from "./reinstall.ts";
import { createLook } from "./servers.ts";
import type { CloudSettings } from "./settings.ts";
import { createStop } from "./stop.ts";
import { createTokenSource } from "./token.ts";

export interface CloudDeps {
  readonly clock: Clock;
  readonly budget: RequestBudget;
  /** Called once for each request that was tried. Must not throw. */
  readonly onRequest?: (info: RequestInfo) => void;
  /** Where the proxy is looked up when the settings say so. */
  readonly environment?: Environment;
}

export interface CloudState {
  /** Does the ECS endpoint answer? */
  readonly endpoint: BreakerState;
  /** The endpoint that gives tokens; closed where none are asked for. */
  readonly iam: BreakerState;
  /** The image service; null: none is configured. */
  readonly ims: BreakerState | null;
  /** Does the cloud accept our credentials? `open`: nothing is sent at all. */
  readonly auth: BreakerState;
}

export interface CloudAdapter extends CloudApi {
  /** For readiness and metrics. */
  state(): CloudState;
  /** The cloud's clock against ours, ms it is ahead; null: not known yet. */
  clockOffsetMs(): number | null;
  /** Ends reads under way and closes their connections. A POST in flight is ended by its own signal. */
  close(): Promise<void>;
}

/** The ECS API of one region, over HTTPS. Opens nothing until it is asked. */
export function createCloudApi(settings: CloudSettings, deps: CloudDeps): CloudAdapter {
  const { clock, budget, onRequest = () => {}, environment = process.env } = deps;
  const { breaker, timeouts, maxAnswerBytes, poolConnections, maxRetryAfterMs } = settings;
  const monotonicMs = () => clock.monotonicMs();

  const connecting = {
    connectMs: timeouts.connectMs,
    caPem: settings.caPem,
    proxyEnvironment: settings.proxy ? environment : undefined,
  };
  const http = createHttpClient({
    connect: createConnect(connecting),
    timeouts,
    maxAnswerBytes,
    poolConnections,
  });
  const postOnce = createPostOnce({
    connect: createConnect({ ...connecting, resettable: true }),
    totalMs: timeouts.postMs,
    maxAnswerBytes,
  });

  const authOptions = { failures: breaker.authFailures ?? 2, openMs: breaker.authOpenMs };
  // Two: a password that IAM takes must not make the refusals of its tokens look single.
  const auth = createAuthBreaker(authOptions, monotonicMs);
  const login = createAuthBreaker(authOptions, monotonicMs);
  const endpoint = () => createEndpointBreaker(breaker, monotonicMs);
  const ecs: Service = { origin: new URL(settings.ecsEndpoint), endpoint: endpoint(), auth };
  const iam = endpoint();
  const ims: Service | null =
    settings.imsEndpoint === undefined
      ? null
      : { origin: new URL(settings.imsEndpoint), endpoint: endpoint(), auth };

  const attempt = createAttempt({ clock, maxRetryAfterMs, onRequest });
  const tokens = createTokenSource({
    attempt,
    clock,
    through: { send: http.send, endpoint: iam, auth: login },
    iamEndpoint: new URL(settings.iamEndpoint),
  });
  const authorise = createAuthorise(settings.credentials, tokens, clock);
  const identity = () => identityOf(readCredentials(settings.credentials));
  const calls = createCalls({ attempt, authorise, identity, budget, clock });

  const reading = { calls, service: ecs, send: http.send };
  const posting = { calls, service: ecs, send: postOnce };
  return {
    look: createLook(reading),
    job: createJob(reading),
    stop: createStop(posting),
    sign: createSign({ ...posting, reinstallApi: settings.reinstallApi }),
    ...(ims === null ? {} : { image: createImage({ ...reading, service: ims }) }),
    state: () => ({
      endpoint: ecs.endpoint.state(),
      iam: iam.state(),
      ims: ims?.endpoint.state() ?? null,
      auth: worse(auth.state(), login.state()),
    }),
    clockOffsetMs: () => calls.clockOffsetMs(),
    close: () => http.close(),
  };
}

function worse(a: BreakerState, b: BreakerState): BreakerState {
  const order: readonly BreakerState[] = ["closed", "half-open", "open"];
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}
