import { EventData } from "../../contract/event.ts";
import type { CommandId, ServerId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { ReinstallStore } from "../../steps/ports/reinstall-store.ts";
import type { RedisClient } from "./connection/client.ts";
import { keysOf } from "./keys.ts";
import { createMarks } from "./marks.ts";
import type { ScriptRunner } from "./script-runner.ts";
import { acquire } from "./scripts/step/acquire.ts";
import { admit } from "./scripts/step/admit.ts";
import { claim } from "./scripts/step/claim.ts";
import { endInquiry } from "./scripts/end/end-inquiry.ts";
import { finish } from "./scripts/end/finish.ts";
import { hop } from "./scripts/step/hop.ts";
import { recordIntent } from "./scripts/step/intent.ts";
import { mayStart } from "./scripts/step/may-start.ts";
import { mayStop } from "./scripts/step/may-stop.ts";
import { noteDisk } from "./scripts/step/note-disk.ts";
import { refuse } from "./scripts/end/refuse.ts";
import { save } from "./scripts/step/save.ts";
import { settle } from "./scripts/end/settle.ts";
import type { StoreContext } from "./scripts/shared/store-context.ts";
import { takeAttempt } from "./scripts/step/take-attempt.ts";
import { storedJson } from "./stored/stored-json.ts";
import { StoredOutcome } from "./stored/stored-outcome.ts";
import type { StoreRules } from "./store-rules.ts";

/** The store of the steps on Redis: every method is one script, the same when run twice (design §6). */
export function createReinstallStore(
  redis: RedisClient,
  scripts: ScriptRunner,
  rules: StoreRules,
  clock: Clock,
): ReinstallStore {
  const { waitReplicas: replicas, waitTimeoutMs: timeoutMs } = rules;
  const context: StoreContext = {
    scripts,
    // A failover that loses the intent would lose the fence with it: no POST unless the replicas have it.
    replicated: replicas === 0 ? scripts : scripts.confirmedBy({ replicas, timeoutMs }),
    rules,
    clock,
  };
  return {
    admit: (order, delivery) => admit(context, order, delivery),
    refuse: (refusal) => refuse(context, refusal),
    claim: (envelope, delivery) => claim(context, envelope, delivery),
    hop: (envelope, delivery) => hop(context, envelope, delivery),
    acquire: (order, step, mayHaveRun) => acquire(context, order, step, mayHaveRun),
    noteDisk: (order, step, age) => noteDisk(context, order, step, age),
    mayStop: (order, step) => mayStop(context, order, step),
    mayStart: (order, step, held) => mayStart(context, order, step, held),
    takeAttempt: (order, step, held) => takeAttempt(context, order, step, held),
    recordIntent: (order, step, intent) => recordIntent(context, order, step, intent),
    save: (step) => save(context, step),
    finish: (step) => finish(context, step),
    settle: (step) => settle(context, step),
    endInquiry: (order) => endInquiry(context, order),
    published: createMarks(context, clock),
    outcomeOf: (project, command, server) => outcomeOf(redis, keysOf(project), command, server),
  };
}

async function outcomeOf(
  redis: RedisClient,
  k: ReturnType<typeof keysOf>,
  command: CommandId,
  server: ServerId,
): ReturnType<ReinstallStore["outcomeOf"]> {
  let found: [string | null, string | null, string | null];
  let owner: string | null;
  try {
    // First the lock: who frees it afterwards has said why in the record by then.
    owner = await redis.hget(k.lock(server), "owner");
    const fields = ["content", "final", "settled"];
    const [content, final, settled] = await redis.hmget(k.command(command), ...fields);
    found = [content ?? null, final ?? null, settled ?? null];
  } catch (error) {
    return { kind: "away", message: error instanceof Error ? error.message : String(error) };
  }
  if (found[0] === null) return { kind: "unheard-of" };
  const holdsLock = owner === command;
  if (found[1] === null) return { kind: "open", holdsLock };
  const read = storedJson(StoredOutcome).safeParse(found[1]);
  if (!read.success) {
    return { kind: "corrupt", message: `the outcome of ${command} cannot be read` };
  }
  const settled = storedJson(EventData).safeParse(found[2]).data ?? null;
  return { kind: "finished", outcome: read.data, holdsLock, settled };
}
