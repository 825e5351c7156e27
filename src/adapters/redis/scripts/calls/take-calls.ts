import { z } from "zod";
import { CallsAsked, Left } from "./calls.ts";
import { script } from "../script.ts";

export const takeCallsScript = script({
  lua: new URL("./take-calls.lua", import.meta.url),
  keys: ["calls"],
  argument: z.object({
    ask: CallsAsked,
    /** Further calls that the worker would have in hand, at most (core/calls/handful.ts). */
    spare: z.int(),
    /** So many that it had in hand it has made since the last answer. */
    drawn: z.int(),
    /** When the youngest call that passed was begun, epoch ms by the store's clock; null: none that is not known there. */
    passed: z.number().nullable(),
  }),
  answer: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("granted"),
      delayMs: z.number(),
      spacingMs: z.number(),
      spare: z.number(),
      ...Left,
    }),
    z.object({ kind: z.literal("wait"), ms: z.number(), ...Left }),
  ]),
});
