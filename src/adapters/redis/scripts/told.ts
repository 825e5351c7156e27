import { z } from "zod";
import type { ProjectId } from "../../../contract/ids.ts";
import { keysOf } from "../keys.ts";
import { script } from "./script.ts";
import type { StoreContext } from "./store-context.ts";

/** @internal */
export const toldScript = script({
  name: "told",
  keys: ["cmd", "active"],
  argument: z.object({ id: z.string(), sequence: z.int() }),
  answer: z.object({ kind: z.literal("saved") }),
});

/** `told` of the store. */
export async function told(
  { scripts }: StoreContext,
  project: ProjectId,
  id: string,
  sequence: number,
): Promise<void> {
  const k = keysOf(project);
  await scripts.run(toldScript, { cmd: k.command(id), active: k.active }, { id, sequence });
}
