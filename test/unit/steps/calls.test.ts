import { describe, expect, it } from "vitest";
import type { CallsWished, CloudApi } from "../../../src/steps/ports/cloud-api.ts";
import { createAdmit } from "../../../src/steps/admit.ts";
import { createPrepare } from "../../../src/steps/phases/prepare.ts";
import { createRestore } from "../../../src/steps/phases/restore.ts";
import { createSubmit } from "../../../src/steps/phases/submit.ts";
import { createWatch } from "../../../src/steps/phases/watch.ts";
import {
  asFinal,
  asNext,
  BODY,
  envelope,
  JOB,
  MINUTE,
  NOW,
  order,
  RUNNING,
  seen,
  STATES,
  state,
  UNASKED,
} from "../core/builders.ts";
import { claimed, createWorld, standsStill, type World } from "./fakes.ts";

const ARRIVAL = { nonce: "nonce-1", redelivered: false };

/** A world whose cloud counts calls: what is asked for goes to `wished`, and may be refused. */
function counting(isShort = false) {
  const world = createWorld();
  const wished: CallsWished[] = [];
  const { cloud } = world.deps;
  const counted: CloudApi = {
    ...cloud,
    async reserve(_project, wish) {
      wished.push(wish);
      world.calls.push("reserve");
      const { kind: _kind, ...why } = UNASKED;
      if (isShort) return { kind: "unavailable", ...why };
      return { kind: "reserved", cloud, ready: async () => void world.calls.push("ready") };
    },
  };
  return { world, wished, deps: { ...world.deps, cloud: counted } };
}

const decisionOf = (result: Awaited<ReturnType<ReturnType<typeof createWatch>>>) => {
  if (result.kind !== "conclude") throw new Error(`expected a conclusion, got ${result.kind}`);
  return result.decision;
};

describe("the calls of the dangerous line", () => {
  const submit = ({ world, deps }: ReturnType<typeof counting>) =>
    createSubmit(deps)(envelope(state("submit", { body: BODY })), claimed(), ARRIVAL, world.signal);

  it("are taken together before the look, and waited for there alone", async () => {
    const play = counting();
    play.world.answers.submission = () => ({ kind: "accepted", jobId: JOB });
    asNext(decisionOf(await submit(play)), "watch");
    expect(play.wished).toEqual([{ class: 1, calls: 2 }]);
    expect(play.world.calls).toEqual([
      "reserve",
      "look",
      `sign ${JSON.stringify(BODY)}`,
      "store.recordIntent",
      "send",
    ]);
  });

  it("are waited for at the line: without them nothing is looked at", async () => {
    const play = counting(true);
    asNext(decisionOf(await submit(play)), "submit");
    expect(play.world.calls).toEqual(["reserve"]);
  });

  it("may lie apart: what expires between them is not sent", async () => {
    const play = counting();
    const late = envelope(STATES.submit, { order: order({ expiresAtMs: NOW + 5_000 }) });
    play.world.onReach = (label) => {
      if (label === "submit:looked") play.world.clock.pass(5_000);
    };
    const result = await createSubmit(play.deps)(late, claimed(), ARRIVAL, play.world.signal);
    asFinal(decisionOf(result), "expired");
    expect(play.world.calls).not.toContain("store.recordIntent");
  });
});

describe("a poll", () => {
  const watch = ({ world, deps }: ReturnType<typeof counting>, deadlineMs = NOW + MINUTE) =>
    createWatch(deps)(envelope(state("watch", { deadlineMs })), claimed(), ARRIVAL, world.signal);

  it("is of the third class, one call", async () => {
    const play = counting();
    asNext(decisionOf(await watch(play)), "watch");
    expect(play.wished).toEqual([{ class: 3, calls: 1 }]);
    expect(play.world.calls).toEqual(["reserve", `job ${JOB}`]);
  });

  it("goes back for as long as the rate needs where there is no call", async () => {
    const play = counting(true);
    const { delayMs, events } = asNext(decisionOf(await watch(play)), "watch");
    expect(delayMs).toBeGreaterThanOrEqual(3_000);
    expect(events).toEqual([]);
    expect(play.world.calls).toEqual(["reserve"]);
  });

  it("at the deadline asks both the job and the server, before everybody else", async () => {
    const play = counting();
    play.world.answers.job = () => RUNNING;
    asFinal(decisionOf(await watch(play, NOW)), "unresolved");
    expect(play.wished).toEqual([{ class: 1, calls: 2 }]);
    expect(play.world.calls).toEqual(["reserve", `job ${JOB}`, "look"]);
  });

  it("never ends a command for want of that call", async () => {
    const play = counting(true);
    play.world.clock.pass(60 * MINUTE);
    asNext(decisionOf(await watch(play, NOW)), "watch");
  });
});

describe("a stop", () => {
  it("is taken together with its look, and waited for before the brakes are asked last", async () => {
    const play = counting();
    play.world.answers.look = () => seen({ status: "ACTIVE" });
    await createPrepare(play.deps)(envelope(STATES.prepare), claimed(), ARRIVAL, play.world.signal);
    expect(play.wished).toEqual([{ class: 2, calls: 2 }]);
    expect(play.world.calls).toEqual(["reserve", "look", "ready", "store.mayStop", "stop SOFT"]);
  });

  it("that is under way needs one call", async () => {
    const play = counting();
    const stop = { type: "SOFT", askedAtMs: NOW } as const;
    const stopping = envelope(state("prepare", { stop }));
    await createPrepare(play.deps)(stopping, claimed(), ARRIVAL, play.world.signal);
    expect(play.wished).toEqual([{ class: 2, calls: 1 }]);
  });
});

it("a start is not let through to the cloud by a worker that stands still, up to the very last moment", async () => {
  const { world, deps } = counting();
  const { could, answer } = standsStill(world);
  world.answers.start = answer;
  world.answers.job = () => ({ kind: "succeeded", endedAtMs: null });
  await createRestore(deps)(envelope(STATES.restore), claimed(), ARRIVAL, world.signal);
  expect(could).toEqual([true, false]);
});

it("a start is taken together with its look", async () => {
  const play = counting();
  const off = envelope(STATES.restore);
  await createRestore(play.deps)(off, claimed(), ARRIVAL, play.world.signal);
  expect(play.wished).toEqual([{ class: 2, calls: 2 }]);
});

describe("a first look", () => {
  const admit = ({ world, deps }: ReturnType<typeof counting>) =>
    createAdmit(deps)(
      order(),
      BODY,
      {
        nonce: "nonce-1",
        redelivered: false,
        mayHaveRun: false,
        arrivedAtMs: NOW,
        unseenUntilMs: null,
      },
      world.signal,
    );
  const acquired = ({ world }: { readonly world: World }, callInMs?: number) => {
    const before = world.answers.admit;
    world.answers.admit = () => {
      const answer = before();
      if (answer.kind !== "claimed") throw new Error("a world in which all goes well");
      return {
        ...answer,
        lock: {
          kind: "acquired",
          token: 7,
          history: "known" as const,
          ...(callInMs !== undefined && { callInMs }),
        },
      };
    };
  };

  it("spends the call that was taken with the slot", async () => {
    const play = counting();
    acquired(play, 350);
    await admit(play);
    expect(play.wished).toEqual([{ class: 4, calls: 1, takenInMs: 350 }]);
  });

  it("takes one of the last class where none was", async () => {
    const play = counting();
    acquired(play);
    await admit(play);
    expect(play.wished).toEqual([{ class: 4, calls: 1, takenInMs: undefined }]);
  });
});
