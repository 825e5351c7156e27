import { afterAll, beforeAll } from "vitest";
import type { CloudAdapter } from "../../../src/adapters/cloud/cloud-api.ts";
import { ServerId } from "../../../src/contract/ids.ts";
import type { FaultSpec, RunFault } from "../../../src/simulator/faults/fault-schema.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import type { CloudApi, Signing } from "../../../src/steps/ports/cloud-api.ts";
import { eventually } from "../../support/eventually.ts";
import { type CloudFault, createMemoryCloudApi } from "../../support/in-memory/cloud-port.ts";
import { type Course, MemoryCloud, type ServerPlan } from "../../support/in-memory/cloud.ts";
import { BEGINNING_MS, VirtualTime } from "../../support/in-memory/virtual-time.ts";
import { cloudAt, PROJECT, REAL_CLOCK, SERVER, signal, SIMULATED_KEYS } from "./setup.ts";

/** A cloud with the server under test and an idle one beside it, and what may be done to them behind the port's back. */
export interface CloudRig {
  readonly api: CloudApi;
  /** The cloud's clock. It stands still unless a test moves it. */
  nowMs(): number;
  advance(ms: number): Promise<void>;
  /** How reinstalls that are taken from now on will go. */
  course(changes: Partial<Course>): void;
  /** Happens to the next call of its kind; `ms`: how long a POST is held up. */
  befall(fault: CloudFault, ms?: number): Promise<void>;
  /** Somebody else, by the console. */
  outsider(act: "start" | "stop" | "lock" | "unlock" | "delete"): void;
  /** The ledger: reinstalls that were carried out on the server. */
  executed(): number;
  /** What was begun through the API, and whether the server is on. */
  power(): { readonly stops: number; readonly starts: number; readonly isOn: boolean };
  /** Resolves as soon as there is one. */
  firstExecuted(): Promise<void>;
}

interface Setting extends Partial<Omit<ServerPlan, "id">> {
  readonly lax?: boolean;
  readonly keepsDisk?: boolean;
  /** The caller's clock against the cloud's. */
  readonly clockAheadMs?: number;
  readonly postTimeoutMs?: number;
}

export const OTHER = ServerId.parse("4f4b3dfa-0000-4000-8000-000000000002");
export const NOBODY = ServerId.parse("4f4b3dfa-0000-4000-8000-00000000000f");
export const WINDOW_MS = 900_000;
export const STOP_MS = 10_000;
export const START_MS = 20_000;
export const JOB_MS = 60_000;

const USUAL: Course = {
  durationMs: JOB_MS,
  end: "success",
  earlyMs: 0,
  visibleAfterMs: 0,
  vanishesAfterMs: null,
  foreign: false,
};
const POST_TIMEOUT_MS = 300;

function planOf(setting: Setting): ServerPlan {
  const { status = "SHUTOFF", view = "shown", softStopWorks = true } = setting;
  const { endsAs = "ACTIVE", startEnds = "running" } = setting;
  const { mark, address = "10.0.0.7" } = setting;
  const marked = mark === undefined ? {} : { mark };
  return { id: SERVER, status, view, softStopWorks, endsAs, startEnds, address, ...marked };
}

/** The in-memory cloud, and the real port on the strict simulator: each test begins with a new cloud. */
export const RIGS = [
  ["in memory", memoryRigs],
  ["on HTTP", httpRigs],
] as const;

type OpenRig = (setting?: Setting) => Promise<CloudRig>;

// ---------------------------------------------------------------- in memory

function memoryRigs(): OpenRig {
  return async (setting = {}) => {
    let ties = 0;
    const time = new VirtualTime(() => (ties += 1));
    const plan = planOf(setting);
    let course = USUAL;
    let onExecuted: () => void = () => {};
    const firstExecuted = new Promise<void>((resolve) => (onExecuted = resolve));
    const cloud = new MemoryCloud({
      time,
      signatureWindowMs: WINDOW_MS,
      lax: setting.lax ?? false,
      keepsDisk: setting.keepsDisk ?? false,
      volumeType: null,
      plans: [plan, { ...planOf({}), id: OTHER }],
      courseOf: () => course,
      stopMs: () => STOP_MS,
      startMs: () => START_MS,
      onExecuted: () => onExecuted(),
    });
    const next = new Map<CloudFault, number>();
    let heldUpMs = 0;
    const { postTimeoutMs = POST_TIMEOUT_MS, clockAheadMs = 0 } = setting;
    const api = createMemoryCloudApi({
      cloud,
      time,
      commandId: "cmd-1",
      network: {
        nowMs: () => time.nowMs + clockAheadMs,
        latencyMs: () => 0,
        happens(fault) {
          heldUpMs = next.get(fault) ?? heldUpMs;
          return next.delete(fault);
        },
        heldUpMs: () => heldUpMs,
        brokenMs: () => 0,
        postTimeoutMs,
        exchange: (_label, carry) =>
          new Promise((resolve) =>
            carry((value, delayMs) => time.after(delayMs, () => resolve(value))),
          ),
      },
    });
    return {
      api: inVirtualTime(api, time),
      nowMs: () => time.nowMs,
      async advance(ms) {
        const there = new Promise<void>((resolve) => time.after(ms, resolve));
        await passing(time, there);
      },
      course(changes) {
        course = { ...USUAL, ...changes };
      },
      async befall(fault, ms = 0) {
        next.set(fault, ms);
      },
      outsider: (act) => cloud.outsider(SERVER, act),
      executed: () => cloud.ledger.filter((one) => one.serverId === SERVER).length,
      power: () => cloud.power(SERVER),
      firstExecuted: () => firstExecuted,
    };
  };
}

/** Each call takes as much virtual time as it needs. */
function inVirtualTime(api: CloudApi, time: VirtualTime): CloudApi {
  const disk = api.disk?.bind(api);
  const list = api.list?.bind(api);
  return {
    ...(disk && { disk: (...call: Parameters<typeof disk>) => passing(time, disk(...call)) }),
    ...(list && { list: (...call: Parameters<typeof list>) => passing(time, list(...call)) }),
    look: (...call) => passing(time, api.look(...call)),
    job: (...call) => passing(time, api.job(...call)),
    stop: (...call) => passing(time, api.stop(...call)),
    start: (...call) => passing(time, api.start(...call)),
    async sign(...call): Promise<Signing> {
      const signing = await passing(time, api.sign(...call));
      if (signing.kind !== "signed") return signing;
      const { request } = signing;
      const send = (signal: AbortSignal) => passing(time, request.send(signal));
      return { ...signing, request: { ...request, send } };
    },
  };
}

/** Goes from event to event until the promise is settled. */
async function passing<T>(time: VirtualTime, promise: Promise<T>): Promise<T> {
  let settled = false;
  const end = () => {
    settled = true;
  };
  promise.then(end, end);
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    if (settled) return promise;
    if (!time.step()) throw new Error("nothing is left that could answer");
  }
}

// ---------------------------------------------------------------- on HTTP

/** One simulator for the file. Its clock is the test's, so a minute of the cloud takes no time; only time-outs are real. */
function httpRigs(): OpenRig {
  let nowMs = BEGINNING_MS;
  let cloud: Simulator;
  let api: CloudAdapter | undefined;
  let isAway = false;
  beforeAll(async () => {
    cloud = await startSimulator({
      clock: { nowMs: () => nowMs },
      signatureWindowMs: WINDOW_MS,
      stopDurationMs: STOP_MS,
      startDurationMs: START_MS,
    });
  });
  afterAll(async () => {
    await api?.close();
    await cloud.close();
  });

  return async (setting = {}) => {
    await api?.close();
    if (isAway) await cloud.comeBack();
    isAway = false;
    cloud.reset();
    const { postTimeoutMs = POST_TIMEOUT_MS, clockAheadMs = 0 } = setting;
    const made = cloudAt(cloud.url, {
      credentials: SIMULATED_KEYS,
      evsEndpoint: cloud.url,
      clock: { ...REAL_CLOCK, nowMs: () => nowMs + clockAheadMs },
      timeouts: { connectMs: 500, headersMs: 500, bodyMs: 500, postMs: postTimeoutMs },
    });
    api = made.api;
    const plan = planOf(setting);
    const server = cloud.addServer({
      id: plan.id,
      state: plan.status,
      // Whose last reinstall failed.
      reinstallFailed: plan.status === "ERROR",
      reinstallView: plan.view === "shown" ? "rebuild" : "invisible",
      softStopHangs: !plan.softStopWorks,
      endsAs: plan.endsAs,
      ...(plan.mark !== undefined && { tags: [`ecs-reinstall=${plan.mark}`] }),
      ...(plan.address !== undefined && { address: plan.address }),
      ...(plan.startEnds !== undefined && { startEnds: plan.startEnds }),
    });
    cloud.addServer({ id: OTHER, state: "SHUTOFF" });
    const { lax = false, keepsDisk = false } = setting;
    let usual = cloud.faults.set({
      operation: "reinstall",
      lax,
      run: { ...runOf(USUAL), keepsDiskId: keepsDisk },
    });
    const executed = () => cloud.ledger().servers[SERVER]?.reinstallsExecuted ?? 0;

    return {
      api: made.api,
      nowMs: () => nowMs,
      async advance(ms) {
        nowMs += ms;
      },
      course(changes) {
        for (const id of usual) cloud.faults.clear(id);
        const run = { ...runOf({ ...USUAL, ...changes }), keepsDiskId: keepsDisk };
        usual = cloud.faults.set({ operation: "reinstall", lax, run });
      },
      async befall(fault, ms = 0) {
        switch (fault) {
          case "send-not-sent":
            isAway = true;
            return cloud.goAway();
          case "sign-unavailable": {
            // Two refusals of our key: the third might lock it, so nothing is signed any more.
            cloud.faults.set({ operation: "server", times: 2, error: "APIGW.0301" });
            for (let i = 0; i < 2; i += 1) await made.api.look(PROJECT, SERVER, signal());
            return;
          }
          case "send-late":
            cloud.faults.set({ operation: "reinstall", times: 1, lateExecutionMs: ms });
            return;
          case "stop-late":
            cloud.faults.set({ operation: "stop", times: 1, lateExecutionMs: ms });
            return;
          default:
            cloud.faults.set({ times: 1, ...ON_THE_WIRE[fault] });
        }
      },
      outsider: (action) => server.act({ action }),
      executed,
      power() {
        const counted = cloud.ledger().servers[SERVER];
        const { stopsExecuted: stops = 0, startsExecuted: starts = 0 } = counted ?? {};
        return { stops, starts, isOn: server.isOn };
      },
      firstExecuted: async () =>
        void (await eventually(() => executed() > 0, { intervalMs: 5, what: "a reinstall" })),
    };
  };
}

type OfOneCall = Exclude<
  CloudFault,
  "send-not-sent" | "send-late" | "stop-late" | "sign-unavailable"
>;

const ON_THE_WIRE: Readonly<Record<OfOneCall, FaultSpec>> = {
  "look-unreadable": { operation: "server", lostRequest: true },
  "job-unreadable": { operation: "job", lostRequest: true },
  "stop-lost": { operation: "stop", lostReply: true },
  "start-lost": { operation: "start", lostReply: true },
  "disk-unreadable": { operation: "disk", lostRequest: true },
  "list-unreadable": { operation: "servers", lostRequest: true },
  "start-unsent": { operation: "start", lostRequest: true },
  "send-lost-reply": { operation: "reinstall", blackHole: true, executed: true },
  "send-lost-request": { operation: "reinstall", lostRequest: true },
  "send-refused": { operation: "reinstall", error: "Ecs.0001" },
  "send-throttled": { operation: "reinstall", error: "Common.0024" },
};

/** The same course, in the simulator's words. */
function runOf(course: Course): RunFault {
  const { durationMs, end, earlyMs, visibleAfterMs, vanishesAfterMs, foreign, oursAfterMs } =
    course;
  return {
    ...(durationMs === null ? { hangsAtFraction: 0.1 } : { durationMs }),
    ...(end === "success" ? {} : { fail: { code: "Ecs.0202", atFraction: 1, ...LEFT[end] } }),
    ...(earlyMs > 0 && durationMs !== null
      ? { successAtFraction: (durationMs - earlyMs) / durationMs }
      : {}),
    jobUnknownForMs: visibleAfterMs,
    ...(vanishesAfterMs === null ? {} : { jobVanishesAfterMs: vanishesAfterMs }),
    ...(foreign ? { jobServerId: OTHER } : {}),
    ...(oursAfterMs === undefined ? {} : { jobOursAfterMs: oursAfterMs }),
  };
}

const LEFT = {
  "fail-error": { server: "error", disk: "kept" },
  "fail-old-disk": { server: "shutoff", disk: "kept" },
  "fail-no-disk": { server: "shutoff", disk: "lost" },
} as const;
