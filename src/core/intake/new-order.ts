import type { ReinstallCommand } from "../../contract/command.ts";
import { DiskId } from "../../contract/ids.ts";
import { contentHash, wishHash } from "../identity.ts";
import type { ExpiryCause, Order } from "../state/order.ts";
import type { IntakeRules } from "./intake-rules.ts";
import type { RawCommand } from "./reading/raw-command.ts";
import { type ImplausibleStamp, sentAt } from "./sent-at.ts";

/** The order of a command that was understood, and why its AMQP `timestamp` was not believed. */
export function toOrder(
  command: ReinstallCommand,
  raw: RawCommand,
  arrivedAtMs: number,
  rules: IntakeRules,
): { readonly order: Order; readonly ignoredTimestamp: ImplausibleStamp | undefined } {
  const { osReinstall: _body, expiresAtMs: _said, expectedSystemDisk, ...rest } = command;
  const sent = sentAt(raw.timestampMs, arrivedAtMs);
  const order = {
    ...rest,
    ...(expectedSystemDisk === undefined
      ? {}
      : { expectedSystemDisk: DiskId.parse(expectedSystemDisk.toLowerCase()) }),
    contentHash: contentHash(command),
    wishHash: wishHash(command),
    ...expiryOf(command, { ...sent, arrivedAtMs }, rules),
    receivedAtMs: arrivedAtMs,
    ...addressing(raw),
  };
  return { order, ignoredTimestamp: sent.ignored };
}

/** Until when a command may be started, and what says so: `expires_at`, else its age since it was sent or may begin. */
function expiryOf(
  { expiresAtMs, notBeforeMs }: ReinstallCommand,
  sent: ReturnType<typeof sentAt> & { readonly arrivedAtMs: number },
  { commandMaxAgeMs, dedupTtlMs }: IntakeRules,
): { readonly expiresAtMs: number; readonly expiresBy: ExpiryCause } {
  if (expiresAtMs !== undefined) return { expiresAtMs, expiresBy: "expires_at" };
  if (notBeforeMs === undefined || notBeforeMs <= sent.atMs) {
    const expiresBy = sent.by === "timestamp" ? "age-since-timestamp" : "age-since-arrival";
    return { expiresAtMs: sent.atMs + commandMaxAgeMs, expiresBy };
  }
  // A late copy must not outlive what is remembered of its command.
  const atMs = Math.min(notBeforeMs + commandMaxAgeMs, sent.arrivedAtMs + dedupTtlMs);
  return { expiresAtMs: atMs, expiresBy: "age-since-not-before" };
}

/** What the message around a command says: who sent it, where answers go, and whose trace they belong to. */
export function addressing(raw: RawCommand): Pick<Order, "sender" | "replyTo" | "trace"> {
  return {
    ...(raw.sender === undefined ? {} : { sender: raw.sender }),
    ...(raw.replyTo === undefined
      ? {}
      : { replyTo: { queue: raw.replyTo, correlationId: raw.correlationId } }),
    ...(raw.traceparent === undefined
      ? {}
      : { trace: { traceparent: raw.traceparent, tracestate: raw.tracestate } }),
  };
}
