import type { OperatorCommands } from "../../../adapters/redis/operator-commands.ts";
import type { Sending } from "../../../adapters/redis/views/standing-pauses.ts";
import type { PauseScope } from "../../../contract/brakes.ts";
import type { ProjectId } from "../../../contract/ids.ts";

/** So many are named; more go out at once only where the cap is high. */
const MOST_NAMED = 20;

/** Whose request was being made when a pause was set, in a sentence: those may still go out. */
export async function beingSent(
  operator: Pick<OperatorCommands, "sending">,
  set: readonly { readonly project: ProjectId; readonly atMs: number }[],
  scope: PauseScope,
): Promise<string> {
  try {
    const found = await Promise.all(
      set.map(({ project, atMs }) => operator.sending(project, atMs)),
    );
    const named = found
      .flat()
      .filter((one) => covers(scope, one))
      .map(({ command, server }) => `${command} (server ${server})`);
    if (named.length === 0) return "No request for it was being made in that moment.";
    const more = named.length > MOST_NAMED ? ` and ${named.length - MOST_NAMED} more` : "";
    return `Being sent in that moment, and may still go out (at most 30 s): ${named.slice(0, MOST_NAMED).join(", ")}${more}.`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `Requests that were being made in that moment may still go out (at most 30 s); which ones is not known: ${why}.`;
  }
}

function covers(scope: PauseScope, { server, group }: Sending): boolean {
  const [kind, name] = scope.split(/:(.*)/s);
  if (kind === "server") return name === server;
  return kind !== "group" || name === group;
}
