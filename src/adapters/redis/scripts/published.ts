import { z } from "zod";
import type { ProjectId } from "../../../contract/ids.ts";
import { keysOf } from "../keys.ts";
import { script } from "./script.ts";
import type { StoreContext } from "./store-context.ts";

/** @internal */
export const publishedScript = script({
  name: "published",
  keys: ["cmd", "active"],
  argument: z.object({ id: z.string(), sequence: z.int() }),
  answer: z.object({ kind: z.literal("saved") }),
});

/** `published` of the store. The record's field is `told`, as records of every version have it. */
export async function published(
  { scripts }: StoreContext,
  project: ProjectId,
  id: string,
  sequence: number,
): Promise<void> {
  const k = keysOf(project);
  await scripts.run(publishedScript, { cmd: k.command(id), active: k.active }, { id, sequence });
}
