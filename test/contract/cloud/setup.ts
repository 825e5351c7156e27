import { afterEach } from "vitest";
import type { PowerCall } from "../../../src/steps/ports/cloud-api.ts";
import { createCloudApi, type CloudAdapter } from "../../../src/adapters/cloud/cloud-api.ts";
import { type RequestBudget, UNLIMITED } from "../../../src/adapters/cloud/budget.ts";
import type { Credentials } from "../../../src/adapters/cloud/credentials/credentials.ts";
import type { RequestInfo } from "../../../src/adapters/cloud/operations/operation.ts";
import type { CloudSettings } from "../../../src/adapters/cloud/settings.ts";
import {
  ALONE,
  type SharedRefusals,
} from "../../../src/adapters/cloud/credentials/shared-refusals.ts";
import { type JobId, ProjectId, ServerId } from "../../../src/contract/ids.ts";
import { DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY } from "../../../src/simulator/defaults.ts";
import type { Clock } from "../../../src/steps/ports/clock.ts";

export const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
export const SERVER = ServerId.parse("4f4b3dfa-0000-4000-8000-000000000001");
export const JOB = "ff80808200000000000000000000abcd" as JobId;
/** What no outcome, metric or log may show. */
export const SECRET_KEY = "topSecretKeyTopSecretKeyTopSecretKey0001";
export const ACCESS_KEY = "ACCESSKEY00000000001";

const KEYS: Credentials = {
  kind: "ak-sk",
  accessKey: () => ACCESS_KEY,
  secretKey: () => SECRET_KEY,
};

/** Of the simulator's own key. */
export const SIMULATED_KEYS: Extract<Credentials, { kind: "ak-sk" }> = {
  kind: "ak-sk",
  accessKey: () => DEFAULT_ACCESS_KEY,
  secretKey: () => DEFAULT_SECRET_KEY,
};

export const REAL_CLOCK: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: () => Promise.resolve(),
  random: () => 0.5,
  nonce: () => "nonce",
};

/** Where a file puts its adapters: they are closed after each of its tests, and then `reset` is called. */
export function closedAfterEach(reset: () => void): CloudAdapter[] {
  const apis: CloudAdapter[] = [];
  afterEach(async () => {
    await Promise.all(apis.splice(0).map((api) => api.close()));
    reset();
  });
  return apis;
}

export interface Setup {
  readonly api: CloudAdapter;
  readonly requests: readonly RequestInfo[];
}

/** The adapter against a server of the test, with short times. */
export function cloudAt(
  url: string,
  changes: Partial<CloudSettings> & {
    readonly clock?: Clock;
    readonly budget?: RequestBudget;
    readonly refusals?: SharedRefusals;
  } = {},
): Setup {
  const { clock = REAL_CLOCK, budget = UNLIMITED, refusals = ALONE, ...settings } = changes;
  const requests: RequestInfo[] = [];
  const api = createCloudApi(
    {
      ecsEndpoint: url,
      iamEndpoint: url,
      region: "eu-west-0",
      credentials: KEYS,
      timeouts: { connectMs: 500, headersMs: 500, bodyMs: 500, postMs: 1_000 },
      maxAnswerBytes: 65_536,
      reinstallApi: "v2",
      breaker: { failures: 100, openMs: 200, authOpenMs: 500 },
      poolConnections: 4,
      ...settings,
    },
    { clock, budget, refusals, onRequest: (info) => requests.push(info) },
  );
  return { api, requests };
}

export function signal(): AbortSignal {
  return new AbortController().signal;
}

/** A stop or a start that may be sent. */
export function powerCall(over: Partial<PowerCall> = {}): PowerCall {
  return { signal: signal(), mayBegin: () => true, ...over };
}
