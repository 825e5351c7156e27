import { Agent, request } from "node:http";
import { connect } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import type { AuditLog } from "../../../../src/contract/audit.ts";
import type { CommandEvidence } from "../../../../src/contract/evidence.ts";
import type { Found } from "../../../../src/contract/found.ts";
import type { BrakesView, CommandViews, DependencyHealth } from "../../../../src/contract/http.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";
import type { CommandDetail, Overview, ServerDetail } from "../../../../src/contract/overview.ts";
import type { ServerLooks } from "../../../../src/contract/server-look.ts";
import { ROUTES } from "../../../../src/observe/http/http-routes.ts";
import { createHttpServer, type HttpServer } from "../../../../src/observe/http/http-server.ts";
import { eventually } from "../../../support/eventually.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const COMMAND: CommandDetail = {
  commandId: "heal:web-01",
  projectId: PROJECT,
  serverId: SERVER,
  phase: "watch",
  sequence: 4,
  updatedAtMs: 0,
  outcome: null,
  jobId: "job-1",
  finalEvent: null,
  createdAtMs: 0,
  attempt: 1,
  waitsFor: null,
  holder: null,
  sinceMs: 1000,
  nextTryMs: 2000,
  expiresAtMs: null,
  notBeforeMs: null,
  source: "healer",
  reason: null,
  group: null,
  settled: null,
};
const PAST = {
  commandId: "z",
  attempt: 1,
  atMs: 0,
  endedMs: null,
  outcome: null,
  source: null,
  reason: "why",
};
const GOES = { brake: "pause", verdict: "go", detail: null, scope: null, untilMs: null } as const;
const FREE: ServerDetail = { lock: null, waiting: [], history: [], brakes: null };
/** As {@link COMMAND} is shown. */
const SHOWN = {
  command_id: "heal:web-01",
  project_id: PROJECT,
  server_id: SERVER,
  phase: "watch",
  waits_for: null,
  holder: null,
  since: "1970-01-01T00:00:01.000Z",
  next_try: "1970-01-01T00:00:02.000Z",
  attempt: 1,
  sequence: 4,
  created_at: "1970-01-01T00:00:00.000Z",
  updated_at: "1970-01-01T00:00:00.000Z",
  expires_at: null,
  not_before: null,
  source: "healer",
  reason: null,
  group: null,
  outcome: null,
  job_id: "job-1",
  final_event: null,
  settled: null,
};

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.stop()));
});

interface World {
  dependencies?: DependencyHealth[];
  hangs?: string;
  views?: Partial<CommandViews>;
  overview?: Partial<Overview>;
  metrics?: () => Promise<string>;
  errors?: unknown[];
  brakes?: BrakesView;
  audit?: Partial<AuditLog>;
  looks?: ServerLooks;
  nowMs?: () => number;
}

function build(world: World = {}, port = 0): HttpServer {
  const server = createHttpServer({
    host: "127.0.0.1",
    port,
    metrics: {
      contentType: "text/plain; version=0.0.4; charset=utf-8",
      page: world.metrics ?? (() => Promise.resolve("up 1\n")),
    },
    health: {
      hangs: () => world.hangs ?? null,
      dependencies: () => world.dependencies ?? [],
    },
    views: {
      commandById: () => Promise.resolve({ kind: "absent" }),
      evidenceById: () => Promise.resolve({ kind: "absent" }),
      serverStatus: () => Promise.resolve({ kind: "absent" }),
      ...world.views,
    },
    overview: {
      commands: () => Promise.resolve({ kind: "absent" }),
      locks: () => Promise.resolve({ kind: "absent" }),
      inWork: () => Promise.resolve({ kind: "absent" }),
      ...world.overview,
    },
    situation: { deadLetters: () => 0, notTaken: () => 0, budgetLeft: () => 1 },
    projects: [ProjectId.parse(PROJECT)],
    nowMs: world.nowMs ?? Date.now,
    brakes: world.brakes ?? {
      holding: () => [],
      slots: () => [],
      calls: () => [],
      readAtMs: () => null,
      refresh: async () => true,
      keptOff: () => [],
    },
    audit: { entries: () => Promise.resolve({ kind: "absent" }), ...world.audit },
    looks: world.looks ?? { look: () => Promise.resolve({ kind: "absent" }) },
    onError: (error) => world.errors?.push(error),
  });
  open.push(server);
  return server;
}

async function serve(world: World = {}) {
  const server = build(world);
  await server.start();
  const base = `http://127.0.0.1:${server.address()?.port}`;
  return {
    server,
    base,
    get: async (path: string, init: RequestInit = {}) => {
      const response = await fetch(base + path, init);
      const text = await response.text();
      expect(undescribed(path, response.status, text)).toBeNull();
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: () => JSON.parse(text),
      };
    },
  };
}

/** What of an answer /openapi.json does not say; null: nothing. Answers that are the same everywhere have no page. */
function undescribed(path: string, status: number, text: string): unknown {
  const [, pathname = ""] = /^([^?]*)/.exec(path) ?? [];
  const route = ROUTES.find((one) =>
    new RegExp(`^${one.path.replaceAll(/:\w+/g, "[^/]+")}$`).test(pathname),
  );
  if (route === undefined || [405, 431, 500].includes(status) || text === "") return null;
  const body = route.answers[status]?.body;
  if (body === undefined) return `${route.path} has no answer ${status}`;
  if (typeof body === "string") return null;
  const value: unknown = JSON.parse(text);
  const read = body.safeParse(value);
  return isDeepStrictEqual(read.data, value) ? null : [text, read.error?.issues];
}

const found =
  <View>(view: View): (() => Promise<Found<View>>) =>
  () =>
    Promise.resolve({ kind: "found", view });

describe("health", () => {
  it("gives the metrics page as the registry types it", async () => {
    const { get } = await serve();
    const page = await get("/metrics");
    expect([page.status, page.text]).toEqual([200, "up 1\n"]);
    expect(page.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  });

  it("is alive whatever its dependencies do", async () => {
    const down = { name: "redis", state: "down", sinceMs: 0, detail: null } as const;
    const { get } = await serve({ dependencies: [down] });
    expect((await get("/livez")).status).toBe(200);
    expect((await get("/livez")).text).toBe('{"status":"alive"}');
  });

  it("needs a restart when a delivery hangs, and says why", async () => {
    const { get } = await serve({ hangs: "a delivery is in hand for 900 s" });
    const answer = await get("/livez");
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toEqual({
      status: "needs a restart",
      detail: "a delivery is in hand for 900 s",
    });
  });

  it("is ready when every dependency works, and names each with state and since when", async () => {
    const rabbit = { name: "rabbitmq", state: "up", sinceMs: 0, detail: null } as const;
    const redis = {
      name: "redis",
      state: "degraded",
      sinceMs: 1000,
      detail: "AOF is off",
    } as const;
    const { get } = await serve({ dependencies: [rabbit, redis] });
    const ready = await get("/readyz");
    expect(ready.status).toBe(200);
    expect(ready.json()).toEqual({
      status: "ready",
      dependencies: [
        { name: "rabbitmq", state: "up", since: "1970-01-01T00:00:00.000Z", detail: null },
        {
          name: "redis",
          state: "degraded",
          since: "1970-01-01T00:00:01.000Z",
          detail: "AOF is off",
        },
      ],
    });
  });

  it.each(["down", "starting", "stopping"] as const)(
    "is not ready while one is %s",
    async (state) => {
      const { get } = await serve({
        dependencies: [{ name: "redis", state, sinceMs: 0, detail: null }],
      });
      const answer = await get("/readyz");
      expect([answer.status, answer.json().status]).toEqual([503, "not ready"]);
    },
  );
});

describe("looks into the store", () => {
  it("show a command, in each project where its id occurs", async () => {
    const other = { ...COMMAND, projectId: "f".repeat(32), phase: "done", outcome: "failed" };
    const finalEvent = { id: "heal:web-01/9", data: { event: "failed" } };
    const stories = [COMMAND, { ...other, finalEvent }].map((command) => {
      return { command, lastWord: null, brakes: null, server: FREE };
    });
    const { get } = await serve({ views: { commandById: found(stories) } });
    const first = { ...SHOWN, brakes: null, explanation: expect.any(Array) };
    const second = {
      ...first,
      project_id: "f".repeat(32),
      phase: "done",
      outcome: "failed",
      final_event: finalEvent,
    };
    const { explanation, ...answer } = (await get("/v1/commands/heal:web-01")).json();
    expect(explanation.join("\n")).toContain("Command heal:web-01 for server");
    expect({ explanation, ...answer }).toEqual({ ...first, commands: [first, second] });
  });

  it("count ages by the time that the worker goes by, whatever its machine's clock says", async () => {
    const story = { command: COMMAND, lastWord: null, brakes: null, server: FREE };
    const says = async (nowMs: number) => {
      const { get } = await serve({
        nowMs: () => nowMs,
        views: { commandById: found([story]), evidenceById: found([]) },
      });
      return (await get("/v1/commands/heal:web-01")).json().explanation.join("\n");
    };
    // It is in `watch` since 1 s after the epoch.
    expect(await says(8_000)).toContain("(7 s)");
    expect(await says(3_000)).toContain("(2 s)");
  });

  it("show all that is kept of a command, for a ticket", async () => {
    const lock = { owner: "a", token: 7, operation: "reinstall", sinceMs: 0, phase: "watch" };
    const own = { ...PAST, commandId: COMMAND.commandId, endedMs: 90_000, outcome: "failed" };
    const server = {
      ...FREE,
      lock,
      waiting: [{ commandId: "b", sinceMs: 0 }],
      history: [PAST, own],
    };
    const evidence: CommandEvidence = {
      story: { command: COMMAND, lastWord: null, brakes: [GOES], server },
      asked: {
        onBusy: "join",
        dryRun: false,
        override: ["windows"],
        receivedAtMs: 0,
        observedAtMs: null,
        expectedSystemDisk: null,
        wishHash: "w",
        contentHash: "c",
      },
      steps: [
        {
          step: 2,
          atMs: 1000,
          phase: "watch",
          attempt: 1,
          events: [
            {
              event: "submitted",
              sequence: 3,
              time: "1970-01-01T00:00:01Z",
              data: { job_id: "j" },
            },
          ],
        },
      ],
      intent: { attempt: 1, atMs: 0, signedAtMs: null, systemDisk: "disk-1" },
      switches: [
        { brake: "pause", scope: "project", on: false, atMs: 0, by: "ada", reason: "over" },
      ],
      acts: [
        {
          id: "a",
          number: 1,
          at: 0,
          action: "cancel",
          by: "ada",
          reason: "over",
          command: "heal:web-01",
        },
      ],
      cancelAsked: true,
    };
    const { get } = await serve({ views: { evidenceById: found([evidence]) } });
    const epoch = "1970-01-01T00:00:00.000Z";
    const answer = await get("/v1/commands/heal:web-01?view=evidence");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.json()).toMatchObject({
      ...SHOWN,
      commands: [{ ...SHOWN, evidence: { cancel_asked: true } }],
      evidence: {
        asked: { on_busy: "join", override: ["windows"], received_at: epoch, wish_hash: "w" },
        steps: [
          { step: 2, phase: "watch", events: [{ event: "submitted", data: { job_id: "j" } }] },
        ],
        intent: { attempt: 1, at: epoch, signed_at: null, system_disk: "disk-1" },
        reinstalls: [{ command_id: "heal:web-01", outcome: "failed", duration_seconds: 90 }],
        lock: { owner: "a", phase: "watch" },
        waiting: ["b"],
        manual_actions: [
          { brake: "pause", scope: "project", on: false, at: epoch, by: "ada", reason: "over" },
        ],
        acts: [{ action: "cancel", at: epoch, by: "ada", command_id: "heal:web-01" }],
      },
    });
    const other = await get("/v1/commands/heal:web-01?view=everything");
    expect([other.status, other.json().message]).toEqual([
      400,
      "the parameter view must be `evidence`",
    ]);
  });

  it("show what holds a server and what waits for it, ids in lower case", async () => {
    const asked: string[] = [];
    const lock = { owner: "a", token: 7, operation: "os-reinstall", sinceMs: 0, phase: "watch" };
    const { get } = await serve({
      views: {
        serverStatus: (project, server) => {
          asked.push(project, server);
          const waiting = [{ commandId: "b", sinceMs: 1000 }];
          return found({ lock, waiting, history: [PAST], brakes: [GOES] })();
        },
      },
    });
    const answer = await get(`/v1/servers/${PROJECT.toUpperCase()}/${SERVER.toUpperCase()}`);
    expect(asked).toEqual([PROJECT, SERVER]);
    expect(answer.json()).toEqual({
      project_id: PROJECT,
      server_id: SERVER,
      lock: {
        owner: "a",
        token: 7,
        operation: "os-reinstall",
        since: "1970-01-01T00:00:00.000Z",
        phase: "watch",
      },
      waiting: [{ command_id: "b", since: "1970-01-01T00:00:01.000Z" }],
      history: [
        {
          command_id: "z",
          attempt: 1,
          at: "1970-01-01T00:00:00.000Z",
          ended_at: null,
          outcome: null,
          duration_seconds: null,
          source: null,
          reason: "why",
        },
      ],
      brakes: [{ brake: "pause", verdict: "go", detail: null, scope: null, until: null }],
      explanation: expect.any(Array),
    });
  });

  it("show a server that nothing holds", async () => {
    const { get } = await serve({ views: { serverStatus: found(FREE) } });
    expect((await get(`/v1/servers/${PROJECT}/${SERVER}`)).json()).toMatchObject({ lock: null });
  });

  it.each([
    [
      `/v1/commands/${"x".repeat(129)}`,
      "the command id must be 1-128 characters of A-Z a-z 0-9 . _ : -",
    ],
    ["/v1/commands/a%20b", "the command id must be 1-128 characters of A-Z a-z 0-9 . _ : -"],
    ["/v1/commands/%E0%A4%A", "the command id must be 1-128 characters of A-Z a-z 0-9 . _ : -"],
    [`/v1/servers/abc/${SERVER}`, "the project id must be 32 hex digits"],
    [`/v1/servers/${PROJECT}/web-01`, "the server id must be a UUID"],
  ])("refuse %s with the rule", async (path, message) => {
    const { get } = await serve();
    const answer = await get(path);
    expect([answer.status, answer.json()]).toEqual([400, { error: "bad-request", message }]);
  });

  it("say that a command is not known, and that the store is away", async () => {
    const { get } = await serve();
    expect((await get("/v1/commands/a")).status).toBe(404);
    const away = await serve({
      views: { commandById: () => Promise.resolve({ kind: "unavailable" }) },
    });
    const answer = await away.get("/v1/commands/a");
    expect([answer.status, answer.json().error]).toEqual([503, "store-away"]);
    expect(answer.json().message).toContain("this worker's log says what of it cannot be read");
  });

  it.each(["/v1/commands/a", "/v1/commands"])(
    "%s: why the store is away, as readiness knows it, and what to do",
    async (path) => {
      const unavailable = () => Promise.resolve({ kind: "unavailable" } as const);
      const redis = { name: "redis", state: "down", sinceMs: 0, detail: "no answer" } as const;
      const away = await serve({
        views: { commandById: unavailable },
        overview: { commands: unavailable },
        dependencies: [redis],
      });
      expect((await away.get(path)).json().message).toBe(
        "the store does not answer: redis is down for this worker since 1970-01-01T00:00:00.000Z (no answer). What was begun goes on by itself when it is back: docs/runbooks/EcsReinstallDependencyDown.md",
      );
    },
  );
});

describe("lists", () => {
  it("of what ended are asked for by state, or by an outcome alone", async () => {
    const asked: unknown[] = [];
    const commands: Overview["commands"] = (filter) => {
      asked.push([filter.state, filter.outcome]);
      return found({ entries: [{ ...COMMAND, outcome: "failed" }], next: null })();
    };
    const { get } = await serve({ overview: { commands } });
    expect((await get("/v1/commands?state=ended")).json().commands).toMatchObject([
      { outcome: "failed" },
    ]);
    await get("/v1/commands?outcome=failed");
    await get("/v1/commands?state=watch");
    expect(asked).toEqual([
      ["ended", undefined],
      ["ended", "failed"],
      ["watch", undefined],
    ]);
  });

  const MARK = { project: PROJECT, score: 5, id: "heal:web-01" };

  it("of commands give a page, and where the next one begins", async () => {
    const asked: unknown[] = [];
    const commands: Overview["commands"] = (filter, page) => {
      asked.push([filter, page]);
      return found({ entries: [COMMAND], next: MARK })();
    };
    const { get } = await serve({ overview: { commands } });
    const first = await get("/v1/commands?state=watch&min_age_seconds=60&limit=1");
    expect(first.json()).toEqual({ commands: [SHOWN], next: expect.any(String) });
    const query = `project=${PROJECT.toUpperCase()}&waits_for=pause&server=${SERVER}&source=a%20b&group=g`;
    await get(`/v1/commands?${query}&cursor=${first.json().next}`);
    expect(asked).toEqual([
      [{ state: "watch", minAgeMs: 60_000 }, { limit: 1 }],
      [
        { project: PROJECT, waitsFor: "pause", server: SERVER, source: "a b", group: "g" },
        { limit: 100, cursor: MARK },
      ],
    ]);
  });

  it("of locks name the owner, the oldest first", async () => {
    const lock = { owner: "a", token: 7, operation: "reinstall", sinceMs: 0, phase: "unresolved" };
    const entries = [{ projectId: PROJECT, serverId: SERVER, ...lock }];
    const { get } = await serve({ overview: { locks: found({ entries, next: null }) } });
    expect((await get("/v1/locks")).json()).toEqual({
      locks: [
        {
          project_id: PROJECT,
          server_id: SERVER,
          owner: "a",
          token: 7,
          operation: "reinstall",
          since: "1970-01-01T00:00:00.000Z",
          phase: "unresolved",
        },
      ],
      next: null,
    });
  });

  it.each([
    ["/v1/commands?project=abc", "project must be 32 hex digits"],
    ["/v1/commands?server=web-01", "server must be a UUID"],
    ["/v1/commands?limit=0", "limit must be a whole number from 1 to 500"],
    ["/v1/commands?limit=501", "limit must be a whole number from 1 to 500"],
    ["/v1/commands?limit=1e2", "limit must be a whole number from 1 to 500"],
    ["/v1/commands?state=", "state must be one of waiting, joined, prepare, "],
    ["/v1/commands?state=Watch", "state must be one of waiting, joined, prepare, "],
    ["/v1/commands?state=watch&state=foo&outcome=fine", "outcome must be one of succeeded, failed"],
    ["/v1/commands?outcome=accepted", "outcome must be one of succeeded, failed"],
    ["/v1/commands?state=watch&outcome=failed", "outcome goes with state=ended only"],
    ["/v1/commands?waits_for=paused", "waits_for must be one of server-busy, "],
    ["/v1/commands?group=bad%20group", "group must be"],
    [`/v1/commands?source=${"x".repeat(201)}`, "source must have at most 200 characters"],
    ["/v1/commands?min_age_seconds=-1", "min_age_seconds must be a whole number from 0"],
    ["/v1/commands?cursor=!!", "cursor must be the `next` of an answer"],
    ["/v1/commands?cursor=e30", "cursor must be the `next` of an answer"],
    ["/v1/commands?status=watch", "a parameter is not known"],
    ["/v1/commands?limit=0&server=x", "server must be a UUID; limit must be a whole number"],
    ["/v1/locks?project=abc", "project must be 32 hex digits"],
    ["/v1/locks?limit=-1", "limit must be a whole number from 1 to 500"],
    ["/v1/locks?state=watch", "a parameter is not known"],
  ])("refuse %s with the field and the rule", async (path, message) => {
    const { get } = await serve({
      overview: {
        commands: found({ entries: [], next: null }),
        locks: found({ entries: [], next: null }),
      },
    });
    const answer = await get(path);
    expect([answer.status, answer.json().error]).toEqual([400, "bad-request"]);
    expect(answer.json().message).toContain(message);
  });

  it("lists what people did by hand, filtered and page by page", async () => {
    const asked: unknown[] = [];
    const entry = { id: "a-1", number: 1, at: 0, action: "cancel", by: "ada", reason: "mistake" };
    const { get } = await serve({
      audit: {
        entries: async (...question) => {
          asked.push(question);
          const next = { project: PROJECT, score: 0, id: "a-1" };
          const entries = [{ ...entry, projectId: ProjectId.parse(PROJECT), command: "heal-1" }];
          return { kind: "found", view: { entries, next } };
        },
      },
    });
    const first = await get("/v1/audit?action=cancel&by=ada&max_age_seconds=60&limit=1");
    const { actions, next } = first.json() as { actions: unknown; next: string };
    expect(actions).toEqual([
      {
        id: "a-1",
        at: "1970-01-01T00:00:00.000Z",
        action: "cancel",
        project_id: PROJECT,
        by: "ada",
        reason: "mistake",
        command_id: "heal-1",
        server_id: null,
        scope: null,
        until: null,
        as: null,
        dead_letters: null,
      },
    ]);
    await get(`/v1/audit?cursor=${next}`);
    expect(asked).toEqual([
      [
        { action: "cancel", by: "ada", maxAgeMs: 60_000 },
        { limit: 1, cursor: undefined },
      ],
      [{ maxAgeMs: undefined }, { limit: 100, cursor: { project: PROJECT, score: 0, id: "a-1" } }],
    ]);
    const wrong = await get("/v1/audit?action=shout");
    expect([wrong.status, wrong.text]).toEqual([
      400,
      expect.stringMatching(/"action must be one of pause, resume, [^"]*dead-return"/),
    ]);
  });

  it.each(["/v1/commands", "/v1/locks", "/v1/audit"])(
    "%s knows other projects, and a store that is away",
    async (path) => {
      const { get } = await serve();
      expect((await get(`${path}?project=${PROJECT}`)).status).toBe(404);
      const unavailable = () => Promise.resolve({ kind: "unavailable" } as const);
      const away = await serve({
        audit: { entries: unavailable },
        overview: { commands: unavailable, locks: unavailable },
      });
      const answer = await away.get(path);
      expect([answer.status, answer.json().error]).toEqual([503, "store-away"]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
    },
  );
});

describe("every answer", () => {
  it("has security headers, errors too", async () => {
    const { get } = await serve();
    for (const path of ["/livez", "/nowhere", "/v1/commands/a%20b"]) {
      const { headers } = await get(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    }
  });

  it("of an unknown command says why it may not be known, where the store holds what cannot be read", async () => {
    const redis = { name: "redis", sinceMs: 0, detail: "holds what cannot be read: k" } as const;
    const page = "docs/runbooks/EcsReinstallStepErrors.md";
    const said = async (dependency: object, path = "/v1/commands/a") => {
      const dependencies = [{ ...redis, state: "degraded", ...dependency }] as never;
      return (await (await serve({ dependencies })).get(path)).json().message;
    };
    expect(await said({ page })).toBe(
      `no such command is known; redis holds what cannot be read: k. A command that needs it is not known before it is put right: ${page}`,
    );
    expect(await said({})).toBe("no such command is known");
    expect(await said({ page }, `/v1/servers/${"0".repeat(32)}/${SERVER}`)).toBe(
      "no such project is known",
    );
  });

  it("is JSON with 404 for another path", async () => {
    const { get } = await serve();
    const answer = await get("/v2/other");
    expect([answer.status, answer.json().error]).toEqual([404, "not-found"]);
  });

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])(
    "is 405 with Allow for %s",
    async (method) => {
      const { get } = await serve();
      for (const path of [
        "/metrics",
        "/livez",
        "/readyz",
        "/v1/commands/a",
        `/v1/servers/${PROJECT}/${SERVER}`,
      ]) {
        const answer = await get(path, { method });
        expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
      }
    },
  );

  it("has no body for HEAD", async () => {
    const { get } = await serve();
    const answer = await get("/livez", { method: "HEAD" });
    expect([answer.status, answer.text]).toEqual([200, ""]);
  });

  it("tells nothing of an error but that there was one", async () => {
    const errors: unknown[] = [];
    const { get } = await serve({ metrics: () => Promise.reject(new Error("geheim")), errors });
    const answer = await get("/metrics");
    expect([answer.status, answer.json()]).toEqual([
      500,
      { error: "internal", message: "see the log" },
    ]);
    expect(errors).toHaveLength(1);
  });

  it("is 431 for a head that is too large", async () => {
    const { get } = await serve();
    expect((await get("/livez", { headers: { "x-large": "x".repeat(9000) } })).status).toBe(431);
  });
});

describe("a probe is answered", () => {
  /** Connections that say `words` once, or nothing at all. */
  async function crowd(port: number, count: number, words = "") {
    const sockets = Array.from({ length: count }, () => connect(port, "127.0.0.1"));
    let closed = 0;
    await Promise.all(
      sockets.map(async (socket) => {
        socket
          .on("error", () => undefined)
          .once("close", () => {
            closed += 1;
          });
        socket.resume();
        await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
        if (words !== "") socket.write(words);
      }),
    );
    return {
      sockets,
      closed: () => closed,
      leave: () => {
        for (const socket of sockets) socket.destroy();
      },
    };
  }
  const GET = "GET /livez HTTP/1.1\r\nhost: a\r\n";

  it.each([
    ["say nothing", ""],
    ["have had their answer and stay", `${GET}\r\n`],
    ["send half a head", GET],
    ["send a head line by line", `${GET}x-slow: `],
    ["send a body slowly", "POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nx"],
    ["send many requests at once", `${GET}\r\n`.repeat(10)],
  ])("beside 400 connections that %s", async (_what, words) => {
    const { server, get } = await serve();
    const others = await crowd(server.address()?.port ?? 0, 400, words);
    for (const path of ["/livez", "/readyz", "/metrics"]) {
      expect((await get(path)).status).toBe(200);
    }
    await eventually(() => others.closed() >= 400 - 256);
    others.leave();
  });

  it("beside 300 requests that are not answered yet", async () => {
    const waiting: (() => void)[] = [];
    const metrics = () => new Promise<string>((resolve) => waiting.push(() => resolve("")));
    const { server, get } = await serve({ metrics });
    const others = await crowd(
      server.address()?.port ?? 0,
      300,
      "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    expect((await get("/livez")).status).toBe(200);
    for (const answer of waiting) answer();
    others.leave();
  });

  it("and a request in hand outlives idle connections", async () => {
    let asked = false;
    let answer = () => {};
    const metrics = () =>
      new Promise<string>((resolve) => {
        asked = true;
        answer = () => resolve("late\n");
      });
    const { server, get } = await serve({ metrics });
    const scrape = get("/metrics");
    await eventually(() => asked);
    const others = await crowd(server.address()?.port ?? 0, 400);
    answer();
    expect((await scrape).text).toBe("late\n");
    others.leave();
  });
});

describe("starting and stopping", () => {
  it("says that the port is taken", async () => {
    const { server } = await serve();
    const port = server.address()?.port ?? 0;
    await expect(build({}, port).start()).rejects.toThrow(
      `the port is taken: nothing can listen on 127.0.0.1:${port}; set HTTP_PORT`,
    );
  });

  it("may be stopped first, twice, and while it starts", async () => {
    const never = build();
    await never.stop();
    await never.start();
    expect(never.address()).toBeNull();
    const soon = build();
    const starting = soon.start();
    await Promise.all([soon.stop(), soon.stop(), starting]);
    expect(soon.address()).toBeNull();
  });

  it("ends keep-alive connections when it stops", async () => {
    const { server, base } = await serve();
    const agent = new Agent({ keepAlive: true });
    let gone = false;
    await new Promise<void>((resolve) => {
      request(`${base}/livez`, { agent }, (response) => {
        response.socket.once("close", () => {
          gone = true;
        });
        response.resume().once("end", resolve);
      }).end();
    });
    await server.stop();
    await eventually(() => expect(gone).toBe(true));
    agent.destroy();
  });

  it("cuts whoever never finishes a request", async () => {
    const { server } = await serve();
    const socket = connect(server.address()?.port ?? 0, "127.0.0.1");
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    socket.write("GET /livez HTTP/1.1\r\n");
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => undefined);
    await server.stop();
    await closed;
  });
});

describe("the description", () => {
  it("is that of the routes, at /openapi.json", async () => {
    const { get } = await serve();
    const { json, status } = await get("/openapi.json");
    const { openapi, paths } = json() as { openapi: string; paths: Record<string, unknown> };
    expect([status, openapi]).toEqual([200, "3.1.0"]);
    expect(Object.keys(paths)).toEqual(
      ROUTES.map(({ path }) => path.replaceAll(/:(\w+)/g, "{$1}")),
    );
  });
});

describe("/v1/brakes", () => {
  const ONE = ProjectId.parse("0123456789abcdef0123456789abcdef");
  const OTHER = ProjectId.parse("fedcba9876543210fedcba9876543210");
  const slots = { taken: 12, cap: 10, waiting: 40 };
  const brakes: BrakesView = {
    holding: () => [],
    slots: () => [
      { projectId: ONE, ...slots },
      { projectId: OTHER, taken: 0, cap: 10, waiting: 0 },
    ],
    calls: () => [
      {
        projectId: ONE,
        perSecond: 3.78251,
        configuredPerSecond: 50,
        isLearned: true,
        heldUntilMs: Date.UTC(2026, 10, 23),
        left: 0,
      },
      {
        projectId: OTHER,
        perSecond: 50,
        configuredPerSecond: 50,
        isLearned: false,
        heldUntilMs: null,
        left: 1,
      },
    ],
    readAtMs: () => null,
    refresh: async () => true,
    keptOff: () => [],
  };

  const overview = {
    commands: async () => ({ kind: "found", view: { entries: [], next: null } }) as const,
  };

  it("shows how fast requests may go to the cloud for each project, and until when none may", async () => {
    const { get } = await serve({ brakes, overview });
    const { calls } = (await get("/v1/brakes")).json();
    expect(calls).toEqual([
      {
        project_id: ONE,
        allowed_per_second: 3.783,
        configured_per_second: 50,
        learned: true,
        held_until: "2026-11-23T00:00:00.000Z",
        left_ratio: 0,
      },
      {
        project_id: OTHER,
        allowed_per_second: 50,
        configured_per_second: 50,
        learned: false,
        held_until: null,
        left_ratio: 1,
      },
    ]);
    const { calls: ofOther } = (await get(`/v1/brakes?project=${OTHER}`)).json();
    expect(ofOther).toHaveLength(1);
  });

  it("says whether the store was read for the answer, or when", async () => {
    for (const isCurrent of [true, false]) {
      const old = { ...brakes, readAtMs: () => 1_000, refresh: async () => isCurrent };
      const { get } = await serve({ brakes: old, overview });
      expect((await get("/v1/brakes")).json()).toMatchObject({
        read_at: "1970-01-01T00:00:01.000Z",
        is_current: isCurrent,
      });
    }
  });

  it("names the servers that are quarantined still, of each the last command that was turned away", async () => {
    const ended = (commandId: string, serverId: string, updatedAtMs: number) => ({
      ...COMMAND,
      commandId,
      serverId,
      projectId: ONE,
      outcome: "quarantined",
      updatedAtMs,
    });
    const nowMs = Date.now();
    const [held, released] = ["a", "b"].map((one) => `4f4b3dfa-eb70-47cf-a60a-00000000000${one}`);
    const says = (verdict: "go" | "no") => ({ ...GOES, brake: "quarantine" as const, verdict });
    const asked: unknown[] = [];
    const { get } = await serve({
      brakes,
      overview: {
        commands: async (filter) => {
          asked.push(filter);
          const entries = [
            ended("heal-3", String(held), nowMs - 60_000),
            ended("heal-2", String(held), nowMs - 120_000),
            ended("heal-1", String(released), nowMs - 180_000),
            ended("heal-0", SERVER, nowMs - 2 * 86_400_000),
          ];
          return { kind: "found", view: { entries, next: null } };
        },
      },
      views: {
        serverStatus: async (_project, server) => ({
          kind: "found",
          view: { ...FREE, brakes: [says(server === held ? "no" : "go")] },
        }),
      },
    });
    const { quarantined } = (await get(`/v1/brakes?project=${ONE}`)).json();
    const since = new Date(nowMs - 60_000).toISOString();
    const one = { project_id: ONE, server_id: held, command_id: "heal-3", since };
    expect(quarantined).toEqual([one]);
    expect(asked).toEqual([{ project: ONE, state: "ended", outcome: "quarantined" }]);
  });

  it("says of the quarantined servers nothing where the store is away", async () => {
    const { get } = await serve({
      brakes,
      overview: { commands: async () => ({ kind: "unavailable" }) },
    });
    expect((await get("/v1/brakes")).json()).toMatchObject({ quarantined: null });
  });

  it.each([
    ["project=none", 400, "project must be 32 hex digits"],
    ["projekt=0123456789abcdef0123456789abcdef", 400, "a parameter is not known"],
    ["project=00000000000000000000000000000000", 404, "no such project is known"],
  ])(
    "never says that nothing holds because of a mistake in what is asked: %s",
    async (query, status, message) => {
      const commands = async () => ({ kind: "absent" }) as const;
      const { get } = await serve({ brakes, overview: { commands } });
      const answer = await get(`/v1/brakes?${query}`);
      expect([answer.status, answer.json()["message"]]).toEqual([status, message]);
    },
  );

  it("takes the project's id in either case", async () => {
    const { get } = await serve({ brakes, overview });
    const { slots: ofOne } = (await get(`/v1/brakes?project=${ONE.toUpperCase()}`)).json();
    expect(ofOne).toEqual([{ project_id: ONE, ...slots }]);
  });

  it("tells how many slots of each project are taken, and who waits for one", async () => {
    const { get } = await serve({ brakes, overview });
    const { slots: told } = (await get("/v1/brakes")).json();
    expect(told).toEqual([
      { project_id: ONE, ...slots },
      { project_id: OTHER, taken: 0, cap: 10, waiting: 0 },
    ]);
    const { slots: ofOne } = (await get(`/v1/brakes?project=${ONE}`)).json();
    expect(ofOne).toEqual([{ project_id: ONE, ...slots }]);
  });
});
