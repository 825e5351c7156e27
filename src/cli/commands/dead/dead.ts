import { Command } from "commander";
import type { DeadLetter } from "../../../core/messages/dead-letter.ts";
import { dropCommand, returnCommand } from "./acts.ts";
import { deadTable, lettersOf, MOST_HELD, withHeld, withLimit } from "./held.ts";
import type { CliIo } from "../../io.ts";
import { text } from "../../table.ts";

/** `ecs-reinstall dead …`: what could not be understood or carried on. */
export function deadCommand(io: CliIo): Command {
  return new Command("dead")
    .description("look at dead letters, drop them, or return those that are whole")
    .addCommand(listDead(io))
    .addCommand(showDead(io))
    .addCommand(dropCommand(io))
    .addCommand(returnCommand(io));
}

interface ListFlags {
  readonly limit: number;
  readonly json?: boolean;
}

function listDead(io: CliIo): Command {
  const command = new Command("list").description(
    "list dead letters with reason, age and where they come from; they stay where they are",
  );
  return withLimit(command, 100)
    .option("--json", "print JSON")
    .action(({ limit, json }: ListFlags) =>
      withHeld(io, limit, async ({ letters, complete }) => {
        if (json === true) {
          const rows = letters.map(({ content: _content, ...row }) => row);
          io.out(`${JSON.stringify({ dead_letters: rows, complete }, null, 2)}\n`);
          return;
        }
        io.out(`${letters.length === 0 ? "no dead letter" : deadTable(letters)}\n`);
        if (!complete) io.err(`there are more: --limit (now ${limit}, at most ${MOST_HELD})\n`);
      }),
    );
}

function showDead(io: CliIo): Command {
  const command = new Command("show")
    .description("show one dead letter, without secrets, and what can be done about it")
    .argument("<id>", "its id, as `dead list` says it");
  return withLimit(command, MOST_HELD)
    .option("--json", "print JSON")
    .action((id: string, { limit, json }: ListFlags) =>
      withHeld(io, limit, async (held) => {
        const [letter] = lettersOf(held, [id]);
        if (letter === undefined) return;
        io.out(json === true ? `${JSON.stringify(letter, null, 2)}\n` : `${described(letter)}\n`);
      }),
    );
}

function described(letter: DeadLetter): string {
  const { content, origin, not_returnable, ...rest } = letter;
  const { exchange, routing_key, queue, app_id, user_id } = origin;
  const rows: readonly (readonly [string, unknown])[] = [
    ["id", rest.id],
    ["reason", rest.reason],
    ["since", rest.at],
    ["command", rest.command_id],
    ["project", rest.project_id],
    ["server", rest.server_id],
    ["source", rest.source],
    ["why it was sent", rest.command_reason],
    ["application", app_id],
    ["broker user", user_id],
    ["exchange", exchange],
    ["routing key", routing_key],
    ["queue", queue],
    ["deliveries", rest.deliveries],
    ["returned", rest.returned],
    [
      "can be returned",
      not_returnable === null ? "yes: ecs-reinstall dead return" : `no: ${not_returnable}`,
    ],
  ];
  const lines = rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${text(value)}`);
  return [...lines, "content:", ...JSON.stringify(content, null, 2).split("\n").map(text)].join(
    "\n",
  );
}
