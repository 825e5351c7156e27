import { describe, expect, it } from "vitest";
import { storeMeter } from "../../../src/observe/metered-store.ts";
import { createMetrics } from "../../../src/observe/metrics/metrics.ts";
import { watchedStore } from "../../../src/observe/watched-store.ts";
import type { StepClaim } from "../../../src/steps/ports/step-claim.ts";
import type { State } from "../../../src/core/state/state.ts";
import {
  DISK,
  envelope,
  finalEvent,
  MINUTE,
  NOW,
  order,
  SECOND,
  STATES,
} from "../core/builders.ts";
import { AWAY, createWorld } from "../steps/fakes.ts";

const SETTLE_MS = 30 * SECOND;
const OUTCOME = { event: finalEvent("succeeded"), reply: null, dead: null };

const { projectId } = order();

function build() {
  const world = createWorld();
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: [projectId] });
  const meter = storeMeter({ metrics, clock: world.clock, settleMs: SETTLE_MS });
  const store = watchedStore(world.deps.store, [meter]);
  const value = async (series: string) => {
    const line = (await metrics.page()).split("\n").find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(" ")[1]);
  };
  const spent = async (phase: string) => ({
    seconds: await value(`ecs_reinstall_phase_seconds_sum{phase="${phase}"}`),
    times: await value(`ecs_reinstall_phase_seconds_count{phase="${phase}"}`),
  });
  const saving = (claim: StepClaim, state: State) =>
    store.save({
      order: order(),
      claim,
      state,
      nextSequence: 2,
      outbox: { events: [], next: null },
      intent: "keep",
      lock: "keep",
    });
  return { world, store, value, spent, saving };
}

async function claim({ store }: ReturnType<typeof build>, state: State): Promise<StepClaim> {
  const answer = await store.claim(envelope(state), { nonce: "n", redelivered: false });
  if (answer.kind !== "claimed") throw new Error(answer.kind);
  return answer.claim;
}

describe("the time in a phase", () => {
  it("of admitting is from the first arrival", async () => {
    const built = build();
    const delivery = {
      nonce: "n",
      redelivered: false,
      mayHaveRun: false,
      arrivedAtMs: NOW,
      unseenUntilMs: null,
    };
    const marksWhenDeferred = order({ receivedAtMs: NOW - 90 * SECOND });
    const answer = await built.store.admit(marksWhenDeferred, delivery);
    built.world.clock.pass(2 * SECOND);
    await built.saving((answer as { claim: StepClaim }).claim, STATES.submit);
    expect(await built.spent("admit")).toEqual({ seconds: 92, times: 1 });
  });

  it("of settling is from its beginning", async () => {
    const built = build();
    const state = { ...STATES.settle, untilMs: NOW + 10 * SECOND };
    const settling = await claim(built, state);
    built.world.clock.pass(10 * SECOND);
    await built.store.finish({
      order: order(),
      claim: settling,
      outcome: OUTCOME,
      lock: "free",
      healedAtMs: null,
    });
    expect(await built.spent("settle")).toEqual({ seconds: 30, times: 1 });
  });

  it("goes on while a step stays in its phase", async () => {
    const built = build();
    const watch = { ...STATES.watch, acceptedAtMs: NOW - MINUTE };
    await built.saving(await claim(built, watch), watch);
    expect((await built.spent("watch")).times).toBeUndefined();
    await built.saving(await claim(built, watch), STATES.reconcile);
    expect(await built.spent("watch")).toEqual({ seconds: 60, times: 1 });
  });
});

describe("attempts after the first", () => {
  const intent = (attempt: number) => ({ attempt, token: 7, signedAtMs: NOW, diskId: DISK });
  const RETRIES = `ecs_reinstall_retries_total{project="${projectId}"}`;

  it("are counted when they are about to be sent", async () => {
    const built = build();
    const submitting = await claim(built, STATES.submit);
    await built.store.recordIntent(order(), submitting, intent(1));
    expect(await built.value(RETRIES)).toBe(0);
    await built.store.recordIntent(order(), submitting, intent(2));
    expect(await built.value(RETRIES)).toBe(1);
  });

  it("are none where the gate stays shut", async () => {
    const built = build();
    const submitting = await claim(built, STATES.submit);
    for (const answer of [AWAY, { kind: "fenced" }] as const) {
      built.world.answers.recordIntent = () => answer;
      await built.store.recordIntent(order(), submitting, intent(2));
    }
    expect(await built.value(RETRIES)).toBe(0);
  });
});
