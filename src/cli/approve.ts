import { Command } from "commander";
import type { OperatorCommands, PauseChange } from "../adapters/redis/operator-commands.ts";
import { approvalOf } from "../contract/brakes.ts";
import { CommandId, type ProjectId } from "../contract/ids.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { PROJECT, type ProjectFlag, projectOf, withStore } from "./operate.ts";
import { matching } from "./option-values.ts";
import { type ReasonFlags, withReason } from "./reason.ts";

/** `ecs-reinstall approve`: commands that wait for a person (`BRAKES_APPROVAL`) may go. */
export function approveCommand(io: CliIo): Command {
  const command = new Command("approve")
    .description("let commands go that wait for a person (BRAKES_APPROVAL)")
    .argument("<command-id...>", "their ids", eachMatching)
    .option(...PROJECT);
  return withReason(command).action(
    (ids: readonly CommandId[], { reason, by, ...flags }: ProjectFlag & ReasonFlags) =>
      withStore(io, async ({ operator }) => {
        const project = projectOf(flags, io);
        const open = await Promise.all(ids.map((id) => isOpen(operator, project, id)));
        const wrong = open.filter((problem) => problem !== null);
        // All or none: who has mistyped one id looks at the others again.
        if (wrong.length > 0) throw new CliFailure([...wrong, "nothing is approved"].join("\n"));
        for (const id of ids) {
          const change: PauseChange = { scope: approvalOf(id), on: false, by, reason };
          const answer = await operator.setPause(project, change);
          if (answer.kind !== "set") throw new CliFailure(`${id}: ${answer.message}`);
        }
        return [
          `${ids.join(", ")}: approved by ${by}, and may go at the next try, as far as no other brake holds`,
          "A command that is not under BRAKES_APPROVAL needed no approval: this changes nothing for it.",
        ].join("\n");
      }),
  );
}

async function isOpen(operator: OperatorCommands, project: ProjectId, id: CommandId) {
  const standing = await operator.standingOf(project, id);
  if (standing === "open") return null;
  return standing === null
    ? `no command ${id} in this project: it can be approved once it has arrived`
    : `${id} has ended: ${standing}`;
}

function eachMatching(text: string, before: readonly CommandId[] = []): readonly CommandId[] {
  return [...before, CommandId.parse(matching(CommandId)(text))];
}
