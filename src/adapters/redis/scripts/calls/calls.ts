import { z } from "zod";
import {
  type CallClass,
  FORGOTTEN_AFTER,
  REACH_MS,
  SHARE_CALLS,
} from "../../../../core/calls/call-bucket.ts";
import type { CallLimits } from "../../../../core/calls/call-rate.ts";

/** What was learned of the quota (`LearnedRate` of core/calls/call-rate.ts). */
export const Learned = z.object({
  version: z.number(),
  perSecond: z.number(),
  depth: z.number(),
  ceiling: z.number(),
  changedMs: z.number(),
  loweredMs: z.number(),
  statedUntilMs: z.number(),
  heldUntilMs: z.number(),
  holdMs: z.number(),
  passedMs: z.number(),
});

/** How things stand, by the store's clock. */
export const Standing = {
  atMs: z.number(),
  learned: Learned,
  /** The most calls that were taken in one of the last two seconds. */
  used: z.number(),
};

/** The same, and what the bucket holds. */
export const Left = {
  ...Standing,
  /** Of the calls that may go out at once, those that are there, 0 to 1. */
  left: z.number(),
};

/** What is asked of the bucket (`take_calls` in calls.lua). */
export const CallsAsked = z.object({
  class: z.number(),
  calls: z.number(),
  ahead: z.number(),
  reachMs: z.number(),
  owedReachMs: z.number(),
  shareCalls: z.number(),
  forgottenAfter: z.number(),
  limits: z.object({ perSecond: z.number(), burst: z.number() }),
});

/** {@link CallsAsked} of so many calls. */
export function callsAsked(
  ofClass: CallClass,
  calls: number,
  { perSecond, burst }: CallLimits,
): z.infer<typeof CallsAsked> {
  return {
    class: ofClass,
    calls,
    ahead: 0,
    reachMs: REACH_MS[ofClass],
    owedReachMs: REACH_MS[1],
    shareCalls: SHARE_CALLS,
    forgottenAfter: FORGOTTEN_AFTER,
    limits: { perSecond, burst },
  };
}
