import type { CommandId } from "../../contract/ids.ts";
import { SEQUENCE_BLOCK } from "../../core/envelope.ts";
import type { Order } from "../../core/order.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { LockAnswer, ReinstallStore, StepClaim } from "../../steps/ports/reinstall-store.ts";
import { claimArguments, claimKeys } from "./claim-arguments.ts";
import type { RedisClient } from "./client.ts";
import { keysOf } from "./keys.ts";
import {
  AcquireReply,
  AdmitReply,
  ClaimReply,
  FinishReply,
  HopReply,
  IntentReply,
  MayStopReply,
  RefuseReply,
  SaveReply,
  StoredOutcome,
  TakeAttemptReply,
} from "./replies.ts";
import type { ScriptRunner } from "./script-runner.ts";

export interface StoreRules {
  /** After trust was lost, no new lock is given for this long. */
  readonly rebuildHoldMs: number;
  /** A finished command is remembered for this long. */
  readonly dedupTtlMs: number;
  /** An intent counts only when this many replicas have it (0: no replicas), within `waitTimeoutMs`. */
  readonly waitReplicas: number;
  readonly waitTimeoutMs: number;
  /** `BRAKES_PAUSED`: this worker starts nothing new, whatever the store says. */
  readonly pausedByConfiguration: boolean;
}

/** `superseded` looks back this far. */
const LAST_SUCCESS_TTL_MS = 30 * 86_400_000;

/** The store of the steps on Redis: every method is one script, the same when run twice (design §6). */
export function createReinstallStore(
  redis: RedisClient,
  scripts: ScriptRunner,
  rules: StoreRules,
  clock: Clock,
): ReinstallStore {
  const hold = rules.rebuildHoldMs;
  // A failover that loses the intent would lose the fence with it: no POST unless the replicas have it.
  const { waitReplicas: replicas, waitTimeoutMs: timeoutMs } = rules;
  const intents = replicas === 0 ? scripts : scripts.confirmedBy({ replicas, timeoutMs });
  /** What the gate is told about a command (`scripts/brakes.lua`). */
  const ask = ({ serverId, group }: Order) =>
    JSON.stringify({ server: serverId, group, pausedByConfiguration: rules.pausedByConfiguration });
  return {
    async admit(order, delivery) {
      const k = keysOf(order.projectId);
      const answer = await scripts.run(
        "admit",
        [
          k.command(order.commandId),
          k.lock(order.serverId),
          k.token,
          k.active,
          k.epoch,
          k.last(order.serverId),
          k.pauses,
          k.paused,
        ],
        [
          order.commandId,
          delivery.nonce,
          flag(delivery.redelivered),
          order.contentHash,
          order.wishHash,
          order.serverId,
          order.observedAtMs ?? "",
          hold,
          SEQUENCE_BLOCK,
          flag(order.dryRun),
          JSON.stringify(order),
          clock.nonce(),
          k.commandPrefix,
          flag(delivery.doubt),
          delivery.arrivedAtMs,
          delivery.unseenUntilMs ?? "",
          ask(order),
        ],
        AdmitReply,
      );
      if (answer.kind !== "claimed") return answer;
      const { lock, doubt, kind, ...claim } = answer;
      return { kind, lock, doubt, claim: { ...claim, rebuildingUntilMs: null } };
    },

    refuse({ project, strayFrom, id, contentHash, outcome }) {
      const k = keysOf(project);
      const { event, sequence } = outcome.event.data;
      return scripts.run(
        "refuse",
        [strayFrom === undefined ? k.command(id) : k.stray(strayFrom, id), k.active, k.epoch],
        [
          id,
          contentHash,
          event,
          JSON.stringify(outcome),
          rules.dedupTtlMs,
          hold,
          clock.nonce(),
          sequence,
          flag(strayFrom === undefined),
        ],
        RefuseReply,
      );
    },

    async claim(envelope, delivery) {
      const claiming = { ...delivery, hop: false, holdMs: hold, candidate: clock.nonce() };
      const answer = await scripts.run(
        "claim",
        claimKeys(envelope),
        claimArguments(envelope, claiming),
        ClaimReply,
      );
      if (answer.kind !== "claimed") return answer;
      const { nonce, step, sequence, epoch, atMs, rebuildingUntilMs, ...rest } = answer;
      return { ...rest, claim: { nonce, step, sequence, epoch, atMs, rebuildingUntilMs } };
    },

    hop(envelope, { redelivered }) {
      const candidate = clock.nonce();
      const claiming = { nonce: "", redelivered, hop: true, holdMs: hold, candidate };
      const args = claimArguments(envelope, claiming);
      return scripts.run("claim", claimKeys(envelope), args, HopReply);
    },

    acquire(order, claim) {
      const k = keysOf(order.projectId);
      return scripts.run<LockAnswer | { kind: "fenced" } | { kind: "forgotten" }>(
        "acquire",
        [
          k.command(order.commandId),
          k.lock(order.serverId),
          k.token,
          k.epoch,
          k.last(order.serverId),
          k.pauses,
          k.paused,
        ],
        [
          order.commandId,
          claimText(claim),
          claim.epoch,
          order.wishHash,
          order.observedAtMs ?? "",
          hold,
          clock.nonce(),
          k.commandPrefix,
          ask(order),
        ],
        AcquireReply,
      );
    },

    mayStop(order, claim) {
      const k = keysOf(order.projectId);
      return scripts.run(
        "may-stop",
        [k.command(order.commandId), k.pauses, k.paused, k.epoch],
        [claimText(claim), claim.epoch, ask(order)],
        MayStopReply,
      );
    },

    takeAttempt(order, claim, held) {
      return scripts.run(
        "take-attempt",
        [commandKey(order), keysOf(order.projectId).epoch],
        [claimText(claim), claim.epoch, held],
        TakeAttemptReply,
      );
    },

    async recordIntent(order, claim, intent) {
      const k = keysOf(order.projectId);
      const run = () =>
        intents.run(
          "intent",
          [k.command(order.commandId), k.lock(order.serverId), k.epoch, k.pauses, k.paused],
          [
            order.commandId,
            claimText(claim),
            claim.epoch,
            intent.attempt,
            intent.token,
            intent.signedAtMs ?? "",
            intent.diskId,
            hold,
            clock.nonce(),
            ask(order),
          ],
          IntentReply,
        );
      const answer = await run();
      // A lost reply is read back: the script says `saved` again only if what is recorded is ours.
      return answer.kind === "away" ? await run() : answer;
    },

    save(step) {
      const { order, claim, state, outbox } = step;
      const k = keysOf(order.projectId);
      return scripts.run(
        "save",
        [
          k.command(order.commandId),
          k.lock(order.serverId),
          k.active,
          k.waiters(order.serverId),
          k.epoch,
        ],
        [
          order.commandId,
          claimText(claim),
          claim.epoch,
          claim.step,
          state.phase,
          "tries" in state ? state.tries.attempt : 1,
          step.nextSequence,
          JSON.stringify(outbox),
          JSON.stringify(outbox.next?.envelope ?? null),
          flag(step.intent === "clear"),
          flag(step.lock === "release"),
          state.phase === "watch" ? state.jobId : "",
          flag(state.phase === "joined" || state.phase === "waiting"),
        ],
        SaveReply,
      );
    },

    finish(step) {
      const { order, claim, outcome } = step;
      const k = keysOf(order.projectId);
      return scripts.run(
        "finish",
        [
          k.command(order.commandId),
          k.lock(order.serverId),
          k.active,
          k.last(order.serverId),
          k.waiters(order.serverId),
          k.epoch,
        ],
        [
          order.commandId,
          claimText(claim),
          claim.epoch,
          claim.step,
          outcome.event.data.event,
          JSON.stringify(outcome),
          flag(step.lock === "free"),
          step.healedAtMs ?? "",
          rules.dedupTtlMs,
          LAST_SUCCESS_TTL_MS,
          outcome.event.data.sequence,
        ],
        FinishReply,
      );
    },

    async told(project, command, sequence) {
      const k = keysOf(project);
      await scripts.run("told", [k.command(command), k.active], [command, sequence], SaveReply);
    },

    async outcomeOf(project, command, server) {
      let found: [string | null, string | null];
      let owner: string | null;
      try {
        const k = keysOf(project);
        // First the lock: who frees it afterwards has said why in the record by then.
        owner = await redis.hget(k.lock(server), "owner");
        const [content, final] = await redis.hmget(k.command(command), "content", "final");
        found = [content ?? null, final ?? null];
      } catch (error) {
        return { kind: "away", message: error instanceof Error ? error.message : String(error) };
      }
      if (found[0] === null) return { kind: "unheard-of" };
      if (found[1] === null) return { kind: "open" };
      const outcome = readOutcome(command, found[1]);
      return outcome.kind === "corrupt" ? outcome : { ...outcome, holdsLock: owner === command };
    },
  };
}

function readOutcome(command: CommandId, text: string) {
  try {
    const parsed = StoredOutcome.safeParse(JSON.parse(text));
    if (parsed.success) return { kind: "finished" as const, outcome: parsed.data };
  } catch {
    // Told below: text that is not JSON is as unreadable as JSON of another shape.
  }
  return { kind: "corrupt" as const, message: `the outcome of ${command} cannot be read` };
}

function commandKey(order: Order): string {
  return keysOf(order.projectId).command(order.commandId);
}

function claimText(claim: StepClaim): string {
  return `${claim.step}:${claim.nonce}`;
}

function flag(value: boolean): "0" | "1" {
  return value ? "1" : "0";
}
