import type { z } from "zod";
import type { ProjectId } from "../../contract/ids.ts";
import type { CallBucket, Taken } from "../../core/calls/call-bucket.ts";
import { createHandful, type Handful } from "../../core/calls/handful.ts";
import { type CallLimits, type LearnedRate, NOTHING_LEARNED } from "../../core/calls/call-rate.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { StoreAway, StoreCorrupt } from "../../steps/ports/store-trouble.ts";
import type { CallsWanted } from "../cloud/budget.ts";
import { keysOf } from "./keys.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { callsAsked } from "./scripts/calls/calls.ts";
import { learnRateScript } from "./scripts/calls/learn-rate.ts";
import { takeCallsScript } from "./scripts/calls/take-calls.ts";

export interface LearnedRatesDeps {
  readonly scripts: Pick<ScriptRunner, "run">;
  /** Is Redis worth asking? Otherwise each request would wait for the command time-out as long as it is away. */
  readonly isThere: () => boolean;
  readonly clock: Pick<Clock, "monotonicMs" | "nowMs">;
  /** What is configured, of all replicas together, for one project. */
  readonly limits: CallLimits;
}

/** What this replica knows of one project. */
interface Known {
  learned: LearnedRate;
  /** Youngest call that passed and is not yet known in Redis. */
  passedMs: number | null;
  /** Its own share, for while Redis is away. */
  bucket: CallBucket | null;
  /** Calls that it has taken and not made yet. */
  readonly hand: Handful;
  /** A question under way that brings more of them. */
  filling: Promise<z.infer<typeof takeCallsScript.answer> | StoreAway | StoreCorrupt> | null;
  /** Calls that others want who wait for it. */
  waiting: number;
}

/** Others may change the rate at the same time; then what they saw is what counts. */
const TRIES = 3;
/** Who has waited for so many questions of others asks by itself. */
const ROUNDS = 3;
const AT_ONCE: Taken = { kind: "granted", delayMs: 0, spacingMs: 0 };

/** The buckets and learned rates in Redis, and what this replica has seen of them last. */
export function createLearnedRates({ scripts, isThere, clock, limits }: LearnedRatesDeps) {
  const known = new Map<ProjectId, Known>();
  /** Redis's clock minus our monotonic one, as its last answer showed it. */
  let storeAheadMs: number | null = null;
  const nowMs = () =>
    storeAheadMs === null ? clock.nowMs() : Math.round(clock.monotonicMs() + storeAheadMs);

  function of(project: ProjectId): Known {
    const found = known.get(project);
    if (found !== undefined) return found;
    const one: Known = {
      learned: NOTHING_LEARNED,
      passedMs: null,
      bucket: null,
      hand: createHandful(limits),
      filling: null,
      waiting: 0,
    };
    known.set(project, one);
    return one;
  }

  async function change(project: ProjectId, seen: number, next: LearnedRate | null) {
    if (!isThere()) return null;
    const { passedMs: passed } = of(project);
    const keys = { calls: keysOf(project).calls };
    const answer = await scripts.run(learnRateScript, keys, { seen, next, passed });
    return answer.kind === "away" || answer.kind === "corrupt" ? null : answer;
  }

  async function ask(project: ProjectId, wanted: CallsWanted) {
    if (!isThere()) return null;
    const mine = of(project);
    const { passedMs, hand, waiting } = mine;
    const spare = wanted.calls === 0 ? 0 : hand.beyond(wanted.calls, waiting, clock.monotonicMs());
    const asking = scripts.run(
      takeCallsScript,
      { calls: keysOf(project).calls },
      {
        ask: callsAsked(wanted.class, wanted.calls, limits),
        spare,
        drawn: hand.drawn(),
        passed: passedMs,
      },
    );
    if (spare > 0) mine.filling = asking;
    const answer = await asking;
    if (mine.filling === asking) mine.filling = null;
    hand.add(answer.kind === "granted" ? answer.spare : 0, spare, clock.monotonicMs());
    if (answer.kind === "away" || answer.kind === "corrupt") return null;
    storeAheadMs = answer.atMs - clock.monotonicMs();
    mine.learned = answer.learned;
    if (answer.learned.perSecond > 0 || answer.learned.heldUntilMs > answer.atMs) hand.drop();
    if (mine.passedMs === passedMs) mine.passedMs = null;
    return answer;
  }

  return {
    of,
    /** Epoch ms by Redis's clock, as far as it is known. */
    nowMs,

    /** Asks the bucket in Redis; null: it does not answer. */
    ask,

    /** Takes calls: of those that this replica has in hand, or from the bucket in Redis; null: it does not answer. */
    async take(project: ProjectId, wanted: CallsWanted): Promise<Taken | null> {
      const mine = of(project);
      const { calls } = wanted;
      for (let rounds = 0; !mine.hand.draw(calls, clock.monotonicMs()); rounds += 1) {
        // Of those who waited for one question, the first to find nothing asks the next, for all of them.
        if (mine.filling === null || calls === 0 || rounds === ROUNDS) return ask(project, wanted);
        mine.waiting += calls;
        const answer = await mine.filling;
        mine.waiting -= calls;
        if (answer.kind !== "granted" || answer.spare === 0) return ask(project, wanted);
      }
      return AT_ONCE;
    },

    /** Decides by what is learned now, and stores what follows; again where another replica was first. */
    async learn(
      project: ProjectId,
      decide: (learned: LearnedRate, seen: { atMs: number; used: number }) => LearnedRate | null,
    ): Promise<void> {
      const mine = of(project);
      let stands = await change(project, -1, null);
      for (let tries = 0; tries < TRIES && stands?.kind === "changed"; tries += 1) {
        mine.learned = stands.learned;
        const next = decide(stands.learned, stands);
        if (next === null) return;
        stands = await change(project, stands.learned.version, next);
        if (stands?.kind === "saved") mine.learned = next;
      }
      if (stands !== null) return;
      // This replica obeys all the same.
      const passedMs = Math.max(mine.learned.passedMs, mine.passedMs ?? 0);
      const next = decide({ ...mine.learned, passedMs }, { atMs: nowMs(), used: 0 });
      mine.learned = next ?? mine.learned;
    },
  };
}
