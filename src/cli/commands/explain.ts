import { Command } from "commander";
import { z } from "zod";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import { EXIT_USAGE } from "../../process/exit-codes.ts";
import { type Asked, askWorker, firstProject, type UrlFlag, urlOption } from "../ask-worker.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { matching } from "../option-values.ts";

interface ExplainFlags extends UrlFlag {
  readonly project?: string;
  readonly json?: boolean;
}

/** `ecs-reinstall explain ID`: why a server is not being reinstalled, in sentences. */
export function explainCommand(io: CliIo): Command {
  return new Command("explain")
    .description(
      "say why a command, or a server, is where it is, what comes next, and what you can do",
    )
    .argument("<id>", "a command's id, or a server's", matching(CommandId))
    .option(
      "--project <id>",
      "the server's project (else the first of ECS_PROJECTS)",
      matching(ProjectId),
    )
    .option("--json", "print what is known as JSON")
    .addOption(urlOption())
    .action((id: string, flags: ExplainFlags) => explain(id, flags, io));
}

async function explain(id: string, flags: ExplainFlags, io: CliIo): Promise<void> {
  const server = ServerId.safeParse(id);
  const project = flags.project ?? firstProject(io);
  // A command's id may have the form of a server's: whatever there is, is shown.
  const asked = [await askWorker(`/v1/commands/${encodeURIComponent(id)}`, flags, io)];
  if (server.success && project !== undefined) {
    asked.push(await askWorker(`/v1/servers/${project}/${server.data}`, flags, io));
  }
  const found = asked.flatMap((one) => (one.kind === "found" ? [one.body] : []));
  if (found.length === 0) throw notFound(asked, server.success && project === undefined);
  if (flags.json === true) {
    io.out(`${JSON.stringify(found.length === 1 ? found[0] : found, null, 2)}\n`);
    return;
  }
  io.out(`${found.map(sentences).join("\n\n")}\n`);
}

function notFound(asked: readonly Asked[], noProject: boolean): CliFailure {
  if (noProject) {
    const rule = "--project is missing, and ECS_PROJECTS names none";
    return new CliFailure(`no such command is known; for a server ${rule}`, EXIT_USAGE);
  }
  const said = asked.flatMap((one) => (one.kind === "absent" ? [one.message] : []));
  return new CliFailure(said.join("; "));
}

const Explained = z.object({ explanation: z.array(z.string()) });
/** One id may occur in several projects. */
const Answer = z.union([
  z.object({ commands: z.array(Explained).min(1) }),
  Explained.transform((one) => ({ commands: [one] })),
]);

function sentences(body: unknown): string {
  const read = Answer.safeParse(body);
  if (!read.success) {
    throw new CliFailure("the worker is of a version that does not explain: use status");
  }
  return read.data.commands
    .map(({ explanation }) => explanation.map(shown).join("\n"))
    .join("\n\n");
}

/** What emitters and other services wrote goes to a terminal: control characters must not. */
function shown(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?");
}
