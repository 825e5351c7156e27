import { Command, Option } from "commander";
import { z } from "zod";
import type { OperatorCommands } from "../../adapters/redis/operator-commands.ts";
import { Group } from "../../contract/command.ts";
import { WaitReason } from "../../contract/event.ts";
import { CommandId, type ProjectId, ServerId } from "../../contract/ids.ts";
import { CANCELLABLE, traitsOf } from "../../core/state/phases.ts";
import { EXIT_USAGE } from "../../process/exit-codes.ts";
import { type UrlFlag, urlOption } from "../ask-worker.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { PROJECT, type ProjectFlag, projectOf, withStore } from "../operate.ts";
import { matching, seconds } from "../option-values.ts";
import { actOf, type ReasonFlags, withReason } from "../reason.ts";
import { age, type Column, given, readAll, type Row, tableOf, text } from "../table.ts";

interface CancelFlags extends ReasonFlags, ProjectFlag, UrlFlag {
  readonly joined?: boolean;
  readonly server?: string;
  readonly group?: string;
  readonly source?: string;
  readonly state?: string;
  readonly waitsFor?: string;
  readonly minAge?: number;
  readonly yes?: boolean;
}

/** `ecs-reinstall cancel [COMMAND_ID]`: ends commands before they are submitted, one by its id or all that a filter finds. */
export function cancelCommand(io: CliIo): Command {
  const command = new Command("cancel")
    .description("end commands that have not been submitted yet: one, or all that a filter finds")
    .argument("[command-id]", "the one", matching(CommandId))
    .option("--joined", "those that have joined it, too")
    .option(...PROJECT)
    .option("--server <id>", "all that have this server or wait for it", matching(ServerId))
    .option("--group <name>", "all of this group", matching(Group))
    .option("--source <text>", "all of this source")
    .addOption(new Option("--state <phase>", "all in this phase").choices(CANCELLABLE))
    .addOption(
      new Option("--waits-for <reason>", "all that wait for this").choices(WaitReason.options),
    )
    .option("--min-age <seconds>", "all that are this old", seconds)
    .option("--yes", "by a filter: without asking")
    .addOption(urlOption());
  return withReason(command).action((id: string | undefined, flags: CancelFlags) =>
    withStore(io, async ({ operator }) => {
      const cancelling = { operator, project: projectOf(flags, io), flags, io };
      const filter = filterOf(flags);
      if (id === undefined) return await cancelAll(cancelling, filter);
      if (Object.keys(filter).length > 0) {
        throw new CliFailure("give the id of a command, or a filter", EXIT_USAGE);
      }
      return await cancelOne(cancelling, CommandId.parse(id));
    }),
  );
}

interface Cancelling {
  readonly operator: OperatorCommands;
  readonly project: ProjectId;
  readonly flags: CancelFlags;
  readonly io: CliIo;
}

function filterOf(flags: CancelFlags): Record<string, string> {
  const { server, group, source, state, waitsFor, minAge } = flags;
  const age = minAge === undefined ? undefined : String(minAge);
  return given({ server, group, source, state, waits_for: waitsFor, min_age_seconds: age });
}

/** Those that have joined go on by themselves: a person is shown them, and may end them, too. */
async function cancelOne(cancelling: Cancelling, id: CommandId): Promise<string> {
  const { flags } = cancelling;
  const joined = await joinedTo(cancelling, id);
  if (flags.joined === true && joined.kind === "unknown") {
    throw new CliFailure(`nothing was cancelled: who has joined is not known (${joined.why})`);
  }
  const phase = await cancel(cancelling, id);
  const lines = [`${id} ends at its next step (it is ${phase} now)`];
  if (joined.kind === "unknown")
    return [...lines, `who has joined it is not known: ${joined.why}`].join("\n");
  if (flags.joined === true) {
    for (const one of joined.ids) {
      lines.push(
        `${one}, which had joined it, ends at its next step (it is ${await cancel(cancelling, one)} now)`,
      );
    }
  } else if (joined.ids.length > 0) {
    const names = joined.ids.join(", ");
    lines.push(`joined to it, and going on by themselves: ${names} (--joined cancels them, too)`);
  }
  return lines.join("\n");
}

const Open = z.object({ command_id: CommandId, phase: z.string() });

async function joinedTo(
  { project, flags, io }: Cancelling,
  id: CommandId,
): Promise<
  | { readonly kind: "known"; readonly ids: readonly CommandId[] }
  | { readonly kind: "unknown"; readonly why: string }
> {
  const listing = {
    path: "/v1/commands",
    query: { project, state: "joined" },
    member: "commands",
    keep: (row: Row) => row["holder"] === id,
  };
  try {
    const { rows } = await readAll(listing, { ...flags, limit: MOST }, io);
    return { kind: "known", ids: rows.map((row) => Open.parse(row).command_id) };
  } catch (error) {
    return { kind: "unknown", why: error instanceof Error ? error.message : String(error) };
  }
}

/** After a count and a yes. Every one is tried; what could not be cancelled is named. */
async function cancelAll(cancelling: Cancelling, filter: Record<string, string>): Promise<string> {
  const { project, flags, io } = cancelling;
  if (Object.keys(filter).length === 0) {
    throw new CliFailure(
      "give the id of a command, or a filter (--server, --group, …)",
      EXIT_USAGE,
    );
  }
  if (flags.joined === true)
    throw new CliFailure("--joined goes with the id of a command", EXIT_USAGE);
  const query = { project, ...filter };
  const keep = (row: Row) => CANCELLABLE.some((phase) => phase === row["phase"]);
  const listing = { path: "/v1/commands", query, member: "commands", keep };
  const { rows, complete } = await readAll(listing, { ...flags, limit: MOST }, io);
  if (rows.length === 0) return "no command that can still be cancelled fits";
  const count = rows.length === 1 ? "1 command" : `${rows.length} commands`;
  io.err(`${tableOf(COLUMNS, rows.slice(0, SHOWN), Date.now())}\n`);
  if (rows.length > SHOWN) io.err(`… and ${rows.length - SHOWN} more\n`);
  if (flags.yes !== true) await askForYes(count, io);
  const failed: string[] = [];
  for (const row of rows) {
    const { command_id } = Open.parse(row);
    try {
      await cancel(cancelling, command_id);
    } catch (error) {
      if (!(error instanceof CliFailure)) throw error;
      failed.push(error.message);
    }
  }
  const done = `${rows.length - failed.length} of ${count} end at their next step`;
  const rest = complete ? "" : `; there are more than ${MOST}: once more`;
  if (failed.length > 0) throw new CliFailure(`${done}${rest}; not: ${failed.join("; ")}`);
  return `${done}${rest}`;
}

const MOST = 10_000;
const SHOWN = 20;

const COLUMNS: readonly Column[] = [
  ["command", (row) => text(row["command_id"])],
  ["server", (row) => text(row["server_id"])],
  ["phase", (row) => text(row["phase"])],
  ["waits for", (row) => text(row["waits_for"])],
  ["for", (row, nowMs) => age(row["since"] ?? row["updated_at"], nowMs)],
  ["source", (row) => text(row["source"])],
];

async function askForYes(count: string, io: CliIo): Promise<void> {
  if (io.ask === undefined) {
    throw new CliFailure(`nothing was cancelled: --yes cancels these ${count}`, EXIT_USAGE);
  }
  const answer = await io.ask(`Cancel ${count}? Type yes: `);
  if (answer.trim().toLowerCase() !== "yes") throw new CliFailure("nothing was cancelled");
}

function whyTooLate(phase: string): string {
  return traitsOf(phase)?.mayHaveBeenSent === "no"
    ? "it ends when its server is as it was found"
    : "a reinstall cannot be called back";
}

/** Answers its phase. Throws in one line what is in the way. */
async function cancel({ operator, project, flags }: Cancelling, id: CommandId): Promise<string> {
  const answer = await operator.cancel(project, id, actOf(flags));
  switch (answer.kind) {
    case "requested":
      return answer.phase;
    case "too-late":
      throw new CliFailure(`${id} is ${answer.phase} already: ${whyTooLate(answer.phase)}`);
    case "ended":
      throw new CliFailure(`${id} has ended: ${answer.outcome}`);
    case "unheard-of":
      throw new CliFailure(`no command ${id} in this project`);
    case "away":
    case "corrupt":
      throw new CliFailure(answer.message);
  }
}
