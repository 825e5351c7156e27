import { z } from "zod";
import { Brake } from "./brakes.ts";
import { CommandId, DiskId, ProjectId, ServerId } from "./ids.ts";
import { OsReinstall } from "./os-reinstall.ts";

/** A message may be this large, properties aside (contract §2). */
export const MAX_COMMAND_BYTES = 128 * 1024;

const Instant = z.iso
  .datetime({ offset: true, error: "must be an ISO 8601 instant with Z or an offset" })
  .transform((text) => Date.parse(text));

/** Does a busy server make this command share, queue up, or give up? (contract §2 `on_busy`) */
export const OnBusy = z.enum(["join", "wait", "reject"]);
export type OnBusy = z.infer<typeof OnBusy>;

/** A pool, a zone, an application: a label of the emitter's, by which brakes can count and people can pause. */
export const Group = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, "must be 1-64 characters of A-Z a-z 0-9 . _ -");

/** Names of brakes, each once, in alphabetical order: the order in which an emitter lists them says nothing. */
const Override = z.array(Brake).transform((names) => [...new Set(names)].toSorted());

/**
 * The JSON object of a command, field by field (contract §2). Unknown fields pass unseen; the
 * reader of messages counts them. Instants become epoch milliseconds.
 */
export const CommandBody = z.object({
  command_id: CommandId.optional(),
  project_id: ProjectId.optional(),
  server_id: ServerId,
  "os-reinstall": OsReinstall,
  expected_system_disk: DiskId.optional(),
  on_busy: OnBusy.default("join"),
  expires_at: Instant.optional(),
  observed_at: Instant.optional(),
  not_before: Instant.optional(),
  group: Group.optional(),
  override: Override.optional(),
  source: z.string().max(200).optional(),
  reason: z.string().max(1000).optional(),
  dry_run: z.boolean().default(false),
});
export type CommandBody = z.infer<typeof CommandBody>;

/** The CloudEvents 1.0 attributes of a command sent in structured mode; `data` is a {@link CommandBody}. */
export const CommandCloudEvent = z.object({
  specversion: z.literal("1.0"),
  id: CommandId,
  source: z.string().min(1),
  type: z.string().min(1),
  datacontenttype: z
    .string()
    .regex(/^application\/([a-z0-9.+-]*\+)?json\s*(;.*)?$/i, "must be a JSON media type")
    .optional(),
  data: z.record(z.string(), z.unknown(), { error: "must be the command object" }),
});

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
