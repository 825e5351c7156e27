import { Command } from "commander";
import { CommandId, ProjectId } from "../contract/ids.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { EXIT_USAGE } from "../process/exit-codes.ts";
import { matching } from "./option-values.ts";
import { actOf, type ReasonFlags, withReason } from "./reason.ts";
import type { StoreSession } from "./store-session.ts";

/** The option `--project` as commander gives it. */
export interface ProjectFlag {
  readonly project?: string;
}

/** The option `--project`, for every command that works on one. */
export const PROJECT = [
  "--project <id>",
  "the project (else the first of ECS_PROJECTS)",
  matching(ProjectId),
] as const;

/** `ecs-reinstall cancel COMMAND_ID`: end a command before it is submitted. */
export function cancelCommand(io: CliIo): Command {
  const command = new Command("cancel")
    .description("end a command that has not been submitted yet")
    .argument("<command-id>", "its id", matching(CommandId))
    .option(...PROJECT);
  return withReason(command).action((id: string, flags: ProjectFlag & ReasonFlags) =>
    withStore(io, async ({ operator }) => {
      const project = projectOf(flags, io);
      const answer = await operator.cancel(project, CommandId.parse(id), actOf(flags));
      switch (answer.kind) {
        case "requested":
          return `${id} ends at its next step (it is ${answer.phase} now)`;
        case "too-late":
          throw new CliFailure(
            `${id} is ${answer.phase} already: a reinstall cannot be called back`,
          );
        case "ended":
          throw new CliFailure(`${id} has ended: ${answer.outcome}`);
        case "unheard-of":
          throw new CliFailure(`no command ${id} in this project`);
        case "away":
        case "corrupt":
          throw new CliFailure(answer.message);
      }
    }),
  );
}

/** Runs one conversation with the store, and prints the lines that it gives. */
export async function withStore(
  io: CliIo,
  work: (session: StoreSession) => Promise<string>,
): Promise<void> {
  const session = await io.openStore(io.env);
  try {
    io.out(`${await work(session)}\n`);
  } finally {
    session.close();
  }
}

/** The project that a command line names, else the first of ECS_PROJECTS. Throws wrong usage where neither is one. */
export function projectOf(flags: ProjectFlag, io: CliIo): ProjectId {
  const first = (io.env["ECS_PROJECTS"] ?? "").split(",")[0]?.trim();
  const project = ProjectId.safeParse(flags.project ?? first);
  if (project.success) return project.data;
  throw new CliFailure("--project is missing, and ECS_PROJECTS names none", EXIT_USAGE);
}
