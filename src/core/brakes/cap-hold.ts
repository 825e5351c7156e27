import { z } from "zod";
import { Brake, liftOf } from "../../contract/brakes.ts";

/** What a cap says that holds a command: of the project (`cap`), or of the command's group. */
export const CAP_SAYS = {
  verdict: z.literal("wait"),
  /** Commands that stand in line before this one. */
  ahead: z.int(),
  /** Reinstalls that may be in work at once, now. */
  cap: z.int(),
  /** Those that are in work; more than the cap after it was lowered, or after the store was emptied. */
  running: z.int(),
  /** What has lowered the cap: a brake, or `throttled`, the rate of calls to the cloud; absent: nothing. */
  loweredBy: z.enum([...Brake.options, "throttled"]).optional(),
  /** It waits for a call to the cloud alone, which would be there after so many ms; absent: for a slot. */
  callsInMs: z.number().optional(),
  /** Why that brake stands, in its words. */
  because: z.string().optional(),
};
export type CapHold = z.infer<z.ZodObject<typeof CAP_SAYS>>;

/**
 * How soon one who stands in line asks again: those who may be next soon (as many as the cap, and as many again) on the two
 * shortest rungs, the others on a long one. With the default ladder and a cap of 10: 9 ahead 2 s, 10 ahead 5 s, 20 ahead 30 s.
 */
export function delayInLine(
  { ahead, cap, callsInMs = 0 }: CapHold,
  ladderMs: readonly number[],
  random: number,
): number {
  const rung = ahead < cap ? 0 : ahead < 2 * cap ? 1 : ladderMs.length - 2;
  const delayMs = ladderMs[Math.max(0, Math.min(rung, ladderMs.length - 1))] ?? 0;
  // They do not wake together.
  return Math.max(delayMs, callsInMs * (1 + random / 2));
}

/** In one sentence. */
export function describeCap(whose: "project" | "group", hold: CapHold, project: string): string {
  const { ahead, cap, running, loweredBy, because } = hold;
  const why = because === undefined ? "" : `: ${because}`;
  const lowered =
    loweredBy === undefined ? "" : `, lowered by ${SHOWN[loweredBy] ?? loweredBy}${why}`;
  const lift = liftOf(loweredBy, project);
  const lifting = lift === undefined ? "" : `; to lift ${loweredBy}: ${lift}`;
  return `reinstalls of the ${whose} in work: ${running} (at most ${cap}${lowered}); commands ahead in line: ${ahead}${lifting}`;
}

const SHOWN: Readonly<Record<string, string>> = {
  throttled: "the rate of calls that the cloud allows",
};

/** In fields, as events carry it. */
export function capData({ ahead, cap, running, loweredBy, because }: CapHold, project: string) {
  const lift = liftOf(loweredBy, project);
  return {
    limit: cap,
    ahead,
    running,
    ...(loweredBy === undefined ? {} : { lowered_by: loweredBy }),
    ...(because === undefined ? {} : { reason: because }),
    ...(lift === undefined ? {} : { lift }),
  };
}
