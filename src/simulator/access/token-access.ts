import { randomBytes } from "node:crypto";
import type { Refusal } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { createStrikes } from "./strikes.ts";

export interface TokenRecord {
  /** null: a global token, useless for ECS (ECS API reference notes §6.1). */
  readonly projectId: string | null;
  readonly issuedMs: number;
  readonly expiresMs: number;
}

export type TokenVerdict =
  | { readonly kind: "accepted"; readonly token: TokenRecord }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** The tokens that IAM gave out. A new one does not invalidate the older ones (ECS API reference notes §6.1). */
export function createTokenAccess(state: CloudState) {
  const logIns = createStrikes(state.settings, state.schedule);
  const tokens = new Map<string, TokenRecord & { revoked: boolean }>();

  return {
    /** Wrong passwords, by user. */
    logIns,

    issue(projectId: string | null): { readonly text: string; readonly token: TokenRecord } {
      // Real ones are long, too: a header of some 2 KB must pass.
      const text = `MII${randomBytes(1_500).toString("base64url")}`;
      const issuedMs = state.cloudNowMs();
      const token = { projectId, issuedMs, expiresMs: issuedMs + state.settings.tokenLifetimeMs };
      tokens.set(text, { ...token, revoked: false });
      return { text, token };
    },

    verify(text: string): TokenVerdict {
      const token = tokens.get(text);
      if (token === undefined) return refused("APIGW.0301", "decrypt token fail");
      if (token.revoked || token.expiresMs <= state.cloudNowMs()) return refused("APIGW.0307");
      return { kind: "accepted", token };
    },

    /** Kills every token that was given out so far, as a changed password does (§6.1). */
    revokeAll(): void {
      for (const token of tokens.values()) token.revoked = true;
    },

    clear(): void {
      tokens.clear();
      logIns.clear();
    },
  };
}

function refused(code: string, text?: string): TokenVerdict {
  const message = `Incorrect IAM authentication information: ${text ?? ""}`;
  return { kind: "refused", refusal: { code, ...(text !== undefined && { message }) } };
}
