import type { Brake } from "../../contract/brakes.ts";
import type { WaitReason } from "../../contract/event.ts";
import type {
  BrakeSaid,
  CommandDetail,
  CommandStory,
  PastReinstall,
  ServerDetail,
} from "../../contract/overview.ts";
import { resolveLine } from "../command-line.ts";
import { advice, type Advised, UNREADABLE } from "./advice.ts";
import { brakesOf, brakesOfNew } from "./brakes.ts";
import { about, type Away, whatIsAway } from "./trouble.ts";
import { traitsOf } from "../state/phases.ts";
import { instant, since, span } from "../times-in-words.ts";

/**
 * Why a command is where it is, in sentences for a person: what holds it and since when, what comes next and when, who
 * is before it, each brake, the server's last reinstalls, and what a person can do.
 */
export function explainCommand(
  story: CommandStory,
  nowMs: number,
  trouble: readonly Away[] = [],
): readonly string[] {
  const { command, brakes, server } = story;
  const away = about(command.projectId, [command.commandId, command.serverId], trouble);
  if (command.outcome !== null) return [...ended(command, server), ...pastOf(server, nowMs)];
  return [
    whereItIs(command, nowMs),
    ...away.map((one) => whatIsAway(one, nowMs)),
    ...whomItJoined(story),
    ...(command.waitsFor === null ? [] : [whyItWaits(story, nowMs)]),
    ...before(command, server),
    ...nextTry(command, brakes, nowMs),
    ...brakesOf(command, brakes),
    ...pastOf(server, nowMs),
    ...advice(advisedFor(story, away)),
  ];
}

/** Why a server is not being reinstalled: what holds it, who waits for it, and what a new command would meet. */
export function explainServer(
  { project, server }: { readonly project: string; readonly server: string },
  view: ServerDetail,
  nowMs: number,
  trouble: readonly Away[] = [],
): readonly string[] {
  const { lock, waiting, brakes } = view;
  const away = about(project, [server], trouble);
  const holds =
    lock === null
      ? `Nothing holds server ${server}.`
      : `Server ${server} is held by ${holderOf(view)}${heldSince(lock, nowMs)}.`;
  const waits =
    waiting.length === 0
      ? "No command waits for it."
      : `${counted(waiting.length, "command waits", "commands wait")} for it, in this order: ${names(waiting)}.`;
  return [
    holds,
    ...away.map((one) => whatIsAway(one, nowMs)),
    waits,
    ...brakesOfNew(view),
    ...pastOf(view, nowMs),
    ...advice({
      away,
      project,
      server,
      lock,
      brakes: brakes ?? [],
      command: null,
      waiters: waiting.length,
    }),
  ];
}

function advisedFor(
  { command, brakes, server, lastWord }: CommandStory,
  away: readonly Away[],
): Advised {
  return {
    away,
    project: command.projectId,
    server: command.serverId,
    lock: server?.lock ?? null,
    // One that has joined is held by none, and gains nothing by what lifts one.
    brakes: command.phase === "joined" ? [] : (brakes ?? []),
    command,
    waiters: 0,
    askedFor: lastWord?.nextStep ?? null,
  };
}

function whereItIs(command: CommandDetail, nowMs: number): string {
  const { commandId, phase, serverId, sinceMs, jobId } = command;
  const does = traitsOf(phase)?.does ?? "a step that this version does not know";
  const from = sinceMs === null ? "" : `, since ${since(sinceMs, nowMs)}`;
  const job = jobId === null || phase !== "watch" ? "" : ` Job: ${jobId}.`;
  return `Command ${commandId} for server ${serverId ?? "(unknown)"} is in phase ${phase}${from}: ${does}.${job}`;
}

/** Of one that shares another's reinstall: whose, and what comes of that. */
function whomItJoined({ command, server }: CommandStory): readonly string[] {
  const { phase, holder } = command;
  if (phase !== "joined") return [];
  const has = server?.lock?.owner === holder ? ", which has the server" : "";
  return [
    `It has joined command ${holder ?? "(unknown)"}${has}: it shares that one's reinstall, and makes none of its own. What that reinstall comes to is said of it, too.`,
    "Should the other end without one (expired, cancelled and so on), it is admitted again by itself.",
  ];
}

/** What a command waits for, in words: one for each reason that is no brake. */
const WAITS: Readonly<Record<Exclude<WaitReason, Brake>, string>> = {
  "server-busy": "its server is busy with another operation",
  "server-unstable": "its server is in a transition, or the cloud works on it",
  throttled: "the cloud, or the worker's own budget, lets no request through",
  "cloud-unavailable": "the cloud does not answer, or refuses what the worker asks for",
  "clock-skew": "the worker's clock and the cloud's differ too much",
  "store-rebuilding": "Redis is new to this project, and locks are being put back",
};

/** Why a command waits, in one sentence. */
export function whyItWaits(story: CommandStory, nowMs: number): string {
  const { command, brakes, server, lastWord } = story;
  const { waitsFor, holder, notBeforeMs } = command;
  if (waitsFor === "not-before" && notBeforeMs !== null) {
    return `It waits: it asked not to be started before ${instant(notBeforeMs)}.`;
  }
  if (waitsFor === "server-busy" && holder !== null) {
    const lock = server?.lock ?? null;
    if (lock?.owner === holder && server !== null) {
      return `It waits: its server is held by ${holderOf(server)}${heldSince(lock, nowMs)}.`;
    }
    return `It waits: its server was held by ${holder} at the last try; now ${lock === null ? "nothing holds it" : `it is held by ${lock.owner}`}.`;
  }
  const said = brakes?.find(({ brake }) => brake === waitsFor);
  if (said !== undefined) {
    return said.verdict === "go"
      ? `It waited for the brake ${said.brake}, which says go by now.`
      : `It waits: ${said.detail}.`;
  }
  const words = Object.hasOwn(WAITS, waitsFor ?? "") ? WAITS[waitsFor as keyof typeof WAITS] : null;
  const word =
    lastWord === null
      ? ""
      : ` Its event of ${instant(lastWord.atMs)} said: ${sentence(lastWord.detail)}${lastWord.nextStep === null ? "" : ` What to do, it said: ${sentence(lastWord.nextStep)}`}`;
  return `It waits: ${words ?? waitsFor}.${word}`;
}

/** What others wrote may end with a full stop. */
function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function before({ commandId }: CommandDetail, server: ServerDetail | null): readonly string[] {
  const waiting = server?.waiting ?? [];
  const place = waiting.findIndex((one) => one.commandId === commandId);
  if (place < 0) return [];
  if (place === 0) return ["It is the first who waits for its server."];
  return [`Before it ${place === 1 ? "waits" : "wait"}: ${names(waiting.slice(0, place))}.`];
}

function nextTry(
  { nextTryMs, waitsFor, expiresAtMs, phase }: CommandDetail,
  brakes: readonly BrakeSaid[] | null,
  nowMs: number,
): readonly string[] {
  const until = brakes?.find(({ brake }) => brake === waitsFor)?.untilMs ?? null;
  const lines = [];
  if (nextTryMs === null) lines.push("A worker has it in hand now.");
  else if (nextTryMs <= nowMs) lines.push(`Its next step is due since ${since(nextTryMs, nowMs)}.`);
  else lines.push(`Its next step is at ${instant(nextTryMs)} (in ${span(nextTryMs - nowMs)}).`);
  if (until !== null) {
    lines.push(`What it waits for ends at ${instant(until)}, if nothing new comes.`);
  }
  if (expiresAtMs !== null && traitsOf(phase)?.cancellable === "yes") {
    lines.push(
      until !== null && until >= expiresAtMs
        ? `That is too late for it: it ends as expired at ${instant(expiresAtMs)}.`
        : `If it cannot start by ${instant(expiresAtMs)}, it ends as expired.`,
    );
  }
  return lines;
}

function ended(command: CommandDetail, server: ServerDetail | null): readonly string[] {
  const { commandId, outcome, updatedAtMs, settled, serverId } = command;
  const data = dataOf(command.finalEvent);
  const details = ["message", "why", "because", "next_step"].flatMap((name) =>
    typeof data[name] === "string" ? [`${name.replace("_", " ")}: ${data[name]}`] : [],
  );
  const said = details.length === 0 ? "" : ` It said: ${sentence(details.join("; "))}`;
  const lines = [
    `Command ${commandId} for server ${serverId ?? "(unknown)"} ended ${outcome} at ${instant(updatedAtMs)}.${said}`,
  ];
  if (outcome !== "unresolved") return lines;
  const found = record(settled)["as"];
  if (typeof found === "string") return [...lines, `Later it was settled: ${found}.`];
  if (server?.lock?.owner !== commandId) {
    return [...lines, "The server is not held by it any more: somebody has freed it."];
  }
  return [
    ...lines,
    "Nobody knows whether the server was reinstalled, so it stays locked. The worker looks further until the cloud proves it.",
    `When you have looked at the server (docs/operations.md#unresolved): ${resolveLine(command)}.`,
  ];
}

function pastOf(server: ServerDetail | null, nowMs: number): readonly string[] {
  const history = server?.history ?? [];
  if (server === null) return [];
  if (history.length === 0) return ["No reinstall of this server is remembered (30 days)."];
  return [
    `Its last reinstalls (${history.length}), the youngest first:`,
    ...history.map((one) => `- ${pastReinstall(one, nowMs)}`),
  ];
}

function pastReinstall(one: PastReinstall, nowMs: number): string {
  const { commandId, atMs, endedMs, outcome, source, reason } = one;
  const end =
    endedMs === null
      ? `goes on since ${span(nowMs - atMs)}`
      : `${outcome ?? "ended"} after ${span(endedMs - atMs)}`;
  const who = source === null ? "" : `, from ${source}`;
  const why = reason === null ? "" : `, reason: ${reason}`;
  return `${instant(atMs)} ${commandId}: ${end}${who}${why}`;
}

function heldSince({ sinceMs }: { readonly sinceMs: number | null }, nowMs: number): string {
  return sinceMs === null ? "" : `, since ${since(sinceMs, nowMs)}`;
}

function holderOf({ lock }: Pick<ServerDetail, "lock">): string {
  if (lock === null) return "nothing";
  if (lock.operation === UNREADABLE) return "a key that no worker and no service can have written";
  if (lock.operation !== "reinstall") return `another service, ${lock.owner} (${lock.operation})`;
  return lock.phase === "unresolved"
    ? `command ${lock.owner}, which ended unresolved`
    : `command ${lock.owner} (phase ${lock.phase})`;
}

/** Many names are cut: the list has them all. */
function names(waiting: ServerDetail["waiting"]): string {
  const shown = waiting.slice(0, 10).map(({ commandId }) => commandId);
  const more = waiting.length - shown.length;
  return more === 0 ? shown.join(", ") : `${shown.join(", ")} and ${more} more`;
}

function counted(count: number, one: string, many: string): string {
  return count === 1 ? `1 ${one}` : `${count} ${many}`;
}

function dataOf(event: unknown): Readonly<Record<string, unknown>> {
  return record(record(event)["data"]);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
