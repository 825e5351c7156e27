import { z } from "zod";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_IAM_DOMAIN,
  DEFAULT_IAM_PASSWORD,
  DEFAULT_IAM_USER,
  DEFAULT_PROJECT_ID,
  DEFAULT_PROJECT_NAME,
  DEFAULT_SECRET_KEY,
} from "./defaults.ts";
import { quotaSchema } from "./requests/quota.ts";
import type { Clock } from "./cloud/schedule.ts";

const durationMs = z.number().int().nonnegative();
const MINUTE_MS = 60_000;

/**
 * How a server looks while its OS is reinstalled; nobody has documented it (ECS API reference notes §3.5).
 *
 * - `task`: `SHUTOFF` with a `task_state`; the system disk is missing for a while
 * - `plain`: `SHUTOFF` and no task; only the missing system disk gives it away, and only for a while
 * - `unknown`: the task makes the status `UNKNOWN`, as the status table of §3.3 says strictly
 * - `rebuild`: `REBUILD`, as native rebuilds show
 * - `invisible`: nothing shows; the old disk is swapped for the new one in the last instant
 */
export const reinstallView = z.enum(["task", "plain", "unknown", "rebuild", "invisible"]);

/** Power state after a reinstall. */
export const endsAs = z.enum(["ACTIVE", "SHUTOFF"]);

/**
 * How a start ends; not documented.
 *
 * - `running`: `ACTIVE`
 * - `job-fails`: the job says `FAIL` (`Ecs.0226`), the server stays `SHUTOFF`
 * - `stays-off`: the job says `SUCCESS`, the server stays `SHUTOFF`
 * - `error`: the job says `FAIL`, the server is in `ERROR`
 */
export const startEnds = z.enum(["running", "job-fails", "stays-off", "error"]);
export type StartEnds = z.infer<typeof startEnds>;

/** The temper of a server: each may be set for one server, and for all of them in the options. */
export const behaviourFields = {
  /** From the accepted POST to the end of the job. The real thing takes 45 s to 2 min (§2.5). */
  jobDurationMs: durationMs,
  stopDurationMs: durationMs,
  startDurationMs: durationMs,
  reinstallView,
  /** Part of the job's duration in which no system disk is attached, starting at 0.3 of it. */
  diskMissingFraction: z.number().min(0).max(0.6),
  /** Power state after a reinstall: not documented (§1.6). */
  endsAs,
  startEnds,
  /**
   * What a stop of a stopped server, or a start of a running one, is answered with: `Ecs.0100` (the inference of §4), or a
   * job that succeeds at once and changes nothing.
   */
  repeatedPower: z.enum(["refused", "accepted"]),
  /** A `SOFT` stop never comes to an end; a `HARD` one does. */
  softStopHangs: z.boolean(),
  /**
   * The server itself, for who asks whether it is up: it listens on this port of its own address, which must be one of this
   * machine, while it runs and nothing is being done to it; after a reinstall only this long after its end, null: never
   * again. Any HTTP request is answered with `status`. Null: it answers nobody.
   */
  answers: z
    .strictObject({
      port: z.number().int().min(1).max(65_535),
      afterMs: durationMs.nullable().default(0),
      status: z.number().int().min(200).max(599).default(200),
    })
    .nullable(),
  /** Whether a reinstall job names its server through a sub-job instead of directly (§2.2: not documented). */
  subJobs: z.boolean(),
};

export const behaviourSchema = z.object(behaviourFields);
export type Behaviour = z.infer<typeof behaviourSchema>;

export const credentialSchema = z.strictObject({
  accessKey: z.string().min(1),
  secretKey: z.string().min(1),
  /** Temporary credentials: the `X-Security-Token` that must come along, signed. */
  securityToken: z.string().min(1).optional(),
  /** Project ids that the key may act on; absent: all. */
  projectIds: z.array(z.string()).optional(),
});
export type Credential = z.infer<typeof credentialSchema>;

const projectSchema = z.strictObject({ id: z.string().min(1), name: z.string().min(1) });

export const optionsSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes a free port. */
  port: z.number().int().min(0).max(65_535).default(0),
  /** PEM texts; with them the simulator speaks HTTPS. */
  tls: z.strictObject({ key: z.string().min(1), cert: z.string().min(1) }).optional(),
  projects: z
    .array(projectSchema)
    .min(1)
    .default([{ id: DEFAULT_PROJECT_ID, name: DEFAULT_PROJECT_NAME }]),
  credentials: z
    .array(credentialSchema)
    .default([{ accessKey: DEFAULT_ACCESS_KEY, secretKey: DEFAULT_SECRET_KEY }]),
  iamUser: z.strictObject({ name: z.string(), password: z.string(), domain: z.string() }).default({
    name: DEFAULT_IAM_USER,
    password: DEFAULT_IAM_PASSWORD,
    domain: DEFAULT_IAM_DOMAIN,
  }),
  /** Largest difference between `X-Sdk-Date` and the cloud's clock, both ways (§6.3). */
  signatureWindowMs: durationMs.default(15 * MINUTE_MS),
  /** More consecutive failures than this lock the key or the user (§6.3). */
  lockAfterFailures: z.number().int().nonnegative().default(5),
  lockDurationMs: durationMs.default(5 * MINUTE_MS),
  tokenLifetimeMs: durationMs.default(24 * 60 * MINUTE_MS),
  /** Finished jobs are deleted after this (§2.5). */
  jobRetentionMs: durationMs.default(24 * 60 * MINUTE_MS),
  /** A limit on calls; null: none. */
  quota: quotaSchema.nullable().default(null),
  /** How far the cloud's clock is ahead of `clock`; negative: behind. */
  clockSkewMs: z.number().int().default(0),
  /** Key pairs that exist; absent: any name does. */
  keyPairs: z.array(z.string()).optional(),
  /** The Paris table calls `userid` mandatory, other regions only next to `keyname` (§1.2, §1.3). */
  userIdMandatory: z.boolean().default(false),
  /** Both spellings of "no error yet" in a job were seen (§2.2). */
  runningJobErrorKeys: z.enum(["null", "absent"]).default("null"),
  /** A capture of 2021 shows no `X-Request-Id` header (§5.1). */
  sendRequestId: z.boolean().default(true),
  ...behaviourFields,
  jobDurationMs: behaviourFields.jobDurationMs.default(45_000),
  stopDurationMs: behaviourFields.stopDurationMs.default(4_000),
  startDurationMs: behaviourFields.startDurationMs.default(4_000),
  reinstallView: behaviourFields.reinstallView.default("task"),
  diskMissingFraction: behaviourFields.diskMissingFraction.default(0.4),
  endsAs: behaviourFields.endsAs.default("ACTIVE"),
  startEnds: behaviourFields.startEnds.default("running"),
  repeatedPower: behaviourFields.repeatedPower.default("refused"),
  softStopHangs: behaviourFields.softStopHangs.default(false),
  subJobs: behaviourFields.subJobs.default(false),
  answers: behaviourFields.answers.default(null),
});

/** The options with every default filled in. */
export type Settings = z.infer<typeof optionsSchema>;

/** What `startSimulator` takes. Every field has a default; durations are in milliseconds. */
export type SimulatorOptions = z.input<typeof optionsSchema> & { readonly clock?: Clock };
