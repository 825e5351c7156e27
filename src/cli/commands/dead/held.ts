import type { Command } from "commander";
import { loadAmqp } from "../../../config/load.ts";
import { formatProblems } from "../../../config/problem.ts";
import type { DeadLetter } from "../../../core/messages/dead-letter.ts";
import { EXIT_CONFIG } from "../../../process/exit-codes.ts";
import type { HeldDead } from "./queue.ts";
import { CliFailure } from "../../failure.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { CliIo } from "../../io.ts";
import { wholeNumber } from "../../option-values.ts";
import { age, type Column, tableOf, text } from "../../table.ts";

/** So many are held at once, at most. */
export const MOST_HELD = 1_000;

/** The option `--limit`, for every command that holds dead letters. */
export function withLimit(command: Command, standard: number): Command {
  const most = wholeNumber(1, MOST_HELD);
  return command.option(
    "--limit <number>",
    "read so many of the queue, the oldest first",
    most,
    standard,
  );
}

/** Holds the first dead letters, and puts back what is left of them in the end. */
export async function withHeld(
  io: CliIo,
  most: number,
  work: (held: HeldDead) => Promise<void>,
): Promise<void> {
  const loaded = loadAmqp(io.env);
  if (loaded.kind === "invalid") {
    io.err(`${formatProblems(loaded.problems)}\n`);
    throw new CliFailure("", EXIT_CONFIG);
  }
  // Whatever ends the connection gives back what is held.
  const words = () =>
    "interrupted: what was held is back in its place; `dead list` says what is left";
  await untilInterrupted(io, words, async () => {
    const session = await io.openBroker(loaded.amqp);
    try {
      const held = await session.holdDead(most);
      try {
        await work(held);
      } finally {
        await held.putBack();
      }
    } finally {
      await session.close();
    }
  });
}

/** The letters with these ids, all of each. Throws when there is none of one. */
export function lettersOf(held: HeldDead, ids: readonly string[]): readonly DeadLetter[] {
  const missing = ids.filter((id) => held.letters.every((letter) => letter.id !== id));
  if (missing.length > 0) {
    const among = held.complete ? "" : ` among the first ${held.letters.length}: --limit`;
    throw new CliFailure(`no dead letter ${missing.join(", ")}${among}`);
  }
  return held.letters.filter(({ id }) => ids.includes(id));
}

/** A table for people. */
export function deadTable(letters: readonly DeadLetter[]): string {
  return tableOf(
    COLUMNS,
    letters.map((letter) => ({ ...letter })),
    Date.now(),
  );
}

const COLUMNS: readonly Column[] = [
  ["id", (row) => text(row["id"])],
  ["for", (row, nowMs) => age(row["at"], nowMs)],
  ["reason", (row) => text(row["reason"])],
  ["command", (row) => text(row["command_id"])],
  ["server", (row) => text(row["server_id"])],
  ["from", (row) => from(row as unknown as DeadLetter)],
  ["can be returned", (row) => (row["not_returnable"] === null ? "yes" : "no")],
];

/** Whom to ask. */
function from({ source, origin: { app_id, user_id } }: DeadLetter): string {
  const names = [source, app_id, user_id === null ? null : `user ${user_id}`];
  return [...new Set(names)]
    .filter((one) => one !== null)
    .map(text)
    .join(", ");
}
