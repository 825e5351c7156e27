import type { EventName } from "../src/contract/event.ts";
import type { FaultSpec } from "../src/simulator/faults/fault-schema.ts";
import type { ServerSpec } from "../src/simulator/cloud/server-record.ts";

/** A server of the story: how it is when the curtain rises, and how often it is really reinstalled by the end. */
export interface CastServer {
  readonly name: string;
  readonly spec: ServerSpec;
  /** What the cloud does to calls about it. */
  readonly fault?: Omit<FaultSpec, "serverId">;
  readonly reinstalls: number;
}

/** One command, and what must come of it. */
export interface Scene {
  readonly commandId: string;
  /** Null: the message names no server that could be read. */
  readonly server: string | null;
  /** For the audience, in a few words. */
  readonly shows: string;
  /** What the outcome must begin with; see outcome.ts. */
  readonly expected: string;
  /** Sent when that command has told that event; at the beginning otherwise. */
  readonly after?: { readonly commandId: string; readonly event: EventName };
  /** How often the very same message is sent. */
  readonly copies?: number;
  readonly message: Message;
}

export type Message =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "command";
      /** Two key pairs are two wishes. */
      readonly keyname: string;
      readonly onBusy?: "join" | "wait" | "reject";
      readonly dryRun?: boolean;
      /** Seconds from the beginning of the story. */
      readonly expiresAtSeconds?: number;
      readonly observedAtSeconds?: number;
    };

/** The worker that holds the request for this server is killed while the cloud has not answered yet. */
export const KILLED_DURING = "web-12";

export const CAST: readonly CastServer[] = [
  { name: "web-01", spec: { state: "SHUTOFF" }, reinstalls: 1 },
  { name: "web-02", spec: { state: "ACTIVE" }, reinstalls: 1 },
  { name: "web-03", spec: { state: "ACTIVE", softStopHangs: true }, reinstalls: 1 },
  { name: "web-04", spec: { state: "SHUTOFF", jobDurationMs: 4_000 }, reinstalls: 1 },
  { name: "web-05", spec: { state: "SHUTOFF", endsAs: "SHUTOFF" }, reinstalls: 2 },
  {
    name: "web-06",
    spec: { state: "SHUTOFF" },
    fault: { operation: "reinstall", times: 1, run: { fail: {} } },
    // Begun once; that it failed does not make it undone.
    reinstalls: 1,
  },
  { name: "web-07", spec: { state: "SHUTOFF", systemDiskId: null }, reinstalls: 0 },
  {
    name: "web-08",
    spec: { state: "SHUTOFF", jobDurationMs: 5_000 },
    fault: { operation: "reinstall", times: 1, lostReply: true },
    reinstalls: 1,
  },
  {
    name: "web-09",
    spec: { state: "SHUTOFF" },
    fault: { operation: "reinstall", times: 1, lostRequest: true },
    reinstalls: 1,
  },
  { name: "web-10", spec: { state: "SHUTOFF" }, reinstalls: 0 },
  { name: "web-11", spec: { state: "SHUTOFF" }, reinstalls: 0 },
  {
    name: KILLED_DURING,
    spec: { state: "SHUTOFF", jobDurationMs: 5_000 },
    fault: { operation: "reinstall", times: 1, delayBeforeReplyMs: 8_000 },
    reinstalls: 1,
  },
];

export const SCENES: readonly Scene[] = [
  {
    commandId: "plain",
    server: "web-01",
    shows: "a stopped server",
    expected: "succeeded",
    message: command("key-a"),
  },
  {
    commandId: "running",
    server: "web-02",
    shows: "it runs: stopped first",
    expected: "succeeded",
    message: command("key-a"),
  },
  {
    commandId: "stubborn",
    server: "web-03",
    shows: "the soft stop hangs: stopped hard",
    expected: "succeeded",
    message: command("key-a"),
  },
  {
    commandId: "repeated",
    server: "web-04",
    shows: "one command sent 20 times",
    expected: "succeeded",
    copies: 20,
    message: command("key-a"),
  },
  {
    commandId: "leader",
    server: "web-05",
    shows: "four commands, one server: this one",
    expected: "succeeded",
    message: command("key-a"),
  },
  {
    commandId: "joins",
    server: "web-05",
    shows: "…wishes the same: shares its result",
    expected: "succeeded (joined)",
    after: { commandId: "leader", event: "submitted" },
    message: command("key-a"),
  },
  {
    commandId: "waits",
    server: "web-05",
    shows: "…on_busy=wait, another key: runs after it",
    expected: "succeeded",
    after: { commandId: "leader", event: "submitted" },
    // Who says so does not rest behind the command that it waits for (cooldown).
    message: { ...command("key-b"), onBusy: "wait" },
  },
  {
    commandId: "rejects",
    server: "web-05",
    shows: "…on_busy=reject: turned away",
    expected: "rejected: server-busy",
    after: { commandId: "leader", event: "submitted" },
    message: { ...command("key-b"), onBusy: "reject" },
  },
  {
    commandId: "job-fails",
    server: "web-06",
    shows: "the cloud's job fails",
    expected: "failed: job-failed",
    message: command("key-a"),
  },
  {
    commandId: "no-disk",
    server: "web-07",
    shows: "a server without a system disk",
    expected: "failed: no-system-disk",
    message: command("key-a"),
  },
  {
    commandId: "lost-reply",
    server: "web-08",
    shows: "done, but the answer was lost",
    expected: "succeeded (by disk)",
    message: command("key-a"),
  },
  {
    commandId: "lost-request",
    server: "web-09",
    shows: "never arrived: proven, then repeated",
    expected: "succeeded",
    message: command("key-a"),
  },
  {
    commandId: "dry-run",
    server: "web-10",
    shows: "checks everything, changes nothing",
    expected: "planned: reinstall",
    message: { ...command("key-a"), dryRun: true },
  },
  {
    commandId: "too-late",
    server: "web-11",
    shows: "its expires_at has passed",
    expected: "expired",
    message: { ...command("key-a"), expiresAtSeconds: -60 },
  },
  {
    commandId: "malformed",
    server: null,
    shows: "half a JSON text",
    expected: "rejected: not-json",
    message: { kind: "text", text: '{ "server_id": "4f4b3dfa-eb70-47cf-a60a-998' },
  },
  {
    commandId: "healed",
    server: "web-01",
    shows: "the fault was seen before the repair",
    expected: "superseded",
    after: { commandId: "plain", event: "succeeded" },
    message: { ...command("key-a"), observedAtSeconds: -5 },
  },
  {
    commandId: "killed",
    server: KILLED_DURING,
    shows: "its worker dies in mid-request",
    expected: "succeeded (by disk)",
    after: { commandId: "running", event: "submitted" },
    message: command("key-a"),
  },
];

function command(keyname: string) {
  return { kind: "command", keyname } as const;
}
