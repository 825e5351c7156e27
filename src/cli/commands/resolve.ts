import { Command, Option } from "commander";
import type { Resolution, ResolveAnswer } from "../../adapters/redis/resolve.ts";
import { CommandId } from "../../contract/ids.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { PROJECT, type ProjectFlag, projectOf, withStore } from "../operate.ts";
import { matching } from "../option-values.ts";
import { actOf, type ReasonFlags, withReason } from "../reason.ts";

type ResolveFlags = ReasonFlags & ProjectFlag & Pick<Resolution, "as">;

/** `ecs-reinstall resolve COMMAND_ID --as …`: what became of an `unresolved` command, as a person has seen. */
export function resolveCommand(io: CliIo): Command {
  const command = new Command("resolve")
    .description(
      "say what became of an unresolved command, after you have looked at its server, and free the server",
    )
    .argument("<command-id>", "the command", matching(CommandId))
    .addOption(
      new Option("--as <what>", "what became of it")
        .choices(["reinstalled", "not-reinstalled"])
        .makeOptionMandatory(),
    )
    .option(...PROJECT);
  return withReason(command).action((id: string, flags: ResolveFlags) =>
    withStore(io, async ({ operator }) => {
      const resolution = { command: CommandId.parse(id), as: flags.as };
      const answer = await operator.resolve(projectOf(flags, io), resolution, actOf(flags));
      return words(id, flags.as, answer);
    }),
  );
}

/** Throws what is in the way. */
function words(id: string, as: string, answer: ResolveAnswer): string {
  switch (answer.kind) {
    case "settled":
      return [
        `${id} is settled as ${as}: its server is free, and the event settled follows within seconds`,
        ...(answer.oursToStart
          ? [
              "The server ran before and was stopped for this reinstall: nobody starts it. Look at it, and start it.",
            ]
          : []),
      ].join("\n");
    case "noted":
      return `it is noted that ${id} reinstalled nothing. Its server may have been stopped for it: a worker starts it again, and then the event settled follows`;
    case "settled-before":
      throw new CliFailure(`${id} is settled already, as ${answer.as}: the first word counts`);
    case "unheard-of":
      throw new CliFailure(`no command ${id} is known in this project; for a lock: unlock`);
    case "forgotten":
      throw new CliFailure(
        `Redis has lost ${id} and its end: a worker still looks at its server, and settles it once the cloud shows another system disk. Where it never does: unlock`,
      );
    case "still-open":
      throw new CliFailure(`${id} is not unresolved: it is on its way (${answer.phase})`);
    case "not-unresolved":
      throw new CliFailure(`${id} is not unresolved: it has ended ${answer.outcome}`);
    case "fenced":
      throw new CliFailure(
        `the request of ${id} may still be carried out until ${instant(answer.untilMs)}: what you see now proves nothing. Look and resolve after that`,
      );
    case "starting":
      throw new CliFailure(
        `it is known that ${id} reinstalled nothing; its server is being started, and then the worker settles it`,
      );
    case "lock-gone":
      throw new CliFailure(`the server of ${id} is not locked by it any more: nothing to settle`);
    case "rebuilding":
      throw new CliFailure(
        `the memory of Redis is new, and not everything is back before ${instant(answer.untilMs)}: try again after that`,
      );
    case "away":
    case "corrupt":
      throw new CliFailure(answer.message);
  }
}

const instant = (ms: number) => new Date(ms).toISOString();
