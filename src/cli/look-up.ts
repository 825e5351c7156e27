import { Command } from "commander";
import { CommandId, ProjectId, ServerId } from "../contract/ids.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { EXIT_USAGE } from "../process/exit-codes.ts";
import { matching } from "./option-values.ts";

interface LookUpFlags {
  readonly url?: string;
  readonly project?: string;
}

/** `ecs-reinstall status COMMAND_ID`: where a command stands, asked of a worker's HTTP API. */
export function statusCommand(io: CliIo): Command {
  return new Command("status")
    .description("show where a command stands")
    .argument("<command-id>", "its id", matching(CommandId))
    .option("--url <url>", "a worker's HTTP API (else ECS_REINSTALL_URL, else this machine's)")
    .action((id: string, flags: LookUpFlags) =>
      lookUp(`/v1/commands/${encodeURIComponent(id)}`, flags, io),
    );
}

/** `ecs-reinstall server SERVER_ID`: what holds a server and what waits for it. */
export function serverCommand(io: CliIo): Command {
  return new Command("server")
    .description("show what holds a server, and what waits for it")
    .argument("<server-id>", "its id", matching(ServerId))
    .option("--project <id>", "its project (else the first of ECS_PROJECTS)", matching(ProjectId))
    .option("--url <url>", "a worker's HTTP API (else ECS_REINSTALL_URL, else this machine's)")
    .action(async (server: string, flags: LookUpFlags) => {
      const project = flags.project ?? ProjectId.safeParse(firstProject(io)).data;
      if (project === undefined) {
        throw new CliFailure("--project is missing, and ECS_PROJECTS names none", EXIT_USAGE);
      }
      await lookUp(`/v1/servers/${project}/${server}`, flags, io);
    });
}

async function lookUp(path: string, { url }: LookUpFlags, io: CliIo): Promise<void> {
  const base = url ?? (io.env["ECS_REINSTALL_URL"] || `http://127.0.0.1:${localPort(io)}`);
  if (!/^https?:\/\//.test(base) || !URL.canParse(base)) {
    throw new CliFailure("--url must be an http:// or https:// URL", EXIT_USAGE);
  }
  let status: number;
  let body: unknown;
  try {
    const response = await io.fetch(base.replace(/\/+$/, "") + path);
    status = response.status;
    body = await response.json();
  } catch {
    throw new CliFailure(`no worker answers at ${base} (--url)`);
  }
  if (status === 200) return io.out(`${JSON.stringify(body, null, 2)}\n`);
  const { message } = (body ?? {}) as { message?: unknown };
  throw new CliFailure(typeof message === "string" ? message : `HTTP status ${status}`);
}

/** `HTTP_PORT=0` says nothing about where the worker listens. */
function localPort(io: CliIo): string {
  const port = io.env["HTTP_PORT"] ?? "";
  return /^[1-9]\d*$/.test(port) ? port : "8080";
}

function firstProject(io: CliIo): string {
  return (io.env["ECS_PROJECTS"] ?? "").split(",")[0]?.trim() ?? "";
}
