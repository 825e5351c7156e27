import { type CloudAnswer, errorAnswer, type Refusal } from "./answers.ts";
import { identifyCaller } from "../access/caller.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import type { Effects } from "../faults/fault-schema.ts";
import type { createKeyAccess } from "../access/key-access.ts";
import type { Call, Route, Target } from "../routes/route.ts";
import type { WireRequest } from "../access/signature.ts";
import type { createTokenAccess } from "../access/token-access.ts";

/** A request and the API that it is for. */
export interface RoutedCall {
  readonly target: Target;
  /** Checks who calls and carries the call out, at this moment, in one go. */
  readonly perform: (effects: Effects) => CloudAnswer;
  /** Records that the call was not carried out. */
  readonly refused: (effects: Effects, code: string) => void;
  /** An error answer in the shape of this API. */
  readonly errorAnswer: (refusal: Refusal) => CloudAnswer;
}

interface Arrival {
  readonly request: WireRequest;
  readonly requestId: string;
  readonly receivedAtMs: number;
}

interface GatewayParts {
  readonly state: CloudState;
  readonly routes: readonly Route[];
  readonly keys: ReturnType<typeof createKeyAccess>;
  readonly tokens: ReturnType<typeof createTokenAccess>;
}

/** What stands in front of the APIs: finds the API, then lets only its rightful callers through. */
export function createGateway({ state, routes, keys, tokens }: GatewayParts) {
  return function routeCall(arrival: Arrival): RoutedCall {
    const { request, requestId } = arrival;
    const [path = "", queryText = ""] = request.target.split(/\?(.*)/s);
    const [route, params] = findRoute(routes, request.method, path);
    if (route === undefined) return unknownApi(requestId);
    const refuse = (refusal: Refusal) => errorAnswer(refusal, route.shape, requestId);
    const query = new URLSearchParams(queryText);
    const call = (effects: Effects): Call => ({ ...arrival, params, query, effects, refuse });

    return {
      target: { ...route.target(params, request.body), projectId: params.project },
      perform(effects) {
        const one = call(effects);
        const stranger = strangerProblem(route, one);
        const answer = stranger === undefined ? route.answer(one) : refuse(stranger);
        if (answer.code !== undefined) route.refused?.(one, answer.code);
        return answer;
      },
      refused(effects, code) {
        route.refused?.(call(effects), code);
      },
      errorAnswer: refuse,
    };
  };

  /** Why the caller may not have this call. */
  function strangerProblem(route: Route, { request, params }: Call): Refusal | undefined {
    if (route.access === "none") return undefined;
    const verdict = identifyCaller(request, { keys, tokens });
    if (verdict.kind === "refused") return verdict.refusal;
    if (route.access === "any") return undefined;
    const project = params.project ?? "";
    const inHeader = request.headers.get("x-project-id") ?? project;
    const exists = state.settings.projects.some((one) => one.id === project);
    if (exists && inHeader === project && verdict.caller.mayUse(project)) return undefined;
    // A project that does not fit is a 400, not a 401 (ECS API reference notes §6.4).
    return { code: route.shape === "job-query" ? "Common.0018" : "Ecs.0023" };
  }
}

function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): readonly [Route | undefined, Readonly<Record<string, string>>] {
  for (const route of routes) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (match !== null) return [route, match.groups ?? {}];
  }
  return [undefined, {}];
}

function unknownApi(requestId: string): RoutedCall {
  const refuse = (refusal: Refusal) => errorAnswer(refusal, "gateway", requestId);
  return {
    target: { operation: "unknown" },
    perform: () => refuse({ code: "APIGW.0101" }),
    refused: () => {},
    errorAnswer: refuse,
  };
}
