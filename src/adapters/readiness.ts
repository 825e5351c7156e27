import { get } from "node:http";
import { BlockList, connect, isIP } from "node:net";
import type { ReadyAnswer } from "../core/server/observations.ts";
import type { Readiness } from "../steps/ports/readiness.ts";
import { deadline } from "./time-limits.ts";

/** What is asked, and where it may be. */
export interface ReadinessSettings {
  readonly probe:
    | { readonly kind: "tcp"; readonly port: number }
    | { readonly kind: "http"; readonly port: number; readonly path: string };
  /** Servers may be on this machine: those of a simulator. */
  readonly loopback: boolean;
  /** Longest ask, in ms: connecting, and the head of an answer. */
  readonly timeoutMs?: number;
}

/** A server that is up connects within milliseconds; a delivery is in hand meanwhile. */
const TIMEOUT_MS = 3_000;
/** Longest head of an answer, in bytes. */
const HEAD_BYTES = 16_384;

/**
 * Asks over a connection of its own, which is closed at once; no proxy, no redirect, and of an answer only the head is read.
 * The address is what the cloud says: one that no server has as its own is not asked, whoever wrote it there.
 */
export function createReadiness({
  probe,
  loopback,
  timeoutMs = TIMEOUT_MS,
}: ReadinessSettings): Readiness {
  const what = `${probe.kind}:${probe.port}${probe.kind === "http" ? probe.path : ""}`;
  const silent = (why: string): ReadyAnswer => ({ kind: "silent", detail: `${what}: ${why}` });
  return {
    async ask(address, signal) {
      if (signal.aborted) return { kind: "unasked" };
      if (!isAskable(address, loopback)) return silent("an address of this kind is not asked");
      const limit = deadline(timeoutMs, signal);
      try {
        const refused =
          probe.kind === "tcp"
            ? await opens(address, probe.port, limit.signal)
            : await answers(address, probe, limit.signal);
        return refused === null ? { kind: "answered" } : silent(refused);
      } catch (error) {
        if (limit.timedOut()) return silent(`no answer within ${timeoutMs} ms`);
        return signal.aborted ? { kind: "unasked" } : silent(reason(error));
      } finally {
        limit.clear();
      }
    },
  };
}

/** Null: the connection was opened. */
async function opens(host: string, port: number, signal: AbortSignal): Promise<null> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
  return null;
}

/** Null: 200 to 299; else what was answered instead. */
async function answers(
  host: string,
  { port, path }: { readonly port: number; readonly path: string },
  signal: AbortSignal,
): Promise<string | null> {
  const headers = { accept: "*/*", "user-agent": "ecs-reinstall-worker" };
  const options = { host, port, path, headers, signal, agent: false, maxHeaderSize: HEAD_BYTES };
  return await new Promise((resolve, reject) => {
    const request = get(options, (response) => {
      const { statusCode = 0 } = response;
      response.destroy();
      resolve(statusCode >= 200 && statusCode <= 299 ? null : `it answered ${statusCode}`);
    });
    request.once("error", reject);
  });
}

/** Never a server's own: this host, link-local ones (there are the cloud's own services), multicast, reserved. */
const NEVER = new BlockList();
NEVER.addSubnet("0.0.0.0", 8, "ipv4");
NEVER.addSubnet("169.254.0.0", 16, "ipv4");
NEVER.addSubnet("224.0.0.0", 3, "ipv4");
NEVER.addAddress("::", "ipv6");
NEVER.addSubnet("fe80::", 10, "ipv6");
NEVER.addSubnet("ff00::", 8, "ipv6");

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function isAskable(address: string, loopback: boolean): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  return !NEVER.check(address, family) && (loopback || !LOOPBACK.check(address, family));
}

/** The code says enough; the message would repeat address and port. */
function reason(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return KNOWN[error.code] ?? error.code;
  }
  return error instanceof Error ? error.message : String(error);
}

const KNOWN: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused (ECONNREFUSED)",
  ECONNRESET: "connection reset (ECONNRESET)",
  EHOSTUNREACH: "no way to the server (EHOSTUNREACH)",
  ENETUNREACH: "no way to the server's network (ENETUNREACH)",
};
