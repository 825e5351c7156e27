import { createHash, timingSafeEqual } from "node:crypto";

/** Whom the API and the status page answer. Probes and metrics always answer. */
export type HttpAccess =
  | { readonly kind: "open" }
  /** Who brings one of these, as they are now. */
  | { readonly kind: "token"; readonly tokens: () => readonly string[] }
  /** Nobody: there is no such page. */
  | { readonly kind: "off" };

/** What a 401 asks for: a browser can only be asked for a password, which is the token then, under any name. */
export const CHALLENGE =
  'Basic realm="ecs-reinstall", charset="UTF-8", Bearer realm="ecs-reinstall"';

/** Does the header `authorization` hold one of the tokens? Takes as long for a wrong one as for a right one. */
export function bringsToken(header: string | undefined, tokens: readonly string[]): boolean {
  const given = givenIn(header ?? "");
  if (given === null) return false;
  const digest = digestOf(given);
  // Each is compared, whatever was found.
  return tokens.map((token) => timingSafeEqual(digest, digestOf(token))).includes(true);
}

function givenIn(header: string): string | null {
  const [, scheme = "", value = ""] = /^(Bearer|Basic) +(\S+)$/i.exec(header) ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return null;
  const [, password = null] = /^[^:]*:(.*)$/s.exec(Buffer.from(value, "base64").toString()) ?? [];
  return password;
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
