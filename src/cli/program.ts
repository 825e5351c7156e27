import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { approveCommand } from "./commands/approve.ts";
import { auditCommand } from "./commands/audit.ts";
import { cancelCommand } from "./commands/cancel.ts";
import { completionCommand } from "./commands/completion.ts";
import { configCommand } from "./commands/config-check.ts";
import { deadCommand } from "./commands/dead/dead.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { explainCommand } from "./commands/explain.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { EXIT_OK, EXIT_USAGE } from "../process/exit-codes.ts";
import { listCommand } from "./commands/list.ts";
import { serverCommand, statusCommand } from "./commands/look-up.ts";
import { pauseCommand, resumeCommand } from "./commands/pause.ts";
import { protectCommand, releaseCommand, unprotectCommand } from "./commands/protect.ts";
import { resolveCommand } from "./commands/resolve.ts";
import { sendCommand } from "./commands/send/send.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { unlockCommand } from "./commands/unlock.ts";
import { watchCommand } from "./commands/watch.ts";
import { workerCommand } from "./commands/worker.ts";

/** Runs one command line. Gives the exit code: 0 done, 1 not done, 2 wrong usage, 78 wrong configuration, above 128 ended by a signal. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  try {
    await createProgram(io).parseAsync([...args], { from: "user" });
    return EXIT_OK;
  } catch (error) {
    // Commander has said it already; its code is 0 for --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (!(error instanceof CliFailure)) throw error;
    if (error.message !== "") io.err(`error: ${error.message}\n`);
    return error.exitCode;
  }
}

/** All commands, as they are parsed and described. */
export function createProgram(io: CliIo): Command {
  const program = new Command("ecs-reinstall")
    .description("reinstalls Huawei Cloud ECS servers by commands from RabbitMQ")
    .version(versionOfPackage())
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  const ours = [
    workerCommand(),
    configCommand(io),
    doctorCommand(io),
    sendCommand(io),
    listCommand(io),
    explainCommand(io),
    watchCommand(io),
    statusCommand(io),
    serverCommand(io),
    cancelCommand(io),
    pauseCommand(io),
    resumeCommand(io),
    unlockCommand(io),
    resolveCommand(io),
    protectCommand(io),
    unprotectCommand(io),
    releaseCommand(io),
    auditCommand(io),
    deadCommand(io),
    completionCommand(io),
    approveCommand(io),
  ];
  for (const command of ours) {
    for (const one of [command, ...command.commands]) one.copyInheritedSettings(program);
    program.addCommand(command);
  }
  return program.addCommand(simulateCommand(io));
}

function versionOfPackage(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
