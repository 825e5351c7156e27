import type { CommandEvidence } from "../../src/contract/evidence.ts";
import type { BrakeStatus, DependencyHealth } from "../../src/contract/http.ts";
import type { Found } from "../../src/contract/found.ts";
import { ProjectId } from "../../src/contract/ids.ts";
import type {
  BrakeSaid,
  CommandDetail,
  CommandStory,
  LockView,
  PastReinstall,
  ServerDetail,
} from "../../src/contract/overview.ts";
import type { HttpAppDeps } from "../../src/observe/http/http-app.ts";

/*
 * What a worker may know, for tests of the pages and for the picture in the README: every value is made up.
 */

export const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What a bad sender writes: it must be seen as text, and nothing else. */
export const HOSTILE = `<script>document.title="owned"</script><img src=x onerror="document.title='owned'"> \u202etxet`;

/** Whatever a scene is asked, relative to this moment. */
type Deps = Omit<HttpAppDeps, "onError">;

const server = (number: number) => `4f4b3dfa-eb70-47cf-a60a-998a53bd${String(5980 + number)}`;

const BARE: Omit<CommandDetail, "commandId" | "serverId"> = {
  projectId: PROJECT,
  phase: "waiting",
  sequence: 3,
  updatedAtMs: 0,
  outcome: null,
  jobId: null,
  finalEvent: null,
  createdAtMs: null,
  attempt: 1,
  waitsFor: null,
  holder: null,
  sinceMs: null,
  nextTryMs: null,
  expiresAtMs: null,
  notBeforeMs: null,
  source: "node-healer",
  reason: null,
  group: null,
  settled: null,
};

interface Ending {
  readonly id: string;
  readonly on: number;
  readonly agoMs: number;
  readonly tookMs: number;
  readonly outcome: string;
  readonly reason?: string;
  readonly source?: string;
  readonly data?: object;
}

function ended(nowMs: number, { id, on, agoMs, tookMs, outcome, data = {}, ...more }: Ending) {
  const atMs = nowMs - agoMs;
  const seconds = Math.round(tookMs / 1000) - 40;
  const said = outcome === "succeeded" ? { duration_seconds: seconds, ...data } : data;
  const detail: CommandDetail = {
    ...BARE,
    commandId: id,
    serverId: server(on),
    phase: "done",
    outcome,
    createdAtMs: atMs - tookMs,
    updatedAtMs: atMs,
    finalEvent: { time: new Date(atMs).toISOString(), data: { event: outcome, ...said } },
    ...more,
  };
  return detail;
}

function endings(nowMs: number): readonly CommandDetail[] {
  const some: readonly Ending[] = [
    {
      id: "heal-web-17-b41c",
      on: 17,
      agoMs: 4 * MINUTE,
      tookMs: 7.4 * MINUTE,
      outcome: "succeeded",
      reason: "kernel panic loop",
    },
    {
      id: "heal-db-03-90aa",
      on: 3,
      agoMs: 11 * MINUTE,
      tookMs: 9 * MINUTE,
      outcome: "failed",
      reason: "disk latency above 2 s",
      data: {
        message: "Ecs.0319: the job failed: no host has room for the flavor (request req-5b1f)",
        power: { before: "on", after: "off" },
      },
    },
    {
      id: "heal-web-09-77de",
      on: 9,
      agoMs: 25 * MINUTE,
      tookMs: 30_000,
      outcome: "quarantined",
      reason: "readiness probe fails",
      data: { why: "reinstalled 3 times within 24 hours" },
    },
    {
      id: "refresh-2026-11-cache-2",
      on: 22,
      agoMs: 38 * MINUTE,
      tookMs: 6.1 * MINUTE,
      outcome: "succeeded",
      source: "image-refresh",
      reason: "image of November",
    },
    {
      id: "heal-web-21-0f3e",
      on: 21,
      agoMs: 55 * MINUTE,
      tookMs: 2_000,
      outcome: "superseded",
      data: { why: "healed-since" },
    },
  ];
  const older = Array.from({ length: 34 }, (_, index): Ending => {
    const failed = index % 9 === 4;
    return {
      id: `heal-web-${String(30 + index)}-${(0xa1c3 + 977 * index).toString(16)}`,
      on: 30 + index,
      agoMs: HOUR + index * 37 * MINUTE + (index % 4) * 11 * MINUTE,
      tookMs: (5 + ((index * 7) % 11) * 0.6 + (index % 13 === 0 ? 6 : 0)) * MINUTE,
      outcome: failed ? "failed" : "succeeded",
      reason: ["kernel panic loop", "NotReady for 10 min", "disk errors"][index % 3] ?? "",
      data: failed ? { message: "Ecs.0021: the image cannot be found (request req-19c0)" } : {},
    };
  });
  return [...some, ...older]
    .map((one) => ended(nowMs, one))
    .toSorted((a, b) => b.updatedAtMs - a.updatedAtMs);
}

function inWork(nowMs: number): readonly CommandDetail[] {
  const at = (
    on: number,
    phase: string,
    sinceMs: number,
    more: Partial<CommandDetail> = {},
  ): CommandDetail => ({
    ...BARE,
    commandId: `heal-web-${String(on).padStart(2, "0")}-5e0d`,
    serverId: server(on),
    phase,
    sinceMs: nowMs - sinceMs,
    createdAtMs: nowMs - sinceMs - MINUTE,
    updatedAtMs: nowMs - 10_000,
    nextTryMs: nowMs + 20_000,
    reason: "NotReady for 10 min",
    ...more,
  });
  return [
    at(4, "watch", 6.4 * MINUTE, { jobId: "ff808082739334d80173943ec9b42130" }),
    at(5, "watch", 3.1 * MINUTE, { attempt: 2, group: "web" }),
    at(6, "watch", 1.2 * MINUTE, { reason: HOSTILE }),
    at(8, "prepare", 40_000, { source: "image-refresh", reason: "image of November" }),
    at(11, "reconcile", 2.5 * MINUTE),
    at(12, "submit", 4_000),
  ];
}

function open(nowMs: number): readonly CommandDetail[] {
  const waits = (
    on: number,
    waitsFor: string,
    more: Partial<CommandDetail> = {},
  ): CommandDetail => ({
    ...BARE,
    commandId: `heal-web-${on}-77c2`,
    serverId: server(on),
    waitsFor,
    sinceMs: nowMs - on * 9_000,
    createdAtMs: nowMs - on * 9_000 - 2_000,
    updatedAtMs: nowMs - on * 1_000,
    nextTryMs: nowMs + 30_000,
    expiresAtMs: nowMs + 23 * HOUR,
    ...more,
  });
  return [
    ...[71, 72, 73, 74, 75, 76, 77, 78, 79].map((on) => waits(on, "cooldown")),
    waits(81, "server-busy", { holder: "heal-web-04-5e0d", serverId: server(4) }),
    waits(82, "server-busy", { holder: "resizer/7f9c", serverId: server(82) }),
    waits(91, "joined", { phase: "joined", waitsFor: null, holder: "heal-web-05-5e0d" }),
  ];
}

const goes = (brake: string): BrakeSaid => ({
  brake,
  verdict: "go",
  detail: null,
  scope: null,
  untilMs: null,
});

function brakesOf(nowMs: number, cooldown: boolean, quarantine = false): readonly BrakeSaid[] {
  const untilMs = nowMs + 7 * MINUTE;
  const until = new Date(untilMs).toISOString();
  const since = new Date(nowMs - 3 * MINUTE).toISOString();
  return [
    goes("pause"),
    goes("protected"),
    goes("storm-failures"),
    quarantine
      ? {
          ...goes("quarantine"),
          verdict: "no",
          detail:
            "the server was reinstalled 3 times within 86400 s (at most 3), last by heal-web-09-6b10",
        }
      : goes("quarantine"),
    cooldown
      ? {
          ...goes("cooldown"),
          verdict: "wait",
          detail: `the server was reinstalled by heal-web-71-1a2b until ${since}: not again before ${until}`,
          untilMs,
        }
      : goes("cooldown"),
    goes("cap"),
  ];
}

function history(nowMs: number): readonly PastReinstall[] {
  return [
    [20 * MINUTE, 7.2, "succeeded"],
    [5 * HOUR, 6.4, "succeeded"],
    [11 * HOUR, 12.8, "failed"],
    [30 * HOUR, 6.9, "succeeded"],
  ].map(([agoMs, minutes, outcome], index): PastReinstall => {
    const atMs = nowMs - Number(agoMs);
    return {
      commandId: `heal-web-09-6b1${index}`,
      attempt: 1,
      atMs,
      endedMs: atMs + Number(minutes) * MINUTE,
      outcome: String(outcome),
      source: "node-healer",
      reason: index === 2 ? HOSTILE : "readiness probe fails",
    };
  });
}

function serverOf(nowMs: number, id: string): ServerDetail {
  const lock =
    id === server(4)
      ? {
          owner: "heal-web-04-5e0d",
          token: 41,
          operation: "reinstall",
          sinceMs: nowMs - 7 * MINUTE,
          phase: "watch",
        }
      : null;
  return {
    lock,
    waiting: lock === null ? [] : [{ commandId: "heal-web-81-77c2", sinceMs: nowMs - 12 * MINUTE }],
    history: history(nowMs),
    brakes: brakesOf(nowMs, id !== server(9), id === server(9)),
  };
}

function storyOf(nowMs: number, command: CommandDetail): CommandStory {
  return {
    command,
    lastWord: null,
    brakes: command.outcome === null ? brakesOf(nowMs, command.waitsFor === "cooldown") : null,
    server: serverOf(nowMs, command.serverId ?? ""),
  };
}

function evidenceOf(nowMs: number, command: CommandDetail): CommandEvidence {
  const from = nowMs - 21 * MINUTE;
  const step = (
    number: number,
    after: number,
    phase: string,
    event: string,
    data: Readonly<Record<string, unknown>> = {},
  ) => ({
    step: number,
    atMs: from + after,
    phase,
    attempt: 1,
    events: [{ event, sequence: number + 1, time: new Date(from + after).toISOString(), data }],
  });
  return {
    story: storyOf(nowMs, command),
    asked: {
      onBusy: "join",
      dryRun: false,
      override: ["windows"],
      receivedAtMs: from,
      observedAtMs: from - 90_000,
      expectedSystemDisk: null,
      wishHash: "9f2c",
      contentHash: "1b77",
    },
    steps: [
      step(0, 1_000, "waiting", "accepted", { unknown_fields: ["prority"] }),
      step(1, 1_200, "waiting", "waiting", {
        waits_for: "cooldown",
        detail: "the server was reinstalled 3 min before",
        until: new Date(from + 7 * MINUTE).toISOString(),
      }),
      step(2, 7 * MINUTE, "prepare", "stopping", { stop_type: "SOFT", job_id: "ff808082aa01" }),
      step(3, 8.5 * MINUTE, "submit", "stopping", { stop_type: "HARD" }),
      step(4, 9 * MINUTE, "watch", "submitted", { job_id: "ff808082739334d8", attempt: 1 }),
      step(5, 12 * MINUTE, "watch", "progress", {
        job_status: "RUNNING",
        elapsed_seconds: 180,
        sub_jobs_total: 5,
        sub_jobs_done: 2,
      }),
    ],
    intent: {
      attempt: 1,
      atMs: from + 9 * MINUTE - 800,
      signedAtMs: from + 9 * MINUTE - 900,
      systemDisk: "2f1c6d38-7a55-4c0e-9a83-3f4d1d2a9c10",
    },
    switches: [
      {
        brake: "pause",
        scope: "project",
        on: false,
        atMs: nowMs - 2 * HOUR,
        by: "ada",
        reason: "the rack has power again",
      },
    ],
    acts: [],
    cancelAsked: false,
  };
}

const found = <View>(view: View): Found<View> => ({ kind: "found", view });
const up = (name: string): DependencyHealth => ({ name, state: "up", sinceMs: 0, detail: null });

const HEALTHY = { hangs: () => null, dependencies: () => ["rabbitmq", "redis", "cloud"].map(up) };
const METRICS = { page: () => Promise.resolve(""), contentType: "text/plain" };

/** A night on which much happens. */
export function busyNight(): Deps {
  const now = () => Date.now();
  const everything = (nowMs: number) => [...endings(nowMs), ...inWork(nowMs), ...open(nowMs)];
  const known = (id: string) => everything(now()).find(({ commandId }) => commandId === id);
  const unresolved: LockView = {
    projectId: PROJECT,
    serverId: server(2),
    owner: "heal-web-02-41d7",
    token: 38,
    operation: "reinstall",
    sinceMs: now() - 3.2 * HOUR,
    phase: "unresolved",
  };
  const holding: readonly BrakeStatus[] = [
    {
      brake: "pause",
      projectId: PROJECT,
      scope: "group:db",
      by: "ada",
      sinceMs: now() - 26 * HOUR,
      reason: `maintenance of the storage network ${HOSTILE}`,
    },
    {
      brake: "protected",
      projectId: PROJECT,
      scope: `protected:${server(1)}`,
      by: "bo",
      sinceMs: now() - 90 * HOUR,
      reason: "license server",
    },
  ];
  return {
    metrics: METRICS,
    health: HEALTHY,
    nowMs: now,
    projects: [PROJECT],
    audit: { entries: async () => found({ entries: [], next: null }) },
    looks: {
      look: async () => found({ seen: "idle", detail: "", status: "ACTIVE", systemDisk: null }),
    },
    situation: { deadLetters: () => 2, notTaken: () => 0, budgetLeft: () => 0.82 },
    brakes: {
      holding: () => holding,
      slots: () => [{ projectId: PROJECT, taken: 6, cap: 10, waiting: 0 }],
      calls: () => [],
      readAtMs: now,
      refresh: async () => true,
      keptOff: () => [],
    },
    views: {
      commandById: async (id) => {
        const command = known(id);
        return command === undefined ? { kind: "absent" } : found([storyOf(now(), command)]);
      },
      evidenceById: async (id) => {
        const command = known(id);
        return command === undefined ? { kind: "absent" } : found([evidenceOf(now(), command)]);
      },
      serverStatus: async (project, id) =>
        project === PROJECT ? found(serverOf(now(), id)) : { kind: "absent" },
    },
    overview: {
      commands: async ({ state }) =>
        found({ entries: state === "ended" ? endings(now()) : open(now()), next: null }),
      locks: async () => found({ entries: [unresolved], next: null }),
      inWork: async () => found({ commands: inWork(now()), open: 18 }),
    },
  };
}

/** For the picture in the README: the same night, with less that needs a person, and nobody who writes what he should not. */
export function pictured(): Deps {
  const night = busyNight();
  const polite = <View>(view: View): View =>
    JSON.parse(
      JSON.stringify(view).replaceAll(JSON.stringify(HOSTILE).slice(1, -1), "disk errors"),
    );
  const standing = night.brakes
    .holding()
    .slice(0, 1)
    .map((one) => ({
      ...one,
      sinceMs: Date.now() - 2 * HOUR,
      reason: "maintenance of the storage network",
    }));
  return {
    ...night,
    situation: { ...night.situation, deadLetters: () => 0 },
    brakes: { ...night.brakes, holding: () => standing },
    overview: {
      ...night.overview,
      commands: async (filter, page) => {
        const all = polite(await night.overview.commands(filter, page));
        if (all.kind !== "found") return all;
        const entries = all.view.entries.filter(({ commandId }) => commandId !== "heal-db-03-90aa");
        return found({ ...all.view, entries });
      },
      inWork: async (project) => polite(await night.overview.inWork(project)),
    },
  };
}

/** Nothing has been asked for yet. */
export function quiet(): Deps {
  const free = { lock: null, waiting: [], history: [], brakes: brakesOf(0, false) };
  return {
    ...busyNight(),
    situation: { deadLetters: () => 0, notTaken: () => 0, budgetLeft: () => 1 },
    brakes: {
      holding: () => [],
      slots: () => [{ projectId: PROJECT, taken: 0, cap: 10, waiting: 0 }],
      calls: () => [],
      readAtMs: () => Date.now(),
      refresh: async () => true,
      keptOff: () => [],
    },
    views: {
      commandById: async () => ({ kind: "absent" }),
      evidenceById: async () => ({ kind: "absent" }),
      serverStatus: async () => found(free),
    },
    overview: {
      commands: async () => found({ entries: [], next: null }),
      locks: async () => found({ entries: [], next: null }),
      inWork: async () => found({ commands: [], open: 0 }),
    },
  };
}

/** Redis does not answer. */
export function storeAway(): Deps {
  const away = async () => ({ kind: "unavailable" }) as const;
  return {
    ...quiet(),
    health: {
      hangs: () => null,
      dependencies: () => [
        up("rabbitmq"),
        {
          name: "redis",
          state: "down",
          sinceMs: Date.now() - 4 * MINUTE,
          detail: "connect ECONNREFUSED 10.0.3.7:6379",
        },
        up("cloud"),
      ],
    },
    brakes: {
      holding: () => [],
      slots: () => [],
      calls: () => [],
      readAtMs: () => null,
      refresh: async () => true,
      keptOff: () => [],
    },
    views: { commandById: away, evidenceById: away, serverStatus: away },
    overview: { commands: away, locks: away, inWork: away },
  };
}
