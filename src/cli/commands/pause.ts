import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import type { OperatorCommands, PauseChange } from "../../adapters/redis/operator-commands.ts";
import {
  brakeOf,
  PauseScope,
  type StormName,
  STORMS,
  type SwitchName,
} from "../../contract/brakes.ts";
import { Group } from "../../contract/command.ts";
import { type ProjectId, ServerId } from "../../contract/ids.ts";
import { beingSent } from "./send/being-sent.ts";
import { printable } from "../event-line.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { EXIT_USAGE } from "../../process/exit-codes.ts";
import { withStore, PROJECT, projectOf } from "../operate.ts";
import { duration, matching } from "../option-values.ts";
import { type ReasonFlags, withReason } from "../reason.ts";

interface PauseFlags extends ReasonFlags {
  readonly project?: string;
  readonly everything?: boolean;
  readonly group?: string;
  readonly server?: string;
  /** Only of `resume`: ms. */
  readonly for?: number;
}

/** A worker looks at the pauses every 15 s at the longest. */
const SEEN_WITHIN_MS = 20_000;
const SEEN_POLL_MS = 250;

/** `ecs-reinstall pause`: no new reinstalls in a scope until `resume`. */
export function pauseCommand(io: CliIo): Command {
  return withScope(new Command("pause"))
    .description("start no new reinstall in a scope; what is submitted goes on")
    .action((flags: PauseFlags) =>
      withStore(io, async ({ operator }) => {
        const { scope, projects } = await targetOf(operator, flags, io);
        const change = { scope, on: true, by: flags.by, reason: flags.reason };
        const set = await setEach(operator, projects, change);
        const sending = await beingSent(operator, set, scope);
        const known = await operator.projects();
        const strange = set.filter(({ project }) => known.length > 0 && !known.includes(project));
        const acted = set.filter((one) => !strange.includes(one));
        const seen = await Promise.all(
          acted.map(({ project, atMs }) => seenSoon(operator, project, atMs)),
        );
        const unseen = acted.flatMap(({ project }, index) =>
          seen[index] === true ? [] : [project],
        );
        return [
          ...set.map(({ project }) => `reinstalls in ${named(project, scope)} are paused`),
          `Waiting commands still expire. ${sending}`,
          ...strange.map(
            ({ project }) =>
              `No worker acts on ${project}: is that the project that you mean? Workers act on ${known.join(", ")}.`,
          ),
          ...(unseen.length === 0
            ? []
            : [
                `No worker has said within ${SEEN_WITHIN_MS / 1000} s that it knows of it (${unseen.join(", ")}): the pause holds, but would be lost with the memory of Redis.`,
              ]),
        ].join("\n");
      }),
    );
}

/** `ecs-reinstall resume`: the end of a pause. */
export function resumeCommand(io: CliIo): Command {
  return withScope(new Command("resume"))
    .description("lift a pause of a scope, or a storm")
    .argument("[brake]", `which brake: ${RESUMABLE.join(" or ")}`, oneOfBrakes)
    .option(
      "--for <duration>",
      "storm-asks does not set itself again for so long, e.g. 8h",
      duration,
    )
    .action((wanted: Resumable | undefined, flags: PauseFlags) =>
      withStore(io, async ({ operator }) => {
        const brake = wanted ?? (await onlyStanding(operator, flags, io));
        if (flags.for !== undefined && brake !== "storm-asks") {
          throw new CliFailure("--for goes with storm-asks only", EXIT_USAGE);
        }
        if (brake !== "pause") {
          if (isNarrow(flags)) {
            const message = `${brake} is of one project: --everything, --group and --server go with a pause only`;
            throw new CliFailure(message, EXIT_USAGE);
          }
          return await endStorm(operator, brake, flags, io);
        }
        const { scope, projects } = await targetOf(operator, flags, io);
        const change = { scope, on: false, by: flags.by, reason: flags.reason };
        const set = await setEach(operator, projects, change);
        const lines = [];
        for (const { project, wasOn } of set) {
          const name = named(project, scope);
          lines.push(
            wasOn ? `reinstalls in ${name} go on` : `reinstalls in ${name} were not paused`,
            ...(await stillPaused(operator, project)),
          );
        }
        return [
          ...lines,
          "A pause by configuration (BRAKES_PAUSED=true) is not lifted by this.",
        ].join("\n");
      }),
    );
}

const RESUMABLE = ["pause", ...STORMS] as const;
type Resumable = (typeof RESUMABLE)[number];

function oneOfBrakes(name: string): Resumable {
  const brake = RESUMABLE.find((one) => one === name);
  if (brake !== undefined) return brake;
  throw new InvalidArgumentError(`It must be ${RESUMABLE.join(" or ")}.`);
}

/** Nobody lifts a brake that was not meant: where more than one stands, it is named. */
async function onlyStanding(
  operator: OperatorCommands,
  flags: PauseFlags,
  io: CliIo,
): Promise<Resumable> {
  if (isNarrow(flags)) return "pause";
  const project = projectOf(flags, io);
  const standing = new Set([...(await operator.standingPauses(project)).keys()].map(brakeOf));
  const found = RESUMABLE.filter((brake) => standing.has(brake));
  if (found.length < 2) return found[0] ?? "pause";
  const names = found.join(", ");
  throw new CliFailure(`more than one brake holds ${project}, name one: ${names}`, EXIT_USAGE);
}

function isNarrow({ everything = false, group, server }: PauseFlags): boolean {
  return everything || group !== undefined || server !== undefined;
}

/** What each storm counts. */
const COUNTED: Readonly<Record<StormName, string>> = {
  "storm-failures": "failures are",
  "storm-asks": "servers that are asked for are",
};

async function endStorm(
  operator: OperatorCommands,
  storm: StormName,
  flags: PauseFlags,
  io: CliIo,
): Promise<string> {
  const project = projectOf(flags, io);
  const { by, reason, for: forMs } = flags;
  const off = forMs === undefined ? {} : { forMs };
  const answer = await operator.setPause(project, { scope: storm, on: false, by, reason, ...off });
  if (answer.kind !== "set") throw new CliFailure(answer.message);
  const next =
    forMs === undefined
      ? `${COUNTED[storm]} counted from zero`
      : `it stays off until ${new Date(answer.atMs + forMs).toISOString()}`;
  return [
    answer.wasOn
      ? `${storm} is lifted: reinstalls in ${project} go on, and ${next}`
      : `${storm} did not hold ${project}; ${next}`,
    ...(await stillPaused(operator, project)),
  ].join("\n");
}

function withScope(command: Command): Command {
  const scoped = command
    .option(...PROJECT)
    .option("--everything", "all projects that workers act on")
    .option("--group <name>", "one group of the project", matching(Group))
    .option("--server <id>", "one server of the project", matching(ServerId));
  return withReason(scoped);
}

async function targetOf(
  operator: OperatorCommands,
  flags: PauseFlags,
  io: CliIo,
): Promise<{ scope: PauseScope; projects: readonly ProjectId[] }> {
  const { everything = false, group, server } = flags;
  const narrow = [everything, group !== undefined, server !== undefined].filter(Boolean).length;
  if (narrow > 1) {
    throw new CliFailure("give one of --everything, --group and --server", EXIT_USAGE);
  }
  if (everything && flags.project !== undefined) {
    throw new CliFailure("--everything is every project: leave --project out", EXIT_USAGE);
  }
  if (!everything) {
    const scope =
      group !== undefined
        ? `group:${group}`
        : server !== undefined
          ? `server:${server}`
          : "project";
    return { scope: PauseScope.parse(scope), projects: [projectOf(flags, io)] };
  }
  const projects = await operator.projects();
  if (projects.length === 0) {
    throw new CliFailure(
      "no worker has said yet which projects it acts on: pause them by --project",
    );
  }
  return { scope: "everything", projects };
}

/** Sets one scope in each project. All are tried; a part that failed is said as a part. */
async function setEach(
  operator: OperatorCommands,
  projects: readonly ProjectId[],
  change: PauseChange,
) {
  const done: { project: ProjectId; atMs: number; wasOn: boolean }[] = [];
  const failed: string[] = [];
  for (const project of projects) {
    const answer = await operator.setPause(project, change);
    if (answer.kind === "set") done.push({ project, ...answer });
    else failed.push(`${project}: ${answer.message}`);
  }
  if (failed.length === 0) return done;
  const what = change.on ? "paused" : "resumed";
  throw new CliFailure(
    `${what} in ${done.length} of ${projects.length} projects; not in ${failed.join("; ")}`,
  );
}

async function seenSoon(
  operator: OperatorCommands,
  project: ProjectId,
  atMs: number,
): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < SEEN_WITHIN_MS; waitedMs += SEEN_POLL_MS) {
    if (await operator.pauseSeen(project, atMs)) return true;
    await sleep(SEEN_POLL_MS);
  }
  return false;
}

/** What else holds this project, so that nobody waits for a start that does not come. */
async function stillPaused(operator: OperatorCommands, project: ProjectId): Promise<string[]> {
  const standing = await operator.standingPauses(project);
  return [...standing].flatMap(([scope, { by, atMs, reason }]) =>
    brakeOf(scope) === "pause"
      ? [
          `still paused: ${named(project, scope)}, by ${printable(by)}${atMs === 0 ? "" : ` since ${new Date(atMs).toISOString()}`}: ${printable(reason)}`,
        ]
      : [],
  );
}

function named(project: ProjectId, scope: SwitchName): string {
  return scope === "project" ? project : `${project} (${scope})`;
}
