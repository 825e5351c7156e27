import { z } from "zod";

const COMMAND_ID = "must be 1-128 characters of A-Z a-z 0-9 . _ : -";
const PROJECT_ID = "must be 32 hex digits";
const SERVER_ID = "must be a UUID";
const DISK_ID = "must be a disk id: a text of 1-128 characters";

/** The idempotency key of a command: 1-128 characters of `A-Z a-z 0-9 . _ : -` (contract §2). */
export const CommandId = z
  .string({ error: COMMAND_ID })
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, COMMAND_ID)
  .brand<"CommandId">();
export type CommandId = z.infer<typeof CommandId>;

/** A project (tenant) of the cloud: 32 hex digits, kept in lower case. */
export const ProjectId = z
  .string({ error: PROJECT_ID })
  .regex(/^[0-9a-fA-F]{32}$/, PROJECT_ID)
  .toLowerCase()
  .brand<"ProjectId">();
export type ProjectId = z.infer<typeof ProjectId>;

/** A server: a UUID of any version, kept in lower case. */
export const ServerId = z
  .string({ error: SERVER_ID })
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, SERVER_ID)
  .toLowerCase()
  .brand<"ServerId">();
export type ServerId = z.infer<typeof ServerId>;

/** An EVS volume. Opaque: compared, in any case, never taken apart. */
export const DiskId = z
  .string({ error: DISK_ID })
  .min(1, DISK_ID)
  .max(128, DISK_ID)
  .brand<"DiskId">();
export type DiskId = z.infer<typeof DiskId>;

/** A cloud job. Opaque: samples show 32 hex digits and dashed UUIDs (ECS API notes §1.5). */
export const JobId = z.string().min(1).max(256).brand<"JobId">();
export type JobId = z.infer<typeof JobId>;
