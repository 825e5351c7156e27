import { z } from "zod";
import type { ProjectId } from "../../../../contract/ids.ts";
import { keysOf } from "../../keys.ts";
import { script } from "../script.ts";
import type { StoreContext } from "../shared/store-context.ts";

/** A record whose final event, of that number, is confirmed. */
const Mark = z.object({ id: z.string(), sequence: z.int() });
export type Mark = z.infer<typeof Mark>;

/** @internal */
export const publishedScript = script({
  lua: new URL("./published.lua", import.meta.url),
  keys: ["active"],
  argument: z.object({ commandPrefix: z.string(), marks: z.array(Mark) }),
  answer: z.object({ kind: z.literal("saved") }),
});

/** `published` of the store, for records of one project. The record's field is `told`, as records of every version have it. */
export async function published(
  { scripts }: Pick<StoreContext, "scripts">,
  project: ProjectId,
  marks: readonly Mark[],
): Promise<void> {
  const { active, commandPrefix } = keysOf(project);
  await scripts.run(publishedScript, { active }, { commandPrefix, marks: [...marks] });
}
