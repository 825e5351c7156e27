import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Credentials } from "../../../src/adapters/cloud/credentials/credentials.ts";
import { ProjectId, ServerId } from "../../../src/contract/ids.ts";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_PROJECT_ID,
  DEFAULT_SECRET_KEY,
} from "../../../src/simulator/defaults.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { eventually } from "../../support/eventually.ts";
import { cloudAt, REAL_CLOCK, signal, SIMULATED_KEYS as KEYS, closedAfterEach } from "./setup.ts";

const USER: Credentials = {
  kind: "iam-user",
  username: () => "svc-reinstall",
  password: () => "Simulated-Passw0rd",
  domain: () => "OCB0000001",
};
const P = ProjectId.parse(DEFAULT_PROJECT_ID);
const BODY = { userid: "7e25b1da389f4697a79df3a0e5bd494e" };
const MINUTE = 60_000;

let cloud: Simulator;
const apis = closedAfterEach(() => cloud.reset());

beforeAll(async () => {
  cloud = await startSimulator({});
});
afterAll(() => cloud.close());

function connect(...[changes]: [Parameters<typeof cloudAt>[1]?]) {
  const made = cloudAt(cloud.url, {
    credentials: KEYS,
    timeouts: { connectMs: 2_000, headersMs: 2_000, bodyMs: 2_000, postMs: 4_000 },
    ...changes,
  });
  apis.push(made.api);
  const id = ServerId.parse(cloud.addServer({ state: "SHUTOFF" }).id);
  const look = () => made.api.look(P, id, signal());
  const looks = (count: number) => Promise.all(Array.from({ length: count }, look));
  const standing = (name: string) => made.api.standings().find((one) => one.name === name);
  return { ...made, id, look, looks, standing };
}

const kinds = (answers: readonly { readonly kind: string }[]) => answers.map(({ kind }) => kind);
const all = (count: number, kind: string) => Array.from({ length: count }, () => kind);

/** A clock of the worker's own, which may be wrong and be put right. */
function wrongClock(offMs: number) {
  const state = { offMs, passedMs: 0 };
  const clock = {
    ...REAL_CLOCK,
    nowMs: () => Date.now() + state.offMs + state.passedMs,
    monotonicMs: () => performance.now() + state.passedMs,
  };
  return { clock, state };
}

describe("a clock that is wrong", () => {
  it.each([16, 20, -16, -20, 90])(
    "by %i minutes is named, and spends one refusal of the key however often it is asked",
    async (minutes) => {
      const { clock } = wrongClock(minutes * MINUTE);
      const { api, looks, look, id, standing } = connect({ clock });
      const first = await look();
      expect(first).toMatchObject({ kind: "unreadable", waitsFor: "clock-skew" });
      for (let round = 0; round < 3; round += 1) {
        for (const one of await looks(8)) {
          expect(one).toMatchObject({ waitsFor: "clock-skew", heldBack: true });
        }
      }
      expect(await api.sign(P, id, BODY, signal())).toMatchObject({ waitsFor: "clock-skew" });
      expect(cloud.refusals()).toMatchObject({ date: 1, locked: 0, signature: 0 });
      // One question for the time, which names no key.
      expect(cloud.calls()).toMatchObject({ server: 1, unknown: 1 });
      expect([api.state().auth, standing("credentials")?.state]).toEqual(["closed", "untested"]);
      expect(standing("clock")).toMatchObject({
        state: "down",
        cause: expect.stringMatching(
          `clock-skew: this worker's clock is \\d+ s ${minutes > 0 ? "ahead of" : "behind"} the`,
        ),
      });
    },
  );

  it.each([0, 5, -5, 14])("by %i minutes is none of the adapter's business", async (minutes) => {
    const { look, standing } = connect({ clock: wrongClock(minutes * MINUTE).clock });
    expect(await look()).toMatchObject({ kind: "seen" });
    expect(standing("clock")).toMatchObject({ state: "up" });
  });

  it("does not hide that the key is wrong when it explains nothing", async () => {
    const wrong = { ...KEYS, secretKey: () => "wrongSecretKeywrongSecretKey000000000001" };
    const { clock } = wrongClock(5 * MINUTE);
    const { api, look } = connect({ clock, credentials: wrong });
    expect(await look()).toMatchObject({ waitsFor: "cloud-unavailable" });
    await look();
    expect(api.state().auth).toBe("open");
  });

  it("is right where a request was late: its refusal says nothing about clock and credentials", async () => {
    const { clock, state } = wrongClock(0);
    const { api, id, look, standing } = connect({ clock });
    const signing = await api.sign(P, id, BODY, signal());
    if (signing.kind !== "signed") throw new Error("not signed");
    // The process stood still; the clocks went on alike.
    state.passedMs = 20 * MINUTE;
    cloud.setClockSkew(20 * MINUTE);
    expect(await signing.request.send(signal())).toMatchObject({ kind: "later" });
    expect(cloud.refusals()).toMatchObject({ date: 1 });
    expect([standing("credentials")?.state, standing("clock")?.state]).toEqual(["untested", "up"]);
    expect(await look()).toMatchObject({ kind: "seen" });
    expect(standing("credentials")).toMatchObject({ state: "up" });
  });

  it("holds back without a single refusal when it jumps in between", async () => {
    const { clock, state } = wrongClock(0);
    const { look, looks } = connect({ clock });
    expect(await look()).toMatchObject({ kind: "seen" });
    state.offMs = 20 * MINUTE;
    expect((await looks(8)).every((one) => one.kind === "unreadable")).toBe(true);
    expect(cloud.refusals()).toMatchObject({ date: 0 });
    // Put right: at once, without a question.
    const { unknown } = cloud.calls();
    state.offMs = 0;
    expect(await look()).toMatchObject({ kind: "seen" });
    expect(cloud.calls().unknown).toBe(unknown);
  });

  it("is asked about at intervals, so that a cloud that was wrong itself is noticed", async () => {
    const { clock, state } = wrongClock(0);
    const { look } = connect({ clock });
    cloud.setClockSkew(20 * MINUTE);
    for (let i = 0; i < 3; i += 1) await look();
    expect(cloud.calls().unknown).toBe(1);
    cloud.setClockSkew(0);
    expect(await look()).toMatchObject({ waitsFor: "clock-skew" });
    state.passedMs = 16_000;
    state.offMs = -16_000;
    expect(await look()).toMatchObject({ kind: "seen" });
    expect(cloud.refusals()).toMatchObject({ date: 1 });
  });

  it("spoils no token", async () => {
    const { clock } = wrongClock(20 * MINUTE);
    const { look, standing } = connect({ clock, credentials: USER });
    expect(await look()).toMatchObject({ kind: "seen" });
    expect(standing("clock")).toBeUndefined();
  });
});

describe("a token that dies", () => {
  it("while many calls carry it costs one renewal and no outage", async () => {
    const { api, look, looks } = connect({ credentials: USER, poolConnections: 40 });
    for (let i = 0; i < 20; i += 1) await look();
    for (let round = 1; round <= 3; round += 1) {
      cloud.faults.set({ operation: "server", times: 20, delayBeforeExecutionMs: 50 });
      const flying = looks(20);
      await new Promise((resolve) => setTimeout(resolve, 20));
      cloud.revokeTokens();
      expect(kinds(await flying)).toEqual(all(20, "seen"));
      expect(cloud.calls().token).toBe(1 + round);
      expect(api.state().auth).toBe("closed");
      cloud.faults.clear();
    }
  });

  it("under a POST is a sure refusal: not carried out, not counted, the next goes with a new one", async () => {
    const { api, look, id } = connect({ credentials: USER });
    await look();
    const signing = await api.sign(P, id, BODY, signal());
    cloud.revokeTokens();
    const sent = signing.kind === "signed" ? await signing.request.send(signal()) : null;
    expect(sent).toMatchObject({ kind: "later", waitsFor: "cloud-unavailable" });
    expect([cloud.ledger().servers[id]?.reinstallsExecuted ?? 0, api.state().auth]).toEqual([
      0,
      "closed",
    ]);
    const again = await api.sign(P, id, BODY, signal());
    expect(again.kind === "signed" && (await again.request.send(signal()))).toMatchObject({
      kind: "accepted",
    });
  });

  it("and whose successors are refused too stops everything after two", async () => {
    const { api, look } = connect({ credentials: USER });
    await look();
    cloud.faults.set({ operation: "server", error: "APIGW.0307" });
    for (let i = 0; i < 4; i += 1) await look();
    // The dead one, and two fresh ones.
    expect(cloud.calls()).toMatchObject({ server: 4, token: 3 });
    expect(api.state().auth).toBe("open");
  });
});

describe("credentials that are replaced", () => {
  function renewable() {
    const held = { accessKey: DEFAULT_ACCESS_KEY, secretKey: DEFAULT_SECRET_KEY };
    const credentials: Credentials = {
      kind: "ak-sk",
      accessKey: () => held.accessKey,
      secretKey: () => held.secretKey,
    };
    return { held, credentials };
  }

  it("let everybody go who waited, a few at a time, with few refusals of the old ones", async () => {
    const { held, credentials } = renewable();
    const { looks, api } = connect({ credentials, poolConnections: 40 });
    expect(kinds(await looks(40))).toEqual(all(40, "seen"));
    cloud.removeCredential(DEFAULT_ACCESS_KEY);
    const before = cloud.calls().server;
    await looks(1);
    await looks(40);
    expect(cloud.calls().server - before).toBe(2);
    expect(api.state().auth).toBe("open");
    cloud.putCredential({ accessKey: "AK2", secretKey: "SK2" });
    [held.accessKey, held.secretKey] = ["AK2", "SK2"];
    expect(kinds(await looks(40))).toEqual(all(40, "seen"));
  });

  it("while requests with the old ones wait: none of those is sent", async () => {
    const { held, credentials } = renewable();
    const { look, looks, id, api } = connect({ credentials, poolConnections: 40 });
    cloud.putCredential({ accessKey: "AK2", secretKey: "SK2" });
    const signing = await api.sign(P, id, BODY, signal());
    // The first tries the old key, and is slow; the others wait for what comes of it.
    cloud.faults.set({ operation: "server", times: 1, delayBeforeReplyMs: 300 });
    cloud.removeCredential(DEFAULT_ACCESS_KEY);
    const waiting = looks(12);
    await eventually(() => cloud.refusals()["unknown-key"] === 1, { intervalMs: 5 });
    [held.accessKey, held.secretKey] = ["AK2", "SK2"];
    expect(await look()).toMatchObject({ kind: "seen" });
    expect(kinds(await waiting).filter((kind) => kind === "seen")).toHaveLength(11);
    expect(cloud.refusals()["unknown-key"]).toBe(1);
    const sent = signing.kind === "signed" ? await signing.request.send(signal()) : null;
    expect(sent).toMatchObject({ kind: "not-sent", heldBack: true });
    expect(cloud.calls().reinstall).toBe(0);
  });

  it("and refused by chance after the first success lock nothing", async () => {
    const { looks, api } = connect({ poolConnections: 40 });
    cloud.faults.set({ operation: "server", after: 1, error: "APIGW.0301" });
    await looks(40);
    expect(cloud.calls().server).toBeLessThanOrEqual(4);
    expect(api.state().auth).toBe("open");
  });
});

describe("the question at the start", () => {
  it("proves endpoint, credentials and clock, and is not asked again", async () => {
    const { api, standing } = connect({});
    expect(api.standings().map(({ name, state }) => [name, state])).toEqual([
      ["ecs", "untested"],
      ["credentials", "untested"],
      ["clock", "untested"],
    ]);
    await api.probe(P, signal());
    expect(api.standings().map(({ state }) => state)).toEqual(all(3, "up"));
    await api.probe(P, signal());
    expect([cloud.calls().servers, standing("ecs")?.cause]).toEqual([1, null]);
  });

  it("asks IAM and the image service too, where they are used", async () => {
    const { api } = connect({ credentials: USER, imsEndpoint: cloud.url });
    await api.probe(P, signal());
    expect(api.standings().map(({ name, state }) => `${name} ${state}`)).toEqual([
      "ecs up",
      "iam up",
      "ims up",
      "credentials up",
    ]);
    expect(cloud.calls()).toMatchObject({ token: 1, servers: 1, image: 1 });
  });

  it("spends one refusal where the key is wrong, and says so", async () => {
    const wrong = { ...KEYS, secretKey: () => "wrongSecretKeywrongSecretKey000000000001" };
    const { api, standing } = connect({ credentials: wrong, imsEndpoint: cloud.url });
    await api.probe(P, signal());
    expect(cloud.refusals()).toMatchObject({ signature: 1 });
    expect(standing("credentials")).toMatchObject({
      state: "down",
      cause: expect.stringContaining("APIGW.0301"),
    });
    expect(standing("ecs")).toMatchObject({ state: "up" });
    expect(standing("ims")).toMatchObject({ state: "untested" });
  });

  it("proves the credentials where it is refused for want of a right", async () => {
    const { api, standing } = connect({});
    cloud.faults.set({ operation: "servers", error: "Pdp.0001" });
    await api.probe(P, signal());
    expect(standing("credentials")).toMatchObject({ state: "up" });
  });

  it("leaves untested what does not answer, with the cause", async () => {
    const { api, standing } = connect({ credentials: USER, iamEndpoint: "http://127.0.0.1:9" });
    await api.probe(P, signal());
    expect(standing("ecs")).toMatchObject({ state: "untested" });
    expect(standing("iam")).toMatchObject({
      state: "untested",
      cause: expect.stringMatching(/no answer yet \(tcp: .*127\.0\.0\.1:9\)/),
    });
  });

  it("shows a breaker of IAM, or of the image service, that is open", async () => {
    const breaker = { failures: 2, openMs: 60_000, authOpenMs: 60_000 };
    const iam = connect({ credentials: USER, iamEndpoint: "http://127.0.0.1:9", breaker });
    for (let i = 0; i < 2; i += 1) await iam.api.probe(P, signal());
    expect(iam.standing("iam")).toMatchObject({ state: "untested" });
    const ims = connect({ imsEndpoint: "http://127.0.0.1:9", breaker });
    for (let i = 0; i < 2; i += 1) await ims.api.probe(P, signal());
    expect(ims.standing("ims")).toMatchObject({
      state: "down",
      cause: expect.stringContaining("the API does not answer"),
    });
  });
});
