import { randomUUID } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Act } from "../contract/audit.ts";
import { loginName } from "./login-name.ts";

/** The options `--reason` and `--by` as commander gives them. */
export interface ReasonFlags {
  readonly reason: string;
  readonly by: string;
}

const LONGEST_REASON = 1_000;
const LONGEST_NAME = 200;

/** The options that every action by hand has: why, and who. Both are kept and published. */
export function withReason(command: Command): Command {
  return command
    .requiredOption("--reason <text>", "why: kept, and shown to everybody", textOf(LONGEST_REASON))
    .addOption(
      new Option("--by <name>", "who does it")
        .argParser(textOf(LONGEST_NAME))
        .default(loginName(), "your login name"),
    );
}

/** One action, with an id of its own. */
export function actOf({ reason, by }: ReasonFlags): Act {
  return { id: randomUUID(), reason, by };
}

function textOf(most: number) {
  return (given: string): string => {
    const text = given.trim();
    if (text !== "" && text.length <= most) return text;
    throw new InvalidArgumentError(`It must be a text of 1-${most} characters.`);
  };
}
