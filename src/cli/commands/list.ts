import { Argument, Command, Option } from "commander";
import { Group } from "../../contract/command.ts";
import { FINAL_EVENTS, WaitReason } from "../../contract/event.ts";
import { ProjectId, ServerId } from "../../contract/ids.ts";
import { STATES } from "../../core/state/phases.ts";
import { EXIT_USAGE } from "../../process/exit-codes.ts";
import { type UrlFlag, urlOption } from "../ask-worker.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { matching, seconds, wholeNumber } from "../option-values.ts";
import {
  age,
  ahead,
  between,
  type Column,
  given,
  type Listing,
  readAll,
  tableOf,
  text,
} from "../table.ts";

interface ListFlags extends UrlFlag {
  readonly project?: string;
  readonly state?: string;
  readonly outcome?: string;
  readonly waitsFor?: string;
  readonly server?: string;
  readonly source?: string;
  readonly group?: string;
  readonly minAge?: number;
  readonly limit: number;
  readonly json?: boolean;
}

const KINDS = ["commands", "waiting", "ended", "locks", "unresolved", "brakes"] as const;
type Kind = (typeof KINDS)[number];

/** `ecs-reinstall list`: what is in hand, who is locked, what is held. */
export function listCommand(io: CliIo): Command {
  return new Command("list")
    .description(
      "list open commands, those that wait, the last that ended, locked servers, unresolved ones, or brakes that hold",
    )
    .addArgument(new Argument("[what]", "what to list").choices(KINDS).default("commands"))
    .option("--project <id>", "only of this project", matching(ProjectId))
    .addOption(
      new Option(
        "--state <phase>",
        "only commands in this phase; `ended`: the last that ended",
      ).choices(STATES),
    )
    .addOption(
      new Option(
        "--outcome <event>",
        "of those that ended, only those with this final event",
      ).choices(FINAL_EVENTS),
    )
    .addOption(
      new Option("--waits-for <reason>", "only commands that wait for this").choices(
        WaitReason.options,
      ),
    )
    .option(
      "--server <id>",
      "only the command that holds this server, and those that wait for it",
      matching(ServerId),
    )
    .option("--source <text>", "only commands of this source")
    .option("--group <name>", "only commands of this group", matching(Group))
    .option("--min-age <seconds>", "only commands that are this old", seconds)
    .option("--limit <number>", "at most so many", wholeNumber(1, 100_000), 100)
    .option("--json", "print JSON")
    .addOption(urlOption())
    .action((kind: Kind, flags: ListFlags) => {
      refuseWhatDoesNotFit(kind, flags);
      return list(kind === "commands" && asksForEnds(flags) ? "ended" : kind, flags, io);
    });
}

const FILTERS = {
  state: "--state",
  outcome: "--outcome",
  waitsFor: "--waits-for",
  server: "--server",
  source: "--source",
  group: "--group",
  minAge: "--min-age",
} as const;
type Filter = keyof typeof FILTERS;

const OF_COMMANDS = Object.keys(FILTERS) as readonly Filter[];
/** Filters that say nothing of what is listed, or contradict it. */
const DO_NOT_FIT: Readonly<Record<Kind, readonly Filter[]>> = {
  commands: [],
  waiting: ["state", "outcome"],
  ended: ["state", "waitsFor"],
  locks: OF_COMMANDS,
  unresolved: OF_COMMANDS,
  brakes: OF_COMMANDS,
};

/** A filter that is not looked at would show what was not asked for, or nothing where there is something. */
function refuseWhatDoesNotFit(kind: Kind, flags: ListFlags): void {
  const bad = DO_NOT_FIT[kind].find((filter) => flags[filter] !== undefined);
  if (bad !== undefined) throw new CliFailure(`list ${kind} takes no ${FILTERS[bad]}`, EXIT_USAGE);
  if (flags.outcome === undefined || flags.state === undefined || flags.state === "ended") return;
  throw new CliFailure(`--outcome goes with --state ended, not ${flags.state}`, EXIT_USAGE);
}

function asksForEnds({ state, outcome }: ListFlags): boolean {
  return state === "ended" || (state === undefined && outcome !== undefined);
}

async function list(kind: Kind, flags: ListFlags, io: CliIo): Promise<void> {
  const listing = LISTS[kind](flags);
  const { rows, complete, beside, said } = await readAll(listing, flags, io);
  if (flags.json === true) {
    io.out(
      `${JSON.stringify({ ...said, [listing.member]: rows, ...beside, complete }, null, 2)}\n`,
    );
    return;
  }
  const holdsServers = beside["quarantined"] === null || (beside["quarantined"] ?? []).length > 0;
  if (rows.length > 0) io.out(`${tableOf(COLUMNS[kind], rows, Date.now())}\n`);
  else if (!holdsServers) io.out(`no ${EMPTY[kind]}\n`);
  for (const [name, { title, columns }] of Object.entries(BESIDE)) {
    const others = beside[name] ?? [];
    if (beside[name] === null) io.err(`${title}: not known, Redis does not answer\n`);
    if (others.length > 0) io.out(`${title}:\n${tableOf(columns, others, Date.now())}\n`);
  }
  if (said["is_current"] === false) io.err(`${oldBrakes(said["read_at"], Date.now())}\n`);
  if (!complete) io.err(`there are more: --limit (now ${flags.limit})\n`);
}

const EMPTY: Readonly<Record<Kind, string>> = {
  commands: "open command",
  waiting: "command waits",
  ended: "command that ended is remembered",
  locks: "server is locked",
  unresolved: "server is locked by an unresolved command",
  brakes: "brake holds anything",
};

const LISTS: Readonly<Record<Kind, (flags: ListFlags) => Listing>> = {
  commands: (flags) => commands(flags, flags.state),
  waiting: (flags) => commands(flags, "waiting"),
  ended: (flags) => commands(flags, "ended"),
  locks: ({ project }) => locks(project, () => true),
  unresolved: ({ project }) => locks(project, ({ phase }) => phase === "unresolved"),
  brakes: ({ project }) => ({
    path: "/v1/brakes",
    whole: true,
    query: given({ project }),
    member: "holding",
    beside: Object.keys(BESIDE),
    says: ["read_at", "is_current"],
    keep: () => true,
  }),
};

function commands(flags: ListFlags, state: string | undefined): Listing {
  const { project, outcome, waitsFor, server, source, group, minAge } = flags;
  const age = minAge === undefined ? undefined : String(minAge);
  const query = given({
    project,
    state,
    outcome,
    waits_for: waitsFor,
    server,
    source,
    group,
    min_age_seconds: age,
  });
  return { path: "/v1/commands", query, member: "commands", keep: () => true };
}

function locks(project: string | undefined, keep: Listing["keep"]): Listing {
  return { path: "/v1/locks", query: given({ project }), member: "locks", keep };
}

const COMMAND: readonly Column[] = [
  ["command", (row) => text(row["command_id"])],
  ["server", (row) => text(row["server_id"])],
  ["phase", (row) => text(row["phase"])],
  ["waits for", (row) => [row["waits_for"], row["holder"]].map(text).filter(Boolean).join(": ")],
  ["for", (row, nowMs) => age(row["since"] ?? row["updated_at"], nowMs)],
  ["next step in", (row, nowMs) => ahead(row["next_try"], nowMs)],
  ["source", (row) => text(row["source"])],
  ["group", (row) => text(row["group"])],
];
const ENDED: readonly Column[] = [
  ["command", (row) => text(row["command_id"])],
  ["server", (row) => text(row["server_id"])],
  ["outcome", (row) => text(row["outcome"])],
  ["ended", (row, nowMs) => `${age(row["updated_at"], nowMs)} ago`],
  ["took", (row) => between(row["created_at"], row["updated_at"])],
  ["source", (row) => text(row["source"])],
  ["reason", (row) => text(row["reason"])],
];
const LOCK: readonly Column[] = [
  ["server", (row) => text(row["server_id"])],
  ["owner", (row) => text(row["owner"])],
  ["operation", (row) => text(row["operation"])],
  ["phase", (row) => text(row["phase"])],
  ["for", (row, nowMs) => age(row["since"], nowMs)],
];
const OFF: readonly Column[] = [
  ["brake", (row) => text(row["brake"])],
  ["project", (row) => text(row["project_id"])],
  ["by", (row) => text(row["by"])],
  ["until", (row) => text(row["until"])],
  ["reason", (row) => text(row["reason"])],
];
const QUARANTINED: readonly Column[] = [
  ["server", (row) => text(row["server_id"])],
  ["project", (row) => text(row["project_id"])],
  ["command turned away", (row) => text(row["command_id"])],
  ["for", (row, nowMs) => age(row["since"], nowMs)],
];
/** Of a worker that cannot read them now: they are what it read last. */
function oldBrakes(readAt: unknown, nowMs: number): string {
  return typeof readAt === "string"
    ? `Redis does not answer: this is how the brakes were ${age(readAt, nowMs)} ago, at ${text(readAt)}; what was set or lifted since is not known`
    : "Redis was not read for the brakes yet: what people have set is not known";
}

/** What is listed with the brakes. */
const BESIDE = {
  kept_off: { title: "Kept off by a person", columns: OFF },
  quarantined: {
    title: "Quarantined servers (let one out: ecs-reinstall release)",
    columns: QUARANTINED,
  },
};
const COLUMNS: Readonly<Record<Kind, readonly Column[]>> = {
  commands: COMMAND,
  waiting: COMMAND,
  ended: ENDED,
  locks: LOCK,
  unresolved: LOCK,
  brakes: [
    ["brake", (row) => text(row["brake"])],
    ["project", (row) => text(row["project_id"])],
    ["scope", (row) => text(row["scope"])],
    ["by", (row) => text(row["by"])],
    ["for", (row, nowMs) => age(row["since"], nowMs)],
    ["reason", (row) => text(row["reason"])],
  ],
};
