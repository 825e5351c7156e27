import { z } from "zod";
import { CallsAsked, Left } from "./calls.ts";
import { script } from "./script.ts";

export const takeCallsScript = script({
  name: "take-calls",
  keys: ["calls"],
  argument: z.object({
    ask: CallsAsked,
    /** When the youngest call that passed was begun, epoch ms by the store's clock; null: none that is not known there. */
    passed: z.number().nullable(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("granted"),
      delayMs: z.number(),
      spacingMs: z.number(),
      ...Left,
    }),
    z.object({ kind: z.literal("wait"), ms: z.number(), ...Left }),
  ]),
});
