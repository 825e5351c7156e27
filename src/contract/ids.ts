import { z } from "zod";

/** The idempotency key of a command: 1-128 characters of `A-Z a-z 0-9 . _ : -` (contract §2). */
export const CommandId = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, "must be 1-128 characters of A-Z a-z 0-9 . _ : -")
  .brand<"CommandId">();
export type CommandId = z.infer<typeof CommandId>;

/** A project (tenant) of the cloud: 32 hex digits, kept in lower case. */
export const ProjectId = z
  .string()
  .regex(/^[0-9a-fA-F]{32}$/, "must be 32 hex digits")
  .toLowerCase()
  .brand<"ProjectId">();
export type ProjectId = z.infer<typeof ProjectId>;

/** A server: a UUID of any version, kept in lower case. */
export const ServerId = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "must be a UUID")
  .toLowerCase()
  .brand<"ServerId">();
export type ServerId = z.infer<typeof ServerId>;

/** An EVS volume. Opaque: compared, never taken apart. */
export const DiskId = z.string().min(1).max(128).brand<"DiskId">();
export type DiskId = z.infer<typeof DiskId>;

/** A cloud job. Opaque: samples show 32 hex digits and dashed UUIDs (ECS API notes §1.5). */
export const JobId = z.string().min(1).max(256).brand<"JobId">();
export type JobId = z.infer<typeof JobId>;
