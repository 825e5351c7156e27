import { z } from "zod";
import { Brake } from "./brakes.ts";

/** A text with known values, to which later versions may add: a reader takes one that it does not know as it is. */
export function open(known: readonly string[], description: string) {
  return z.string().meta({ description, "x-known-values": [...known] });
}

/** An instant as the worker writes it: RFC 3339, UTC, three digits after the second. */
export function instant(description: string) {
  return z.iso.datetime({ precision: 3 }).describe(description);
}

export const count = (description: string) => z.int().min(0).describe(description);
export const text = (description: string) => z.string().describe(description);

export const jobId = text("id of the cloud's job");
export const leader = text("the command whose reinstall this one shared").optional();
export const nextStep = text("what a person or the emitter should do now");

/** One rule that a message broke; or what an emitter should know of one that was taken all the same. */
export const ProblemMember = z.object({
  path: text("dotted path of the field; empty for the message as a whole"),
  code: open(
    [
      "missing",
      "misspelt",
      "misplaced",
      "implausible",
      "conflict",
      "not-allowed",
      "id-reused",
      "server-busy",
      "server-running",
      "undeliverable",
      "protected",
      "sender-not-allowed",
    ],
    "which rule; all of them: docs/messages.md",
  ),
  message: text("the rule in words; holds no value of the message"),
});

/** The brake that holds a command, or held it. */
export const BrakeMember = z
  .object({
    name: open(Brake.options, "which brake"),
    scope: open(
      ["everything", "project", "configuration", "operator", "cloud mark"],
      "what it covers, or where it is set",
    ).optional(),
    by: text("who set it").optional(),
    since: instant("since when it holds").optional(),
    until: instant("until when it holds, where that is known").optional(),
    reason: text("why it was set").optional(),
    detail: text("the same in a sentence").optional(),
    command_id: text("the command whose reinstall it goes by").optional(),
    limit: z.number().describe("its number in the settings").optional(),
    ahead: count("how many commands are before this one").optional(),
    running: count("of a cap: how many reinstalls are in work").optional(),
    lowered_by: open(
      [...Brake.options, "throttled"],
      "of a cap: what has lowered it: a brake, or the rate of calls to the cloud (`throttled`)",
    ).optional(),
    cause: z
      .object({ class: z.string(), code: z.string().nullable() })
      .partial()
      .describe("of a storm of failures: the most frequent class and code of the cloud")
      .optional(),
    lift: text("the command line that lifts it").optional(),
  })
  .describe("the brake that holds the command");

const OnOff = z.enum(["on", "off"]);

/** Was it on, is it on: where we touched it. */
export const Power = z
  .object({
    before: OnOff.describe("as it was found"),
    after: OnOff.describe("as it was left; absent where it could not be seen").optional(),
    detail: text("why it does not run as before").optional(),
    next_step: nextStep.optional(),
  })
  .describe("whether the server ran before, and runs now; only where the worker touched it")
  .optional();

/** One line of a dry run. */
export const CheckMember = z.object({
  check: open(
    [
      "command",
      "not-expired",
      "not-before",
      "brakes",
      "server-free",
      "not-superseded",
      "server-exists",
      "user-data",
      "server-state",
      "image",
    ],
    "what was checked; a brake by its name",
  ),
  verdict: open(["pass", "fail", "wait", "unknown"], "its result"),
  detail: text("more about it, for people").optional(),
});

/** One earlier reinstall of a server. */
export const EarlierReinstall = z.object({
  command_id: text("the command that did it"),
  at: instant("when it was recorded that the request may be sent"),
  source: text("its command's source").optional(),
  reason: text("its command's reason").optional(),
  outcome: text("its final event; null while it is open").nullable().optional(),
});
