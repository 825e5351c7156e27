import { beforeEach, describe, expect, it } from "vitest";
import type { Debt } from "../../../src/core/state/debt.ts";
import type { Order } from "../../../src/core/state/order.ts";
import { RIGS, type StoreRig } from "./rig/rig.ts";
import { admitted, claimed, envelope, order, outcome } from "./rig/samples.ts";

const FIRST = { nonce: "d1", redelivered: false };
const SECOND = { nonce: "d2", redelivered: true };
const DEBT: Debt = { was: "on", mayHaveStopped: true, stop: { askedAtMs: 1_800_000_000_000 } };

describe.each(RIGS)(
  "what a command owes the server when it has lost the lock %s",
  (_name, rigs) => {
    const fresh = rigs();
    let rig: StoreRig;
    const loser = order("cmd-loser");
    const owner = order("cmd-owner");
    const next = order("cmd-next");

    beforeEach(async () => {
      rig = await fresh();
    });

    /** `loser` ends beside `owner`, which has the lock, and leaves its debt. */
    async function owed() {
      const lost = await admitted(rig.store, loser);
      await rig.freeLock(loser.serverId);
      const held = await admitted(rig.store, owner);
      const { claim, lock } = claimed(await rig.store.claim(lost.next, FIRST));
      expect(lock).toBe("lost");
      await finish(loser, claim, DEBT);
      return held;
    }

    const finish = (
      of: Order,
      claim: Parameters<typeof rig.store.finish>[0]["claim"],
      owes?: Debt,
    ) =>
      rig.store.finish({
        order: of,
        claim,
        outcome: outcome(of, claim.sequence),
        lock: "free",
        healedAtMs: null,
        ...(owes === undefined ? {} : { owes }),
      });

    it("is taken over by the lock's owner with its next step, once", async () => {
      const held = await owed();
      const first = claimed(await rig.store.claim(held.next, FIRST));
      expect(first.debt).toEqual(DEBT);
      // Another delivery of the step knows it as well, as long as that is not saved.
      const again = claimed(await rig.store.claim(held.next, SECOND));
      expect(again.debt).toEqual(DEBT);
      const after = envelope(owner, { claim: again.claim, token: held.token });
      const saving = { ...held.saving, claim: again.claim, nextSequence: after.sequence };
      expect(await rig.store.save(saving)).toEqual({ kind: "saved" });
      const later = claimed(await rig.store.claim(after, FIRST));
      expect(later).not.toHaveProperty("debt");
      expect(later.claim).not.toHaveProperty("debt");
    });

    it("is gone with an end that knew it", async () => {
      const held = await owed();
      const { claim } = claimed(await rig.store.claim(held.next, FIRST));
      await finish(owner, claim);
      const third = await admitted(rig.store, next);
      expect(claimed(await rig.store.claim(third.next, FIRST))).not.toHaveProperty("debt");
    });

    it("stays for the next owner where the present one ends without having known it", async () => {
      const lost = await admitted(rig.store, loser);
      await rig.freeLock(loser.serverId);
      const held = await admitted(rig.store, owner);
      const { claim } = claimed(await rig.store.claim(held.next, FIRST));
      await finish(loser, claimed(await rig.store.claim(lost.next, FIRST)).claim, DEBT);
      await finish(owner, claim);
      const third = await admitted(rig.store, next);
      expect(claimed(await rig.store.claim(third.next, FIRST)).debt).toEqual(DEBT);
    });

    it("is not taken over by who has no lock, nor by a message that waits on", async () => {
      const held = await owed();
      await rig.store.hop(held.next, { redelivered: false });
      await rig.freeLock(owner.serverId);
      const third = await admitted(rig.store, next);
      const second = claimed(await rig.store.claim(held.next, FIRST));
      expect(second).toMatchObject({ lock: "lost" });
      expect(second).not.toHaveProperty("debt");
      expect(claimed(await rig.store.claim(third.next, FIRST)).debt).toEqual(DEBT);
    });

    it("of a later command is not lost with an earlier one that is paid", async () => {
      const held = await owed();
      const { claim } = claimed(await rig.store.claim(held.next, FIRST));
      const other = order("cmd-other");
      const newer = { ...DEBT, stop: { askedAtMs: 1_800_000_000_001 } };
      await rig.freeLock(owner.serverId);
      const late = await admitted(rig.store, other);
      await finish(other, claimed(await rig.store.claim(late.next, FIRST)).claim, newer);
      await finish(owner, claim);
      const third = await admitted(rig.store, next);
      expect(claimed(await rig.store.claim(third.next, FIRST)).debt).toEqual(newer);
    });
  },
);
