import type { Refusal } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import type { Credential } from "../options.ts";
import {
  canonicalRequest,
  contentHashHolds,
  parseAuthorization,
  parseSdkDate,
  sameSignature,
  sign,
  signedHeadersProblem,
  type WireRequest,
} from "./signature.ts";
import { createStrikes } from "./strikes.ts";

/** Why signatures were refused; each is counted by itself. `date`: too far from the cloud's clock, either way. */
const REFUSAL_REASONS = [
  "format",
  "unknown-key",
  "locked",
  "date",
  "headers",
  "token",
  "signature",
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];
export type RefusalCounts = Readonly<Record<RefusalReason, number>>;

interface Problem {
  readonly reason: RefusalReason;
  readonly text: string;
}

export type KeyVerdict =
  | { readonly kind: "accepted"; readonly credential: Credential }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Checks AK/SK signatures as the gateway does: ECS API reference notes §6.2 and §6.3. */
export function createKeyAccess(state: CloudState) {
  const { settings, schedule } = state;
  const credentials = new Map(settings.credentials.map((one) => [one.accessKey, one]));
  const strikes = createStrikes(settings, schedule);
  const refusals = new Map<RefusalReason, number>();

  function refused(reason: RefusalReason, text: string): KeyVerdict {
    refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
    const message = `Incorrect IAM authentication information: ${text}`;
    return { kind: "refused", refusal: { code: "APIGW.0301", message } };
  }

  function verify(request: WireRequest): KeyVerdict {
    const parsed = parseAuthorization(request.headers.get("authorization") ?? "");
    if (parsed === undefined) return refused("format", "signature format is not valid");
    const { accessKey, signedHeaders, signature } = parsed;
    const credential = credentials.get(accessKey);
    if (credential === undefined) {
      return refused("unknown-key", `Get secretKey failed,ak:${accessKey},err:ak not exist`);
    }
    if (strikes.isLocked(accessKey)) {
      return refused("locked", "AK access failed to reach the limit,forbidden");
    }
    const problem =
      named("date", dateProblem(request, state)) ??
      named("headers", signedHeadersProblem(signedHeaders)) ??
      named("token", securityTokenProblem(request, credential, signedHeaders)) ??
      named("signature", signatureProblem(request, credential, signedHeaders, signature));
    if (problem !== undefined) {
      // Nobody has said that the cloud forgives a wrong date: here it counts towards the lock like any other.
      strikes.failed(accessKey);
      return refused(problem.reason, problem.text);
    }
    strikes.succeeded(accessKey);
    return { kind: "accepted", credential };
  }

  return {
    verify,
    /** Adds a key, or replaces the one of that name. */
    put(credential: Credential): void {
      credentials.set(credential.accessKey, credential);
    },
    /** From now on the key does not exist. */
    remove(accessKey: string): void {
      credentials.delete(accessKey);
    },
    unlock(accessKey: string): void {
      strikes.succeeded(accessKey);
    },
    /** Signatures refused since the start or the last reset, by reason. */
    refusals(): RefusalCounts {
      const pairs = REFUSAL_REASONS.map((reason) => [reason, refusals.get(reason) ?? 0]);
      return Object.fromEntries(pairs) as RefusalCounts;
    },
    reset(): void {
      refusals.clear();
      credentials.clear();
      for (const one of settings.credentials) credentials.set(one.accessKey, one);
      strikes.clear();
    },
  };
}

/**
 * The age counts at the moment of execution: a request that was held up on its way is refused here, which is all that
 * makes a late POST harmless.
 */
function dateProblem(request: WireRequest, state: CloudState): string | undefined {
  const text = request.headers.get("x-sdk-date") ?? "";
  const signedAtMs = parseSdkDate(text);
  if (signedAtMs === undefined) return "x-sdk-date is missing or not valid";
  const nowMs = state.cloudNowMs();
  if (Math.abs(nowMs - signedAtMs) <= state.settings.signatureWindowMs) return undefined;
  const now = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  return `signature expired, signature time: ${text}, server time: ${now}`;
}

function securityTokenProblem(
  request: WireRequest,
  credential: Credential,
  signedHeaders: readonly string[],
): string | undefined {
  const sent = request.headers.get("x-security-token");
  if (sent !== credential.securityToken) return "verify securityToken fail";
  if (sent !== undefined && !signedHeaders.includes("x-security-token")) {
    return "x-security-token is not signed";
  }
  return undefined;
}

function signatureProblem(
  request: WireRequest,
  credential: Credential,
  signedHeaders: readonly string[],
  signature: string,
): string | undefined {
  const canonical = canonicalOf(request, signedHeaders);
  if (canonical === undefined) return "the path or the query cannot be decoded";
  const expected = sign(canonical, request.headers.get("x-sdk-date") ?? "", credential.secretKey);
  if (sameSignature(expected, signature) && contentHashHolds(request)) return undefined;
  // The gateway's echo, with `|` for line breaks: it holds no secret (§5.3).
  return `verify aksk signature fail, canonicalRequest:${canonical.replaceAll("\n", "|")}`;
}

function canonicalOf(request: WireRequest, signedHeaders: readonly string[]): string | undefined {
  try {
    return canonicalRequest(request, signedHeaders);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function named(reason: RefusalReason, text: string | undefined): Problem | undefined {
  return text === undefined ? undefined : { reason, text };
}
