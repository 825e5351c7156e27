import { hash } from "node:crypto";

/** Asked at every request, so that a rotated file is seen at once. Never throws (src/config/secret.ts). */
type Secret = () => string;

/** How requests are authenticated: exactly one way. */
export type Credentials =
  | {
      readonly kind: "ak-sk";
      readonly accessKey: Secret;
      readonly secretKey: Secret;
      /** Of temporary keys. Empty counts as none. */
      readonly securityToken?: (() => string | undefined) | undefined;
    }
  | {
      readonly kind: "iam-user";
      readonly username: Secret;
      readonly password: Secret;
      readonly domain: Secret;
    };

/** One reading of the credentials: all of one request comes from the same reading. */
export type CredentialValues =
  | {
      readonly kind: "ak-sk";
      readonly accessKey: string;
      readonly secretKey: string;
      readonly securityToken: string | null;
    }
  | {
      readonly kind: "iam-user";
      readonly username: string;
      readonly password: string;
      readonly domain: string;
    };

/** Never a mixture: the parts are files, and may be replaced while they are read. */
export function readCredentials(credentials: Credentials): CredentialValues {
  let values = readOnce(credentials);
  for (let tries = 0; tries < 3; tries++) {
    const again = readOnce(credentials);
    if (isSame(partsOf(again), partsOf(values))) break;
    values = again;
  }
  return values;
}

function partsOf(values: CredentialValues): readonly (string | null)[] {
  return values.kind === "ak-sk"
    ? [values.accessKey, values.secretKey, values.securityToken]
    : [values.username, values.password, values.domain];
}

function readOnce(credentials: Credentials): CredentialValues {
  return credentials.kind === "ak-sk"
    ? {
        kind: "ak-sk",
        accessKey: credentials.accessKey(),
        secretKey: credentials.secretKey(),
        securityToken: credentials.securityToken?.() || null,
      }
    : {
        kind: "iam-user",
        username: credentials.username(),
        password: credentials.password(),
        domain: credentials.domain(),
      };
}

/** Distinguishes one set of credentials from the next without holding either: new ones start with a clean slate. */
export function identityOf(values: CredentialValues): string {
  return sha256(JSON.stringify(partsOf(values)));
}

/** What credentials are called, without holding them. */
export interface CredentialNames {
  /** See {@link identityOf}. */
  readonly identity: string;
  /** See {@link publicNameOf}. */
  readonly publicName: string;
}

/**
 * Names credentials, and remembers the last ones that it named: they are asked for several times for each request, and
 * change a few times a day.
 */
export function createNaming(): (values: CredentialValues) => CredentialNames {
  let seen: readonly (string | null)[] = [];
  let names: CredentialNames | null = null;
  return (values) => {
    const parts = partsOf(values);
    if (names === null || !isSame(parts, seen)) {
      seen = parts;
      names = { identity: identityOf(values), publicName: publicNameOf(values) };
    }
    return names;
  };
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** Names an access key, or a user, for all who use it, without holding it: secret key, token and password are no part. */
export function publicNameOf(values: CredentialValues): string {
  const parts =
    values.kind === "ak-sk" ? ["ak", values.accessKey] : ["user", values.domain, values.username];
  return sha256(JSON.stringify(parts)).slice(0, 32);
}

/** What must never appear in a message of ours. */
export function secretsOf(values: CredentialValues): readonly string[] {
  return values.kind === "ak-sk"
    ? [values.secretKey, values.accessKey, ...(values.securityToken ? [values.securityToken] : [])]
    : [values.password];
}

function sha256(text: string): string {
  return hash("sha256", text, "hex");
}
