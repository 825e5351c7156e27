import { describe, expect, it } from "vitest";
import { job, look, reinstall, REFUSED, sign, stop, submit, view, WITH_STOP } from "./asking.ts";
import { JOB_MS, NOBODY, RIGS, WINDOW_MS } from "./rig.ts";
import { PROJECT, SERVER, signal } from "./setup.ts";

const UNSTABLE = { kind: "later", waitsFor: "server-unstable", retryAfterMs: null };
/** "Try again after 1 minute" (ECS API notes §5.2). */
const BUSY = { ...UNSTABLE, retryAfterMs: 60_000 };

describe.each(RIGS)("a reinstall that is asked for %s", (_name, rigs) => {
  const open = rigs();

  it("waits for a running server, unless it is to stop it", async () => {
    const rig = await open({ status: "ACTIVE" });
    expect(await submit(rig)).toMatchObject({ ...UNSTABLE, refusal: REFUSED.state });
    expect(rig.executed()).toBe(0);
    expect(await submit(rig, WITH_STOP)).toMatchObject({ kind: "accepted" });
    expect(rig.executed()).toBe(1);
  });

  it("is accepted in ERROR, when that is what the last one left", async () => {
    const rig = await open({ status: "ERROR" });
    expect(await submit(rig)).toMatchObject({ kind: "accepted" });
  });

  it.each(["shown", "hidden"] as const)(
    "waits for one that runs, %s, and is not carried out",
    async (shown) => {
      const rig = await open({ view: shown });
      const id = await reinstall(rig);
      for (const at of [0, JOB_MS / 2, JOB_MS / 2 - 1]) {
        await rig.advance(at);
        expect(await submit(rig)).toMatchObject({ ...BUSY, refusal: REFUSED.busy });
        expect(await submit(rig, WITH_STOP)).toMatchObject({ ...BUSY, refusal: REFUSED.busy });
      }
      await rig.advance(1);
      expect(await job(rig, id)).toMatchObject({ kind: "succeeded" });
      expect(rig.executed()).toBe(1);
    },
  );

  it("waits for a stop that runs", async () => {
    const rig = await open({ status: "ACTIVE" });
    await stop(rig);
    expect(await submit(rig, WITH_STOP)).toMatchObject({ ...BUSY, refusal: REFUSED.busy });
    expect(rig.executed()).toBe(0);
  });

  it("is refused for good on a locked server", async () => {
    const rig = await open();
    rig.outsider("lock");
    expect(await submit(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.locked });
    rig.outsider("unlock");
    expect(await submit(rig)).toMatchObject({ kind: "accepted" });
  });

  it("is refused for good on a server that is deleted, or never was", async () => {
    const rig = await open();
    const refused = { kind: "refused", refusal: REFUSED.absent };
    expect(await submit(rig, undefined, NOBODY)).toMatchObject(refused);
    rig.outsider("delete");
    expect(await submit(rig)).toMatchObject(refused);
    expect(rig.executed()).toBe(0);
  });

  describe("of a lax cloud", () => {
    it("is accepted while the server runs", async () => {
      const rig = await open({ lax: true, status: "ACTIVE" });
      expect(await submit(rig)).toMatchObject({ kind: "accepted" });
    });

    it("is refused on a locked server all the same", async () => {
      const rig = await open({ lax: true });
      rig.outsider("lock");
      expect(await submit(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.locked });
    });

    it.each([
      ["the later one ends last", JOB_MS, JOB_MS],
      ["the later one ends first", JOB_MS / 4, JOB_MS / 2],
    ])("is accepted while one runs; the server is idle after both (%s)", async (_how, ...times) => {
      const [durationMs, bothMs] = times;
      const rig = await open({ lax: true });
      const first = await reinstall(rig);
      await rig.advance(JOB_MS / 2);
      rig.course({ durationMs });
      const second = await reinstall(rig);
      expect(second).not.toBe(first);
      expect(rig.executed()).toBe(2);
      await rig.advance(bothMs - 1);
      expect((await view(rig)).taskState).not.toBeNull();
      await rig.advance(1);
      expect(await view(rig)).toMatchObject({ taskState: null, status: "ACTIVE" });
      expect(await job(rig, first)).toMatchObject({ kind: "succeeded" });
      expect(await job(rig, second)).toMatchObject({ kind: "succeeded" });
    });
  });
});

describe.each(RIGS)("a signature %s", (_name, rigs) => {
  const open = rigs();
  const TOO_OLD = {
    kind: "later",
    waitsFor: "cloud-unavailable",
    refusal: REFUSED.signature,
    retryAfterMs: null,
  };

  it("says when it was made, in whole seconds of the caller's clock", async () => {
    const rig = await open({ clockAheadMs: 3_000 });
    await rig.advance(1_999);
    const { signedAtMs } = await sign(rig);
    expect(signedAtMs).toBe(Math.floor((rig.nowMs() + 3_000) / 1_000) * 1_000);
    expect(rig.executed()).toBe(0);
  });

  it("is good until the end of the window, by the time that it tells", async () => {
    const rig = await open();
    const request = await sign(rig);
    await rig.advance((request.signedAtMs ?? 0) + WINDOW_MS - rig.nowMs());
    expect(await request.send(signal())).toMatchObject({ kind: "accepted" });
    expect(rig.executed()).toBe(1);
  });

  it("is refused after the window, which proves that nothing was carried out", async () => {
    const rig = await open();
    const request = await sign(rig);
    await rig.advance(WINDOW_MS + 1_000);
    expect(await request.send(signal())).toMatchObject(TOO_OLD);
    await rig.advance(JOB_MS);
    expect(rig.executed()).toBe(0);
    expect(await submit(rig)).toMatchObject({ kind: "accepted" });
  });

  it.each([WINDOW_MS + 2_000, -WINDOW_MS - 2_000])(
    "is refused when the caller's clock is %i ms ahead, which is said",
    async (clockAheadMs) => {
      const rig = await open({ clockAheadMs });
      expect(await submit(rig)).toMatchObject({ ...TOO_OLD, waitsFor: "clock-skew" });
      expect(rig.executed()).toBe(0);
    },
  );

  it("is of one request that is sent once: a second time throws, and sends nothing", async () => {
    const rig = await open({ lax: true });
    const request = await sign(rig);
    expect(await request.send(signal())).toMatchObject({ kind: "accepted" });
    await expect(request.send(signal())).rejects.toThrow("once");
    await rig.advance(JOB_MS);
    expect(rig.executed()).toBe(1);
  });

  it("may not be had, and then nothing is sent", async () => {
    const rig = await open();
    await rig.befall("sign-unavailable");
    const signing = await rig.api.sign(PROJECT, SERVER, { userid: "u" }, signal());
    expect(signing).toMatchObject({ kind: "unavailable", waitsFor: "cloud-unavailable" });
    expect(rig.executed()).toBe(0);
  });
});

describe.each(RIGS)("a POST that meets the network %s", (_name, rigs) => {
  const open = rigs();

  it("is unknown when its answer is lost, and was carried out", async () => {
    const rig = await open();
    const { systemDiskId } = await view(rig);
    await rig.befall("send-lost-reply");
    expect(await submit(rig)).toMatchObject({ kind: "unknown" });
    expect(rig.executed()).toBe(1);
    await rig.advance(JOB_MS);
    const after = await view(rig);
    expect(after.systemDiskId).not.toBe(systemDiskId);
    expect(after.systemDiskId).not.toBeNull();
  });

  it("is unknown when it is lost itself, and never was carried out", async () => {
    const rig = await open();
    await rig.befall("send-lost-request");
    expect(await submit(rig)).toMatchObject({ kind: "unknown" });
    await rig.advance(WINDOW_MS);
    expect(rig.executed()).toBe(0);
  });

  it("is unknown when it is held up, and is carried out when it arrives within the window", async () => {
    const rig = await open();
    await rig.befall("send-late", WINDOW_MS - 10_000);
    expect(await submit(rig)).toMatchObject({ kind: "unknown" });
    await rig.advance(WINDOW_MS - 20_000);
    expect(rig.executed()).toBe(0);
    await rig.advance(10_000);
    expect(rig.executed()).toBe(1);
    expect(await view(rig)).toMatchObject({ taskState: "rebuilding" });
  });

  it("is unknown when it is held up, and never carried out when it arrives after the window", async () => {
    const rig = await open();
    const before = await view(rig);
    await rig.befall("send-late", WINDOW_MS + 10_000);
    expect(await submit(rig)).toMatchObject({ kind: "unknown" });
    await rig.advance(WINDOW_MS + JOB_MS);
    expect(rig.executed()).toBe(0);
    expect(await view(rig)).toMatchObject({ ...before, cloudTimeMs: expect.any(Number) });
  });

  it("is not sent when nobody takes the connection", async () => {
    const rig = await open();
    const request = await sign(rig);
    await rig.befall("send-not-sent");
    expect(await request.send(signal())).toMatchObject({
      kind: "not-sent",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
      retryAfterMs: null,
    });
    await rig.advance(WINDOW_MS);
    expect(rig.executed()).toBe(0);
  });

  it("is refused for good where a quota is used up", async () => {
    const rig = await open();
    await rig.befall("send-refused");
    expect(await submit(rig)).toMatchObject({ kind: "refused", refusal: REFUSED.quota });
    expect(rig.executed()).toBe(0);
  });

  it("is put off where too many are sent", async () => {
    const rig = await open();
    await rig.befall("send-throttled");
    expect(await submit(rig)).toMatchObject({
      kind: "later",
      waitsFor: "throttled",
      refusal: REFUSED.throttled,
      retryAfterMs: null,
    });
    expect(rig.executed()).toBe(0);
  });

  it("is not sent by who has been told to stop", async () => {
    const rig = await open();
    const request = await sign(rig);
    expect(await request.send(AbortSignal.abort())).toMatchObject({
      kind: "not-sent",
      waitsFor: "cloud-unavailable",
    });
    await rig.advance(JOB_MS);
    expect(rig.executed()).toBe(0);
    expect((await look(rig)).kind).toBe("seen");
  });

  it("is unknown at once to who is told to stop while it is under way", async () => {
    const postTimeoutMs = 3_600_000;
    const rig = await open({ postTimeoutMs });
    await rig.befall("send-lost-reply");
    const request = await sign(rig);
    const stopping = new AbortController();
    const sentMs = rig.nowMs();
    const sending = request.send(stopping.signal);
    await rig.firstExecuted();
    stopping.abort();
    expect(await sending).toMatchObject({ kind: "unknown" });
    expect(rig.nowMs() - sentMs).toBeLessThan(postTimeoutMs);
    expect(rig.executed()).toBe(1);
  });
});
