import type { Report } from "./inequalities.ts";
import type { Settings } from "./schema.ts";
import { fileSecret, fixedSecret, replacedTogether, type SecretSource } from "./secret.ts";

/** How requests to the cloud are authenticated: exactly one way. */
export type Credentials =
  | {
      readonly kind: "ak-sk";
      readonly accessKey: SecretSource;
      readonly secretKey: SecretSource;
      readonly securityToken?: SecretSource;
    }
  | {
      readonly kind: "iam-user";
      readonly username: SecretSource;
      readonly password: SecretSource;
      readonly domain: SecretSource;
    };

type Given = Settings["cloud"]["credentials"];

const ROOM = "cloud.credentials";
const VARIABLES = {
  accessKey: "ECS_ACCESS_KEY",
  secretKey: "ECS_SECRET_KEY",
  securityToken: "ECS_SECURITY_TOKEN",
  username: "IAM_USERNAME",
  password: "IAM_PASSWORD",
  domain: "IAM_DOMAIN",
} as const;
type Name = keyof typeof VARIABLES;

/** The one complete way of authentication; null, with what is missing or too much reported, when there is none. */
export function credentialsOf(given: Given, report: Report): Credentials | null {
  const has = (name: Name) => given[name] !== undefined || given[`${name}File`] !== undefined;
  const aksk = has("accessKey") || has("secretKey") || has("securityToken");
  const user = has("username") || has("password") || has("domain");
  if (aksk && user) {
    reportAt(
      "accessKey",
      "excludes the variables IAM_*: give an access key or an IAM user",
      report,
    );
    return null;
  }
  const wanted: readonly Name[] = user
    ? ["username", "password", "domain"]
    : ["accessKey", "secretKey"];
  const missing = wanted.filter((name) => !has(name));
  const way = user
    ? "an IAM user needs IAM_USERNAME, IAM_PASSWORD and IAM_DOMAIN"
    : aksk
      ? "an access key needs ECS_ACCESS_KEY and ECS_SECRET_KEY"
      : "give ECS_ACCESS_KEY and ECS_SECRET_KEY, or IAM_USERNAME, IAM_PASSWORD and IAM_DOMAIN";
  for (const name of missing) {
    reportAt(name, `is missing, here or as ${VARIABLES[name]}_FILE: ${way}`, report);
  }
  const source = sourcesOf(given, report);
  if (user) {
    const { username, password, domain } = source(["username", "password", "domain"]);
    return username && password && domain ? { kind: "iam-user", username, password, domain } : null;
  }
  const { accessKey, secretKey, securityToken } = source([
    "accessKey",
    "secretKey",
    "securityToken",
  ]);
  if (!accessKey || !secretKey) return null;
  return { kind: "ak-sk", accessKey, secretKey, ...(securityToken && { securityToken }) };
}

interface Written {
  readonly as: RegExp;
  readonly rule: string;
}

/** They stand in headers of a signed request. */
const IN_A_HEADER: Written = {
  as: /^[\x21-\x2b\x2d-\x7e]+$/,
  rule: "must be printable ASCII without blanks and commas",
};
/** How a key is written. What was copied along by mistake would be refused by the cloud, and refusals lock the key. */
const WRITTEN: { readonly [Key in Name]?: Written } = {
  accessKey: IN_A_HEADER,
  // It only makes signatures.
  secretKey: {
    as: /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/,
    rule: "must be printable ASCII that neither begins nor ends with a blank",
  },
  securityToken: IN_A_HEADER,
};

/** The sources of credentials that belong together; those in files are given as a set. */
function sourcesOf(given: Given, report: Report) {
  return <N extends Name>(names: readonly N[]): { readonly [Key in N]?: SecretSource } => {
    const found = names.flatMap((name) => {
      const written = WRITTEN[name];
      const mayBe = (value: string) => written?.as.test(value) ?? true;
      const source = sourceOf({ room: ROOM, name, given, report, mayBe });
      if (source === undefined) return [];
      const isFile = given[`${name}File`] !== undefined;
      if (written !== undefined && !mayBe(source())) {
        const path = `${ROOM}.${name}${isFile ? "File" : ""}`;
        report({ path, involves: [path], message: written.rule });
      }
      return [{ name, source, isFile }];
    });
    const files = found.filter(({ isFile }) => isFile);
    const together = replacedTogether(files.map(({ source }) => source));
    const entries = found.map(({ name, source }) => [
      name,
      together[files.findIndex((file) => file.name === name)] ?? source,
    ]);
    return Object.fromEntries(entries) as { [Key in N]?: SecretSource };
  };
}

/** The secret of a pair of settings, `name` and `nameFile`; undefined when neither is given, or the file is of no use (reported). */
export function secretOf<N extends string>(
  room: string,
  name: N,
  given: PairOf<N>,
  report: Report,
): SecretSource | undefined {
  return sourceOf({ room, name, given, report });
}

type PairOf<N extends string> = { readonly [Key in N | `${N}File`]?: string | undefined };

/** `mayBe`: whether what the file holds later can be the secret. */
function sourceOf<N extends string>({
  room,
  name,
  given,
  report,
  mayBe,
}: {
  readonly room: string;
  readonly name: N;
  readonly given: PairOf<N>;
  readonly report: Report;
  readonly mayBe?: ((value: string) => boolean) | undefined;
}): SecretSource | undefined {
  const value = given[name];
  const file = given[`${name}File`];
  const path = `${room}.${name}`;
  if (file === undefined) return value === undefined ? undefined : fixedSecret(value);
  if (value !== undefined) {
    const message = "is given twice: as it is and as a file";
    report({ path, involves: [path, `${path}File`], message });
  }
  try {
    return fileSecret(file, mayBe);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = code === undefined ? "is an empty file" : `cannot be read (${code})`;
    report({ path: `${path}File`, involves: [`${path}File`], message });
    return undefined;
  }
}

function reportAt(name: Name, message: string, report: Report): void {
  const path = `${ROOM}.${name}`;
  report({ path, involves: [path, `${path}File`], message });
}
