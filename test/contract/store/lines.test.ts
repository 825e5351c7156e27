import { beforeEach, describe, expect, it } from "vitest";
import { CommandId } from "../../../src/contract/ids.ts";
import type { BrakeRules } from "../../../src/core/brakes/brake-rules.ts";
import type { Order } from "../../../src/core/state/order.ts";
import type { In, State } from "../../../src/core/state/state.ts";
import type { ReinstallStore } from "../../../src/steps/ports/reinstall-store.ts";
import { NO_BRAKES } from "../../support/brake-rules.ts";
import { passed } from "./rig/passed.ts";
import { RIGS, type StoreRig } from "./rig/rig.ts";
import { claimed, order, SERVER } from "./rig/samples.ts";
import {
  ACQUIRED,
  asks,
  begins,
  commandOf,
  ends,
  FIRST,
  held,
  saved,
  tries,
  waitingFor,
} from "./rig/waiters.ts";

const PAUSE = { by: "ada", reason: "maintenance" };

describe.each(RIGS)("lines %s", (_name, rigs) => {
  const fresh = rigs();
  let rig: StoreRig;
  let store: ReinstallStore;

  beforeEach(async () => {
    rig = await fresh();
    store = rig.withBrakes({ ...NO_BRAKES, maxRunning: 1 });
  });

  /** Who has the only slot, and two who came after, in their order. */
  async function queue(delayMs?: number) {
    const first = await begins(store, commandOf(0));
    await passed(1);
    const second = await begins(store, commandOf(1), delayMs);
    await passed(1);
    const third = await begins(store, commandOf(2), delayMs);
    return { first, second, third };
  }

  it("let go who came first, whoever asks first", async () => {
    const { first, second, third } = await queue();
    await ends(store, first);
    expect(await tries(store, third)).toMatchObject({ lock: held("cap", { ahead: 1 }) });
    expect(await tries(store, second)).toMatchObject({ lock: ACQUIRED });
  });

  it("say how many wait, to who asks and to who tries again", async () => {
    const { first, second, third } = await queue();
    expect([first, second, third].map(({ claim }) => claim.waitingCommands)).toEqual([0, 1, 2]);
    expect(await tries(store, second)).toMatchObject({ claim: { waitingCommands: 2 } });
  });

  it("do not wait for who does not ask in time, and keep its place", async () => {
    const { first, second, third } = await queue(10);
    await ends(store, first);
    await passed(50);
    const { claim, lock } = await tries(store, third);
    expect(lock).toMatchObject(ACQUIRED);
    // It goes back to wait for something else; and who was passed over comes before whoever is new.
    await saved(store, third.of, { claim, token: null, state: waitingFor("server-unstable") });
    await begins(store, commandOf(3));
    expect(await tries(store, second)).toMatchObject({ lock: held("cap", { ahead: 0 }) });
  });

  it.each([
    { free: 0, ahead: [20, 1] },
    { free: 25, ahead: [15] },
  ])(
    "of forty that do not ask in time, with $free free slots, have so many before who asks then: $ahead",
    async ({ free, ahead }) => {
      store = rig.withBrakes({ ...NO_BRAKES, maxRunning: 30 });
      const inWork = [];
      for (let n = 0; n < 30; n++) inWork.push(await begins(store, commandOf(n)));
      const inLine = [];
      for (let n = 30; n < 70; n++) inLine.push(await begins(store, commandOf(n)));
      for (const { of, next } of inLine) {
        const { claim } = claimed(await store.claim(next, FIRST));
        await saved(store, of, { claim, token: null, state: waitingFor("cap"), delayMs: 10 });
      }
      await passed(50);
      for (const one of inWork.slice(0, free)) await ends(store, one);
      for (const [index, before] of ahead.entries()) {
        const { lock } = await asks(store, commandOf(70 + index));
        // As many as are before it have a free slot each: then it may go.
        expect(lock).toMatchObject(before < free ? ACQUIRED : held("cap", { ahead: before }));
      }
    },
  );

  it("keep the order when the store was emptied", async () => {
    const { second, third } = await queue();
    await rig.flushAll();
    for (const { next } of [third, second]) await store.claim(next, FIRST);
    expect(await tries(store, third, "s2")).toMatchObject({ lock: held("cap", { ahead: 1 }) });
    expect(await tries(store, second, "s2")).toMatchObject({ lock: ACQUIRED });
  });

  it("keep the order when the store was emptied, and messages only wait on", async () => {
    const { second, third } = await queue();
    await rig.flushAll();
    for (const { next } of [third, second]) await store.hop(next, { redelivered: false });
    expect(await tries(store, third)).toMatchObject({ lock: held("cap", { ahead: 1 }) });
  });

  it("are left by who ends", async () => {
    const { first, second, third } = await queue();
    await ends(store, second);
    await ends(store, first);
    expect(await tries(store, third)).toMatchObject({ lock: ACQUIRED });
  });

  it("for slots are left by who is held by another brake, which keeps its place", async () => {
    const { first, second, third } = await queue();
    await ends(store, first);
    await rig.setPause({ scope: `server:${second.of.serverId}`, on: true, ...PAUSE });
    const { claim, lock } = await tries(store, second);
    expect(lock).toMatchObject({ kind: "held", hold: { brake: "pause" } });
    const next = await saved(store, second.of, { claim, token: null, state: waitingFor("pause") });
    expect(await tries(store, third)).toMatchObject({ lock: ACQUIRED });
    await rig.setPause({ scope: `server:${second.of.serverId}`, on: false, ...PAUSE });
    await begins(store, commandOf(3));
    expect(await tries(store, { of: second.of, next })).toMatchObject({
      lock: held("cap", { ahead: 0 }),
    });
  });

  it("of one server let nobody pass who came later", async () => {
    await begins(store, commandOf(0));
    const first = await begins(store, order("cmd-a"));
    expect(first.lock).toMatchObject(held("cap"));
    expect(await asks(store, order("cmd-b", { wishHash: "another" }))).toMatchObject({
      lock: { kind: "busy", holder: "cmd-a", sameWish: false },
    });
  });

  it("of one server let pass who is held by a brake of its own", async () => {
    await rig.setPause({ scope: "group:web", on: true, ...PAUSE });
    const first = await begins(store, order("cmd-a", { group: "web" }));
    expect(first.lock).toMatchObject({ kind: "held", hold: { brake: "pause" } });
    expect(await asks(store, order("cmd-b", { wishHash: "another" }))).toMatchObject({
      lock: ACQUIRED,
    });
  });

  describe("of one server are joined by nobody whom no brake holds, where one holds who would be joined", () => {
    const leads = { onBusy: "join", group: "web", source: "healer" } as const;
    const joins = (more: Partial<Order>) => order("cmd-b", { ...leads, ...more });
    const FREE = { lock: ACQUIRED };
    const JOINED = { lock: { kind: "busy", holder: "cmd-a", sameWish: true } };

    async function leaderHeldBy(brake: In<"waiting">["waitsFor"], rules: Partial<BrakeRules>) {
      store = rig.withBrakes({ ...NO_BRAKES, ...rules });
      const { lock } = await begins(store, order("cmd-a", leads));
      expect(lock).toMatchObject({ kind: "held", hold: { brake } });
    }

    it.each([
      ["another group", { group: "db" }, FREE],
      ["no group", { group: undefined }, FREE],
      ["the same group", {}, JOINED],
    ])("an approval: %s", async (_which, more, answer) => {
      await leaderHeldBy("approval", { approval: ["web"] });
      expect(await asks(store, joins(more))).toMatchObject(answer);
    });

    it("a pause of its group", async () => {
      await rig.setPause({ scope: "group:web", on: true, ...PAUSE });
      await leaderHeldBy("pause", {});
      expect(await asks(store, joins({ group: "db" }))).toMatchObject(FREE);
    });

    it("a pause that is lifted before it tries again: it is joined, as during the pause", async () => {
      await rig.setPause({ scope: "project", on: true, ...PAUSE });
      await leaderHeldBy("pause", {});
      await rig.setPause({ scope: "project", on: false, ...PAUSE });
      expect(await asks(store, joins({}))).toMatchObject(JOINED);
    });

    it.each([
      ["another source", { source: "person" }, FREE],
      ["its override", { override: ["source"] as const }, FREE],
      ["the same source", {}, JOINED],
    ])("the limit of its source: %s", async (_which, more, answer) => {
      store = rig.withBrakes({ ...NO_BRAKES, perSourcePerHour: 1 });
      await begins(store, commandOf(7, { source: "healer" }));
      await leaderHeldBy("source", { perSourcePerHour: 1 });
      expect(await asks(store, joins(more))).toMatchObject(answer);
    });

    it("and the held one shares the reinstall of who went", async () => {
      await leaderHeldBy("approval", { approval: ["web"] });
      await begins(store, joins({ group: "db" }));
      const later = await asks(store, order("cmd-c", leads));
      expect(later.lock).toMatchObject({ kind: "busy", holder: "cmd-b", sameWish: true });
    });
  });

  it("are left by who may not begin yet: nobody joins it", async () => {
    const answer = await begins(store, order("cmd-a", { notBeforeMs: Date.now() + 60_000 }));
    expect(answer.lock).toMatchObject({ kind: "held", hold: { brake: "not-before" } });
    expect(await asks(store, order("cmd-b", { onBusy: "join" }))).toMatchObject({ lock: ACQUIRED });
  });

  it("make one reinstall of 60 commands with the same content during a pause", async () => {
    await rig.setPause({ scope: "project", on: true, ...PAUSE });
    const leader = await begins(store, order("cmd-0", { onBusy: "join" }));
    expect(leader.lock).toMatchObject({ kind: "held", hold: { brake: "pause" } });
    for (let n = 1; n < 60; n++) {
      const asked = await asks(store, order(`cmd-${n}`, { onBusy: "join" }));
      expect(asked.lock).toEqual({ kind: "busy", holder: "cmd-0", sameWish: true });
      const joined: State = { phase: "joined", leader: CommandId.parse("cmd-0"), sinceMs: 0 };
      await saved(store, asked.of, { ...asked, state: joined });
    }
    await rig.setPause({ scope: "project", on: false, ...PAUSE });
    expect(await tries(store, leader)).toMatchObject({ lock: ACQUIRED });
    expect(await rig.lockOwner(SERVER)).toBe("cmd-0");
  });

  it("are joined by nobody who may never start: a protected server", async () => {
    await begins(store, order("cmd-a", { onBusy: "join" }));
    await rig.setPause({ scope: `protected:${SERVER}`, on: true, ...PAUSE });
    expect((await asks(store, order("cmd-b", { onBusy: "join" }))).lock).toMatchObject({
      kind: "held",
      hold: { brake: "protected", verdict: "no" },
    });
  });

  it("are joined by nobody who asks to wait, or may have been carried out", async () => {
    await begins(store, commandOf(0));
    await begins(store, order("cmd-a"));
    const patient = await begins(store, order("cmd-b", { onBusy: "wait" }));
    // The same content, but it queues up.
    expect(patient.lock).toEqual({ kind: "busy", holder: "cmd-a", sameWish: true });
    const { claim } = await tries(store, patient);
    const doubting = await store.acquire(order("cmd-b", { onBusy: "join" }), claim, true);
    expect(doubting).toEqual({ kind: "busy", holder: "cmd-a", sameWish: true });
  });
});
