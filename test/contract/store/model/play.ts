import type { Redis } from "ioredis";
import { expect } from "vitest";
import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { type Ask, askOf, BEGINNING_MS, type Known, knownOf } from "./asks.ts";
import {
  HOLD_MS,
  memorySide,
  type Present,
  redisSide,
  setTime,
  type Side,
  under,
} from "./sides.ts";
import type { Step } from "./steps.ts";

export interface Redises {
  readonly client: RedisClient;
  /** May do everything. */
  readonly admin: Redis;
  /** Of the client. */
  readonly user: string;
}

/** Plays one sequence on both stores; rejects at the first answer, or the state at the end, in which they differ. */
export async function play(redises: Redises, steps: readonly Step[]): Promise<void> {
  const present: Present = { nowMs: BEGINNING_MS, step: 0 };
  const sides = [memorySide(present), redisSide(redises.client, present)] as const;
  await redises.admin.flushall();
  const commands = [0, 1, 2, 3].map(knownOf);
  await begin(sides, present, redises.client);
  for (const step of steps) {
    present.step += 1;
    present.nowMs += 3;
    const ask = askOf(step, commands, present);
    if (ask === null) continue;
    const known = setTime(redises.client, present);
    // A connection carries out one after the other; only a fault must not overtake it.
    if (step.fault !== null) await known;
    for (let time = 0; time < (step.twice ? 2 : 1); time++) {
      const answer = await asked(redises, sides, step, ask, commands);
      ask.learn?.(answer);
    }
    await known;
  }
  const [memory, redis] = await Promise.all(sides.map((side) => side.dump()));
  // A slot that was taken away, and could not be counted.
  const uncounted = steps.some(({ fault }) => fault?.kind === "right" && fault.missing === "incr");
  expect(redis).toEqual(uncounted ? { ...memory, dropped: redis?.dropped } : memory);
}

/** Both have a memory, and it is not young any more. */
async function begin(sides: readonly Side[], present: Present, client: RedisClient): Promise<void> {
  const nobody = {
    nonce: "",
    step: 0,
    sequence: 1,
    epoch: "",
    atMs: 0,
    arrivedMs: 0,
    slot: false,
    rebuildingUntilMs: null,
  };
  await setTime(client, present);
  for (const { store } of sides) await store.acquire(knownOf(0).order, nobody, false);
  present.nowMs += 2 * HOLD_MS;
}

/** Asks both. A call that Redis refused, or carried out by half, is asked again there before they are compared. */
async function asked(
  redises: Redises,
  [memory, redis]: readonly [Side, Side],
  step: Step,
  { by }: Ask,
  commands: readonly Known[],
): Promise<unknown> {
  const { fault } = step;
  const { order: about } = commands["command" in step ? step.command : 0] ?? knownOf(0);
  if (fault !== null && "command" in step && step.op !== "cancel" && step.op !== "outcomeOf") {
    const { admin, user } = redises;
    const at = { command: about.commandId, server: about.serverId };
    const first = await under(admin, user, fault, at, () => by(redis));
    if (!isRefused(first)) expect(first, "under a fault").toEqual(await by(memory));
    // The number of a lock that could not be written is not given again.
    else await memory.skipTo(await redis.token());
  }
  const answer = await by(memory);
  expect(comparable(step, await by(redis))).toEqual(comparable(step, answer));
  return answer;
}

/**
 * After a fault half of a call may be done: then nobody can tell any more whether a refusal, or a settlement, is the first
 * (which is of no interest), or whom a claim took its step from (a delivery claims once, and the next one takes it from this one).
 */
function comparable(step: Step, answer: unknown): unknown {
  if (step.fault === null) return answer;
  if (step.op === "refuse" || step.op === "settle")
    return { ...(answer as object), first: "either" };
  if (step.op === "claim") return { ...(answer as object), takenOver: "either" };
  return answer;
}

function isRefused(answer: unknown): boolean {
  // `published` has no answer.
  if (answer === undefined) return true;
  const { kind } = answer as { readonly kind: string };
  return kind === "away" || kind === "corrupt";
}
