import { readFileSync } from "node:fs";
import { brokerUrls } from "./broker-url.ts";
import { secretOf } from "./credentials.ts";
import type { Report } from "./inequalities.ts";
import type { Settings } from "./schema.ts";
import { fileSecret, type SecretSource } from "./secret.ts";
import type { Tree } from "./files.ts";

/** Where the brokers are, and as whom the worker logs in: from AMQP_URL, or from values that come one by one. */
export interface BrokerAddress {
  /** As they were when the configuration was read; without user and password where those are given beside them. */
  readonly urls: readonly string[];
  /** As they are now, user and password included, percent-encoded. Never throws. */
  readonly urlsNow: () => readonly string[];
  readonly username?: SecretSource;
  readonly password?: SecretSource;
}

const ADDRESS_PARTS = [
  "urls",
  "urlsFile",
  "host",
  "hostFile",
  "port",
  "portFile",
  "vhost",
  "vhostFile",
  "scheme",
  "username",
  "usernameFile",
  "password",
  "passwordFile",
] as const;
/** The settings that {@link brokerAddress} makes an address of. */
export type AddressPart = (typeof ADDRESS_PARTS)[number];

/** The broker's settings without those that its address is made of. */
export function withoutAddress<T extends object>(amqp: T): Omit<T, AddressPart> {
  const parts: readonly string[] = ADDRESS_PARTS;
  const rest = Object.entries(amqp).filter(([key]) => !parts.includes(key));
  return Object.fromEntries(rest) as Omit<T, AddressPart>;
}

const DEFAULT_URL = "amqp://127.0.0.1:5672";

/** Decides between AMQP_URL and AMQP_HOST and its companions; what does not go together is reported. */
export function brokerAddress(amqp: Settings["amqp"], report: Report): BrokerAddress {
  checkAlternatives(amqp, report);
  const urls =
    amqp.host === undefined ? (amqp.urls ?? [DEFAULT_URL]) : urlsOfParts(amqp, amqp.host);
  const username = secretOf("amqp", "username", amqp, report);
  const password = secretOf("amqp", "password", amqp, report);
  checkLogIn(amqp, urls, report);
  const listed = urlsFromFile(amqp.urlsFile, urls);
  const urlsNow = () =>
    username === undefined || password === undefined
      ? listed()
      : listed().map((url) => withLogIn(url, username(), password()));
  return { urls, urlsNow, ...(username && { username }), ...(password && { password }) };
}

/** Where the management API is, and as whom to ask it; its user and password are both given or neither. */
export function managementOf(
  { url, ...given }: Settings["amqp"]["management"],
  report: Report,
): { management?: { url: string; username?: SecretSource; password?: SecretSource } } {
  const username = secretOf("amqp.management", "username", given, report);
  const password = secretOf("amqp.management", "password", given, report);
  const isGiven = Object.keys(given).length > 0;
  if (isGiven && (url === undefined || username === undefined || password === undefined)) {
    report({
      path: "amqp.management.username",
      involves: Object.keys({ url, ...given }).map((key) => `amqp.management.${key}`),
      message:
        "AMQP_MANAGEMENT_URL, AMQP_MANAGEMENT_USERNAME and AMQP_MANAGEMENT_PASSWORD go together; without the latter two, the user of the AMQP connection is taken",
    });
  }
  if (url === undefined) return {};
  return { management: { url, ...(username && { username }), ...(password && { password }) } };
}

/** Puts what the files of address parts hold where the parts themselves would be. The URLs' file wins over AMQP_URL. */
export function takeAddressFromFiles(
  tree: Tree,
  add: (path: string, message: string) => void,
): void {
  const amqp = tree["amqp"] as Tree | undefined;
  if (typeof amqp !== "object" || amqp === null) return;
  // Kubernetes sets this one for a service called `amqp`, to a URL that nobody asked for.
  if (typeof amqp["port"] === "string" && amqp["port"].startsWith("tcp://")) delete amqp["port"];
  for (const [key, fileKey] of FILES) {
    const file = amqp[fileKey];
    if (typeof file !== "string") continue;
    if (key !== "urls" && amqp[key] !== undefined) {
      add(`amqp.${key}`, "is given twice: as it is and as a file");
    }
    try {
      amqp[key] = readFileSync(file, "utf8").trim();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      add(`amqp.${fileKey}`, `cannot be read (${code ?? "unknown error"})`);
    }
  }
}

const FILES = [
  ["urls", "urlsFile"],
  ["host", "hostFile"],
  ["port", "portFile"],
  ["vhost", "vhostFile"],
] as const;

function checkAlternatives(amqp: Settings["amqp"], report: Report): void {
  const { host, urls } = amqp;
  if (host !== undefined && urls !== undefined) {
    report({
      path: "amqp.host",
      involves: ["amqp.host", "amqp.hostFile", "amqp.urls", "amqp.urlsFile"],
      message: "excludes AMQP_URL: give the one or the other",
    });
  }
  for (const part of ["port", "vhost", "scheme"] as const) {
    if (host !== undefined || amqp[part] === undefined) continue;
    report({
      path: `amqp.${part}`,
      involves: [`amqp.${part}`, "amqp.host"],
      message: "is of use with AMQP_HOST only; with AMQP_URL it is a part of the URL",
    });
  }
}

function checkLogIn(amqp: Settings["amqp"], urls: readonly string[], report: Report): void {
  const user = amqp.username !== undefined || amqp.usernameFile !== undefined;
  const password = amqp.password !== undefined || amqp.passwordFile !== undefined;
  if (user !== password) {
    const [missing, other] = user ? ["password", "AMQP_USERNAME"] : ["username", "AMQP_PASSWORD"];
    report({
      path: `amqp.${missing}`,
      involves: ["amqp.username", "amqp.usernameFile", "amqp.password", "amqp.passwordFile"],
      message: `is missing, here or as a file: ${other} is given, and the two go together`,
    });
  }
  if ((user || password) && urls.some((url) => /\/\/[^/]*@/.test(url))) {
    report({
      path: user ? "amqp.username" : "amqp.password",
      involves: ["amqp.username", "amqp.password", "amqp.urls", "amqp.urlsFile"],
      message: "is given twice: here or in its file, and inside AMQP_URL",
    });
  }
}

function urlsOfParts(amqp: Settings["amqp"], hosts: readonly string[]): string[] {
  const scheme = amqp.scheme ?? "amqp";
  const port = amqp.port ?? (scheme === "amqps" ? 5671 : 5672);
  const vhost =
    amqp.vhost === undefined || amqp.vhost === "/" ? "" : encodeURIComponent(amqp.vhost);
  return hosts.map((host) => {
    const bracketed = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
    return `${scheme}://${bracketed}:${port}${vhost === "" ? "" : `/${vhost}`}`;
  });
}

/** The file is looked at again with each call; while what it holds is of no use, the last good list stands. */
function urlsFromFile(file: string | undefined, urls: readonly string[]): () => readonly string[] {
  const text = file === undefined ? undefined : readable(file);
  if (text === undefined) return () => urls;
  const rule = brokerUrls();
  let [seen, listed] = [text(), urls];
  return () => {
    const now = text();
    if (now === seen) return listed;
    seen = now;
    const parsed = rule.safeParse(now.trim());
    if (parsed.success) listed = parsed.data;
    return listed;
  };
}

/** Undefined: it could not be read, which is reported already. */
function readable(file: string): SecretSource | undefined {
  try {
    return fileSecret(file);
  } catch {
    return undefined;
  }
}

function withLogIn(url: string, username: string, password: string): string {
  const parsed = new URL(url);
  parsed.username = encodeURIComponent(username);
  parsed.password = encodeURIComponent(password);
  return parsed.href;
}
