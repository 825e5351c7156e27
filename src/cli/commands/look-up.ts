import { Command } from "commander";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import { EXIT_USAGE } from "../../process/exit-codes.ts";
import { askWorker, firstProject, type UrlFlag, urlOption } from "../ask-worker.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { matching } from "../option-values.ts";

interface LookUpFlags extends UrlFlag {
  readonly project?: string;
}

/** `ecs-reinstall status COMMAND_ID`: where a command stands, asked of a worker's HTTP API. */
export function statusCommand(io: CliIo): Command {
  return new Command("status")
    .description("show where a command stands, as JSON; in sentences: explain")
    .argument("<command-id>", "its id", matching(CommandId))
    .option("--evidence", "with all that is kept of it, for a ticket")
    .addOption(urlOption())
    .action((id: string, flags: LookUpFlags & { readonly evidence?: boolean }) => {
      const view = flags.evidence === true ? "?view=evidence" : "";
      return lookUp(`/v1/commands/${encodeURIComponent(id)}${view}`, flags, io);
    });
}

/** `ecs-reinstall server SERVER_ID`: what holds a server and what waits for it. */
export function serverCommand(io: CliIo): Command {
  return new Command("server")
    .description("show what holds a server, and what waits for it, as JSON; in sentences: explain")
    .argument("<server-id>", "its id", matching(ServerId))
    .option("--project <id>", "its project (else the first of ECS_PROJECTS)", matching(ProjectId))
    .addOption(urlOption())
    .action(async (server: string, flags: LookUpFlags) => {
      const project = flags.project ?? firstProject(io);
      if (project === undefined) {
        throw new CliFailure("--project is missing, and ECS_PROJECTS names none", EXIT_USAGE);
      }
      await lookUp(`/v1/servers/${project}/${server}`, flags, io);
    });
}

async function lookUp(path: string, flags: LookUpFlags, io: CliIo): Promise<void> {
  const asked = await askWorker(path, flags, io);
  if (asked.kind === "absent") throw new CliFailure(asked.message);
  io.out(`${JSON.stringify(asked.body, null, 2)}\n`);
}
