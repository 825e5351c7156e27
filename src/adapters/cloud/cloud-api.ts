import type { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { CloudApi } from "../../steps/ports/cloud-api.ts";
import { createAttempt } from "./attempt.ts";
import { createAuth } from "./credentials/auth.ts";
import { createAuthorise } from "./credentials/authorise.ts";
import type { BreakerState } from "../../contract/labels.ts";
import { createEndpointBreaker } from "./breaker.ts";
import type { RequestBudget } from "./budget.ts";
import { type Calls, createCalls, type Service } from "./calls.ts";
import { createClockGuard } from "./clock-guard.ts";
import { createCloudClock } from "./cloud-clock.ts";
import { createConnect, type ProxyOf, throughProxy } from "./http/connect.ts";
import { createNaming, readCredentials } from "./credentials/credentials.ts";
import type { Send } from "./http/exchange.ts";
import { createDisk } from "./operations/disks.ts";
import { createHttpClient } from "./http/http.ts";
import { createImage } from "./operations/images.ts";
import { createJob } from "./operations/jobs.ts";
import type { RequestInfo } from "./operations/operation.ts";
import { createPostOnce } from "./http/post-once.ts";
import { createPageQuestion, createProbe } from "./operations/probe.ts";
import { createSign } from "./operations/reinstall.ts";
import { createList, createLook } from "./operations/servers.ts";
import type { CloudSettings } from "./settings.ts";
import { createSpending } from "./spending.ts";
import { ALONE, type SharedRefusals } from "./credentials/shared-refusals.ts";
import { clockStanding, credentialsStanding, endpointStanding, type Standing } from "./standing.ts";
import { createStart, createStop } from "./operations/power.ts";
import { createIam } from "./credentials/iam.ts";

export interface CloudDeps {
  readonly clock: Clock;
  readonly budget: RequestBudget;
  /** What the replicas know together of refused credentials. Default: this one counts for itself. */
  readonly refusals?: SharedRefusals;
  /** Called once for each request that was tried. Must not throw. */
  readonly onRequest?: (info: RequestInfo) => void;
}

interface CloudState {
  /** Does the ECS endpoint answer? */
  readonly endpoint: BreakerState;
  /** The endpoint that gives tokens; closed where none are asked for. */
  readonly iam: BreakerState;
  /** The image service; null: none is configured. */
  readonly ims: BreakerState | null;
  /** The disk service; null: none is configured. */
  readonly evs: BreakerState | null;
  /** Does the cloud accept our credentials? `open`: nothing is sent at all. */
  readonly auth: BreakerState;
}

export interface CloudAdapter extends CloudApi {
  /** For metrics. */
  state(): CloudState;
  /** For readiness: what requests go through, each with its state and cause. */
  standings(): readonly Standing[];
  /** Asks the cloud something that changes nothing, if not everything is proven. Spends at most one refusal of our credentials. */
  probe(project: ProjectId, signal: AbortSignal): Promise<void>;
  /** Finds out whether credentials that hold calls back still have to: beside all calls, and not more often than it may. */
  settle(): void;
  /** The cloud's clock against ours, ms it is ahead; null: not known yet. */
  clockOffsetMs(): number | null;
  /** The cloud's time; null: not known yet. */
  timeMs(): number | null;
  /** Ends reads under way and closes their connections. A POST in flight is ended by its own signal. */
  close(): Promise<void>;
}

/** ECS API notes §6.3: "Clock difference over 15 minutes is rejected". */
const SIGNATURE_WINDOW_MS = 15 * 60_000;

/** A page of 1 000 servers, 8 KB each: most have 2 or 3. */
const LIST_BYTES = 8_388_608;

/** The ECS API of one region, over HTTPS. Opens nothing until it is asked. */
export function createCloudApi(settings: CloudSettings, deps: CloudDeps): CloudAdapter {
  const { clock, budget, refusals = ALONE, onRequest = () => {} } = deps;
  const { breaker, maxRetryAfterMs } = settings;
  const monotonicMs = () => clock.monotonicMs();

  const proxyOf = proxiesByOrigin(settings);
  const { pooled, listing, postOnce, close } = senders(settings, proxyOf);
  const isSigned = settings.credentials.kind === "ak-sk";
  const closing = new AbortController();
  const namesOf = createNaming();
  const names = () => namesOf(readCredentials(settings.credentials));
  const { auth, login, strangers, beside } = createAuth(settings, {
    nowMs: monotonicMs,
    refusals,
    names,
    ask(project, through) {
      const service = { ...ecs, auth: { ...auth, of: () => through, settle: () => {} } };
      return askPage(project, service, closing.signal);
    },
  });
  const endpoint = () => createEndpointBreaker(breaker, monotonicMs);
  const ecs: Service = { origin: new URL(settings.ecsEndpoint), endpoint: endpoint(), auth };
  const optional = (url: string | undefined): Service | null =>
    url === undefined ? null : { origin: new URL(url), endpoint: endpoint(), auth };
  const ims = optional(settings.imsEndpoint);
  const evs = optional(settings.evsEndpoint);

  const cloudClock = createCloudClock(clock, settings.signatureWindowMs ?? SIGNATURE_WINDOW_MS);
  const attempt = createAttempt({ clock, cloudClock, maxRetryAfterMs, onRequest });
  const identity = () => names().identity;
  const breakers = { login, strangers, beside };
  const iam = createIam(settings, { attempt, clock, identity, breakers, send: pooled });
  const authorise = createAuthorise(settings.credentials, iam.tokens, clock);
  const asking = { clock, cloudClock, origin: ecs.origin, endpoint: ecs.endpoint };
  const clockGuard = isSigned ? createClockGuard({ ...asking, send: pooled, onRequest }) : null;
  const spending = createSpending({ budget, clock });
  const calls = createCalls({ attempt, authorise, clockGuard, identity, budget, spending });
  const askPage = createPageQuestion(calls, pooled);

  /** The API, its calls made by `through`. */
  function operations(through: Calls): CloudApi {
    const reading = { calls: through, service: ecs, send: pooled };
    const posting = { ...reading, send: postOnce };
    return {
      look: createLook(reading),
      list: createList({ ...reading, send: listing }),
      job: createJob(reading),
      stop: createStop(posting),
      start: createStart(posting),
      sign: createSign({ ...posting, reinstallApi: settings.reinstallApi }),
      ...(ims === null ? {} : { image: createImage({ ...reading, service: ims }) }),
      ...(evs === null ? {} : { disk: createDisk({ ...reading, service: evs, clock }) }),
    };
  }

  return {
    ...operations(calls),
    async reserve(project, wished, signal) {
      const reserved = await spending.reserve(project, wished, signal);
      if (reserved.kind === "unavailable") return reserved;
      const { calls: taken } = reserved;
      return {
        kind: "reserved",
        cloud: operations(calls.within(taken)),
        ready: (until) => taken.ready(until),
      };
    },
    state: () => ({
      endpoint: ecs.endpoint.state(),
      iam: iam.endpoint.state(),
      ims: ims?.endpoint.state() ?? null,
      evs: evs?.endpoint.state() ?? null,
      auth: worse(auth.state(), login.state()),
    }),
    standings() {
      const inUse = isSigned ? [auth] : [login, auth];
      // New ones are noticed here too, where nobody asks for anything.
      for (const breaker of inUse) breaker.waitMs(identity());
      return [
        endpointStanding("ecs", ecs.endpoint),
        ...(isSigned ? [] : [endpointStanding("iam", iam.endpoint)]),
        ...(ims === null ? [] : [endpointStanding("ims", ims.endpoint)]),
        ...(evs === null ? [] : [endpointStanding("evs", evs.endpoint)]),
        credentialsStanding(auth, isSigned ? null : login),
        ...(isSigned ? [clockStanding(cloudClock)] : []),
      ];
    },
    probe: createProbe({
      ask: askPage,
      alone: () => auth.alone().map(({ project }) => project),
      calls,
      ecs,
      ims,
      evs,
      send: pooled,
      iam: iam.proof,
    }),
    settle: () => auth.settle(),
    clockOffsetMs: () => cloudClock.offsetMs(),
    timeMs: () => cloudClock.timeMs(),
    async close() {
      closing.abort();
      await close();
    },
  };
}

/** How requests go out: over kept connections, for long lists, and once on one of their own. */
function senders(settings: CloudSettings, proxyOf: ProxyOf) {
  const { timeouts, maxAnswerBytes, poolConnections, caPem } = settings;
  const connecting = { connectMs: timeouts.connectMs, caPem: caPem, proxyOf };
  const http = createHttpClient({
    connect: createConnect(connecting),
    timeouts,
    maxAnswerBytes,
    poolConnections,
  });
  const listing = createHttpClient({
    connect: createConnect(connecting),
    timeouts,
    maxAnswerBytes: Math.max(maxAnswerBytes, LIST_BYTES),
    poolConnections: Math.min(poolConnections, 4),
  });
  const postOnce = namingProxy(
    createPostOnce({
      connect: createConnect({ ...connecting, resettable: true }),
      totalMs: timeouts.postMs,
      maxAnswerBytes,
    }),
    proxyOf,
  );
  return {
    pooled: namingProxy(http.send, proxyOf),
    listing: namingProxy(listing.send, proxyOf),
    postOnce,
    close: () => Promise.all([http.close(), listing.close()]),
  };
}

/** Each endpoint's proxy, by its origin. */
function proxiesByOrigin(settings: CloudSettings): ProxyOf {
  const { ecsEndpoint: ecs, iamEndpoint: iam, imsEndpoint: ims, proxies = {} } = settings;
  const { evsEndpoint: evs } = settings;
  const byOrigin = new Map<string, URL>();
  for (const [name, endpoint] of Object.entries({ ecs, iam, ims, evs })) {
    const proxy = proxies[name as keyof typeof proxies];
    if (endpoint !== undefined && proxy !== undefined) {
      byOrigin.set(new URL(endpoint).origin, new URL(proxy));
    }
  }
  return (origin) => byOrigin.get(origin.origin) ?? null;
}

/** The same, naming the proxy that a request without an answer went through. */
function namingProxy(send: Send, proxyOf: ProxyOf): Send {
  return async (origin, request, signal, mayBegin) => {
    const result = await send(origin, request, signal, mayBegin);
    const proxy = proxyOf(origin);
    if (result.kind === "answered" || proxy === null) return result;
    if (result.message.includes(proxy.origin)) return result;
    return { ...result, message: `${result.message}${throughProxy(proxy)}` };
  };
}

function worse(a: BreakerState, b: BreakerState): BreakerState {
  const order: readonly BreakerState[] = ["closed", "half-open", "open"];
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}
