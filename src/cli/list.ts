import Table from "cli-table3";
import { Argument, Command } from "commander";
import { z } from "zod";
import { Group } from "../contract/command.ts";
import { ProjectId, ServerId } from "../contract/ids.ts";
import { span } from "../core/explain.ts";
import { askWorker, type UrlFlag, urlOption } from "./ask-worker.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { matching, seconds, wholeNumber } from "./option-values.ts";

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
    .option("--state <phase>", "only commands in this phase; `ended`: the last that ended")
    .option("--outcome <event>", "of those that ended, only those with this final event")
    .option("--waits-for <reason>", "only commands that wait for this")
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
    .action((kind: Kind, flags: ListFlags) =>
      list(kind === "commands" && asksForEnds(flags) ? "ended" : kind, flags, io),
    );
}

function asksForEnds({ state, outcome }: ListFlags): boolean {
  return state === "ended" || (state === undefined && outcome !== undefined);
}

async function list(kind: Kind, flags: ListFlags, io: CliIo): Promise<void> {
  const { path, query, member, keep } = LISTS[kind](flags);
  const found: Row[] = [];
  let cursor: string | null = null;
  do {
    const parameters = new URLSearchParams(query);
    if (kind !== "brakes") parameters.set("limit", String(Math.min(flags.limit, PAGE)));
    if (cursor !== null) parameters.set("cursor", cursor);
    const asked = await askWorker(`${path}?${parameters.toString()}`, flags, io);
    if (asked.kind === "absent") throw new CliFailure(asked.message);
    const page = pageOf(asked.body, member);
    found.push(...page.rows.filter(keep));
    cursor = page.next;
  } while (cursor !== null && found.length < flags.limit);
  const rows = found.slice(0, flags.limit);
  const complete = cursor === null && rows.length === found.length;
  if (flags.json === true) {
    io.out(`${JSON.stringify({ [member]: rows, complete }, null, 2)}\n`);
    return;
  }
  io.out(`${rows.length === 0 ? `no ${EMPTY[kind]}` : tableOf(COLUMNS[kind], rows, Date.now())}\n`);
  if (!complete) io.err(`there are more: --limit (now ${flags.limit})\n`);
}

const PAGE = 500;

type Row = Readonly<Record<string, unknown>>;

const EMPTY: Readonly<Record<Kind, string>> = {
  commands: "open command",
  waiting: "command waits",
  ended: "command that ended is remembered",
  locks: "server is locked",
  unresolved: "server is locked by an unresolved command",
  brakes: "brake holds anything",
};

interface Listing {
  readonly path: string;
  readonly query: Record<string, string>;
  /** Of the answer: its entries. */
  readonly member: string;
  readonly keep: (row: Row) => boolean;
}

const LISTS: Readonly<Record<Kind, (flags: ListFlags) => Listing>> = {
  commands: (flags) => commands(flags, flags.state),
  waiting: (flags) => commands(flags, "waiting"),
  ended: (flags) => commands(flags, "ended"),
  locks: ({ project }) => locks(project, () => true),
  unresolved: ({ project }) => locks(project, ({ phase }) => phase === "unresolved"),
  brakes: ({ project }) => ({
    path: "/v1/brakes",
    query: given({ project }),
    member: "holding",
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

function given(query: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).filter((one): one is [string, string] => one[1] !== undefined),
  );
}

function pageOf(body: unknown, member: string): { rows: readonly Row[]; next: string | null } {
  const read = Page.safeParse(body);
  const rows = Rows.safeParse(read.data?.[member]);
  if (!read.success || !rows.success) {
    throw new CliFailure("the worker's answer is none that this version knows");
  }
  return { rows: rows.data, next: read.data.next ?? null };
}

const Page = z.looseObject({ next: z.string().nullish() });
const Rows = z.array(z.record(z.string(), z.unknown()));

type Column = readonly [head: string, cell: (row: Row, nowMs: number) => string];

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

function tableOf(columns: readonly Column[], rows: readonly Row[], nowMs: number): string {
  const table = new Table({
    head: columns.map(([head]) => head),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(columns.map(([, cell]) => cell(row, nowMs)));
  return table.toString();
}

/** What emitters and other services wrote goes to a terminal: control characters must not. */
function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  return (typeof value === "string" ? value : JSON.stringify(value)).replaceAll(/\p{C}/gu, "?");
}

function age(value: unknown, nowMs: number): string {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? "" : span(nowMs - at);
}

function between(from: unknown, to: unknown): string {
  return typeof to === "string" ? age(from, Date.parse(to)) : "";
}

function ahead(value: unknown, nowMs: number): string {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? "" : at <= nowMs ? "now" : span(at - nowMs);
}
