import type { CallStatus } from "../../contract/http.ts";
import type { ProjectId } from "../../contract/ids.ts";
import { takeCalls, type Taken } from "../../core/calls/call-bucket.ts";
import { lowered, paceOf, raised, spreadMsAt } from "../../core/calls/call-rate.ts";
import type { CallsTaken, CallsWanted, RequestBudget } from "../cloud/budget.ts";
import { createLearnedRates, type LearnedRatesDeps } from "./learned-rates.ts";

export interface BudgetOptions extends LearnedRatesDeps {
  /** The part of the budget that this replica grants itself while Redis is away (default a quarter). */
  readonly localShare?: number;
}

export interface RedisBudget extends RequestBudget {
  /** Of each project. Takes nothing. While Redis is away: of this replica's own share. */
  rates(projects: readonly ProjectId[]): Promise<readonly CallStatus[]>;
}

/**
 * One budget per project for all replicas, in Redis. What is learned of the cloud's quota is decided by core/calls/call-rate.ts
 * and stored by compare-and-set. While Redis is away each replica goes on with a share of its own, by what it knew last:
 * looking at servers and jobs must not end with Redis.
 */
export function createRedisBudget(options: BudgetOptions): RedisBudget {
  const { limits, localShare = 0.25 } = options;
  const ownLimits = {
    perSecond: limits.perSecond * localShare,
    burst: Math.max(1, Math.floor(limits.burst * localShare)),
  };
  const known = createLearnedRates(options);

  /** Redis does not answer: the share of this replica, and the holds that it has heard of. */
  function takeOwn(project: ProjectId, wanted: CallsWanted): Taken {
    const mine = known.of(project);
    const perSecond = mine.learned.perSecond * localShare;
    const pace = paceOf({ ...mine.learned, perSecond }, ownLimits);
    const { bucket, taken } = takeCalls(mine.bucket, pace, wanted, known.nowMs());
    mine.bucket = bucket;
    return taken;
  }

  async function statusOf(project: ProjectId): Promise<CallStatus> {
    const asked = await known.ask(project, { class: 4, calls: 0 });
    const { learned, bucket } = known.of(project);
    const pace = paceOf(learned, limits);
    const isHeld = pace.heldUntilMs > known.nowMs();
    const ownLeft = Math.min(1, Math.max(0, (bucket?.tokens ?? 1) / pace.depth));
    return {
      projectId: project,
      perSecond: pace.perSecond,
      configuredPerSecond: limits.perSecond,
      isLearned: learned.perSecond > 0,
      heldUntilMs: isHeld ? pace.heldUntilMs : null,
      left: isHeld ? 0 : (asked?.left ?? ownLeft),
    };
  }

  return {
    nowMs: () => known.nowMs(),

    async take(project, wanted): Promise<CallsTaken> {
      const taken = (await known.take(project, wanted)) ?? takeOwn(project, wanted);
      const { perSecond, depth } = paceOf(known.of(project).learned, limits);
      if (taken.kind === "granted") {
        const { delayMs, spacingMs } = taken;
        return { kind: "granted", delayMs, spacingMs, pace: { perSecond, depth } };
      }
      return { kind: "wait", ms: Math.max(1, taken.ms), spreadMs: spreadMsAt({ perSecond }) };
    },

    async passed(project, begunMs) {
      const mine = known.of(project);
      const { learned } = mine;
      if (learned.perSecond === 0 || begunMs <= learned.passedMs) return;
      mine.passedMs = Math.max(mine.passedMs ?? 0, begunMs);
      if (raised({ ...learned, passedMs: begunMs }, limits, begunMs) === null) return;
      await known.learn(project, (seen, { atMs }) => raised(seen, limits, atMs));
    },

    refused(project, throttling) {
      const { hand } = known.of(project);
      hand.drop();
      const drawn = hand.drawn();
      return known.learn(project, (seen, { atMs, used }) =>
        lowered(seen, { ...throttling, used: used + drawn }, limits, atMs),
      );
    },

    rates: (projects) => Promise.all(projects.map(statusOf)),
  };
}
