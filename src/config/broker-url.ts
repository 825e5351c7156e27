import { isIPv6 } from "node:net";
import { z } from "zod";
import type { FieldMeta } from "./fields.ts";

const MAX_BROKERS = 16;

const RULE = "must be amqp:// or amqps:// URLs with a host, separated by commas";
/** What tears a URL apart where it stands for itself, and what to write instead. */
const ENCODE =
  "must be percent-encoded: # as %23, / as %2F, ? as %3F, a comma as %2C, @ as %40, % as %25, " +
  "in the user, the password and the vhost; or give AMQP_USERNAME and AMQP_PASSWORD, which are taken as they are";

/**
 * The brokers, as a list or as one text. Refused rather than guessed is what a user or password with bare marks of a
 * URL makes of it: `amqp://me:12#x@host` is a valid URL of the host `me`.
 */
export function brokerUrls() {
  return z
    .preprocess(asList, z.array(z.string({ error: RULE }), { error: RULE }).min(1, { error: RULE }))
    .superRefine((urls, context) => {
      const message = objectionTo(urls);
      if (message !== null) context.addIssue({ code: "custom", message });
    })
    .meta({ secret: true, accepts: "comma list of `amqp://`, `amqps://`" } satisfies FieldMeta);
}

/** A host, by name or address; IPv6 with or without brackets. */
export function brokerHost() {
  return z.string({ error: HOST_RULE }).refine(isHost, HOST_RULE);
}

const HOST_RULE = "must be names or addresses of hosts, without a port";

function isHost(value: string): boolean {
  const bare = /^\[(.*)\]$/.exec(value)?.[1] ?? value;
  return isIPv6(bare) || /^[A-Za-z0-9._-]{1,255}$/.test(value);
}

function asList(value: unknown): unknown {
  if (typeof value !== "string") return value;
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Once for the whole list: a password with a comma makes two wrong URLs of one. */
function objectionTo(urls: readonly string[]): string | null {
  const wrong = urls.filter((url) => !isBrokerUrl(url));
  if (wrong.length > 0)
    return urls.some(looksTorn) ? `${RULE}; a user or password ${ENCODE}` : RULE;
  if (urls.some(hasStrayAt)) return `names an unlikely host: a user or password ${ENCODE}`;
  if (urls.length > MAX_BROKERS)
    return `must be a list of 1 to ${MAX_BROKERS}, separated by commas`;
  if (new Set(urls).size !== urls.length) return "must name each entry once";
  return null;
}

function isBrokerUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return ["amqp:", "amqps:"].includes(protocol) && hostname !== "" && !hostname.includes(",");
}

/** It begins like one of ours, and somebody is named in it. */
function looksTorn(url: string): boolean {
  return /^amqps?:\/\/[^/]*:/i.test(url);
}

/** The authority ended before the `@` that was meant to end the password. */
function hasStrayAt(url: string): boolean {
  const { pathname, search, hash } = new URL(url);
  return hash !== "" || `${pathname}${search}`.includes("@");
}
