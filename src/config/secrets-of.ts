import type { Config } from "./assemble.ts";
import { MOST_TOKENS, tokensIn } from "./http-access.ts";
import { percentDecoded, type SecretSource } from "./secret.ts";

/** Functions in the configuration whose values may be read in a log: names of people and accounts, and certificates. */
const NOT_SECRET = new Set(["username", "domain", "caPem", "certPem"]);

/** Functions that give no text at all. */
const NO_TEXT = new Set(["urlsNow"]);

/** Everything in the configuration that no log line may hold, passwords inside broker URLs included. */
export function secretsOf(config: Config): readonly SecretSource[] {
  const { amqp } = config;
  // By place: a file of URLs may be replaced. Passwords beside the URLs are functions of their own.
  const inUrls = amqp.urls.flatMap((url, place) =>
    new URL(url).password === "" ? [] : [() => passwordIn(amqp.urlsNow()[place])],
  );
  const ofProxies = Object.values(config.cloud.proxies).map((url) => () => passwordIn(url));
  const { apiTokens } = config.http;
  const tokens =
    apiTokens === undefined
      ? []
      : Array.from({ length: MOST_TOKENS }, (_, place) => () => tokensIn(apiTokens())[place] ?? "");
  const all = [...inUrls, ...ofProxies, ...tokens];
  // As it stands in the URL, and as the broker gets it.
  const decoded = all.map((password) => () => percentDecoded(password()));
  return [...functionsIn(config), ...all, ...decoded];
}

function functionsIn(value: unknown): SecretSource[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => {
    if (typeof one !== "function") return functionsIn(one);
    return NOT_SECRET.has(key) || NO_TEXT.has(key) ? [] : [one as SecretSource];
  });
}

function passwordIn(url: string | undefined): string {
  return url === undefined ? "" : new URL(url).password;
}
