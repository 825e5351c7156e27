import { Command, Option } from "commander";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import { OPERATOR_ACTIONS } from "../../contract/operator-actions.ts";
import { type UrlFlag, urlOption } from "../ask-worker.ts";
import type { CliIo } from "../io.ts";
import { matching, seconds, wholeNumber } from "../option-values.ts";
import { type Column, given, readAll, type Row, tableOf, text } from "../table.ts";

interface AuditFlags extends UrlFlag {
  readonly project?: string;
  readonly action?: string;
  readonly server?: string;
  readonly command?: string;
  readonly by?: string;
  readonly maxAge?: number;
  readonly limit: number;
  readonly json?: boolean;
}

/** `ecs-reinstall audit`: who did what by hand, and why. */
export function auditCommand(io: CliIo): Command {
  return new Command("audit")
    .description("list what people did by hand, who and why: the youngest first")
    .option("--project <id>", "only of this project", matching(ProjectId))
    .addOption(new Option("--action <name>", "only this kind").choices(OPERATOR_ACTIONS))
    .option("--server <id>", "only about this server", matching(ServerId))
    .option("--command <id>", "only about this command", matching(CommandId))
    .option("--by <name>", "only of this person")
    .option("--max-age <seconds>", "only what is not older", seconds)
    .option("--limit <number>", "at most so many", wholeNumber(1, 100_000), 100)
    .option("--json", "print JSON")
    .addOption(urlOption())
    .action((flags: AuditFlags) => audit(flags, io));
}

async function audit(flags: AuditFlags, io: CliIo): Promise<void> {
  const { project, action, server, command, by, maxAge } = flags;
  const age = maxAge === undefined ? undefined : String(maxAge);
  const query = given({ project, action, server, command, by, max_age_seconds: age });
  const listing = { path: "/v1/audit", query, member: "actions", keep: () => true };
  const { rows, complete } = await readAll(listing, flags, io);
  if (flags.json === true) {
    io.out(`${JSON.stringify({ actions: rows, complete }, null, 2)}\n`);
    return;
  }
  io.out(
    `${rows.length === 0 ? "nobody did anything by hand" : tableOf(COLUMNS, rows, Date.now())}\n`,
  );
  if (!complete) io.err(`there are more: --limit (now ${flags.limit})\n`);
}

function untilOf({ until }: Row): string | null {
  return until ? `until ${text(until)}` : null;
}

function lettersOf({ dead_letters: count }: Row): string | null {
  if (typeof count !== "number") return null;
  return count === 1 ? "1 dead letter" : `${count} dead letters`;
}

const COLUMNS: readonly Column[] = [
  ["when", (row) => text(row["at"])],
  ["by", (row) => text(row["by"])],
  ["action", (row) => text(row["action"])],
  [
    "about",
    (row) =>
      [row["command_id"], row["server_id"], row["scope"], untilOf(row), row["as"], lettersOf(row)]
        .map(text)
        .filter(Boolean)
        .join(" "),
  ],
  ["project", (row) => text(row["project_id"])],
  ["reason", (row) => text(row["reason"])],
];
