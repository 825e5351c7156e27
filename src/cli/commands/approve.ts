import { Command } from "commander";
import type {
  CommandStanding,
  OperatorCommands,
  PauseChange,
} from "../../adapters/redis/operator-commands.ts";
import { approvalOf } from "../../contract/brakes.ts";
import { CommandId, type ProjectId } from "../../contract/ids.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { PROJECT, type ProjectFlag, projectOf, withStore } from "../operate.ts";
import { matching } from "../option-values.ts";
import { type ReasonFlags, withReason } from "../reason.ts";

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
        const approving = { operator, project, ids };
        const standings = await Promise.all(ids.map((id) => operator.standingOf(project, id)));
        const wrong = ids.flatMap((id, place) => objection(id, standings[place] ?? null));
        // All or none: who has mistyped one id looks at the others again.
        if (wrong.length > 0) throw new CliFailure([...wrong, "nothing is approved"].join("\n"));
        for (const id of ids) {
          const change: PauseChange = { scope: approvalOf(id), on: false, by, reason };
          const answer = await operator.setPause(project, change);
          if (answer.kind !== "set") throw new CliFailure(`${id}: ${answer.message}`);
        }
        const then = await Promise.all(
          ids.map(async (id, place) => {
            const standing = standings[place];
            const said = standing == null ? "" : await whatComesOf(approving, id, standing);
            return `${id}: approved by ${by}${said}`;
          }),
        );
        return [
          ...then,
          "A command that is not under BRAKES_APPROVAL needed no approval: this changes nothing for it.",
        ].join("\n");
      }),
  );
}

/** Why a command cannot be approved. */
function objection(id: CommandId, standing: CommandStanding | null): readonly string[] {
  if (standing === null)
    return [`no command ${id} in this project: it can be approved once it has arrived`];
  return standing.outcome === null ? [] : [`${id} has ended: ${standing.outcome}`];
}

interface Approving {
  readonly operator: OperatorCommands;
  readonly project: ProjectId;
  /** All that are approved together. */
  readonly ids: readonly CommandId[];
}

/** What a command does now that it is approved. */
async function whatComesOf(
  approving: Approving,
  id: CommandId,
  { phase, holder }: CommandStanding,
): Promise<string> {
  switch (phase) {
    case "joined":
      return await whatComesOfJoined(approving, id, holder);
    case "waiting":
      return ", and may go at the next try, as far as no other brake holds";
    default:
      // Asked at admission, and not again before the request.
      return `; it does not wait for that now (it is ${phase})`;
  }
}

/** One that has joined does not go by itself. */
async function whatComesOfJoined(
  { operator, project, ids }: Approving,
  id: CommandId,
  holder: string | null,
): Promise<string> {
  const leader = CommandId.safeParse(holder).data;
  if (leader === undefined) return "; it has joined another command, and does not go by itself";
  const shares = `; it has joined ${leader}, shares that one's reinstall, and does not go by itself`;
  const standing = ids.includes(leader) ? null : await operator.standingOf(project, leader);
  const isHeld = standing?.outcome === null && standing.waitsFor === "approval";
  const todo = `${leader} waits for its own approval: ecs-reinstall approve ${leader} --project ${project} --reason …`;
  return `${shares}. ${isHeld ? `${todo}\n` : ""}The approval of ${id} counts should it have to go on by itself.`;
}

function eachMatching(text: string, before: readonly CommandId[] = []): readonly CommandId[] {
  return [...before, CommandId.parse(matching(CommandId)(text))];
}
