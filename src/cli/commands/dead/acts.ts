import { Command } from "commander";
import type { OperatorCommands } from "../../../adapters/redis/operator-commands.ts";
import { ProjectId } from "../../../contract/ids.ts";
import type { OperatorAction } from "../../../contract/operator-actions.ts";
import type { DeadLetter } from "../../../core/messages/dead-letter.ts";
import { EXIT_USAGE } from "../../../process/exit-codes.ts";
import { deadTable, lettersOf, MOST_HELD, withHeld, withLimit } from "./held.ts";
import type { HeldDead } from "./queue.ts";
import { CliFailure } from "../../failure.ts";
import type { CliIo } from "../../io.ts";
import { PROJECT, type ProjectFlag, projectOf, withStore } from "../../operate.ts";
import { actOf, type ReasonFlags, withReason } from "../../reason.ts";

interface ActFlags extends ReasonFlags, ProjectFlag {
  readonly limit: number;
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** `ecs-reinstall dead drop`: for good. */
export function dropCommand(io: CliIo): Command {
  const command = acting("drop", "drop dead letters for good: those named, or all")
    .argument("[id...]", "their ids, as `dead list` says them")
    .option("--all", "all that are in the queue now");
  return command.action((ids: readonly string[], flags: ActFlags) => {
    if (ids.length > 0 === (flags.all === true)) {
      throw new CliFailure("give the ids of dead letters, or --all", EXIT_USAGE);
    }
    return withStoreAndHeld(io, flags, async (operator, held) => {
      const letters = flags.all === true ? held.letters : lettersOf(held, ids);
      if (letters.length === 0) return "no dead letter";
      const count = counted(letters);
      await confirmed(letters, `Drop ${count} for good?`, flags, io);
      await note(operator, { action: "dead-drop", letters }, flags, io);
      await held.drop(letters);
      const rest = flags.all === true && !held.complete ? "; there are more: once more" : "";
      return `${count} dropped${rest}`;
    });
  });
}

/** `ecs-reinstall dead return ID`: to the commands again. */
export function returnCommand(io: CliIo): Command {
  const command = acting(
    "return",
    "publish a dead letter that is whole as a command again; its server may be reinstalled by it",
  ).argument("<id>", "its id, as `dead list` says it");
  return command.action((id: string, flags: ActFlags) =>
    withStoreAndHeld(io, flags, async (operator, held) => {
      const [letter] = lettersOf(held, [id]);
      if (letter === undefined) return "";
      if (letter.not_returnable !== null) {
        throw new CliFailure(`${id} cannot be returned: ${letter.not_returnable}`);
      }
      await confirmed([letter], "Return it? Its server may be reinstalled.", flags, io);
      await note(operator, { action: "dead-return", letters: [letter] }, flags, io);
      await held.returnOne(letter);
      const about = letter.command_id ?? "its command";
      return `${id} is a command again: follow it with ${io.program} status ${about}`;
    }),
  );
}

function acting(name: string, description: string): Command {
  const command = new Command(name).description(description).option("--yes", "without asking");
  return withReason(withLimit(command, MOST_HELD).option(...PROJECT));
}

async function withStoreAndHeld(
  io: CliIo,
  { limit }: ActFlags,
  work: (operator: OperatorCommands, held: HeldDead) => Promise<string>,
): Promise<void> {
  // First the store: what cannot be noted is not done.
  await withStore(io, async ({ operator }) => {
    let said = "";
    await withHeld(io, limit, async (held) => {
      said = await work(operator, held);
    });
    return said;
  });
}

/** After a count and a yes. */
async function confirmed(
  letters: readonly DeadLetter[],
  question: string,
  { yes }: ActFlags,
  io: CliIo,
): Promise<void> {
  if (yes === true) return;
  io.err(`${deadTable(letters.slice(0, SHOWN))}\n`);
  if (letters.length > SHOWN) io.err(`… and ${letters.length - SHOWN} more\n`);
  if (io.ask === undefined) {
    throw new CliFailure(`nothing was done: --yes means these ${counted(letters)}`, EXIT_USAGE);
  }
  const answer = await io.ask(`${question} Type yes: `);
  if (answer.trim().toLowerCase() !== "yes") throw new CliFailure("nothing was done");
}

const SHOWN = 20;

/** One entry for each project that workers act on; what is of no such project goes to the one of the command line. */
async function note(
  operator: OperatorCommands,
  acts: { readonly action: OperatorAction; readonly letters: readonly DeadLetter[] },
  flags: ActFlags,
  io: CliIo,
): Promise<void> {
  const ours = new Set<string>(await operator.projects());
  const byProject = new Map<ProjectId, DeadLetter[]>();
  for (const letter of acts.letters) {
    const { data: named } = ProjectId.safeParse(letter.project_id);
    const project = named !== undefined && ours.has(named) ? named : projectOf(flags, io);
    byProject.set(project, [...(byProject.get(project) ?? []), letter]);
  }
  for (const [project, letters] of byProject) {
    const [only] = letters.length === 1 ? letters : [];
    const answer = await operator.note(project, {
      ...actOf(flags),
      action: acts.action,
      count: letters.length,
      ...(only !== undefined && only.command_id !== null && { command: only.command_id }),
      ...(only !== undefined && only.server_id !== null && { server: only.server_id }),
    });
    if (answer.kind !== "noted") throw new CliFailure(`nothing was done: ${answer.message}`);
  }
}

function counted(letters: readonly DeadLetter[]): string {
  return letters.length === 1 ? "1 dead letter" : `${letters.length} dead letters`;
}
