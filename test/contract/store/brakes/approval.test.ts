import { beforeEach, describe, expect, it } from "vitest";
import { approvalOf } from "../../../../src/contract/brakes.ts";
import { CommandId } from "../../../../src/contract/ids.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import { delivery, order, PROJECT, SERVER } from "../rig/samples.ts";
import { ACQUIRED, asks, begins, FIRST, tries } from "../rig/waiters.ts";

const held = (scope: string, command: string) => ({
  kind: "held",
  hold: { brake: "approval", verdict: "wait", scope, command },
});

describe.each(RIGS)("a command that a person must approve %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    store = rig.withBrakes({ ...NO_BRAKES, approval: ["all"] });
  });

  const approve = (id: string) =>
    rig.setPause({
      scope: approvalOf(CommandId.parse(id)),
      on: false,
      by: "ada",
      reason: "looked at it",
    });

  it("waits, with neither lock nor slot, and goes once it is approved", async () => {
    const waiting = await begins(store, order("cmd-a"));
    expect(waiting.lock).toEqual(held("all", "cmd-a"));
    expect(await rig.lockOwner(SERVER)).toBeNull();
    await approve("cmd-b");
    const again = await tries(store, waiting, "s1");
    expect(again.lock).toEqual(held("all", "cmd-a"));
    await approve("cmd-a");
    expect(await store.acquire(waiting.of, again.claim, false)).toMatchObject(ACQUIRED);
  });

  it("is one of a group that is named", async () => {
    store = rig.withBrakes({ ...NO_BRAKES, approval: ["db", "web"] });
    const { lock } = await asks(store, order("cmd-a", { group: "web" }));
    expect(lock).toEqual(held("group:web", "cmd-a"));
    expect((await asks(store, order("cmd-b", { group: "other" }))).lock).toMatchObject(ACQUIRED);
  });

  it("says who approved it, when and why", async () => {
    const verdictOf = async (nonce: string) => {
      const dry = order("cmd-a", { dryRun: true });
      const answer = await store.admit(dry, delivery(nonce, { redelivered: true }));
      if (answer.kind !== "claimed") throw new Error(answer.kind);
      return answer.verdicts?.find(({ brake }) => brake === "approval");
    };
    expect(await verdictOf("n1")).toEqual(held("all", "cmd-a").hold);
    await approve("cmd-a");
    expect(await verdictOf("n2")).toEqual({
      brake: "approval",
      verdict: "go",
      by: "ada",
      reason: "looked at it",
      sinceMs: expect.any(Number),
    });
  });

  it("is not approved by what was said before it arrived: that was of another with its id", async () => {
    await approve("cmd-a");
    await new Promise((resolve) => setTimeout(resolve, 2));
    const now = delivery("n", { arrivedAtMs: Date.now() });
    const answer = await store.admit(order("cmd-a"), now);
    expect(answer).toMatchObject({ lock: held("all", "cmd-a") });
  });

  it("stays approved when the store was emptied and a worker that knew it puts that back; else it waits again", async () => {
    const waiting = await begins(store, order("cmd-a"));
    await approve("cmd-a");
    const kept = await rig.pauses.keep(PROJECT, new Map());
    if (kept.kind !== "kept") throw new Error(kept.kind);
    await rig.flushAll();
    await store.claim(waiting.next, FIRST);
    expect((await tries(store, waiting, "s2")).lock).toEqual(held("all", "cmd-a"));
    await rig.flushAll();
    await rig.pauses.keep(PROJECT, kept.pauses);
    await store.claim(waiting.next, FIRST);
    expect((await tries(store, waiting, "s2")).lock).toMatchObject(ACQUIRED);
  });
});
