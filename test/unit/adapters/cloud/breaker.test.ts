import { describe, expect, it } from "vitest";
import { createAuthBreaker } from "../../../../src/adapters/cloud/credentials/auth-breaker.ts";
import type { AuthResult, Grant } from "../../../../src/adapters/cloud/credentials/auth-record.ts";
import { createEndpointBreaker } from "../../../../src/adapters/cloud/breaker.ts";
import {
  ALONE,
  type SharedRefusals,
} from "../../../../src/adapters/cloud/credentials/shared-refusals.ts";

describe("the breaker of an endpoint", () => {
  function setUp() {
    const clock = { ms: 0 };
    const breaker = createEndpointBreaker({ failures: 3, openMs: 1_000 }, () => clock.ms);
    const send = (result: "alive" | "down" | "neither") => leave(breaker.enter(), result);
    return { clock, breaker, send };
  }

  it("opens at the third failure in a row, not before", () => {
    const { breaker, send } = setUp();
    for (const result of ["down", "down", "alive", "down", "neither", "down"] as const)
      send(result);
    expect(breaker.state()).toBe("closed");
    send("down");
    expect(breaker.state()).toBe("open");
    expect(breaker.enter()).toEqual({ kind: "wait", ms: 1_000 });
  });

  it("lets one request through after its pause; that one decides", () => {
    const { clock, breaker, send } = setUp();
    for (let i = 0; i < 3; i += 1) send("down");
    clock.ms = 1_000;
    expect(breaker.state()).toBe("half-open");
    const probe = breaker.enter();
    expect(breaker.enter()).toEqual({ kind: "wait", ms: 1_000 });
    leave(probe, "alive");
    expect(breaker.state()).toBe("closed");
    expect(breaker.waitMs()).toBe(0);
  });

  it("pauses twice as long after each probe that fails, eight times at most", () => {
    const { clock, breaker, send } = setUp();
    for (let i = 0; i < 3; i += 1) send("down");
    const pauses = Array.from({ length: 5 }, () => {
      clock.ms += breaker.waitMs();
      send("down");
      return breaker.waitMs();
    });
    expect(pauses).toEqual([2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it("asks again after a probe that learnt nothing", () => {
    const { clock, breaker, send } = setUp();
    for (let i = 0; i < 3; i += 1) send("down");
    clock.ms = 1_000;
    send("neither");
    expect(breaker.enter().kind).toBe("go");
  });

  it("is not kept open by requests from before", () => {
    const { clock, breaker, send } = setUp();
    const late = breaker.enter();
    for (let i = 0; i < 3; i += 1) send("down");
    clock.ms = 500;
    leave(late, "down");
    expect(breaker.waitMs()).toBe(500);
  });
});

describe("the breaker of authentication", () => {
  const quiet = new AbortController().signal;

  function setUp(shared: SharedRefusals = ALONE) {
    const clock = { ms: 0 };
    const present = { identity: "key-1" };
    const breaker = createAuthBreaker({ failures: 2, openMs: 300_000 }, () => clock.ms, shared);
    const grant = (identity = "key-1", more: Partial<Grant> = {}): Grant => ({
      identity,
      sharedName: "name",
      proof: identity,
      isCurrent: () => present.identity === identity,
      ...more,
    });
    const enter = (identity = "key-1") => breaker.enter(grant(identity), quiet);
    const send = async (result: AuthResult, one: Grant = grant()) => {
      leave(await breaker.enter(one, quiet), result);
      await settled();
    };
    return { clock, present, breaker, grant, enter, send };
  }

  it("opens at the second failure in a row, for five minutes, for everything", async () => {
    const { clock, breaker, enter, send } = setUp();
    await send("proven");
    await send("denied");
    expect(breaker.state()).toBe("closed");
    await send("denied");
    expect(breaker.state()).toBe("open");
    clock.ms = 299_999;
    const why = "held back: the cloud does not accept our credentials";
    expect(await enter()).toEqual({ kind: "wait", ms: 1, why });
  });

  it("does not count failures that a success lies between", async () => {
    const { breaker, send } = setUp();
    for (const result of ["denied", "proven", "denied", "neither"] as const) await send(result);
    expect(breaker.state()).toBe("closed");
  });

  it("opens again at the first failure after its pause", async () => {
    const { clock, breaker, send } = setUp();
    await send("denied");
    await send("denied");
    clock.ms = 300_000;
    expect(breaker.state()).toBe("half-open");
    await send("denied");
    expect(breaker.state()).toBe("open");
    clock.ms = 600_000;
    await send("proven");
    expect(breaker.state()).toBe("closed");
  });

  it("never lets twenty requests with a wrong key out at once: the sixth would lock it", async () => {
    const { breaker, enter } = setUp();
    let sent = 0;
    const entries = Array.from({ length: 20 }, async () => {
      const entry = await enter();
      if (entry.kind === "go") sent += 1;
      await Promise.resolve();
      leave(entry, "denied");
    });
    await Promise.all(entries);
    expect(sent).toBeLessThanOrEqual(2);
    expect(breaker.state()).toBe("open");
  });

  it("lets all go on together as soon as the first has proven the key", async () => {
    const { enter } = setUp();
    const first = await enter();
    const others = [enter(), enter()];
    leave(first, "proven");
    expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual(["go", "go"]);
  });

  it("lets a few go after the first success, more after each: what the first proved may not hold", async () => {
    const { enter } = setUp();
    const first = await enter();
    let out = 0;
    const others = Array.from({ length: 40 }, async () => {
      const entry = await enter();
      out += entry.kind === "go" ? 1 : 0;
      return entry;
    });
    leave(first, "proven");
    await settled();
    expect(out).toBe(2);
    // Both are refused: the others wait for one that tries alone, and that is refused too.
    for (const one of await Promise.all(others.slice(0, 2))) leave(one, "denied");
    await settled();
    expect(out).toBe(2);
    expect((await Promise.all(others)).filter(({ kind }) => kind === "go")).toHaveLength(2);
  });

  it("counts nobody out any more when the key was taken often enough", async () => {
    const { enter, send } = setUp();
    for (let i = 0; i < 20; i += 1) await send("proven");
    const many = await Promise.all(Array.from({ length: 200 }, () => enter()));
    expect(many.every(({ kind }) => kind === "go")).toBe(true);
  });

  it("waits for one probe, not for a queue of them", async () => {
    const { enter } = setUp();
    const first = await enter();
    const others = [enter(), enter()];
    await settled();
    leave(first, "neither");
    expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual(["go", "wait"]);
  });

  it("says to those who wait what the one met that tried", async () => {
    const { enter } = setUp();
    const first = await enter();
    const others = [enter(), enter()];
    await settled();
    leave(first, "neither", "tls: self-signed certificate");
    const [second, third] = await Promise.all(others);
    const held = "held back: the cloud has not accepted our credentials yet";
    const silent = "held back until the cloud answers one request well";
    expect(third).toMatchObject({ why: `${silent} (the last try: tls: self-signed certificate)` });
    // Whatever is newest: that it refused them, that it was silent again; nothing of what is over.
    const fourth = enter();
    await settled();
    if (second === undefined) throw new Error("nobody tried");
    leave(second, "denied", "HTTP 401 APIGW.0301");
    expect((await fourth).kind).toBe("go");
    const fifth = enter();
    const sixth = enter();
    await settled();
    leave(await fourth, "neither", "tcp: connect ECONNREFUSED");
    await fifth;
    expect(await sixth).toMatchObject({
      why: `${silent} (the last try: tcp: connect ECONNREFUSED)`,
    });
    leave(await fifth, "proven");
    await settled();
    leave(await enter(), "clock", "HTTP 401: the clock");
    const trial = enter();
    await settled();
    const late = [enter(), enter()];
    await settled();
    leave(await trial, "denied", "HTTP 401 APIGW.0301");
    await settled();
    expect(await late[1]).toMatchObject({ why: `${held} (HTTP 401 APIGW.0301)` });
  });

  it("stops waiting when the caller gives up", async () => {
    const { breaker, enter, grant } = setUp();
    await enter();
    const controller = new AbortController();
    const waiting = breaker.enter(grant(), controller.signal);
    controller.abort();
    expect((await waiting).kind).toBe("wait");
  });

  it("starts anew with new credentials, and takes no late word about the old ones", async () => {
    const { breaker, enter, grant, present, send } = setUp();
    await send("proven");
    const late = await enter();
    await send("denied");
    await send("denied");
    expect(breaker.waitMs("key-1")).toBe(300_000);
    present.identity = "key-2";
    await send("proven", grant("key-2"));
    leave(late, "denied");
    await send("denied", grant("key-2"));
    expect(breaker.waitMs("key-2")).toBe(0);
  });

  it("sends nothing with credentials that were replaced, so that old and new cannot take turns", async () => {
    const { breaker, enter, grant, present, send } = setUp();
    const first = await enter();
    const signedBefore = [enter(), enter(), enter()];
    await settled();
    present.identity = "key-2";
    await send("proven", grant("key-2"));
    leave(first, "denied");
    expect(await Promise.all(signedBefore)).toEqual(signedBefore.map(() => ({ kind: "stale" })));
    expect(breaker.seen()).toEqual({ proven: true, why: null });
  });

  it("does not count a refusal that the clocks explain, but proves by one request again", async () => {
    const { breaker, enter, send } = setUp();
    await send("proven");
    for (let i = 0; i < 5; i += 1) await send("clock");
    expect([breaker.state(), breaker.seen()]).toEqual(["closed", { proven: false, why: null }]);
    const first = await enter();
    const second = enter();
    await settled();
    leave(first, "neither");
    expect((await second).kind).toBe("go");
  });

  describe("with tokens", () => {
    /** The service's tokens, of which one is the present. */
    function tokens() {
      const rig = setUp();
      const cache = { token: "t1" as string | null, dropped: 0 };
      const holding = (token: string) =>
        rig.grant("key-1", {
          proof: token,
          isCurrent: () => cache.token === token,
          forget() {
            cache.dropped += 1;
            cache.token = null;
          },
        });
      return { ...rig, cache, holding };
    }

    it("takes the refusal of one that was taken before for its death: dropped once, not counted", async () => {
      const { breaker, cache, holding, send } = tokens();
      for (let i = 0; i < 20; i += 1) await send("proven", holding("t1"));
      const many = await Promise.all(
        Array.from({ length: 8 }, () => breaker.enter(holding("t1"), quiet)),
      );
      for (const entry of many) leave(entry, "denied");
      await settled();
      expect([cache.dropped, breaker.state(), breaker.seen().why]).toEqual([1, "closed", null]);
      cache.token = "t2";
      // One at a time until the new one is proven.
      const first = await breaker.enter(holding("t2"), quiet);
      const others = Array.from({ length: 8 }, () => breaker.enter(holding("t2"), quiet));
      await settled();
      leave(first, "proven");
      expect((await others[0])?.kind).toBe("go");
      expect(breaker.state()).toBe("closed");
    });

    it("counts the refusal of a fresh one", async () => {
      const { breaker, cache, holding, send } = tokens();
      await send("denied", holding("t1"));
      cache.token = "t2";
      await send("denied", holding("t2"));
      expect(breaker.state()).toBe("open");
    });

    it("says nothing by the refusal of one that was replaced", async () => {
      const { breaker, cache, holding } = tokens();
      const late = await breaker.enter(holding("t1"), quiet);
      cache.token = "t2";
      leave(late, "denied");
      await settled();
      expect(breaker.seen()).toEqual({ proven: false, why: null });
    });
  });

  describe("of several replicas", () => {
    function replicas() {
      const store = {
        refusals: 0,
        turn: false,
        why: null as string | null,
        onTurn: () => {},
        /** How long it takes to hear of the sum. */
        counting: async () => {},
        /** How long it takes to read it. */
        looking: async () => {},
        /** How long it takes to give the turn back. */
        ending: async () => {},
      };
      const shared: SharedRefusals = {
        async look() {
          const { refusals, why } = store;
          await store.looking();
          return { refusals, forMs: 300_000, why };
        },
        async refused(_name, atLeast, { why }) {
          store.why = why;
          const total = Math.max(store.refusals + 1, atLeast);
          store.refusals = total;
          await store.counting();
          return total;
        },
        async proven() {
          store.refusals = 0;
        },
        async takeTurn() {
          if (store.turn) return null;
          store.turn = true;
          store.onTurn();
          return {
            async end() {
              await store.ending();
              store.turn = false;
            },
          };
        },
      };
      return { store, all: Array.from({ length: 6 }, () => setUp(shared)) };
    }

    it("lets out two refusals together, not two for each", async () => {
      const { store, all } = replicas();
      let sent = 0;
      for (let round = 0; round < 4; round += 1) {
        const entries = await Promise.all(all.map(({ enter }) => enter()));
        sent += entries.filter(({ kind }) => kind === "go").length;
        for (const entry of entries) leave(entry, "denied");
        await settled();
      }
      expect([sent, store.refusals]).toEqual([2, 2]);
      expect(all.map(({ breaker }) => breaker.state())).toEqual(all.map(() => "open"));
    });

    it("goes one at a time where another was refused, until one is taken", async () => {
      const { store, all } = replicas();
      const [one, other] = all;
      if (one === undefined || other === undefined) throw new Error("no replicas");
      for (let i = 0; i < 20; i += 1) await other.send("proven");
      await one.send("denied");
      const first = await other.enter();
      const second = other.enter();
      await settled();
      leave(first, "proven");
      expect([(await second).kind, store.refusals]).toEqual(["go", 0]);
    });

    it("says why they are refused where another was, and nothing of one refusal that stops nobody", async () => {
      const { all } = replicas();
      const [one, other] = all;
      if (one === undefined || other === undefined) throw new Error("no replicas");
      const refuse = async () => {
        leave(await one.enter(), "denied", "HTTP 401 APIGW.0301");
        await settled();
      };
      await refuse();
      leave(await other.enter(), "neither");
      await settled();
      expect(other.breaker.seen().why).toBeNull();
      await refuse();
      const held = "held back: the cloud does not accept our credentials (HTTP 401 APIGW.0301)";
      expect(await other.enter()).toMatchObject({ why: held });
      expect([other.breaker.whyHeld(), other.breaker.seen().why]).toEqual([
        held,
        "HTTP 401 APIGW.0301",
      ]);
    });

    it("says that another tries where it waits for that one", async () => {
      const { all, store } = replicas();
      await all[0]?.enter();
      const held = "held back: the cloud has not accepted our credentials yet";
      expect(await all[1]?.enter()).toMatchObject({
        kind: "wait",
        why: `${held} (another worker is trying them)`,
      });
      expect(store.turn).toBe(true);
    });

    it("gives its turn back before those who waited in it ask for one", async () => {
      const { all, store } = replicas();
      store.ending = settled;
      const first = await all[0]?.enter();
      const second = all[0]?.enter();
      await settled();
      leave(first ?? { kind: "" }, "neither", "tls: self-signed certificate");
      expect((await second)?.kind).toBe("go");
    });

    it("looks once more when it has the turn: who had it before may have been refused", async () => {
      const { all, store } = replicas();
      const [one] = all;
      if (one === undefined) throw new Error("no replica");
      store.onTurn = () => {
        [store.refusals, store.why] = [2, "HTTP 401 APIGW.0301"];
      };
      expect(await one.enter()).toMatchObject({ kind: "wait", ms: 300_000 });
      await settled();
      expect(store.turn).toBe(false);
    });

    it("is not refused by what it read before it was taken", async () => {
      const { all, store } = replicas();
      const [one] = all;
      if (one === undefined) throw new Error("no replica");
      await one.send("proven");
      await one.send("denied");
      const first = await one.enter();
      // Reads the count, and hears of it only after the first was taken.
      store.looking = settled;
      const second = one.enter();
      leave(first, "proven");
      await settled();
      store.looking = async () => {};
      expect((await second).kind).toBe("go");
      expect(one.breaker.seen().proven).toBe(true);
    });

    it("is not refused by what was counted before it was taken", async () => {
      const { all, store } = replicas();
      const [one] = all;
      if (one === undefined) throw new Error("no replica");
      await one.send("proven");
      const [first, second] = await Promise.all([one.enter(), one.enter()]);
      store.counting = settled;
      leave(first, "denied");
      leave(second, "proven");
      await settled();
      await settled();
      expect(one.breaker.seen()).toEqual({ proven: true, why: null });
    });

    it("forgets what only others were refused when they are taken again; not what it was refused itself", async () => {
      const { all, store } = replicas();
      const [one, other] = all;
      if (one === undefined || other === undefined) throw new Error("no replicas");
      await one.send("denied");
      await one.send("denied");
      expect((await other.enter()).kind).toBe("wait");
      await other.breaker.review("name");
      expect(other.breaker.state()).toBe("open");
      store.refusals = 0;
      await Promise.all([one, other].map(({ breaker }) => breaker.review("name")));
      expect([one, other].map(({ breaker }) => breaker.state())).toEqual(["open", "closed"]);
    });

    it("forgets the refusals when the credentials are replaced", async () => {
      const { store, all } = replicas();
      const [one] = all;
      await one?.send("denied");
      await one?.send("denied");
      if (one !== undefined) one.present.identity = "key-2";
      expect((await one?.enter("key-2"))?.kind).toBe("go");
      expect(store.refusals).toBe(0);
    });
  });
});

/** Lets everything that is settled have its effect. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function leave<R>(
  entry: { kind: string; leave?: (result: R, why?: string) => void },
  result: R,
  why?: string,
): void {
  entry.leave?.(result, why);
}
