import type { Config } from "./assemble.ts";
import { fixedSecret, type SecretSource } from "./secret.ts";

/** Functions in the configuration whose values may be read in a log: names of people and accounts, and certificates. */
const NOT_SECRET = new Set(["username", "domain", "caPem", "certPem"]);

/** Everything in the configuration that no log line may hold, passwords inside broker URLs included. */
export function secretsOf(config: Config): readonly SecretSource[] {
  const inUrls = config.amqp.urls
    .map((url) => new URL(url).password)
    .filter((password) => password !== "");
  return [...functionsIn(config), ...inUrls.map(fixedSecret), ...inUrls.map(decoded)];
}

function functionsIn(value: unknown): SecretSource[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => {
    if (typeof one !== "function") return functionsIn(one);
    return NOT_SECRET.has(key) ? [] : [one as SecretSource];
  });
}

/** As the broker gets it: percent signs undone where that is possible. */
function decoded(password: string): SecretSource {
  try {
    return fixedSecret(decodeURIComponent(password));
  } catch {
    return fixedSecret(password);
  }
}
