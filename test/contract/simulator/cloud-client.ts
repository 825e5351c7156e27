import { AKSKSigner } from "@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js";
import { BasicCredentials } from "@huaweicloud/huaweicloud-sdk-core/auth/BasicCredentials.js";
import { Agent, request } from "undici";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_SECRET_KEY,
} from "../../../src/simulator/defaults.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";

export const P = DEFAULT_PROJECT_ID;
export const USER_ID = "7e25b1da389f4697a79df3a0e5bd494e";
export const KEY_BODY = { "os-reinstall": { keyname: "KeyPair-350b", userid: USER_ID } };

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests reach into answers of every shape
  readonly json: any;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly accessKey?: string;
  readonly secretKey?: string;
  /** `X-Sdk-Date`; default: now. */
  readonly sdkDate?: string;
  /** Sent instead of what was signed. */
  readonly tamper?: {
    readonly path?: string;
    readonly body?: string;
    readonly headers?: Record<string, string>;
  };
  readonly unsigned?: boolean;
}

/** A client whose signatures are the vendor's own: each call takes a fresh connection. */
export function cloudClient(simulator: Pick<Simulator, "url">, rejectUnauthorized = true) {
  async function call(
    method: "GET" | "POST",
    path: string,
    options: CallOptions = {},
  ): Promise<Answer> {
    const { body, query = {}, tamper } = options;
    const headers =
      options.unsigned === true
        ? { ...(body !== undefined && { "content-type": "application/json" }), ...options.headers }
        : signed(simulator.url, method, path, options);
    const search = new URLSearchParams(query).toString().replaceAll("+", "%20");
    const url = `${simulator.url}${tamper?.path ?? path}${search === "" ? "" : `?${search}`}`;
    const dispatcher = new Agent({ connect: { rejectUnauthorized }, pipelining: 0 });
    try {
      const response = await request(url, {
        method,
        dispatcher,
        headers: { ...headers, ...tamper?.headers },
        body: tamper?.body ?? (body === undefined ? null : JSON.stringify(body)),
      });
      const text = await response.body.text();
      return { status: response.statusCode, headers: response.headers, text, json: parsed(text) };
    } finally {
      await dispatcher.destroy();
    }
  }

  return {
    call,
    get: async (path: string, options?: CallOptions) => await call("GET", path, options),
    post: async (path: string, body: unknown, options?: CallOptions) =>
      await call("POST", path, { ...options, body }),
    reinstall: async (
      serverId: string,
      osReinstall: object = KEY_BODY["os-reinstall"],
      options?: CallOptions,
    ) =>
      await call("POST", `/v2/${P}/cloudservers/${serverId}/reinstallos`, {
        ...options,
        body: { "os-reinstall": osReinstall },
      }),
    server: async (serverId: string) => await call("GET", `/v1/${P}/cloudservers/${serverId}`),
    job: async (jobId: string) => await call("GET", `/v1/${P}/jobs/${jobId}`),
    stop: async (serverId: string, type: "SOFT" | "HARD" = "SOFT") =>
      await call("POST", `/v1/${P}/cloudservers/action`, {
        body: { "os-stop": { type, servers: [{ id: serverId }] } },
      }),
    start: async (serverId: string) =>
      await call("POST", `/v1/${P}/cloudservers/action`, {
        body: { "os-start": { servers: [{ id: serverId }] } },
      }),
  };
}

/** A clock that stands until it is moved. */
export function standingClock(nowMs = Date.UTC(2024, 0, 10, 8, 9, 10)) {
  return {
    nowMs: () => nowMs,
    advance(ms: number) {
      nowMs += ms;
    },
    /** The instant as an `X-Sdk-Date`. */
    sdkDate: (offsetMs = 0) => new Date(nowMs + offsetMs).toISOString().replace(/[-:]|\.\d+/g, ""),
  };
}

function signed(
  url: string,
  method: string,
  path: string,
  options: CallOptions,
): Record<string, string> {
  const {
    body,
    query = {},
    accessKey = DEFAULT_ACCESS_KEY,
    secretKey = DEFAULT_SECRET_KEY,
  } = options;
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...(options.sdkDate !== undefined && { "X-Sdk-Date": options.sdkDate }),
    ...options.headers,
  };
  const credential = new BasicCredentials().withAk(accessKey).withSk(secretKey);
  const request = { endpoint: `${url}${path}`, method, headers, queryParams: query, data: body };
  return AKSKSigner.sign(request, credential);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
