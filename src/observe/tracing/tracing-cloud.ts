import { type Attributes, type Span, SpanKind } from "@opentelemetry/api";
import type { Operation, RequestOutcome } from "../../contract/labels.ts";
import type { Refusal, Unavailable } from "../../core/server/observations.ts";
import type { CloudApi, SignedReinstall } from "../../steps/ports/cloud-api.ts";
import { fail, type SpanStart, type Tracer } from "./tracing-tracer.ts";

/** What the steps learn of a call, as far as a span shows it. */
type Answer = { readonly kind: string } & Partial<Unavailable> & {
    readonly refusal?: Refusal;
    readonly jobId?: string | null;
  };

/** A span for each question of the steps to the cloud. The requests it takes, if any, are children of it. */
export function tracedCloud(cloud: CloudApi, tracer: Tracer): CloudApi {
  function asked<T extends { readonly kind: string }>(
    operation: string,
    ask: () => Promise<T>,
  ): Promise<T> {
    return tracer.within({ name: `cloud ${operation}` }, async (span) => {
      const answer = await ask();
      describe(span, answer);
      return answer;
    });
  }

  function traced(request: SignedReinstall): SignedReinstall {
    return {
      signedAtMs: request.signedAtMs,
      send: (signal) => asked("reinstall", () => request.send(signal)),
    };
  }

  const image = cloud.image?.bind(cloud);
  const disk = cloud.disk?.bind(cloud);
  const list = cloud.list?.bind(cloud);
  const reserve = cloud.reserve?.bind(cloud);
  return {
    ...cloud,
    ...(reserve && {
      async reserve(...args) {
        const reserving = await asked("reserve", () => reserve(...args));
        if (reserving.kind === "unavailable") return reserving;
        return { ...reserving, cloud: tracedCloud(reserving.cloud, tracer) };
      },
    }),
    look: (...args) => asked("look", () => cloud.look(...args)),
    job: (...args) => asked("job", () => cloud.job(...args)),
    stop: (...args) => asked("stop", () => cloud.stop(...args)),
    start: (...args) => asked("start", () => cloud.start(...args)),
    async sign(...args) {
      const signing = await asked("sign", () => cloud.sign(...args));
      return signing.kind === "signed" ? { ...signing, request: traced(signing.request) } : signing;
    },
    ...(image === undefined
      ? {}
      : { image: (...args: Parameters<typeof image>) => asked("image", () => image(...args)) }),
    ...(disk === undefined
      ? {}
      : { disk: (...args: Parameters<typeof disk>) => asked("disk", () => disk(...args)) }),
    ...(list === undefined
      ? {}
      : { list: (...args: Parameters<typeof list>) => asked("list", () => list(...args)) }),
  };
}

function describe(span: Span | null, answer: Answer): void {
  span?.setAttributes({
    "ecs.cloud.answer": answer.kind,
    "ecs.cloud.code": answer.cloudCode ?? answer.refusal?.cloudCode ?? undefined,
    "ecs.cloud.error_class": answer.refusal?.class,
    "ecs.waits_for": answer.waitsFor,
    "ecs.job_id": answer.jobId ?? undefined,
  });
  if (FAILURES.has(answer.kind)) fail(span, answer.kind);
}

/** Answers that leave the steps without what they asked for. */
const FAILURES = new Set(["unreadable", "unavailable", "not-sent", "unknown", "later"]);

/** One request of the adapter, as it reports it to the metrics. */
export interface TracedRequest {
  readonly operation: Operation;
  readonly outcome: RequestOutcome;
  readonly httpStatus: number | null;
  readonly cloudCode: string | null;
  readonly seconds: number;
}

/** Where requests go: base URLs. */
export interface CloudEndpoints {
  readonly ecsEndpoint: string;
  readonly iamEndpoint: string;
  readonly imsEndpoint?: string | undefined;
  readonly evsEndpoint?: string | undefined;
}

/** A span for a request that is over. */
export function recordRequest(
  tracer: Tracer,
  request: TracedRequest,
  endpoints: CloudEndpoints,
): void {
  const { operation, outcome, httpStatus } = request;
  const method = ["stop", "start", "reinstall", "token"].includes(operation) ? "POST" : "GET";
  const start: SpanStart = {
    name: `${method} ${operation}`,
    kind: SpanKind.CLIENT,
    attributes: {
      "http.request.method": method,
      "http.response.status_code": httpStatus ?? undefined,
      ...serverOf(operation, endpoints),
      "ecs.cloud.operation": operation,
      "ecs.cloud.outcome": outcome,
      "ecs.cloud.code": request.cloudCode ?? undefined,
    },
  };
  tracer.past(start, request.seconds * 1_000, (span) => {
    if (outcome !== "ok") fail(span, httpStatus === null ? outcome : String(httpStatus));
  });
}

function serverOf(operation: Operation, endpoints: CloudEndpoints): Attributes {
  const endpoint = endpointOf(operation, endpoints);
  if (endpoint === undefined) return {};
  const { hostname, port, protocol } = new URL(endpoint);
  return {
    "server.address": hostname,
    "server.port": port === "" ? DEFAULT_PORTS[protocol] : Number(port),
  };
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "https:": 443, "http:": 80 };

function endpointOf(
  operation: Operation,
  { ecsEndpoint, iamEndpoint, imsEndpoint, evsEndpoint }: CloudEndpoints,
): string | undefined {
  switch (operation) {
    case "token":
      return iamEndpoint;
    case "image":
      return imsEndpoint;
    case "disk":
      return evsEndpoint;
    case "look":
    case "list":
    case "job":
    case "stop":
    case "start":
    case "reinstall":
    case "probe":
    case "clock":
      return ecsEndpoint;
  }
}
