import type { Config } from "./assemble.ts";

const MASK = "***";

/** Made of settings that are shown already, or said in a warning. */
const NOT_A_SETTING = new Set(["urlsNow", "misspelt"]);

/** The effective configuration for people: as plain values, secrets and passwords inside URLs masked. */
export function maskedConfig(config: Config): unknown {
  return masked(config);
}

/** A URL whose password, if it has one, reads `***`. A text that is no URL is masked as a whole. */
export function maskedUrl(text: string): string {
  if (!URL.canParse(text)) return MASK;
  const url = new URL(text);
  if (url.password !== "") url.password = MASK;
  return url.href;
}

function masked(value: unknown): unknown {
  if (typeof value === "function") return MASK;
  if (typeof value === "string") return value.includes("://") ? maskedUrl(value) : value;
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== "object" || value === null) return value;
  const shown = Object.entries(value).filter(([key]) => !NOT_A_SETTING.has(key));
  return Object.fromEntries(shown.map(([key, one]) => [key, masked(one)]));
}
