export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for an origin by the usual variables, lower case first: `https_proxy` (or `http_proxy` for
 * `http:`), `no_proxy`. Null: go directly. undici's own agent for this cannot be used: the POST's connection
 * is opened by hand, and both must go the same way.
 */
export function proxyFor(origin: URL, environment: Environment): URL | null {
  const read = (name: string) => environment[name] || environment[name.toUpperCase()] || "";
  const value = origin.protocol === "https:" ? read("https_proxy") : read("http_proxy");
  if (value === "" || isExempt(origin, read("no_proxy"))) return null;
  return new URL(/^[a-z]+:\/\//i.test(value) ? value : `http://${value}`);
}

/** `no_proxy`: `*`, or a comma list of `host`, `.domain`, `*.domain`, each with an optional `:port`. A name covers its subdomains. */
function isExempt(origin: URL, list: string): boolean {
  const host = origin.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = origin.port || (origin.protocol === "https:" ? "443" : "80");
  return list
    .split(/[,\s]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const match = /^(?:\*?\.)?(\[[^\]]+\]|[^:]+|[0-9a-f:]+)(?::(\d+))?$/i.exec(entry);
      const name = match?.[1]?.replace(/^\[|\]$/g, "").toLowerCase();
      if (name === undefined || (match?.[2] !== undefined && match[2] !== port)) return false;
      return host === name || host.endsWith(`.${name}`);
    });
}
