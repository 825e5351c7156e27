import { BlockList, isIP } from "node:net";
import type { Report } from "./inequalities.ts";
import type { Environment } from "./sources.ts";

/** A service of the cloud that is reached over HTTP. */
export type EndpointName = "ecs" | "iam" | "ims" | "evs";

/** URL of the proxy for each endpoint that is reached through one; with its credentials, if it has any. */
export type Proxies = { readonly [Name in EndpointName]?: string };

/** The proxies for people, without credentials; undefined where there are none. */
export function namesOf(proxies: Proxies): Readonly<Record<string, string>> | undefined {
  const names = Object.entries(proxies).map(([name, url]) => [name, new URL(url).origin]);
  return names.length === 0 ? undefined : Object.fromEntries(names);
}

const PROXY_RULE =
  "must be http://host:port or https://host:port, with user and password percent-encoded if there are any";
const NO_PROXY_RULE =
  "is none of: *, a host name, .domain, *.domain, an IP address, an address range as 10.0.0.0/8; each but * and ranges with :port if wanted";

/**
 * Which proxy each endpoint is reached through, by the usual variables: `https_proxy` for `https:` endpoints,
 * `http_proxy` for `http:`, `no_proxy`; each in lower case first, then in upper case. What cannot be read is reported
 * under the variable's own name: a proxy that is passed by, or a request that goes astray, would be noticed much later.
 * An own reading, because the kept libraries (undici's agent, proxy-from-env) know no address ranges, pass over what
 * they do not know, and read `process.env` themselves; ranges are matched by Node's `BlockList`.
 */
export function proxiesOf(
  endpoints: Readonly<Partial<Record<EndpointName, string>>>,
  env: Environment,
  report: Report,
): Proxies {
  const servers = { "https:": serverIn("https_proxy"), "http:": serverIn("http_proxy") };
  const exemptions = exemptionsOf(variableIn(env, "no_proxy"), report);
  const proxies: { [Name in EndpointName]?: string } = {};
  for (const name of ["ecs", "iam", "ims", "evs"] as const) {
    const endpoint = endpoints[name];
    if (endpoint === undefined) continue;
    const origin = new URL(endpoint);
    const server = servers[origin.protocol as keyof typeof servers];
    if (server === undefined) continue;
    if (!exemptions.some((exempts) => exempts(origin))) proxies[name] = server;
  }
  rejectAllProxy();
  return proxies;

  function serverIn(lowerCase: "https_proxy" | "http_proxy"): string | undefined {
    const { variable, value } = variableIn(env, lowerCase);
    if (value === "") return undefined;
    const url = proxyUrl(value);
    if (url === null) report({ path: PATH, variable, involves: [PATH], message: PROXY_RULE });
    return url ?? undefined;
  }

  /** Other programs fall back to it; here it would be passed over in silence. */
  function rejectAllProxy(): void {
    const { variable, value } = variableIn(env, "all_proxy");
    if (value === "" || servers["https:"] !== undefined || servers["http:"] !== undefined) return;
    const message = "is not looked at: name the proxy in HTTPS_PROXY";
    report({ path: PATH, variable, involves: [PATH], message });
  }
}

const PATH = "cloud.proxy";

interface Variable {
  /** As it is spelt in the environment. */
  readonly variable: string;
  readonly value: string;
}

function variableIn(env: Environment, lowerCase: string): Variable {
  const upperCase = lowerCase.toUpperCase();
  const variable = (env[lowerCase] ?? "").trim() === "" ? upperCase : lowerCase;
  return { variable, value: (env[variable] ?? "").trim() };
}

/**
 * The URL of a proxy, as it is used; null when it cannot be read. `host:port` alone is refused: curl takes it for
 * `http://`, other programs for the scheme of the request.
 */
function proxyUrl(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || /\s/.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const bare = url.pathname === "/" && url.search === "" && url.hash === "";
  // More than one @ or a / # ? in a password moves the host elsewhere: encoded, they do not.
  const [, authority = ""] = /^[a-z]+:\/\/([^/?#]*)/i.exec(text) ?? [];
  if (!bare || url.hostname === "" || url.port === "0" || authority.split("@").length > 2) {
    return null;
  }
  return [url.username, url.password].every(isDecodable) ? url.href : null;
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

type Exempts = (origin: URL) => boolean;

function exemptionsOf({ variable, value }: Variable, report: Report): readonly Exempts[] {
  const entries = value.split(/[,\s]+/).filter((entry) => entry !== "");
  return entries.flatMap((entry, index) => {
    const exempts = exemption(entry.toLowerCase());
    if (exempts !== null) return [exempts];
    const message = `entry ${index + 1} of ${entries.length} ${NO_PROXY_RULE}`;
    report({ path: PATH, variable, involves: [PATH], message });
    return [];
  });
}

/** What an entry of `no_proxy` lets go directly; null when it cannot be read. A name covers its subdomains. */
function exemption(entry: string): Exempts | null {
  if (entry === "*") return () => true;
  const range = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(entry);
  if (range !== null) return addresses(range[1] ?? "", Number(range[2]), null);
  if (isIP(entry) !== 0) return addresses(entry, isIP(entry) === 4 ? 32 : 128, null);
  const [, bracketed, plain = "", portText] =
    /^(?:\[([0-9a-f.:]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const port = portText === undefined ? null : Number(portText);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  if (bracketed !== undefined)
    return isIP(bracketed) === 6 ? addresses(bracketed, 128, port) : null;
  if (isIP(plain) === 4) return addresses(plain, 32, port);
  const name = /^(?:\*?\.)?((?:[a-z0-9_-]+\.)*[a-z0-9_-]+)\.?$/.exec(plain)?.[1];
  if (name === undefined || /^[\d.-]+$/.test(name)) return null;
  return (origin) => {
    const host = hostOf(origin);
    return isPort(origin, port) && (host === name || host.endsWith(`.${name}`));
  };
}

/** Holds for endpoints that are given as an address: a name is not looked up for it. */
function addresses(address: string, prefix: number, port: number | null): Exempts | null {
  const version = isIP(address);
  if (version === 0 || prefix > (version === 4 ? 32 : 128)) return null;
  const list = new BlockList();
  list.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6");
  return (origin) => {
    const host = hostOf(origin);
    const hostVersion = isIP(host);
    if (hostVersion === 0 || !isPort(origin, port)) return false;
    return list.check(host, hostVersion === 4 ? "ipv4" : "ipv6");
  };
}

function hostOf(origin: URL): string {
  return origin.hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

function isPort(origin: URL, port: number | null): boolean {
  return port === null || port === Number(origin.port || (origin.protocol === "https:" ? 443 : 80));
}
