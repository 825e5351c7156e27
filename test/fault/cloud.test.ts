import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  DEFAULT_IAM_DOMAIN,
  DEFAULT_IAM_PASSWORD,
  DEFAULT_IAM_USER,
} from "../../src/simulator/defaults.ts";
import type { FaultSpec } from "../../src/simulator/faults/fault-schema.ts";
import type { ServerSpec } from "../../src/simulator/cloud/server-record.ts";
import { ownedDirectory } from "../support/processes/child-process.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { openOnSharedServices, type SharedStage, type Stage } from "../support/stage.ts";
import {
  allHeard,
  allOnce,
  earnTrust,
  lockOf,
  onSharedServices,
  posts,
  sendFleet,
} from "./own-stage.ts";

type Fault = Omit<FaultSpec, "serverId">;

interface Case {
  readonly name: string;
  readonly faults: readonly Fault[];
  readonly server?: ServerSpec;
  /** Members of the final event. */
  readonly ends: Readonly<Record<string, unknown>>;
  readonly reinstalls: number;
  /** POSTs that reached the cloud, carried out or not. */
  readonly posts: number;
  /** Unresolved at first: the inquiry sees the new disk, and frees the server. */
  readonly settles?: true;
}

/** The breaker has its own test: here a bad answer for one server must not hold up the others. */
const PATIENT = {
  ECS_POST_TIMEOUT_MS: "1500",
  ECS_BREAKER_FAILURES: "100",
  ECS_MAX_RETRY_AFTER_MS: "3500",
};

const once = (effects: Omit<Fault, "operation">): readonly Fault[] => [
  { operation: "reinstall", times: 1, ...effects },
];
const run = (effects: NonNullable<Fault["run"]>) => once({ run: effects });
const BY_DISK = { event: "succeeded", evidence: "system-disk-replaced", verified: true };
const BY_JOB = { event: "succeeded", evidence: "job", verified: true };

/** Carried out, and the answer was of no use: the disk tells, and nothing is sent again. */
const USELESS_ANSWERS: readonly Case[] = (
  [
    ["the reply is lost", { lostReply: true }],
    ["no answer comes at all", { blackHole: true, executed: true }],
    ["500", { status: 500, executed: true }],
    ["a cloud's own error that proves nothing", { error: "Ecs.1002", executed: true }],
    ["502 with a page of HTML", { status: 502, html: true, executed: true }],
    ["504", { error: "APIGW.0203", executed: true }],
    ["200 with a page of HTML", { html: true, executed: true }],
    ["204", { status: 204, emptyBody: true, executed: true }],
    ["200 with {}", { status: 200, body: {}, executed: true }],
    ["200 with an empty job id", { status: 200, body: { job_id: "" }, executed: true }],
    ["a job id with half of a character", { body: '{"job_id":"a\\ud83db"}', executed: true }],
    ["half of the JSON", { truncatedJson: true }],
    ["an end within the headers", { cutHeadersAfterBytes: 20 }],
    ["a reset within the body", { cutBodyAfterBytes: 5, cutBy: "reset" }],
    ["a body without end", { endlessBody: true }],
    ["a body of one byte per second", { bytesPerSecond: 1 }],
    ["a redirect", { redirectTo: "http://127.0.0.1:9/", executed: true }],
    ["a delivery that is late but in time", { lateExecutionMs: 2_000 }],
    [
      "a code that nobody has told us of",
      { status: 400, body: { error: { code: "Ecs.9999", message: "?" } }, executed: true },
    ],
  ] as const
).map(([name, effects]) => ({
  name: `answers a reinstall with ${name}`,
  faults: once(effects),
  ends: BY_DISK,
  reinstalls: 1,
  posts: 1,
}));

/** Not carried out, and nobody said so: proven after the fence, then sent once more. */
const LOST_REQUESTS: Case[] = (
  [
    ["loses a request", { lostRequest: true }],
    ["swallows a request", { blackHole: true }],
    ["answers 500 and does nothing", { status: 500 }],
    ["answers 200 without a job id and does nothing", { status: 200, body: {}, executed: false }],
    ["hears a request only when its signature is too old", { lateExecutionMs: 5_000 }],
  ] as const
).map(([name, effects]) => ({
  name,
  faults: once(effects),
  ends: BY_JOB,
  reinstalls: 1,
  posts: 2,
}));

LOST_REQUESTS.push({
  name: "loses the request for a server that was in ERROR before",
  faults: once({ lostRequest: true }),
  server: { state: "ERROR", reinstallFailed: true },
  ends: BY_JOB,
  reinstalls: 1,
  posts: 2,
});

/** A sure no for now: it waits, and tries again without losing an attempt. */
const NOT_NOW: readonly Case[] = (
  [
    ["429", { error: "APIGW.0308" }],
    ["503 with flow control", { error: "Common.1503", status: 503 }],
    ["202 that means flow control", { error: "Common.0024" }],
    ["busy with another operation", { error: "Ecs.0603" }],
    ["a wrong state", { error: "Ecs.0100" }],
  ] as const
).map(([name, effects]) => ({
  name: `refuses a reinstall for now: ${name}`,
  faults: once(effects),
  ends: BY_JOB,
  reinstalls: 1,
  posts: 2,
}));

const REFUSALS: readonly Case[] = (
  [
    ["locked", "Ecs.0605", "server-locked"],
    ["no such key pair", "Ecs.0314", "key-pair"],
    ["policy", "Pdp.0001", "permission"],
  ] as const
).map(([name, error, failureClass]) => ({
  name: `refuses a reinstall for good: ${name}`,
  faults: once({ error }),
  ends: { event: "failed", class: failureClass, cloud_code: error },
  reinstalls: 0,
  posts: 1,
}));

const JOBS: readonly Case[] = [
  {
    name: "does not know the job at first",
    faults: run({ jobUnknownForMs: 700 }),
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "forgets the job",
    faults: run({ jobVanishesAfterMs: 300 }),
    ends: BY_DISK,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "forgets the job and answers 404",
    faults: run({ jobVanishesAfterMs: 300, jobGoneAnswer: "404" }),
    ends: BY_DISK,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "shows another server's job",
    faults: run({ jobServerId: "11111111-2222-4333-8444-555555555555" }),
    ends: BY_DISK,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "lists a temporary server first",
    faults: run({ jobOursAfterMs: 600 }),
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "says SUCCESS too early",
    faults: run({ successAtFraction: 0.2 }),
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "says SUCCESS too early, and only a missing disk gives it away",
    faults: run({ successAtFraction: 0.35, view: "plain" }),
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "shows an unknown job status",
    faults: run({ jobStatusText: "ALMOST" }),
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "fails the job",
    faults: run({ fail: { code: "Ecs.0202" } }),
    ends: { event: "failed", class: "job-failed", cloud_code: "Ecs.0202" },
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "fails the work behind a lost reply",
    faults: once({ lostReply: true, run: { fail: { disk: "lost", server: "error" } } }),
    ends: { event: "failed", class: "server-broken" },
    reinstalls: 1,
    posts: 1,
  },
];

const LOOKS: readonly Case[] = [
  {
    name: "answers every look with 500 for a while",
    faults: [{ operation: "server", status: 500, times: 15 }],
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "answers every poll with HTML for a while",
    faults: [{ operation: "job", html: true, times: 15 }],
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "answers polls without end, then too long",
    faults: [
      { operation: "job", endlessBody: true, times: 2 },
      { operation: "job", hugeBodyBytes: 4_000_000, after: 2, times: 2 },
    ],
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "throttles polls",
    faults: [{ operation: "job", error: "APIGW.0308", times: 3 }],
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "shows nothing while it reinstalls, and loses the reply",
    faults: once({ lostReply: true, run: { view: "invisible", durationMs: 4_000 } }),
    ends: BY_DISK,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "shows REBUILD",
    faults: once({ lostReply: true }),
    server: { reinstallView: "rebuild" },
    ends: BY_DISK,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "stops a server without saying so",
    faults: [{ operation: "stop", lostReply: true, times: 1 }],
    server: { state: "ACTIVE" },
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
  {
    name: "fails to stop a server at first",
    faults: [{ operation: "stop", status: 500, times: 2 }],
    server: { state: "ACTIVE" },
    ends: BY_JOB,
    reinstalls: 1,
    posts: 1,
  },
];

/** Starts every case at once, each on a server of its own: their waits run side by side. */
async function startAll(stage: Stage, cases: readonly Case[]) {
  const started = new Map<string, { readonly id: string; readonly serverId: string }>();
  for (const { name, faults, server: spec } of cases) {
    const server = stage.simulator.addServer({ state: "SHUTOFF", ...spec });
    stage.simulator.faults.set(faults.map((fault) => ({ ...fault, serverId: server.id })));
    started.set(name, { id: commandId("cloud"), serverId: server.id });
  }
  for (const { id, serverId } of started.values()) {
    await stage.emitter.send(stage.command(id, serverId));
  }
  return started;
}

describe("where the disk is trusted, a cloud that", () => {
  const cases = [...USELESS_ANSWERS, ...LOST_REQUESTS, ...NOT_NOW, ...REFUSALS, ...JOBS, ...LOOKS];
  let stage: SharedStage;
  let started: Awaited<ReturnType<typeof startAll>>;

  beforeAll(async () => {
    stage = await openOnSharedServices({ env: PATIENT });
    await stage.addWorker();
    await earnTrust(stage);
    started = await startAll(stage, cases);
  });
  afterAll(async () => {
    await stage?.close();
  });

  it.each(cases)("$name", async ({ name, ends, reinstalls, posts: sent }) => {
    const { id = "", serverId = "" } = started.get(name) ?? {};
    const { data } = await stage.emitter.outcome(id, 60_000);
    expect(data).toMatchObject(ends);
    expect([stage.reinstalls(serverId), posts(stage, serverId)]).toEqual([reinstalls, sent]);
  });

  it("leaves nothing behind after all that", async () => {
    await stage.audit([...started.values()].map(({ id }) => id));
  });
});

describe("where the disk is not trusted, a cloud that", () => {
  const UNRESOLVED = { event: "unresolved", disk_evidence: "untested" };
  const cases: readonly Case[] = [
    {
      name: "loses a request",
      faults: once({ lostRequest: true }),
      ends: UNRESOLVED,
      reinstalls: 0,
      posts: 1,
    },
    {
      name: "swallows a request",
      faults: once({ blackHole: true }),
      ends: UNRESOLVED,
      reinstalls: 0,
      posts: 1,
    },
    {
      name: "loses a reply",
      faults: once({ lostReply: true }),
      ends: BY_DISK,
      reinstalls: 1,
      posts: 1,
    },
    {
      name: "keeps the disk's id and loses the reply",
      faults: once({ lostReply: true, run: { keepsDiskId: true } }),
      ends: UNRESOLVED,
      reinstalls: 1,
      posts: 1,
    },
    {
      name: "never ends a job",
      faults: run({ jobStuck: true }),
      ends: { event: "unresolved", why: "deadline" },
      reinstalls: 1,
      posts: 1,
      settles: true,
    },
    {
      name: "never ends the work",
      faults: run({ hangsAtFraction: 0.5 }),
      ends: { event: "unresolved", why: "deadline" },
      reinstalls: 1,
      posts: 1,
    },
  ];
  let stage: SharedStage;
  let started: Awaited<ReturnType<typeof startAll>>;

  beforeAll(async () => {
    stage = await openOnSharedServices({
      env: { ...PATIENT, JOB_DEADLINE_MS: "9000", EVIDENCE_MIN_SAMPLES: "100" },
    });
    await stage.addWorker();
    started = await startAll(stage, cases);
  });
  afterAll(async () => {
    await stage?.close();
  });

  it.each(cases)("$name", async ({ name, ends, reinstalls, posts: sent, settles = false }) => {
    const { id = "", serverId = "" } = started.get(name) ?? {};
    const { data } = await stage.emitter.outcome(id, 60_000);
    expect(data).toMatchObject(ends);
    expect([stage.reinstalls(serverId), posts(stage, serverId)]).toEqual([reinstalls, sent]);
    if (settles) await stage.emitter.event(id, "settled", 60_000);
    const stays = data.event === "unresolved" && !settles;
    const lock = await lockOf(stage.services.redis.url, serverId);
    expect(lock["phase"]).toBe(stays ? "unresolved" : undefined);
  });

  it("leaves nothing behind but the locks of what is unresolved", async () => {
    const unresolved = cases.filter(
      ({ ends, settles }) => ends["event"] === "unresolved" && !settles,
    );
    await stage.audit(
      [...started.values()].map(({ id }) => id),
      unresolved.map(({ name }) => started.get(name)?.id ?? ""),
    );
  });
});

it.concurrent("a disk that kept its id once: `same disk` proves nothing any more, and nothing is sent twice", async () => {
  await onSharedServices({ env: { ...PATIENT, JOB_DEADLINE_MS: "9000" } }, async (stage) => {
    await stage.addWorker();
    const plain = await earnTrust(stage);
    const [kept, lost, gone] = [1, 2, 3].map(() => stage.simulator.addServer({ state: "SHUTOFF" }));
    const ids = ["kept", "lost", "gone"].map(commandId) as [string, string, string];
    const { faults } = stage.simulator;
    faults.set({ operation: "reinstall", serverId: kept?.id ?? "", run: { keepsDiskId: true } });
    await stage.emitter.send(stage.command(ids[0], kept?.id ?? ""));
    expect((await stage.emitter.outcome(ids[0])).data).toMatchObject({
      event: "succeeded",
      evidence: "job",
      verified: false,
    });
    faults.set([
      {
        operation: "reinstall",
        serverId: lost?.id ?? "",
        lostReply: true,
        run: { keepsDiskId: true },
      },
      { operation: "reinstall", serverId: gone?.id ?? "", lostRequest: true },
    ]);
    await stage.emitter.send(stage.command(ids[1], lost?.id ?? ""));
    await stage.emitter.send(stage.command(ids[2], gone?.id ?? ""));
    for (const [index, server] of [lost, gone].entries()) {
      expect((await stage.emitter.outcome(ids[index + 1] ?? "", 60_000)).data).toMatchObject({
        event: "unresolved",
        disk_evidence: "contradicted",
      });
      expect(posts(stage, server?.id ?? "")).toBe(1);
    }
    await stage.audit([...plain, ...ids], ids.slice(1));
  });
});

it.concurrent("a redirect is not followed: nobody else hears of the request", async () => {
  const heard: string[] = [];
  const stranger: Server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url}`);
    response.end("{}");
  });
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const { port } = stranger.address() as AddressInfo;
  try {
    await onSharedServices({ env: PATIENT }, async (stage) => {
      await stage.addWorker();
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      const redirectTo = `http://127.0.0.1:${port}/elsewhere`;
      stage.simulator.faults.set([
        { operation: "reinstall", redirectTo, executed: true, times: 1 },
        { operation: "server", redirectTo, times: 2 },
      ]);
      const id = commandId("redirect");
      await stage.emitter.send(stage.command(id, server.id));
      expect((await stage.emitter.outcome(id)).data).toMatchObject(BY_DISK);
      expect(heard).toEqual([]);
      await stage.audit([id]);
    });
  } finally {
    stranger.closeAllConnections();
    await new Promise((resolve) => stranger.close(resolve));
  }
});

it.concurrent("a throttled POST comes again, not before Retry-After", async () => {
  await onSharedServices({ env: PATIENT }, async (stage) => {
    await stage.addWorker();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    // Longer than the longest delay queue (1 s): waited out in hops.
    stage.simulator.faults.set({
      operation: "reinstall",
      error: "APIGW.0308",
      retryAfterSeconds: 3,
      times: 1,
    });
    const id = commandId("throttled");
    await stage.emitter.send(stage.command(id, server.id));
    expect((await stage.emitter.event(id, "waiting")).data["waits_for"]).toBe("throttled");
    expect((await stage.emitter.outcome(id)).data).toMatchObject(BY_JOB);
    const [first, second] = stage.simulator
      .ledger()
      .entries.filter(({ kind }) => kind === "reinstall-request");
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_900);
    await stage.audit([id]);
  });
});

it.concurrent("another reinstall that runs already is waited for, even where the cloud would take a second one", async () => {
  await onSharedServices({ env: PATIENT }, async (stage) => {
    await stage.addWorker();
    const servers = (["task", "rebuild", "unknown"] as const).map((reinstallView) =>
      stage.simulator.addServer({ state: "SHUTOFF", reinstallView, jobDurationMs: 2_000 }),
    );
    stage.simulator.faults.set({ operation: "reinstall", lax: true });
    for (const server of servers) server.act({ action: "reinstall" });
    const ids = servers.map(() => commandId("lax"));
    for (const [index, server] of servers.entries()) {
      await stage.emitter.send(stage.command(ids[index] ?? "", server.id));
    }
    for (const [index, server] of servers.entries()) {
      expect((await stage.emitter.outcome(ids[index] ?? "")).data).toMatchObject(BY_JOB);
      expect(stage.simulator.ledger().servers[server.id]).toMatchObject({
        reinstallsExecuted: 1,
        maxConcurrent: 1,
      });
    }
    await stage.audit(ids);
  });
});

it.concurrent("an API that is away: jobs are followed and commands taken up when it is back, no attempt spent", async () => {
  await onSharedServices(
    { env: { ...PATIENT, ECS_BREAKER_FAILURES: "5", ECS_BREAKER_OPEN_MS: "500" } },
    async (stage) => {
      const worker = await stage.addWorker();
      const servers = Array.from({ length: 10 }, () =>
        stage.simulator.addServer({ state: "SHUTOFF" }),
      );
      const ids = servers.map((_, index) => commandId(`away-${index}`));
      const send = (index: number) =>
        stage.emitter.send(stage.command(ids[index] ?? "", servers[index]?.id ?? ""));
      for (let index = 0; index < 5; index++) await send(index);
      await Promise.all(ids.slice(0, 5).map((id) => stage.emitter.event(id, "submitted")));
      await stage.simulator.goAway();
      for (let index = 5; index < 10; index++) await send(index);
      await Promise.all(ids.slice(5).map((id) => stage.emitter.event(id, "waiting")));
      await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503);
      expect((await fetch(`${worker.httpUrl}/livez`)).status).toBe(200);
      await stage.simulator.comeBack();
      for (const [index, id] of ids.entries()) {
        const { data } = await stage.emitter.outcome(id, 60_000);
        expect(data["event"]).toBe("succeeded");
        expect((await stage.emitter.event(id, "submitted")).data["attempt"]).toBe(1);
        expect(posts(stage, servers[index]?.id ?? "")).toBe(1);
      }
      await worker.ready();
      await stage.audit(ids);
    },
  );
});

it.concurrent("a key that is refused: everything stops before the key is locked, and goes on with a good one", async () => {
  await onSharedServices(
    { env: { ...PATIENT, ECS_AUTH_BREAKER_OPEN_MS: "1500" } },
    async (stage) => {
      const worker = await stage.addWorker();
      const servers = Array.from({ length: 12 }, () =>
        stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 300 }),
      );
      const ids = servers.map((_, index) => commandId(`key-${index}`));
      stage.simulator.faults.set({ operation: "any", error: "APIGW.0301" });
      const asked = () => Object.values(stage.simulator.calls()).reduce((a, b) => a + b, 0);
      const before = asked();
      for (const [index, server] of servers.entries()) {
        await stage.emitter.send(stage.command(ids[index] ?? "", server.id));
      }
      await Promise.all(ids.map((id) => stage.emitter.event(id, "waiting")));
      await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503);
      // The cloud locks a key at the sixth failure in a row, for everybody who uses it.
      expect(asked() - before).toBeLessThanOrEqual(5);
      stage.simulator.faults.clear();
      await Promise.all(ids.map((id) => stage.emitter.outcome(id, 60_000)));
      expect(servers.map(({ id }) => posts(stage, id))).toEqual(servers.map(() => 1));
      await stage.audit(ids);
    },
  );
});

it.concurrent("a clock two minutes off: no POST until it is right again", async () => {
  await onSharedServices(
    { env: PATIENT, simulator: { signatureWindowMs: 900_000, clockSkewMs: 120_000 } },
    async (stage) => {
      await stage.addWorker();
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      const id = commandId("clock");
      await stage.emitter.send(stage.command(id, server.id));
      expect((await stage.emitter.event(id, "waiting")).data["waits_for"]).toBe("clock-skew");
      // It has looked a few times since.
      const looks = stage.simulator.calls(server.id).server;
      await eventually(() => stage.simulator.calls(server.id).server > looks + 3);
      expect(posts(stage, server.id)).toBe(0);
      stage.simulator.setClockSkew(0);
      expect((await stage.emitter.outcome(id)).data).toMatchObject(BY_JOB);
      await stage.audit([id]);
    },
  );
});

/** Waits until so many commands have asked for their server, then lets `act` happen. */
async function inTheMiddle(stage: Stage, count: number, act: () => void): Promise<void> {
  await eventually(() => stage.simulator.calls().server >= count, { intervalMs: 5 });
  act();
}

it.concurrent("tokens that are revoked twice, with many calls in flight: a renewal each, and no outage", async () => {
  const env = {
    ...PATIENT,
    ECS_ACCESS_KEY: "",
    ECS_SECRET_KEY: "",
    IAM_USERNAME: DEFAULT_IAM_USER,
    IAM_PASSWORD: DEFAULT_IAM_PASSWORD,
    IAM_DOMAIN: DEFAULT_IAM_DOMAIN,
    PREFETCH: "40",
  };
  await onSharedServices({ env }, async (stage) => {
    await stage.addWorker();
    const fleet = await sendFleet(stage, 40);
    await inTheMiddle(stage, 60, () => stage.simulator.revokeTokens());
    await inTheMiddle(stage, 120, () => stage.simulator.revokeTokens());
    await allOnce(stage, fleet, 60_000);
    expect(stage.simulator.calls().token).toBeLessThanOrEqual(5);
    await stage.audit(fleet.ids);
  });
});

it.concurrent("a worker that is started again and again with a wrong password spends no more refusals than the first", async () => {
  const env = {
    ...PATIENT,
    ECS_ACCESS_KEY: "",
    ECS_SECRET_KEY: "",
    IAM_USERNAME: DEFAULT_IAM_USER,
    IAM_PASSWORD: "wrong",
    IAM_DOMAIN: DEFAULT_IAM_DOMAIN,
  };
  await onSharedServices({ env }, async (stage) => {
    const down = async () => {
      const worker = await stage.spawnWorker();
      await eventually(
        async () =>
          (await (await fetch(`${worker.httpUrl}/readyz`)).text()).includes("refuses our"),
        { timeoutMs: 30_000 },
      );
      return worker;
    };
    await (await down()).kill();
    await sendFleet(stage, 3);
    for (let start = 0; start < 4; start += 1) await (await down()).kill();
    // More than five lock the user for everybody.
    expect(stage.simulator.calls().token).toBeLessThanOrEqual(2);
  });
});

it.concurrent("credentials that run out while commands run, renewed file by file: all go on soon, and the key is not locked", async () => {
  const folder = await ownedDirectory("ecs-credentials-");
  const files = ["ECS_ACCESS_KEY", "ECS_SECRET_KEY", "ECS_SECURITY_TOKEN"].map((name) => ({
    name,
    path: join(folder.path, name),
  }));
  const credentials = (n: number) => ({
    accessKey: `AK${n}`,
    secretKey: `SK${n}`,
    securityToken: `TOKEN${n}`,
  });
  const write = (index: number, n: number) =>
    writeFileSync(files[index]?.path ?? "", Object.values(credentials(n))[index] ?? "");
  for (const index of files.keys()) write(index, 1);
  const env = {
    ...PATIENT,
    PREFETCH: "40",
    ...Object.fromEntries(files.map(({ name }) => [name, ""])),
    ...Object.fromEntries(files.map(({ name, path }) => [`${name}_FILE`, path])),
  };
  await onSharedServices({ env, simulator: { credentials: [credentials(1)] } }, async (stage) => {
    // With the breaker of real life: five minutes.
    await stage.addWorker();
    await stage.addWorker();
    const fleet = await sendFleet(stage, 30);
    await inTheMiddle(stage, 30, () => {
      stage.simulator.removeCredential("AK1");
      stage.simulator.putCredential({ ...credentials(1), secretKey: "expired" });
    });
    await eventually(() => stage.simulator.refusals().signature >= 2);
    const late = await sendFleet(stage, 5);
    await allHeard(stage, late, "waiting");
    const refused = () => Object.values(stage.simulator.refusals()).reduce((a, b) => a + b, 0);
    const before = refused();
    stage.simulator.putCredential(credentials(2));
    for (const index of files.keys()) {
      write(index, 2);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const renewedMs = performance.now();
    await allOnce(stage, fleet, 30_000);
    await allOnce(stage, late, 30_000);
    expect(performance.now() - renewedMs).toBeLessThan(20_000);
    // The old ones: no more than was in flight. A mixed set, or the new ones before they were known: never.
    expect(refused()).toBe(before);
    expect(stage.simulator.refusals()).toMatchObject({ token: 0, "unknown-key": 0 });
    await stage.audit([...fleet.ids, ...late.ids]);
  });
});
