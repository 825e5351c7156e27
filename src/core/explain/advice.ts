import type { ServerStatus } from "../../contract/status.ts";
import type { BrakeSaid, CommandDetail } from "../../contract/overview.ts";
import { cancelLine, resolveAs, shellWord } from "../command-line.ts";
import { type Away, runbookOf } from "./trouble.ts";
import { traitsOf } from "../state/phases.ts";

/** `operation` of a lock whose key holds something else than a lock. */
export const UNREADABLE = "unreadable";

/** What a person could do something about. */
export interface Advised {
  /** What is down of all that commands need. */
  readonly away?: readonly Pick<Away, "name" | "detail" | "page">[];
  readonly project: string;
  /** Null: not known. */
  readonly server: string | null;
  readonly lock: ServerStatus["lock"];
  readonly brakes: readonly BrakeSaid[];
  /** The command that is asked about; null: the server is. */
  readonly command: CommandDetail | null;
  /** How many wait for the server. */
  readonly waiters: number;
  /** What the event that says why the command waits asks a person to do; absent, null: nothing. */
  readonly askedFor?: string | null;
}

/** What a person can do, each with the command line to type. */
export function advice(about: Advised): readonly string[] {
  const { brakes, command } = about;
  const all = [
    ...(about.away ?? []).map((one) =>
      one.page === undefined
        ? `Find out why ${one.name} is down: ${runbookOf(one)}`
        : `Have what ${one.name} holds put right: ${one.page}`,
    ),
    ...(about.askedFor === undefined || about.askedFor === null ? [] : [about.askedFor]),
    ...brakes.flatMap((said) => (said.verdict === "go" ? [] : againstBrake(said, about))),
    ...againstLock(about),
    ...againstLeader(about),
    ...(command !== null && traitsOf(command.phase)?.cancellable === "yes"
      ? [`End it before it starts: ${cancelLine(command)}`]
      : []),
  ];
  return all.length === 0
    ? ["There is nothing that you need to do."]
    : ["What you can do:", ...all.map((one) => `- ${one}`)];
}

function againstBrake({ brake, scope, untilMs }: BrakeSaid, about: Advised): readonly string[] {
  const { project, server, command } = about;
  const of = `--project ${project} --reason …`;
  switch (brake) {
    case "pause":
      return [
        scope === "configuration"
          ? "Lift the pause: set BRAKES_PAUSED=false for the workers."
          : `Lift the pause: ecs-reinstall resume pause ${scopeFlag(scope, project)} --reason …`,
      ];
    case "protected":
      return [
        scope === "configuration"
          ? "Take the protection away: take the server out of BRAKES_PROTECTED."
          : `Take the protection away: ecs-reinstall unprotect ${server} ${of}`,
      ];
    case "quarantine":
      return [
        `Find out why it is reinstalled again and again, then let it out: ecs-reinstall release ${server} ${of}`,
      ];
    case "storm-failures":
      return [`Repair what makes reinstalls fail, then: ecs-reinstall resume storm-failures ${of}`];
    case "storm-asks":
      return [`If so many are meant: ecs-reinstall resume storm-asks --for 8h ${of}`];
    case "cooldown":
      return untilMs === null
        ? []
        : [
            tooLate(untilMs, command) ??
              `Wait: the server rests until ${new Date(untilMs).toISOString()} (BRAKES_COOLDOWN_MS).`,
          ];
    case "not-before":
      return untilMs === null
        ? []
        : [
            `Wait until ${new Date(untilMs).toISOString()}: its emitter asked for that (not_before).`,
          ];
    case "source":
      return untilMs === null
        ? []
        : [
            `${tooLate(untilMs, command) ?? `Wait until ${new Date(untilMs).toISOString()} (BRAKES_PER_SOURCE_PER_HOUR).`} ${orOverride(brake)}`,
          ];
    case "sender":
      return untilMs === null
        ? []
        : [
            "Look at what this broker user asks for (per_hour in BRAKES_SENDERS).",
            tooLate(untilMs, command) ?? `Wait until ${new Date(untilMs).toISOString()}.`,
          ];
    case "approval":
      return command === null
        ? []
        : [
            `Approve it: ecs-reinstall approve ${command.commandId} --project ${project} --reason …`,
          ];
    case "windows":
      return [
        untilMs === null
          ? "Change BRAKES_WINDOWS of the workers: no opening is in sight."
          : `${tooLate(untilMs, command) ?? `Wait until ${new Date(untilMs).toISOString()}.`} ${orOverride(brake)}`,
      ];
    default:
      return [`Read about the brake ${brake}: docs/brakes.md`];
  }
}

/** Of a command whose own time is over before that of the brake: who waits waits in vain. Null: it is not. */
function tooLate(untilMs: number, command: CommandDetail | null): string | null {
  const expiresAtMs = command?.expiresAtMs ?? null;
  if (expiresAtMs === null || untilMs < expiresAtMs) return null;
  return `Do not wait for it: it expires at ${new Date(expiresAtMs).toISOString()}, before ${new Date(untilMs).toISOString()}. Send a new command with a later expires_at.`;
}

function orOverride(brake: string): string {
  return `Or send a new command with override: ["${brake}"] and a reason, where BRAKES_OVERRIDABLE allows it.`;
}

function scopeFlag(scope: string | null, project: string): string {
  const [kind, name] = (scope ?? "project").split(/:(.*)/s);
  switch (kind) {
    case "everything":
      return "--everything";
    case "group":
    case "server":
      return `--project ${project} --${kind} ${name}`;
    default:
      return `--project ${project}`;
  }
}

/** The one that was joined has no lock while it waits itself. */
function againstLeader({ command, lock }: Advised): readonly string[] {
  const leader = command?.phase === "joined" ? command.holder : null;
  if (leader === null || lock?.owner === leader) return [];
  return [`Look at the one that it has joined: ecs-reinstall explain ${leader}`];
}

function againstLock({ lock, project, server, command }: Advised): readonly string[] {
  if (lock === null || server === null || lock.owner === command?.commandId) return [];
  if (lock.operation === UNREADABLE) {
    return [
      `Have the key ecs:{${project}}:lock:${server} looked at, and renamed: docs/runbooks/EcsReinstallStepErrors.md`,
    ];
  }
  if (lock.operation !== "reinstall") {
    return [
      `Ask whoever runs ${lock.owner}. If its operation is over: ecs-reinstall unlock ${server} --project ${project} --owner ${shellWord(lock.owner)} --reason …`,
    ];
  }
  if (lock.phase === "unresolved") {
    // Not unlock: that says nothing of the command, so nobody starts the server, and who has joined is not informed.
    const ids = { commandId: lock.owner, projectId: project };
    return [
      `Look at the server (docs/operations.md#unresolved). When you have seen that it was reinstalled: ${resolveAs(ids, "reinstalled")}`,
      `When you have seen that it was not: ${resolveAs(ids, "not-reinstalled")}`,
    ];
  }
  return [`Look at the one who holds the server: ecs-reinstall explain ${lock.owner}`];
}
