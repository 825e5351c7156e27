import { rungAtMost } from "../core/waiting/backoff.ts";
import type { Envelope } from "../core/state/envelope.ts";
import { unseenUntil } from "../core/waiting/deferred.ts";
import { PHASES } from "../core/state/phases.ts";
import type { HopAnswer } from "./ports/step-claim.ts";
import { unclaimed } from "./run-step.ts";
import type { StepDeps, StepResult } from "./step.ts";

/** A message that comes this much before its time is taken all the same: clocks differ, queues are punctual. */
const EARLY_MS = 1_000;

/** What changes in a message while it waits. */
export type Marks = Pick<Envelope, "unseenUntilMs">;

export type Hop =
  /** It is due: take its step. */
  | { readonly kind: "due" }
  /** It waits on for this long, in a delay queue. */
  | { readonly kind: "waits"; readonly delayMs: number; readonly marks: Marks }
  /** It has nothing to wait for any more. */
  | { readonly kind: "over"; readonly result: StepResult };

/**
 * A wait that is longer than the longest delay queue goes in hops, and each hop puts the command's record and lock
 * back: after a loss of the store's memory the server must not stand free while its message is only passed on.
 */
export function createHop({ store, clock, rules }: Pick<StepDeps, "store" | "clock" | "rules">) {
  const { ladderMs } = rules;
  return async function hop(envelope: Envelope, redelivered: boolean): Promise<Hop> {
    const earlyMs = envelope.dueMs - clock.nowMs();
    if (earlyMs <= Math.min(EARLY_MS, (ladderMs[0] ?? 0) / 2)) return { kind: "due" };
    const takenMs = clock.monotonicMs();
    const delayMs = rungAtMost(earlyMs, ladderMs);
    const answer = await store.hop(envelope, { redelivered });
    switch (answer.kind) {
      case "waits": {
        if (endsNow(envelope, answer, clock.nowMs())) return { kind: "due" };
        // What may have run stays so.
        const marks = answer.mayHaveRun ? {} : { unseenUntilMs: unseenUntil(answer.atMs, delayMs) };
        return { kind: "waits", delayMs, marks };
      }
      case "away": {
        // Short enough that another try comes within the hold of a memory that begins now.
        const soonMs = Math.min(delayMs, ladderMs.at(-2) ?? delayMs);
        const elapsedMs = clock.monotonicMs() - takenMs;
        const marks = redelivered ? {} : stillWaiting(envelope, elapsedMs, soonMs);
        return { kind: "waits", delayMs: soonMs, marks };
      }
      case "saved":
      case "finished":
      case "stale":
      case "fenced":
      case "id-taken":
      case "corrupt":
        return { kind: "over", result: unclaimed(envelope, answer, rules) };
    }
  };
}

/** Its step would end it before anything is asked of the cloud: nobody has to wait for that. */
function endsNow(
  { order, state }: Envelope,
  { cancelled, mayHaveRun }: Extract<HopAnswer, { kind: "waits" }>,
  nowMs: number,
): boolean {
  const { phase } = state;
  const isKnown = !((phase === "waiting" || phase === "joined") && state.doubt === true);
  if (mayHaveRun || !isKnown || PHASES[phase].cancellable !== "yes") return false;
  return cancelled || nowMs >= order.expiresAtMs;
}

/**
 * The marks of a message that is deferred because the store was away: this delivery did nothing with it, in
 * `elapsedMs`, and goes back for `delayMs`. How late it arrived is not added: a copy may have been taken in that time.
 */
export function stillWaiting(
  { unseenUntilMs }: Envelope,
  elapsedMs: number,
  delayMs: number,
): Marks {
  return unseenUntilMs === undefined ? {} : { unseenUntilMs: unseenUntilMs + elapsedMs + delayMs };
}
