import type { Report } from "./inequalities.ts";
import type { Settings } from "./schema.ts";
import { fixedSecret, type SecretSource } from "./secret.ts";

/** Where traces go, and what they say of this process. */
export interface TracingConfig {
  /** Base URL of the collector, without a closing slash. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, SecretSource>>;
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** 0 to 1. */
  readonly sampleRatio: number;
}

/** Null without an endpoint: then nobody collects. */
export function assembleTracing(
  { endpoint, headers, resourceAttributes, ...rest }: Settings["tracing"],
  report: Report,
): TracingConfig | null {
  const named = pairsOf("tracing.headers", headers, report);
  const attributes = pairsOf("tracing.resourceAttributes", resourceAttributes, report);
  if (endpoint === undefined) return null;
  return {
    ...rest,
    endpoint,
    headers: Object.fromEntries(named.map(([name, value]) => [name, fixedSecret(value)])),
    resourceAttributes: Object.fromEntries(attributes),
  };
}

/** `name=value,name=value`, as OpenTelemetry's own variables are written: values may be percent-encoded. */
function pairsOf(path: string, text: string | undefined, report: Report): [string, string][] {
  const parts = (text ?? "").split(",").filter((part) => part.trim() !== "");
  const pairs = parts.map(pairOf);
  if (pairs.includes(null)) {
    const message = "must be name=value pairs, separated by commas";
    report({ path, involves: [path], message });
  }
  return pairs.filter((pair) => pair !== null);
}

function pairOf(text: string): [string, string] | null {
  const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) return null;
  try {
    return [name, decodeURIComponent(value.trim())];
  } catch {
    return null;
  }
}
