import { beforeEach, describe, expect, it } from "vitest";
import { releaseOf } from "../../../../src/contract/brakes.ts";
import type { KnownAge } from "../../../../src/core/brakes/disk-age.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";
import type { StepClaim } from "../../../../src/steps/ports/step-claim.ts";
import { NO_BRAKES } from "../../../support/brake-rules.ts";
import { passed } from "../rig/passed.ts";
import { RIGS, type StoreRig } from "../rig/rig.ts";
import {
  admitted,
  claimed,
  delivery,
  DISK,
  event,
  order,
  outcome,
  SERVER,
  SUBMIT,
} from "../rig/samples.ts";

const HOUR = 3_600_000;
const BY_ADA = { by: "ada", reason: "the image is fixed" };
/** A brake of each kind, alone. */
const COOLDOWN = { ...NO_BRAKES, cooldownMs: HOUR };
const LIMIT = { ...NO_BRAKES, serverLimit: 2, serverWindowMs: HOUR };
const RESTS = { lock: { kind: "held", hold: { brake: "cooldown", verdict: "wait" } } };
const TOO_OFTEN = { lock: { kind: "held", hold: { brake: "quarantine", verdict: "no" } } };
const GOES = { lock: { kind: "acquired" } };

let token = 0;

/** Up to its intent. */
async function intended(store: ReinstallStore, one: Order): Promise<StepClaim> {
  const { next } = await admitted(store, one);
  const { claim } = claimed(await store.claim(next, { nonce: "s1", redelivered: false }));
  token = next.token ?? 0;
  const intent = { attempt: 1, token, signedAtMs: 1_800_000_000_000, diskId: DISK };
  expect(await store.recordIntent(one, claim, intent)).toEqual({ kind: "saved" });
  return claim;
}

async function ended(
  store: ReinstallStore,
  one: Order,
  more: { readonly intent?: "clear"; readonly lock?: "keep" } = {},
): Promise<void> {
  const claim = await intended(store, one);
  const finished = await store.finish({
    order: one,
    claim,
    outcome: outcome(one),
    lock: "free",
    healedAtMs: null,
    ...more,
  });
  expect(finished).toMatchObject({ kind: "finished", first: true });
}

describe.each(RIGS)("the history of a server %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let resting: ReinstallStore;
  let limited: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    resting = rig.withBrakes(COOLDOWN);
    limited = rig.withBrakes(LIMIT);
  });

  const asks = (store: ReinstallStore, id: string, more: Partial<Order> = {}) =>
    store.admit(order(id, { onBusy: "join", ...more }), delivery("n"));

  describe("cooldown", () => {
    it("holds the next reinstall from the end of the last on, and says until when", async () => {
      await ended(resting, order("cmd-a"));
      const asked = await asks(resting, "cmd-b");
      expect(asked).toMatchObject(RESTS);
      if (asked.kind !== "claimed" || asked.lock.kind !== "held") throw new Error("not held");
      const { hold } = asked.lock;
      if (hold.brake !== "cooldown") throw new Error(hold.brake);
      expect(hold).toMatchObject({ command: "cmd-a", untilMs: hold.endedMs + HOUR });
      expect(await rig.lockOwner(SERVER)).toBeNull();
    });

    it("holds nothing after what never reached the cloud", async () => {
      await ended(resting, order("cmd-a"), { intent: "clear" });
      expect(await asks(resting, "cmd-b")).toMatchObject(GOES);
    });

    it("holds nothing while it is off, or where the order lifts it", async () => {
      await ended(resting, order("cmd-a"));
      expect(await asks(resting, "cmd-b", { override: ["cooldown"] })).toMatchObject(GOES);
      await rig.freeLock(SERVER);
      expect(await asks(rig.store, "cmd-c")).toMatchObject(GOES);
    });

    it("lets go who waited for that very command because its order says so, until there was another reinstall", async () => {
      const [a, b, c] = [order("cmd-a"), order("cmd-b"), order("cmd-c")];
      const claim = await intended(resting, a);
      for (const one of [b, c]) {
        expect(await resting.admit(one, delivery("n"))).toMatchObject({ lock: { kind: "busy" } });
      }
      const end = { order: a, claim, outcome: outcome(a), lock: "free", healedAtMs: null } as const;
      await resting.finish(end);
      const again = (one: Order) => resting.admit(one, delivery("n2", { redelivered: true }));
      const went = await again(b);
      expect(went).toMatchObject(GOES);
      const { claim: step } = claimed(went);
      const save = {
        order: b,
        claim: step,
        state: SUBMIT,
        nextSequence: step.sequence + 1,
      } as const;
      const outbox = { events: [event(b, step.sequence, "waiting")], next: null };
      await resting.save({ ...save, outbox, intent: "keep", lock: "keep" });
      await rig.freeLock(SERVER);
      // A second that waited for the same: nobody has made another reinstall since.
      expect(await again(c)).toMatchObject(GOES);
      await rig.freeLock(SERVER);
      // A reinstall takes longer than a millisecond: of two in one it is not known which was the last.
      await passed(1);
      await ended(resting, order("cmd-d", { override: ["cooldown"] }));
      expect(await again(c)).toMatchObject(RESTS);
    });
  });

  describe("the cooldown after a reinstall whose end nobody saw", () => {
    const a = order("cmd-a");
    const endedAtMs = async (id: string) => {
      const asked = claimed(await asks(resting, id));
      if (asked.lock.kind !== "held" || asked.lock.hold.brake !== "cooldown") throw new Error(id);
      return asked.lock.hold.endedMs;
    };
    const found = () => ({
      order: a,
      token,
      as: "reinstalled" as const,
      outcome: outcome(a),
      healedAtMs: null,
    });
    /** It ended `unresolved`, a while ago: when that is over. */
    async function unresolved(): Promise<number> {
      await ended(resting, a, { lock: "keep" });
      return passed(1);
    }

    it("begins when the cloud shows it", async () => {
      const shownMs = await unresolved();
      expect(await resting.settle(found())).toMatchObject({ kind: "settled", first: true });
      expect(await endedAtMs("cmd-b")).toBeGreaterThanOrEqual(shownMs);
    });

    it("began with the end of the command, when a person says what became of it", async () => {
      const saidMs = await unresolved();
      const act = { ...BY_ADA, id: "act-1", action: "resolve", command: "cmd-a" } as const;
      expect(await rig.settleByHand(found(), act)).toMatchObject({ kind: "settled", first: true });
      expect(await endedAtMs("cmd-b")).toBeLessThan(saidMs);
    });
  });

  describe("quarantine", () => {
    it("ends what asks once more than the limit, with who asked before, why, and what it came to", async () => {
      await ended(limited, order("cmd-a", { source: "healer", reason: "ping" }));
      await ended(limited, order("cmd-b"));
      expect(await asks(limited, "cmd-c")).toMatchObject({
        lock: {
          hold: {
            brake: "quarantine",
            limit: 2,
            windowMs: HOUR,
            reinstalls: [
              {
                command: "cmd-a",
                source: "healer",
                reason: "ping",
                outcome: "succeeded",
                atMs: expect.any(Number),
              },
              { command: "cmd-b", outcome: "succeeded", atMs: expect.any(Number) },
            ],
          },
        },
      });
    });

    it("counts from the intent: one that goes on, and one whose end nobody knows", async () => {
      await ended(limited, order("cmd-a"), { lock: "keep" });
      await rig.freeLock(SERVER);
      await intended(limited, order("cmd-b"));
      await rig.freeLock(SERVER);
      expect(await asks(limited, "cmd-c")).toMatchObject(TOO_OFTEN);
    });

    it("lets an equal wish share the last reinstall that may be, while it has the server", async () => {
      await ended(limited, order("cmd-a"));
      const last = await intended(limited, order("cmd-b"));
      expect(await asks(limited, "cmd-c")).toMatchObject({
        lock: { kind: "busy", holder: "cmd-b", sameWish: true },
      });
      expect(await asks(limited, "cmd-d", { onBusy: "wait" })).toMatchObject(TOO_OFTEN);
      expect(await asks(limited, "cmd-e", { wishHash: "another wish" })).toMatchObject(TOO_OFTEN);
      const finished = {
        outcome: outcome(order("cmd-b")),
        lock: "free",
        healedAtMs: null,
      } as const;
      await limited.finish({ order: order("cmd-b"), claim: last, ...finished });
      expect(await asks(limited, "cmd-f")).toMatchObject(TOO_OFTEN);
    });

    it("does not count what is proven not to have been carried out", async () => {
      await ended(limited, order("cmd-a"));
      await ended(limited, order("cmd-b"), { intent: "clear" });
      const c = order("cmd-c");
      const claim = await intended(limited, c);
      await limited.save({
        order: c,
        claim,
        state: SUBMIT,
        nextSequence: claim.sequence + 1,
        outbox: { events: [event(c, claim.sequence, "waiting")], next: null },
        intent: "clear",
        lock: "release",
      });
      expect(await asks(limited, "cmd-d")).toMatchObject(GOES);
    });

    it("counts an intent once that is recorded twice", async () => {
      const a = order("cmd-a");
      const claim = await intended(limited, a);
      const intent = { attempt: 1, token, signedAtMs: 1_800_000_000_000, diskId: DISK };
      expect(await limited.recordIntent(a, claim, intent)).toEqual({ kind: "saved" });
      await rig.freeLock(SERVER);
      expect(await asks(limited, "cmd-b")).toMatchObject(GOES);
    });

    it("counts from a release on", async () => {
      await ended(limited, order("cmd-a"));
      await ended(limited, order("cmd-b"));
      expect(await asks(limited, "cmd-c")).toMatchObject(TOO_OFTEN);
      await rig.setPause({ scope: releaseOf(SERVER), on: false, ...BY_ADA });
      expect(await asks(limited, "cmd-d")).toMatchObject(GOES);
    });

    it("may be lifted by the order, and holds nothing while it is off", async () => {
      await ended(limited, order("cmd-a"));
      await ended(limited, order("cmd-b"));
      const lifts = { override: ["quarantine"] };
      expect(await asks(limited, "cmd-dry", { ...lifts, dryRun: true })).toMatchObject({
        verdicts: expect.arrayContaining([
          { brake: "quarantine", verdict: "go", overridden: true },
          { brake: "pause", verdict: "go" },
        ]),
      });
      expect(await asks(limited, "cmd-c", lifts)).toMatchObject(GOES);
      await rig.freeLock(SERVER);
      expect(await asks(rig.store, "cmd-d")).toMatchObject(GOES);
    });
  });

  describe("the age of a system disk", () => {
    const HALF = 1_800_000;
    const aged = (agoMs: number, healed = true) =>
      ({ kind: "reinstalled", diskId: DISK, atMs: Date.now() - agoMs, healed }) as const;
    const NEVER = { kind: "never", diskId: DISK } as const;

    async function noted(store: ReinstallStore, one: Order, age: KnownAge) {
      const answer = await asksFor(store, one);
      const { claim, lock } = claimed(answer);
      return { claim, lock, said: await store.noteDisk(one, claim, age) };
    }
    const asksFor = (store: ReinstallStore, one: Order) => store.admit(one, delivery("n"));

    it("is asked for where nothing is known, and the memory says whether it may have forgotten", async () => {
      // In a memory younger than what the brakes look back on.
      expect(await asks(resting, "cmd-a")).toMatchObject({ lock: { history: "lost" } });
      await rig.freeLock(SERVER);
      expect(await asks(rig.store, "cmd-b")).toMatchObject({ lock: { history: "none" } });
      await rig.freeLock(SERVER);
      await ended(rig.store, order("cmd-c"));
      expect(await asks(rig.store, "cmd-d")).toMatchObject({ lock: { history: "known" } });
    });

    it("makes the server rest, and gives lock and slot back", async () => {
      const { claim, lock, said } = await noted(resting, order("cmd-a"), aged(HALF));
      expect(lock).toMatchObject({ kind: "acquired" });
      expect(said).toMatchObject({
        kind: "noted",
        lock: { kind: "held", hold: { brake: "cooldown", command: `system-disk:${DISK}` } },
      });
      expect(await rig.lockOwner(SERVER)).toBeNull();
      // Kept: nobody need ask again.
      const again = await resting.acquire(order("cmd-a"), claim, false);
      expect(again).toMatchObject(RESTS.lock);
    });

    it("counts as one reinstall", async () => {
      const once = rig.withBrakes({ ...LIMIT, serverLimit: 1 });
      const { said } = await noted(once, order("cmd-a"), aged(HALF));
      expect(said).toMatchObject({ kind: "noted", ...TOO_OFTEN });
      const twice = await asks(limited, "cmd-b");
      expect(twice).toMatchObject({ lock: { kind: "acquired", history: "known" } });
    });

    it("heals what was observed before it, unless the server looks broken", async () => {
      const observed = (id: string) => order(id, { observedAtMs: Date.now() - HOUR });
      const broken = await noted(rig.store, observed("cmd-a"), aged(HALF, false));
      expect(broken.said).toMatchObject({ lock: { kind: "acquired" } });
      await rig.flushAll();
      const { said } = await noted(rig.store, observed("cmd-b"), aged(HALF));
      expect(said).toMatchObject({ lock: { kind: "superseded", healedAtMs: expect.any(Number) } });
      expect(await rig.lockOwner(SERVER)).toBeNull();
    });

    it("says of a new server that there is nothing to count", async () => {
      const once = rig.withBrakes({ ...LIMIT, ...COOLDOWN, serverLimit: 1 });
      const { said } = await noted(once, order("cmd-a"), NEVER);
      expect(said).toMatchObject({ lock: { kind: "acquired", history: "known" } });
    });

    it("says nothing where a reinstall was counted meanwhile", async () => {
      const { claim } = claimed(await asksFor(rig.store, order("cmd-a")));
      await rig.freeLock(SERVER);
      await ended(rig.store, order("cmd-b"));
      await rig.store.noteDisk(order("cmd-a"), claim, aged(HALF));
      expect(await limited.acquire(order("cmd-a"), claim, false)).toMatchObject(GOES.lock);
    });

    it("shows a dry run what every brake says, and takes nothing", async () => {
      const { said } = await noted(resting, order("cmd-a", { dryRun: true }), aged(HALF));
      expect(said).toMatchObject({ kind: "noted", lock: { kind: "acquired", token: 0 } });
      if (said.kind !== "noted") throw new Error(said.kind);
      expect(said.verdicts).toContainEqual(
        expect.objectContaining({ brake: "cooldown", verdict: "wait" }),
      );
      expect(await rig.lockOwner(SERVER)).toBeNull();
    });

    it("is refused from who has lost the step", async () => {
      const { claim } = claimed(await asksFor(rig.store, order("cmd-a")));
      const other = { ...claim, nonce: "other" };
      expect(await rig.store.noteDisk(order("cmd-a"), other, aged(HALF))).toEqual({
        kind: "fenced",
      });
    });
  });
});
