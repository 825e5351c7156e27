import { describe, expect, it } from "vitest";
import { createAuthBreaker, type AuthResult } from "../../../../src/adapters/cloud/auth-breaker.ts";
import { createEndpointBreaker, type Entry } from "../../../../src/adapters/cloud/breaker.ts";

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

  function setUp() {
    const clock = { ms: 0 };
    const breaker = createAuthBreaker({ failures: 2, openMs: 300_000 }, () => clock.ms);
    const send = async (result: AuthResult, identity = "key-1") =>
      leave(await breaker.enter(identity, quiet), result);
    return { clock, breaker, send };
  }

  it("opens at the second failure in a row, for five minutes, for everything", async () => {
    const { clock, breaker, send } = setUp();
    await send("proven");
    await send("denied");
    expect(breaker.state()).toBe("closed");
    await send("denied");
    expect(breaker.state()).toBe("open");
    clock.ms = 299_999;
    expect(await breaker.enter("key-1", quiet)).toEqual({ kind: "wait", ms: 1 });
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
    const { breaker } = setUp();
    let sent = 0;
    const entries = Array.from({ length: 20 }, async () => {
      const entry = await breaker.enter("key-1", quiet);
      if (entry.kind === "go") sent += 1;
      await Promise.resolve();
      leave(entry, "denied");
    });
    await Promise.all(entries);
    expect(sent).toBeLessThanOrEqual(2);
    expect(breaker.state()).toBe("open");
  });

  it("lets all go on together as soon as the first has proven the key", async () => {
    const { breaker } = setUp();
    const first = await breaker.enter("key-1", quiet);
    const others = [breaker.enter("key-1", quiet), breaker.enter("key-1", quiet)];
    leave(first, "proven");
    expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual(["go", "go"]);
  });

  it("waits for one probe, not for a queue of them", async () => {
    const { breaker } = setUp();
    const first = await breaker.enter("key-1", quiet);
    const others = [breaker.enter("key-1", quiet), breaker.enter("key-1", quiet)];
    leave(first, "neither");
    expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual(["go", "wait"]);
  });

  it("stops waiting when the caller gives up", async () => {
    const { breaker } = setUp();
    await breaker.enter("key-1", quiet);
    const controller = new AbortController();
    const waiting = breaker.enter("key-1", controller.signal);
    controller.abort();
    expect((await waiting).kind).toBe("wait");
  });

  it("starts anew with new credentials, and takes no late word about the old ones", async () => {
    const { breaker, send } = setUp();
    await send("proven");
    const late = await breaker.enter("key-1", quiet);
    await send("denied");
    await send("denied");
    expect(breaker.waitMs("key-1")).toBe(300_000);
    await send("proven", "key-2");
    leave(late, "denied");
    await send("denied", "key-2");
    expect(breaker.waitMs("key-2")).toBe(0);
  });
});

function leave<R>(entry: Entry<R>, result: R): void {
  if (entry.kind === "go") entry.leave(result);
}
