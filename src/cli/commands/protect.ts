import { Command } from "commander";
import { protectionOf, releaseOf, type SwitchName } from "../../contract/brakes.ts";
import { ServerId } from "../../contract/ids.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { PROJECT, type ProjectFlag, projectOf, withStore } from "../operate.ts";
import { matching } from "../option-values.ts";
import { type ReasonFlags, withReason } from "../reason.ts";

/** `ecs-reinstall protect`: a server is not reinstalled any more until `unprotect`. */
export function protectCommand(io: CliIo): Command {
  return onServer("protect", "end every reinstall of a server as rejected, until unprotect", io, {
    scopeOf: protectionOf,
    on: true,
    says: protectedNow,
  });
}

/** `ecs-reinstall unprotect`: the end of `protect`. */
export function unprotectCommand(io: CliIo): Command {
  return onServer("unprotect", "allow reinstalls of a protected server again", io, {
    scopeOf: protectionOf,
    on: false,
    says: unprotectedNow,
  });
}

/** `ecs-reinstall release`: a server out of quarantine. */
export function releaseCommand(io: CliIo): Command {
  return onServer(
    "release",
    "let a server out of quarantine: its earlier reinstalls do not count",
    io,
    {
      scopeOf: releaseOf,
      on: false,
      says: (server) =>
        `${server} is released: only reinstalls from now on count. A command that ended quarantined is not repeated: send a new one`,
    },
  );
}

interface Action {
  readonly scopeOf: (server: ServerId) => SwitchName;
  readonly on: boolean;
  readonly says: (server: ServerId, wasOn: boolean) => string;
}

function onServer(name: string, description: string, io: CliIo, action: Action): Command {
  const command = new Command(name)
    .description(description)
    .argument("<server>", "id of the server", matching(ServerId))
    .option(...PROJECT);
  return withReason(command).action((server: ServerId, flags: ReasonFlags & ProjectFlag) =>
    withStore(io, async ({ operator }) => {
      const { reason, by } = flags;
      const change = { scope: action.scopeOf(server), on: action.on, by, reason };
      const answer = await operator.setPause(projectOf(flags, io), change);
      if (answer.kind !== "set") throw new CliFailure(answer.message);
      return action.says(server, answer.wasOn);
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
