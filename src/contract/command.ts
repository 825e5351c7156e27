import { z } from "zod";
import { Brake, OVERRIDABLE_BRAKES } from "./brakes.ts";
import { CommandId, DiskId, ProjectId, ServerId } from "./ids.ts";
import { Instant } from "./instant.ts";
import { OsReinstall } from "./os-reinstall.ts";

/** A message may be this large, properties aside (contract §2). */
export const MAX_COMMAND_BYTES = 128 * 1024;

/** Does a busy server make this command share, queue up, or give up? (contract §2 `on_busy`) */
export const OnBusy = z.enum(["join", "wait", "reject"], {
  error: "must be join, wait or reject",
});
export type OnBusy = z.infer<typeof OnBusy>;

const GROUP = "must be 1-64 characters of A-Z a-z 0-9 . _ -";
const OVERRIDE = `must be a list of brakes that BRAKES_OVERRIDABLE allows, which can be ${OVERRIDABLE_BRAKES.join(", ")}`;

/** A pool, a zone, an application: a label of the emitter's, by which brakes can count and people can pause. */
export const Group = z.string({ error: GROUP }).regex(/^[A-Za-z0-9._-]{1,64}$/, GROUP);

/** Names of brakes, each once, in alphabetical order: the order in which an emitter lists them says nothing. */
const Override = z
  .array(z.enum(Brake.options, { error: OVERRIDE }), { error: OVERRIDE })
  .transform((names) => [...new Set(names)].toSorted());

const line = (most: number) => {
  const error = `must be a text of at most ${most} characters`;
  return z.string({ error }).max(most, error);
};

/**
 * The JSON object of a command, field by field (contract §2). Unknown fields pass unseen; the
 * reader of messages names them. Instants become epoch milliseconds.
 */
export const CommandBody = z
  .object(
    {
      command_id: CommandId.optional().describe(
        "the idempotency key: two commands with one id in one project are one command. May be left out where the AMQP `message_id` is set",
      ),
      project_id: ProjectId.optional().describe(
        "one of the worker's projects; left out: its first one",
      ),
      server_id: ServerId.describe("the server"),
      "os-reinstall": OsReinstall,
      expected_system_disk: DiskId.optional().describe(
        "the system disk that you saw: another one now means that somebody already reinstalled it (`superseded`)",
      ),
      on_busy: OnBusy.default("join").describe(
        "another command has the server: share its result when it does the same (`join`), run after it (`wait`), or end at once (`reject`)",
      ),
      expires_at: Instant.optional().describe("not started after this instant"),
      observed_at: Instant.optional().describe(
        "when the fault was seen: a server that was reinstalled since then is healed (`superseded`)",
      ),
      not_before: Instant.optional().describe(
        "not started before this instant; earlier than `expires_at`",
      ),
      group: Group.optional().describe(
        "a pool, zone or application: a label by which brakes count and people pause",
      ),
      override: Override.optional().describe(
        "brakes that do not apply to this command, where the worker allows it; needs a `reason`",
      ),
      source: line(200).optional().describe("who asks; copied to every event"),
      reason: line(1000).optional().describe("why; copied to every event"),
      dry_run: z
        .boolean({ error: "must be true or false (not a text)" })
        .default(false)
        .describe("make every check, change nothing, answer `planned`"),
    },
    { error: "must be one JSON object: the command" },
  )
  .meta({ dependentRequired: { override: ["reason"] } });
export type CommandBody = z.infer<typeof CommandBody>;

/** One rule that a message broke. `path` is dotted, empty for the message as a whole. Holds no value of the message. */
export interface Problem {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** A command that was understood: identified, allowed, complete. Times are epoch milliseconds. */
export interface ReinstallCommand {
  readonly commandId: CommandId;
  readonly projectId: ProjectId;
  readonly serverId: ServerId;
  readonly osReinstall: OsReinstall;
  readonly onBusy: OnBusy;
  readonly dryRun: boolean;
  readonly expectedSystemDisk?: DiskId | undefined;
  readonly expiresAtMs?: number | undefined;
  readonly observedAtMs?: number | undefined;
  /** Nothing is started before it. */
  readonly notBeforeMs?: number | undefined;
  readonly group?: string | undefined;
  /** Brakes that do not apply to this command; undefined when it names none. */
  readonly override?: readonly Brake[] | undefined;
  readonly source?: string | undefined;
  readonly reason?: string | undefined;
}
