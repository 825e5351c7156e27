import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { CommandBody, MAX_COMMAND_BYTES } from "../contract/command.ts";
import { withoutAbsent } from "../core/intake/reading/absent-fields.ts";
import { problemsOf, uniqueProblems } from "../core/intake/problems.ts";
import { strangersOf } from "../core/intake/reading/unknown-fields.ts";
import { ReinstallClientError } from "./failure.ts";

/** A command as an emitter writes it (docs/contract/command.md). */
export type CommandInput = z.input<typeof CommandBody>;

/** A command with its id, as it goes to the broker. */
export interface ReadyCommand {
  readonly commandId: string;
  /** Lower case; undefined: the worker's first project. */
  readonly projectId: string | undefined;
  readonly serverId: string;
  readonly body: Buffer;
}

/**
 * Gives the command an id where it has none, and checks it by the rules that do not depend on the worker.
 *
 * @param observedAt when the fault was seen; used where the command does not say it
 * @throws ReinstallClientError `invalid-command`
 */
export function readyCommand(command: CommandInput, observedAt: Date | undefined): ReadyCommand {
  const fields = {
    ...command,
    command_id: command.command_id ?? randomUUID(),
    ...(observedAt === undefined || (command.observed_at ?? null) !== null
      ? {}
      : { observed_at: observedAt.toISOString() }),
  };
  const present = withoutAbsent(fields).fields;
  const parsed = CommandBody.safeParse(present, { reportInput: true });
  const problems = uniqueProblems([
    ...(parsed.success ? [] : problemsOf(parsed.error, "")),
    ...strangersOf(present).misspelt,
  ]);
  if (!parsed.success || problems.length > 0) {
    const said = problems.map(({ path, message }) => `${path || "the command"} ${message}`);
    throw new ReinstallClientError("invalid-command", said.join("; "), { problems });
  }
  const body = Buffer.from(JSON.stringify(present));
  if (body.byteLength > MAX_COMMAND_BYTES) {
    const problem = { path: "", code: "too-large", message: `is over ${MAX_COMMAND_BYTES} bytes` };
    throw new ReinstallClientError("invalid-command", `the command ${problem.message}`, {
      problems: [problem],
    });
  }
  const { project_id: projectId, server_id: serverId } = parsed.data;
  return { commandId: fields.command_id, projectId, serverId, body };
}
