import { refusalInWords } from "../adapters/redis/connection/in-words.ts";
import { ProjectId } from "../contract/ids.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { EXIT_USAGE } from "../process/exit-codes.ts";
import { matching } from "./option-values.ts";
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

/** Runs one conversation with the store, and prints the lines that it gives. */
export async function withStore(
  io: CliIo,
  work: (session: StoreSession) => Promise<string>,
): Promise<void> {
  const session = await io.openStore(io.env);
  try {
    io.out(`${await work(session)}\n`);
  } catch (error) {
    const words = refusalInWords(error);
    throw words === null ? error : new CliFailure(words);
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
