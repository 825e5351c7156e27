import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type CallsWanted,
  type RequestBudget,
  UNLIMITED,
} from "../../../src/adapters/cloud/budget.ts";
import type { CloudAdapter } from "../../../src/adapters/cloud/cloud-api.ts";
import type { CloudApi } from "../../../src/steps/ports/cloud-api.ts";
import type { Credentials } from "../../../src/adapters/cloud/credentials/credentials.ts";
import { ERROR_ROWS } from "../../../src/adapters/cloud/answers/error-rows.ts";
import type { RequestInfo } from "../../../src/adapters/cloud/operations/operation.ts";
import type { CloudSettings } from "../../../src/adapters/cloud/settings.ts";
import { DiskId, type JobId, ProjectId, ServerId } from "../../../src/contract/ids.ts";
import type { Submission } from "../../../src/core/server/observations.ts";
import { knownCodes } from "../../../src/simulator/requests/error-catalogue.ts";
import type { FaultSpec } from "../../../src/simulator/faults/fault-schema.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { SimulatedServer, Simulator } from "../../../src/simulator/simulator.ts";
import { eventually } from "../../support/eventually.ts";
import {
  cloudAt,
  powerCall,
  REAL_CLOCK,
  signal,
  SIMULATED_KEYS as KEYS,
  closedAfterEach,
} from "./setup.ts";

const USER: Credentials = {
  kind: "iam-user",
  username: () => "svc-reinstall",
  password: () => "Simulated-Passw0rd",
  domain: () => "OCB0000001",
};
const BODY = { userid: "7e25b1da389f4697a79df3a0e5bd494e" };

let cloud: Simulator;
const apis = closedAfterEach(() => cloud.reset());

beforeAll(async () => {
  cloud = await startSimulator({ jobDurationMs: 150, stopDurationMs: 50, clockSkewMs: 0 });
});
afterAll(() => cloud.close());

describe.each([
  ["signed requests", KEYS],
  ["tokens", USER],
])("a reinstall with %s", (_name, credentials) => {
  it("goes from the look to the new disk", async () => {
    const { api } = connect({ credentials });
    const { server, project, id } = addServer();
    expect(await api.stop(project, id, "SOFT", powerCall())).toMatchObject({ kind: "accepted" });
    await eventually(() => server.status === "SHUTOFF" && server.taskState === null, {
      intervalMs: 10,
    });
    const before = await seen(api, project, id);
    const sent = await submit(api, project, id);
    expect(sent).toMatchObject({ kind: "accepted" });
    const job = sent.kind === "accepted" ? sent.jobId : ("" as JobId);
    await eventually(async () => (await api.job(project, id, job, signal())).kind === "succeeded", {
      intervalMs: 20,
    });
    const after = await seen(api, project, id);
    expect(after.systemDiskId).not.toBe(before.systemDiskId);
    expect(Math.abs((after.cloudTimeMs ?? 0) - Date.now())).toBeLessThan(2_000);
    expect(cloud.calls().reinstall).toBe(1);
  });

  it("says when its signature was made, if it expires with it", async () => {
    const { api } = connect({ credentials });
    const { project, id } = addServer("SHUTOFF");
    const signing = await api.sign(project, id, BODY, signal());
    const signedAtMs = signing.kind === "signed" ? signing.request.signedAtMs : undefined;
    if (credentials.kind === "iam-user") expect(signedAtMs).toBeNull();
    else expect(Math.abs((signedAtMs ?? 0) - Date.now())).toBeLessThan(2_000);
    expect(cloud.calls().reinstall).toBe(0);
  });

  it("throws when it is sent twice, and sends nothing", async () => {
    const { api } = connect({ credentials });
    const { project, id } = addServer("SHUTOFF");
    const signing = await api.sign(project, id, BODY, signal());
    if (signing.kind !== "signed") throw new Error("not signed");
    await signing.request.send(signal());
    await expect(signing.request.send(signal())).rejects.toThrow("once");
    expect(cloud.calls().reinstall).toBe(1);
  });
});

describe("every documented error", () => {
  it("is in the table", () => {
    const rows = new Set(ERROR_ROWS.map(({ code }) => code));
    expect(knownCodes().filter((code) => !rows.has(code))).toEqual([]);
  });

  it.each(knownCodes())(
    "%s means for a POST what the table says, and is sent once",
    async (code) => {
      const { api } = connect({});
      const { project, id } = addServer("SHUTOFF");
      await api.look(project, id, signal());
      cloud.faults.set({ operation: "reinstall", error: code });
      const sent = await submit(api, project, id);
      const row = ERROR_ROWS.find((one) => one.code === code);
      expect(sent.kind).toBe(expectedKind(code, row?.class));
      if (sent.kind === "refused") expect(sent.refusal.class).toBe(row?.class);
      expect(cloud.calls().reinstall).toBe(1);
      expect(cloud.server(id)?.runningJobs).toEqual([]);
    },
  );

  it.each(knownCodes())("%s never passes for a view of the server or of a job", async (code) => {
    const { api } = connect({});
    const { project, id } = addServer("SHUTOFF");
    cloud.faults.set([
      { operation: "server", error: code },
      { operation: "job", error: code },
    ]);
    const look = await api.look(project, id, signal());
    const job = await api.job(project, id, "j" as JobId, signal());
    expect(["absent", "refused", "unreadable"]).toContain(look.kind);
    expect(job.kind).toBe(code === "Common.0011" ? "missing" : job.kind);
    expect(["missing", "unreadable"]).toContain(job.kind);
  });
});

describe("an answer that is lost or useless", () => {
  const executed: readonly [string, Partial<FaultSpec>][] = [
    ["is cut off", { lostReply: true }],
    ["is an empty 204", { status: 204, emptyBody: true, executed: true }],
    ["is HTML", { html: true }],
    ["is truncated", { truncatedJson: true }],
    ["is empty", { emptyBody: true }],
    ["is a 502", { status: 502, html: true, executed: true }],
    ["is a 500 with a code", { error: "Ecs.0615", executed: true }],
    ["is cut within its head", { cutHeadersAfterBytes: 20 }],
    ["is cut within its body", { cutBodyAfterBytes: 5 }],
    ["is endless", { endlessBody: true }],
    ["is huge", { hugeBodyBytes: 200_000 }],
    ["never comes", { blackHole: true, executed: true }],
    ["comes too late", { delayBeforeReplyMs: 3_000 }],
    ["has no job id", { body: {} }],
  ];

  it.each(executed)("leaves the outcome unknown when it %s", async (_how, effects) => {
    const { api } = connect({
      timeouts: { connectMs: 500, headersMs: 500, bodyMs: 500, postMs: 600 },
    });
    const { project, id } = addServer("SHUTOFF");
    cloud.faults.set({ operation: "reinstall", ...effects });
    expect(await submit(api, project, id)).toMatchObject({ kind: "unknown" });
    expect(cloud.calls().reinstall).toBe(1);
  });

  it("is not replaced by an answer from elsewhere", async () => {
    const { api } = connect({});
    const { project, id } = addServer("SHUTOFF");
    cloud.faults.set({ operation: "reinstall", redirectTo: `${cloud.url}/elsewhere` });
    expect(await submit(api, project, id)).toMatchObject({ kind: "unknown" });
    expect(cloud.calls().unknown).toBe(0);
  });
});

describe("throttling", () => {
  it("holds the project back for as long as the cloud asks", async () => {
    const refused: object[] = [];
    const budget: RequestBudget = {
      ...UNLIMITED,
      nowMs: () => 1_000,
      refused: async (_project, throttling) => void refused.push(throttling),
    };
    const { api } = connect({ budget });
    const { project, id } = addServer("SHUTOFF");
    cloud.faults.set({ operation: "server", error: "APIGW.0308", retryAfterSeconds: 7 });
    expect(await api.look(project, id, signal())).toMatchObject({
      kind: "unreadable",
      waitsFor: "throttled",
      retryAfterMs: 7_000,
    });
    cloud.faults.set({ operation: "reinstall", error: "APIGW.0308" });
    expect(await submit(api, project, id)).toMatchObject({ kind: "later", retryAfterMs: 300_000 });
    const stated = { calls: 200, perMs: 300_000 };
    expect(refused).toEqual([
      { begunMs: 1_000, stated, retryAfterMs: 7_000 },
      { begunMs: 1_000, stated, retryAfterMs: 300_000 },
    ]);
  });

  it("tells the budget of each call that passed, whatever its answer says", async () => {
    const passed: number[] = [];
    let nowMs = 0;
    const budget: RequestBudget = {
      ...UNLIMITED,
      nowMs: () => (nowMs += 1_000),
      passed: async (_project, begunMs) => void passed.push(begunMs),
    };
    const { api } = connect({ budget });
    const { project, id } = addServer("SHUTOFF");
    await api.look(project, id, signal());
    cloud.faults.set({ operation: "server", error: "Ecs.0114" });
    expect(await api.look(project, id, signal())).toMatchObject({ kind: "absent" });
    expect(passed).toEqual([1_000, 2_000]);
  });

  it("takes the calls that a step makes together before the first of them, and no other", async () => {
    const taken: CallsWanted[] = [];
    const budget: RequestBudget = {
      ...UNLIMITED,
      take(project, wanted) {
        taken.push(wanted);
        return UNLIMITED.take(project, wanted);
      },
    };
    const { api } = connect({ budget });
    const { project, id } = addServer("SHUTOFF");
    const reserved = await api.reserve?.(project, { class: 1, calls: 2 }, signal());
    if (reserved?.kind !== "reserved") throw new Error("nothing was reserved");
    await reserved.cloud.look(project, id, signal());
    expect(await submit(reserved.cloud, project, id)).toMatchObject({ kind: "accepted" });
    expect(taken).toEqual([{ class: 1, calls: 2 }]);
    await reserved.cloud.look(project, id, signal());
    await api.job(project, id, "j" as JobId, signal());
    expect(taken.slice(1)).toEqual([
      { class: 2, calls: 1 },
      { class: 3, calls: 1 },
    ]);
  });

  it("sends nothing when the budget is used up, and says when to come back", async () => {
    const budget: RequestBudget = {
      ...UNLIMITED,
      take: () => Promise.resolve({ kind: "wait", ms: 10_000, spreadMs: 4_000 } as const),
    };
    const { api, requests } = connect({ budget });
    const { project, id } = addServer("SHUTOFF");
    // In three quarters of that time the wait within the step reaches far enough.
    const expected = { waitsFor: "throttled", retryAfterMs: 7_500, unasked: true };
    expect(await api.look(project, id, signal())).toMatchObject({
      kind: "unreadable",
      ...expected,
    });
    expect(await api.sign(project, id, BODY, signal())).toMatchObject({
      kind: "unavailable",
      ...expected,
    });
    expect(requests).toEqual([]);
  });
});

describe("authentication", () => {
  it("never locks the key: after two failures nothing is sent at all", async () => {
    const wrong = { ...KEYS, secretKey: () => "wrongSecretKeywrongSecretKey000000000001" };
    const { api, requests } = connect({ credentials: wrong });
    const { project, id } = addServer("SHUTOFF");
    const looks = await Promise.all(
      Array.from({ length: 20 }, () => api.look(project, id, signal())),
    );
    expect(looks.every(({ kind }) => kind === "unreadable")).toBe(true);
    expect(requests).toHaveLength(2);
    expect(api.state()).toEqual({ ...CLOSED, auth: "open" });
    expect(await api.sign(project, id, BODY, signal())).toMatchObject({ kind: "unavailable" });
    // The key still works for everybody else.
    expect(await connect({}).api.look(project, id, signal())).toMatchObject({ kind: "seen" });
  });

  it("does not send a POST that was signed before the breaker opened", async () => {
    const { api } = connect({});
    const { project, id } = addServer("SHUTOFF");
    const signing = await api.sign(project, id, BODY, signal());
    cloud.faults.set({ operation: "server", error: "APIGW.0301" });
    await api.look(project, id, signal());
    await api.look(project, id, signal());
    const sent = signing.kind === "signed" ? await signing.request.send(signal()) : null;
    expect(sent).toMatchObject({ kind: "not-sent", waitsFor: "cloud-unavailable" });
    expect(cloud.calls().reinstall).toBe(0);
  });

  it("goes on at once with rotated keys", async () => {
    let secretKey = "wrongSecretKeywrongSecretKey000000000001";
    const { api } = connect({ credentials: { ...KEYS, secretKey: () => secretKey } });
    const { project, id } = addServer("SHUTOFF");
    await api.look(project, id, signal());
    await api.look(project, id, signal());
    expect(api.state().auth).toBe("open");
    secretKey = "simulatedSecretKeySimulatedSecretKey0001";
    expect(await api.look(project, id, signal())).toMatchObject({ kind: "seen" });
  });

  it("names the clock when that is why it was refused", async () => {
    cloud.setClockSkew(3_600_000);
    try {
      const { api } = connect({});
      const { project, id } = addServer("SHUTOFF");
      const look = await api.look(project, id, signal());
      expect(look.kind === "unreadable" ? look.message : "").toMatch(/clock is 3\d{3} s ahead/);
      expect(Math.round((api.clockOffsetMs() ?? 0) / 100_000)).toBe(36);
    } finally {
      cloud.setClockSkew(0);
    }
  });
});

describe("tokens", () => {
  it("are asked for once, however many requests wait for one", async () => {
    const { api } = connect({ credentials: USER });
    const { project, id } = addServer("SHUTOFF");
    await Promise.all(Array.from({ length: 5 }, () => api.look(project, id, signal())));
    expect(cloud.calls().token).toBe(1);
  });

  it("are renewed once when they are dead, within the same call", async () => {
    const { api } = connect({ credentials: USER });
    const { project, id } = addServer("SHUTOFF");
    await api.look(project, id, signal());
    cloud.revokeTokens();
    expect(await api.look(project, id, signal())).toMatchObject({ kind: "seen" });
    expect(cloud.calls()).toMatchObject({ token: 2, server: 3 });
  });

  it("are not renewed again and again when the cloud takes none of them", async () => {
    const { api } = connect({ credentials: USER });
    const { project, id } = addServer("SHUTOFF");
    cloud.faults.set({ operation: "server", error: "APIGW.0307" });
    for (let i = 0; i < 5; i += 1) await api.look(project, id, signal());
    expect(cloud.calls()).toMatchObject({ token: 2, server: 2 });
    expect(api.state().auth).toBe("open");
  });

  it("are not asked for again and again with a wrong password", async () => {
    const { api } = connect({ credentials: { ...USER, password: () => "Wrong-Passw0rd" } });
    const { project, id } = addServer("SHUTOFF");
    for (let i = 0; i < 5; i += 1) {
      const look = await api.look(project, id, signal());
      expect(look).toMatchObject({ kind: "unreadable", cloudCode: "IAM.0062" });
      expect(JSON.stringify(look)).not.toContain("Wrong-Passw0rd");
    }
    expect(cloud.calls().token).toBe(1);
  });

  it("are renewed well before their end, while the old one still serves", async () => {
    let nowMs = 0;
    const clock = { ...REAL_CLOCK, monotonicMs: () => nowMs };
    const { api } = connect({ credentials: USER, clock });
    const { project, id } = addServer("SHUTOFF");
    await api.look(project, id, signal());
    nowMs = (24 * 60 - 46) * 60_000;
    await api.look(project, id, signal());
    expect(cloud.calls().token).toBe(1);
    nowMs += 2 * 60_000;
    expect(await api.look(project, id, signal())).toMatchObject({ kind: "seen" });
    await eventually(() => cloud.calls().token === 2, { intervalMs: 10 });
  });
});

describe("an endpoint that is down", () => {
  it("is left alone after some failures, then tried with one request", async () => {
    const { api, requests } = connect({ breaker: { failures: 3, openMs: 100, authOpenMs: 500 } });
    const { project, id } = addServer("SHUTOFF");
    cloud.faults.set({ operation: "server", status: 502, html: true });
    for (let i = 0; i < 6; i += 1) await api.look(project, id, signal());
    expect(requests).toHaveLength(3);
    expect(api.state()).toEqual({ ...CLOSED, endpoint: "open" });
    expect(await api.sign(project, id, BODY, signal())).toMatchObject({ kind: "unavailable" });
    cloud.faults.clear();
    await eventually(async () => (await api.look(project, id, signal())).kind === "seen", {
      intervalMs: 20,
    });
    expect(api.state().endpoint).toBe("closed");
  });
});

describe("a mere 503", () => {
  const FAILURES = 3;
  /** An API whose calls the budget hears of, and its clock. */
  function setUp() {
    const heard = { passed: 0, refused: 0 };
    const budget: RequestBudget = {
      ...UNLIMITED,
      passed: async () => void (heard.passed += 1),
      refused: async () => void (heard.refused += 1),
    };
    let nowMs = 0;
    const clock = { ...REAL_CLOCK, monotonicMs: () => nowMs };
    const breaker = { failures: FAILURES, openMs: 60_000, authOpenMs: 500 };
    const { api, requests } = connect({ budget, breaker, clock });
    const { project, id } = addServer("SHUTOFF");
    const look = () => api.look(project, id, signal());
    const pass = (ms: number) => void (nowMs += ms);
    return { api, requests, heard, look, pass, project, id };
  }
  const noQuota = () => cloud.setQuota({ calls: 1, perMs: 600_000, refusal: "status-503" });

  it("beside calls that pass is a quota: it lowers the rate, and says nothing of an outage", async () => {
    const { api, requests, heard, look } = setUp();
    noQuota();
    await look();
    for (let i = 0; i <= FAILURES; i += 1) {
      expect(await look()).toMatchObject({ kind: "unreadable", waitsFor: "throttled" });
    }
    expect(heard).toEqual({ passed: 1, refused: FAILURES + 1 });
    expect(requests.at(-1)).toMatchObject({ outcome: "throttled", httpStatus: 503 });
    expect(api.state().endpoint).toBe("closed");
    expect(api.standings()).toContainEqual({ name: "ecs", state: "up", cause: null });
  });

  it("to every call for some seconds is an outage, also where the last answer before was good", async () => {
    const { api, heard, look, pass } = setUp();
    noQuota();
    await look();
    pass(30_000);
    for (let i = 0; i < FAILURES; i += 1) {
      expect(await look()).toMatchObject({ kind: "unreadable", waitsFor: "cloud-unavailable" });
    }
    expect(heard).toEqual({ passed: 1, refused: 0 });
    expect(api.state().endpoint).toBe("open");
  });

  it("of a cloud that has not answered yet is an outage, and so is one to the probe", async () => {
    const { api, look, pass } = setUp();
    cloud.faults.set({ operation: "server", status: 503, emptyBody: true });
    for (let i = 0; i < FAILURES; i += 1) await look();
    pass(60_000);
    expect(api.state().endpoint).toBe("half-open");
    expect(await look()).toMatchObject({ waitsFor: "cloud-unavailable" });
    expect(api.state().endpoint).toBe("open");
  });

  it("to a POST proves nothing, whatever passes beside it", async () => {
    const { api, look, project, id } = setUp();
    await look();
    cloud.faults.set({ operation: "reinstall", status: 503, emptyBody: true });
    expect(await submit(api, project, id)).toMatchObject({ kind: "unknown" });
  });

  it("with a code that is no quota's is an outage beside calls that pass, too", async () => {
    const { api, look } = setUp();
    await look();
    cloud.faults.set({ operation: "server", error: "APIGW.0613", status: 503 });
    for (let i = 0; i < FAILURES; i += 1) await look();
    expect(api.state().endpoint).toBe("open");
  });
});

describe("an image", () => {
  it("is active, or gone", async () => {
    const { api } = connect({ imsEndpoint: cloud.url });
    const { project, id } = addServer("SHUTOFF");
    const { imageId } = await seen(api, project, id);
    expect(await api.image?.(project, imageId ?? "", signal())).toEqual({
      kind: "seen",
      active: true,
      status: "active",
      injection: "supported",
    });
    expect(await api.image?.(project, "no-such-image", signal())).toEqual({ kind: "gone" });
    cloud.faults.set({ operation: "image", error: "APIGW.0302" });
    expect(await api.image?.(project, imageId ?? "", signal())).toMatchObject({
      kind: "unreadable",
    });
  });

  it("is not asked for without an image service", () => {
    expect("image" in connect({}).api).toBe(false);
  });
});

describe("a disk", () => {
  it("is flagged when its age lies in the future of the cloud's clock", async () => {
    cloud.setClockSkew(120_000);
    const { api } = connect({ evsEndpoint: cloud.url });
    const { server, project } = addServer();
    const disk = DiskId.parse(server.systemDiskId);
    const ageOf = async (aheadMs: number) => {
      server.patch({ systemDiskCreatedAtMs: Date.now() + 120_000 + aheadMs });
      return api.disk?.(project, disk, signal());
    };
    expect(await ageOf(30_000)).toMatchObject({ kind: "seen", inFuture: false });
    expect(await ageOf(90_000)).toMatchObject({ kind: "seen", inFuture: true });
    cloud.setClockSkew(0);
  });

  it.each([
    ["APIGW.0302", "refused"],
    ["APIGW.0308", "unreadable"],
    ["Common.0001", "unreadable"],
  ])("cannot be seen with %s, and that is no absence", async (error, kind) => {
    const { api } = connect({ evsEndpoint: cloud.url });
    const { server, project } = addServer();
    cloud.faults.set({ operation: "disk", error });
    const look = await api.disk?.(project, DiskId.parse(server.systemDiskId), signal());
    expect(look?.kind).toBe(kind);
  });

  it("that is away has a breaker of its own, and a standing", async () => {
    const breaker = { failures: 1, openMs: 60_000, authOpenMs: 500 };
    const { api } = connect({ evsEndpoint: "http://127.0.0.1:9", breaker });
    const { project, id } = addServer();
    expect(await api.disk?.(project, DiskId.parse("d"), signal())).toMatchObject({
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
    });
    expect(api.state()).toMatchObject({ endpoint: "closed", evs: "open" });
    expect(api.standings()).toContainEqual(expect.objectContaining({ name: "evs", state: "down" }));
    expect(await api.look(project, id, signal())).toMatchObject({ kind: "seen" });
  });

  it("is asked for at the start, with the right that is needed, and a 404 proves the service", async () => {
    const { api } = connect({ evsEndpoint: cloud.url });
    const { project } = addServer();
    await api.probe(project, signal());
    expect(api.standings()).toContainEqual({ name: "evs", state: "up", cause: null });
    await api.probe(project, signal());
    expect(cloud.calls()).toMatchObject({ servers: 1, disk: 1 });
  });

  it("is not asked for without a disk service", () => {
    expect("disk" in connect({}).api).toBe(false);
  });
});

it("tells of each request what it was and what came of it, and nothing else", async () => {
  const { api, requests } = connect({ evsEndpoint: cloud.url });
  const { project, id } = addServer("SHUTOFF");
  await api.look(project, id, signal());
  cloud.faults.set({ operation: "reinstall", error: "Ecs.0605" });
  await submit(api, project, id);
  await api.start(project, id, powerCall());
  await api.stop(project, id, "SOFT", powerCall());
  await api.list?.(project, { page: 1, limit: 1 }, signal());
  await api.disk?.(project, DiskId.parse("none"), signal());
  expect(requests.map(({ seconds: _seconds, ...info }) => info)).toEqual([
    { operation: "look", project, outcome: "ok", httpStatus: 200, cloudCode: null },
    { operation: "reinstall", project, outcome: "refused", httpStatus: 400, cloudCode: "Ecs.0605" },
    { operation: "start", project, outcome: "ok", httpStatus: 200, cloudCode: null },
    { operation: "stop", project, outcome: "error", httpStatus: 501, cloudCode: "Ecs.0603" },
    { operation: "list", project, outcome: "ok", httpStatus: 200, cloudCode: null },
    { operation: "disk", project, outcome: "refused", httpStatus: 404, cloudCode: "itemNotFound" },
  ] satisfies Omit<RequestInfo, "seconds">[]);
});

it("refuses user data with the v1 call, which has none, and sends nothing", async () => {
  const { api } = connect({ reinstallApi: "v1" });
  const { project, id } = addServer("SHUTOFF");
  const signing = await api.sign(project, id, { metadata: { user_data: "IyEvYmlu" } }, signal());
  const sent = signing.kind === "signed" ? await signing.request.send(signal()) : null;
  expect(sent).toMatchObject({ kind: "refused", refusal: { class: "invalid-request" } });
  expect(cloud.calls()).toMatchObject({ reinstall: 0, unknown: 0 });
});

/** Without an image service. */
const CLOSED = { endpoint: "closed", iam: "closed", ims: null, evs: null, auth: "closed" };

function connect(changes: Parameters<typeof cloudAt>[1] & Partial<CloudSettings>) {
  const made = cloudAt(cloud.url, { credentials: KEYS, ...changes });
  apis.push(made.api);
  return made;
}

function addServer(state: "ACTIVE" | "SHUTOFF" = "ACTIVE"): {
  readonly server: SimulatedServer;
  readonly project: ProjectId;
  readonly id: ServerId;
} {
  const server = cloud.addServer({ state });
  return { server, project: ProjectId.parse(server.projectId), id: ServerId.parse(server.id) };
}

async function seen(api: CloudAdapter, project: ProjectId, id: ServerId) {
  const look = await api.look(project, id, signal());
  if (look.kind !== "seen") throw new Error(`not seen: ${JSON.stringify(look)}`);
  return look.server;
}

async function submit(api: CloudApi, project: ProjectId, id: ServerId): Promise<Submission> {
  const signing = await api.sign(project, id, BODY, signal());
  if (signing.kind !== "signed") throw new Error(`not signed: ${signing.message}`);
  return signing.request.send(signal());
}

/** By class, as the protocol wants it: only a proof ends or repeats a submission. */
function expectedKind(code: string, errorClass: string | undefined): Submission["kind"] {
  if (/^IAM\.00(01|12)$/.test(code)) return "unknown";
  switch (errorClass) {
    case "server-busy":
    case "wrong-state":
    case "disk-state":
    case "throttled":
    case "authentication":
      return "later";
    case "cloud-fault":
    case "job-failed":
    case "job-unknown":
    case undefined:
      return "unknown";
    default:
      return "refused";
  }
}
