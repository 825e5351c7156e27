import type { ProjectId } from "../../contract/ids.ts";
import type { Credentials } from "./credentials/credentials.ts";

/** What the cloud adapter needs to know. Durations in milliseconds. */
export interface CloudSettings {
  /** Base URLs: scheme, host and port, nothing else. */
  readonly ecsEndpoint: string;
  readonly iamEndpoint: string;
  /** Where images are looked up; without it `image` is not asked. */
  readonly imsEndpoint?: string | undefined;
  /** Where the ages of disks are looked up; without it `disk` is not asked. */
  readonly evsEndpoint?: string | undefined;
  readonly region: string;
  /** Those that are acted on. */
  readonly projects?: readonly ProjectId[];
  readonly credentials: Credentials;
  /** PEM text: certificates to trust *instead of* Node's own; asked for each connection, so that it can be replaced. */
  readonly caPem?: (() => string) | undefined;
  /** URL of the proxy for each endpoint that is reached through one; with its credentials, if it has any. */
  readonly proxies?: { readonly [Name in "ecs" | "iam" | "ims" | "evs"]?: string } | undefined;
  readonly timeouts: Timeouts;
  /** Longest body of an answer. */
  readonly maxAnswerBytes: number;
  /** v1 is not documented for Paris (ECS API notes §1.1). */
  readonly reinstallApi: "v2" | "v1";
  readonly breaker: {
    /** Consecutive failures that open the breaker of an endpoint. */
    readonly failures: number;
    /** First pause of an open breaker; doubles up to eight times that. */
    readonly openMs: number;
    /** Pause after consecutive authentication failures; at least 5 min against the real cloud (§6.3). */
    readonly authOpenMs: number;
    /**
     * Consecutive authentication failures that open it (default 2). More than five lock the key for all
     * who use it (§6.3): with more than two replicas on one key, take 1.
     */
    readonly authFailures?: number | undefined;
  };
  /** The cloud refuses a signature whose date is further from its clock (default 15 min, §6.3). */
  readonly signatureWindowMs?: number | undefined;
  /** Connections kept open for reading, per endpoint. */
  readonly poolConnections: number;
  /** Longest pause that a throttling answer may impose (default 30 min). */
  readonly maxRetryAfterMs?: number | undefined;
}

export interface Timeouts {
  /** Name, TCP, proxy and TLS together. */
  readonly connectMs: number;
  /** From the request to the head of the answer. */
  readonly headersMs: number;
  /** Between two parts of the body. */
  readonly bodyMs: number;
  /** The whole of a POST that changes something, connecting included. */
  readonly postMs: number;
}
