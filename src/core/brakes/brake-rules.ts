import { z } from "zod";
import { ServerId } from "../../contract/ids.ts";

/** The limits of the brakes, as one worker has them configured. 0 turns a number off. Milliseconds throughout. */
export const BrakeRules = z.object({
  /** `BRAKES_PAUSED`: this worker starts nothing new, whatever the store says. */
  pausedByConfiguration: z.boolean(),
  /** `BRAKES_APPROVAL`: groups whose commands wait for a person; `all`: every command does. */
  approval: z.array(z.string()).readonly(),
  /** `BRAKES_PROTECTED`: servers that are never reinstalled. */
  protected: z.array(ServerId).readonly(),
  /** A server is not reinstalled again within this time after the end of its last reinstall. */
  cooldownMs: z.number(),
  /** So many reinstalls of one server are carried out within `serverWindowMs`. */
  serverLimit: z.number(),
  serverWindowMs: z.number(),
  /** So many counted failures in a row are a storm. */
  stormSame: z.number(),
  /** Such a share of the last 20 ends, of at least 10, is a storm. */
  stormShare: z.number(),
  /** Nothing starts for so long after a storm began, doubled at each failed probe. */
  stormCooldownMs: z.number(),
  /** After a storm the slots are doubled with each success up to this number; then it is over. */
  stormOpenAt: z.number(),
  /** So many different servers that are asked for within the window are a storm of asks. */
  stormAsks: z.int(),
  stormAsksWindowMs: z.number(),
  /** `BRAKES_PER_SOURCE_PER_HOUR`: so many commands of one source may start within an hour. */
  perSourcePerHour: z.int(),
  /** `BRAKES_MAX_RUNNING`: reinstalls of one project that are in work at once, at most; at least 1. */
  maxRunning: z.int(),
  /** `BRAKES_MAX_RUNNING_PER_GROUP`: the same of one group. */
  maxRunningPerGroup: z.int(),
  /** `ECS_REQUESTS_PER_SECOND`, `ECS_REQUEST_BURST`: no more is in work than the calls to the cloud can carry. 0: not asked. */
  callsPerSecond: z.number(),
  callBurst: z.number(),
});
export type BrakeRules = Readonly<z.infer<typeof BrakeRules>>;
