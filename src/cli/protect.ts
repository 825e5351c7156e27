import { Command } from "commander";
import { protectionOf } from "../contract/brakes.ts";
import { ServerId } from "../contract/ids.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { loginName } from "./login-name.ts";
import { PROJECT, projectOf, withStore } from "./operate.ts";
import { matching } from "./option-values.ts";

interface ProtectFlags {
  readonly project?: string;
  readonly reason: string;
  readonly by: string;
}

/** `ecs-reinstall protect`: a server is not reinstalled any more until `unprotect`. */
export function protectCommand(io: CliIo): Command {
  return onServer(
    "protect",
    "end every reinstall of a server as rejected, until unprotect",
    io,
    true,
  );
}

/** `ecs-reinstall unprotect`: the end of `protect`. */
export function unprotectCommand(io: CliIo): Command {
  return onServer("unprotect", "allow reinstalls of a protected server again", io, false);
}

function onServer(name: string, description: string, io: CliIo, on: boolean): Command {
  return new Command(name)
    .description(description)
    .argument("<server>", "id of the server", matching(ServerId))
    .option(...PROJECT)
    .requiredOption("--reason <text>", "why: everybody who asks is told")
    .option("--by <name>", "who", loginName())
    .action((server: ServerId, flags: ProtectFlags) =>
      withStore(io, async ({ operator }) => {
        const project = projectOf(flags, io);
        const { reason, by } = flags;
        const scope = protectionOf(server);
        const answer = await operator.setPause(project, { scope, on, by, reason });
        if (answer.kind !== "set") throw new CliFailure(answer.message);
        return on ? protectedNow(server) : unprotectedNow(server, answer.wasOn);
      }),
    );
}

function protectedNow(server: ServerId): string {
  return `${server} is protected: no reinstall of it starts, and none that waits; what is submitted goes on`;
}

function unprotectedNow(server: ServerId, was: boolean): string {
  return [
    was ? `${server} may be reinstalled again` : `${server} was not protected by a person`,
    "A protection by configuration (BRAKES_PROTECTED) or by the server's mark in the cloud is not lifted by this.",
  ].join("\n");
}
