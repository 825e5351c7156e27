import { Envelope, isLaterVersion } from "../core/state/envelope.ts";

/** An internal message whose step this worker cannot take. */
export type UnreadableStep =
  /** A worker of a later version wrote it. */
  | { readonly kind: "later-version" }
  /** Nobody's: `why` names the field and the rule. */
  | { readonly kind: "rubbish"; readonly why: string };

export type ReadEnvelope =
  | { readonly kind: "envelope"; readonly envelope: Envelope }
  | UnreadableStep;

/** Reads the body of an internal message. */
export function readEnvelope(body: Buffer): ReadEnvelope {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return { kind: "rubbish", why: "not JSON" };
  }
  const parsed = Envelope.safeParse(value);
  if (parsed.success) return { kind: "envelope", envelope: parsed.data };
  if (isLaterVersion(value)) return { kind: "later-version" };
  const issue = parsed.error.issues[0];
  return { kind: "rubbish", why: `${issue?.path.join(".")}: ${issue?.code}` };
}
