import { z } from "zod";
import type { NotedAct } from "../../../../contract/audit.ts";
import { INQUIRY_SUFFIX } from "../../../../core/state/envelope.ts";
import type { Order } from "../../../../core/state/order.ts";
import type { Word } from "../../../../core/state/state.ts";
import { keysOf } from "../../keys.ts";
import type { ScriptRunner } from "../../script-runner.ts";
import { ActArgument } from "../shared/act-argument.ts";
import { Rebuilding } from "../shared/lock-answer.ts";
import { script } from "../script.ts";

/** @internal */
export const noteWordScript = script({
  lua: new URL("./note-word.lua", import.meta.url),
  keys: ["inquiry", "cmd", "lock", "audit", "epoch"],
  argument: z.object({
    /** The command. */
    owner: z.string(),
    /** Of the lock that the command left; null: whatever it is. */
    token: z.int().nullable(),
    /** JSON of the word (core/state/state.ts), as it is stored. */
    word: z.string(),
    act: ActArgument,
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("noted") }),
    /** Nobody looks at the server any more. */
    z.object({ kind: z.literal("inquiry-over") }),
    z.object({ kind: z.literal("lock-gone") }),
    Rebuilding,
  ]),
});

/** Notes a person's word for the next turn of the inquiry. `token`: of the lock that the command left; null: not known. */
export function runNoteWord(
  scripts: Pick<ScriptRunner, "run">,
  { projectId, commandId, serverId }: Order,
  said: { readonly token: number | null; readonly word: Word; readonly act: NotedAct },
) {
  const k = keysOf(projectId);
  return scripts.run(
    noteWordScript,
    {
      inquiry: k.command(`${commandId}${INQUIRY_SUFFIX}`),
      cmd: k.command(commandId),
      lock: k.lock(serverId),
      audit: k.audit,
      epoch: k.epoch,
    },
    { owner: commandId, token: said.token, word: JSON.stringify(said.word), act: said.act },
  );
}
