import { z } from "zod";
import { AuditEntry } from "../../../../contract/audit.ts";
import { storedJson } from "../../stored/stored-json.ts";
import { script } from "../script.ts";

export const takeAuditScript = script({
  lua: new URL("./take-audit.lua", import.meta.url),
  keys: ["audit", "published", "lease"],
  argument: z.object({ lease: z.string(), leaseMs: z.number(), most: z.int() }),
  answer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("none") }),
    z.object({
      kind: z.literal("taken"),
      entries: z.array(storedJson(AuditEntry)),
      missed: z.int(),
      after: z.int(),
    }),
  ]),
});
