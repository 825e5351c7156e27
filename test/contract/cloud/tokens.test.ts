import { describe, expect, it } from "vitest";
import type { SharedRefusals } from "../../../src/adapters/cloud/credentials/shared-refusals.ts";
import { ProjectId, ServerId } from "../../../src/contract/ids.ts";
import {
  DEFAULT_IAM_DOMAIN,
  DEFAULT_IAM_PASSWORD,
  DEFAULT_IAM_USER,
} from "../../../src/simulator/defaults.ts";
import { eventually } from "../../support/eventually.ts";
import { refusalsTogether } from "../../support/emitter/refusals-together.ts";
import { A, AUTH_OPEN_MS, B, manyProjects, more } from "./many-projects.ts";
import { cloudAt, REAL_CLOCK, signal } from "./setup.ts";

/*
 * Tokens of one user for several projects (ECS API notes §6.1): what IAM says of one project says nothing of the others, except
 * where it throttles the user.
 */

/** Of which the cloud knows nothing: a mistake in ECS_PROJECTS. */
const STRANGE = ProjectId.parse("cccccccccccccccccccccccccccccccc");

const on = manyProjects();

/** An adapter with a clock of its own, and a password that can be changed. */
function connect({ authFailures, projects, refusals, failures = 100 }: Limits = {}) {
  const state = { passedMs: 0, password: DEFAULT_IAM_PASSWORD };
  const { api, requests } = cloudAt(on.gateway.url, {
    ...(projects && { projects }),
    ...(refusals && { refusals }),
    clock: { ...REAL_CLOCK, monotonicMs: () => performance.now() + state.passedMs },
    credentials: {
      kind: "iam-user",
      username: () => DEFAULT_IAM_USER,
      password: () => state.password,
      domain: () => DEFAULT_IAM_DOMAIN,
    },
    breaker: { failures, openMs: 30_000, authOpenMs: AUTH_OPEN_MS, authFailures },
  });
  on.apis.push(api);
  const id = ServerId.parse(on.cloud.addServer({ state: "SHUTOFF", projectId: A }).id);
  const look = (project: ProjectId) => api.look(project, id, signal());
  const standing = (name: string) => api.standings().find((one) => one.name === name);
  /** Refused log-ins so far. */
  const refused = () =>
    requests.filter((one) => one.operation === "token" && one.outcome === "unauthenticated").length;
  return { api, requests, state, look, standing, refused };
}

interface Limits {
  readonly authFailures?: number;
  readonly projects?: readonly ProjectId[];
  readonly failures?: number;
  readonly refusals?: SharedRefusals;
}

describe("IAM that throttles a user", () => {
  it("is asked again when its time is over, not by each project in turn", async () => {
    const { state, look } = connect();
    on.cloud.faults.set({ operation: "token", error: "IAM.0012", retryAfterSeconds: 60 });
    for (let round = 0; round < 4; round += 1) {
      for (const project of [A, B]) {
        expect(await look(project)).toMatchObject({ kind: "unreadable", waitsFor: "throttled" });
      }
    }
    expect(on.cloud.calls().token).toBe(1);
    state.passedMs += 45_000;
    // What is left of the minute, not another one.
    const late = await look(B);
    expect(late.kind === "unreadable" && late.retryAfterMs).toBeLessThanOrEqual(15_000);
    on.cloud.faults.clear();
    state.passedMs += 16_000;
    expect(await look(A)).toMatchObject({ kind: "seen" });
    expect(on.cloud.calls().token).toBe(2);
  });

  it("and breaks is asked once in five seconds for each project, whoever else is answered", async () => {
    const { look } = connect();
    on.cloud.faults.set({ operation: "token", status: 500, html: true });
    for (let round = 0; round < 4; round += 1) for (const project of [A, B]) await look(project);
    expect(on.cloud.calls().token).toBe(2);
  });
});

describe("a project that IAM gives no token for, beside one that it does", () => {
  it("stops nobody else, is named, and is asked for once in six minutes", async () => {
    const { api, state, look } = connect();
    expect(await look(A)).toMatchObject({ kind: "seen" });
    for (let round = 0; round < 6; round += 1) {
      expect(await look(STRANGE)).toMatchObject({
        kind: "unreadable",
        waitsFor: "cloud-unavailable",
        message: expect.stringMatching(/cannot be found.*check ECS_PROJECTS.*cccccccc/),
      });
      state.passedMs += 30_000;
    }
    expect(on.cloud.calls().token).toBe(2);
    // The other's token dies meanwhile: a renewal, and no outage.
    on.cloud.revokeTokens();
    expect(await look(A)).toMatchObject({ kind: "seen" });
    expect(on.cloud.calls().token).toBe(3);
    expect(api.state().auth).toBe("closed");
    expect(api.standings().find(({ name }) => name === "credentials")?.state).toBe("up");
    state.passedMs += AUTH_OPEN_MS + 60_000;
    await look(STRANGE);
    expect(on.cloud.calls().token).toBe(4);
  });

  it("and that is known later has its commands go on", async () => {
    const { state, look } = connect();
    await look(A);
    on.cloud.faults.set({ operation: "token", error: "IAM.0062", times: 1 });
    expect(await look(B)).toMatchObject({ kind: "unreadable" });
    state.passedMs += AUTH_OPEN_MS + 61_000;
    // It has no such server; what counts is that the cloud was asked.
    expect(await look(B)).toMatchObject({ kind: "absent" });
  });

  it("and that it gave one for before counts as always: then the password may be the cause", async () => {
    const { api, state, look } = connect();
    await look(A);
    await look(B);
    on.cloud.revokeTokens();
    on.cloud.faults.set({ operation: "token", error: "IAM.0062" });
    for (let round = 0; round < 4; round += 1) {
      for (const project of [A, B, STRANGE]) await look(project);
      state.passedMs += 5_001;
    }
    // Two that stop everything; and the one of the project that was never known, before they did.
    expect(on.cloud.calls().token).toBeLessThanOrEqual(2 + 3);
    expect(api.state().auth).toBe("open");
    expect(api.standings().find(({ name }) => name === "credentials")).toMatchObject({
      state: "down",
      cause: expect.stringContaining("no new token is asked for (HTTP 401 IAM.0062"),
    });
  });
});

describe("a project that had tokens, and is given none any more", () => {
  it.each([1, 2, 5])(
    "does not stop the others, where %i refusals stop all log-ins: another is asked for at once",
    async (authFailures) => {
      const { api, state, look, standing, refused } = connect({ authFailures });
      await look(A);
      await look(B);
      on.gateway.refuseTokens([B]);
      on.cloud.revokeTokens();
      expect(await look(B)).toMatchObject({
        kind: "unreadable",
        message: expect.stringMatching(
          /HTTP 401.*check ECS_PROJECTS, and what the user may do in bbbb/,
        ),
      });
      expect(refused()).toBe(1);
      expect([api.state().auth, standing("credentials")?.state]).toEqual(["closed", "up"]);
      expect(await look(A)).toMatchObject({ kind: "seen" });
      for (let round = 0; round < 10; round += 1) {
        state.passedMs += 30_000;
        await look(B);
      }
      expect(refused()).toBe(1);
      on.gateway.refuseTokens([]);
      state.passedMs += 61_000;
      expect(await look(B)).toMatchObject({ kind: "absent" });
    },
  );

  it("leaves the tokens of the others as they are", async () => {
    const { look } = connect();
    await look(A);
    await look(B);
    on.cloud.faults.set({ operation: "server", error: "APIGW.0307", times: 1 });
    on.gateway.refuseTokens([B]);
    const before = on.gateway.logIns(A);
    await look(B);
    expect(on.gateway.logIns(A)).toBe(before + 1);
    const { token } = on.cloud.calls();
    expect(await look(A)).toMatchObject({ kind: "seen" });
    expect(on.cloud.calls().token).toBe(token);
  });

  it("is no proof where the other is refused as well: two, and everything stops", async () => {
    const { api, look, refused, standing } = connect();
    await look(A);
    await look(B);
    on.gateway.refuseTokens([A, B]);
    on.cloud.revokeTokens();
    for (let round = 0; round < 4; round += 1) for (const project of [A, B]) await look(project);
    expect(refused()).toBe(2);
    expect(api.state().auth).toBe("open");
    expect(standing("credentials")?.cause).toContain("no new token is asked for (HTTP 401");
  });

  it("costs one more question where one refusal stops all, and none after that", async () => {
    const { api, look, state, refused } = connect({ authFailures: 1 });
    await look(A);
    await look(B);
    on.gateway.refuseTokens([A, B]);
    on.cloud.revokeTokens();
    for (let round = 0; round < 8; round += 1) {
      for (const project of [A, B]) await look(project);
      state.passedMs += 30_000;
    }
    expect(refused()).toBe(2);
    expect(api.state().auth).toBe("open");
  });
});

describe("replicas that are refused for one project in the same moment", () => {
  it.each([
    [2, 2],
    [3, 2],
    [4, 1],
  ])(
    "%i of them, %i refusals stop all log-ins: none stays stopped",
    async (count, authFailures) => {
      const refusals = refusalsTogether(AUTH_OPEN_MS);
      const replicas = Array.from({ length: count }, () => connect({ authFailures, refusals }));
      const everywhere = (project: ProjectId) =>
        Promise.all(replicas.map(({ look }) => look(project)));
      // As after hours of work: each has proven its own, several times.
      for (const project of [A, B]) for (const { look } of replicas) await look(project);
      on.gateway.refuseTokens([B]);
      on.cloud.revokeTokens();
      for (let round = 0; round < 4; round += 1) {
        await everywhere(B);
        for (const { state } of replicas) state.passedMs += 5_001;
      }
      expect(replicas.map(({ api }) => api.state().auth)).toEqual(replicas.map(() => "closed"));
      expect((await everywhere(A)).map(({ kind }) => kind)).toEqual(replicas.map(() => "seen"));
      const refused = replicas.reduce((sum, one) => sum + one.refused(), 0);
      // One of each, and one more of those that were stopped before they could ask.
      expect(refused).toBeLessThanOrEqual(2 * count);
    },
  );

  it.each([
    [1, 2],
    [2, 2],
    [4, 1],
  ])(
    "%i of them, a user whom IAM refuses everywhere: not so often that he is locked",
    async (count, authFailures) => {
      const refusals = refusalsTogether(AUTH_OPEN_MS);
      const replicas = Array.from({ length: count }, () => connect({ authFailures, refusals }));
      const projects = [A, B, ...more];
      for (const project of projects) for (const { look } of replicas) await look(project);
      on.gateway.refuseTokens(projects);
      on.cloud.revokeTokens();
      for (let round = 0; round < 6; round += 1) {
        await Promise.all(replicas.flatMap(({ look }) => projects.map(look)));
        for (const { state } of replicas) state.passedMs += 5_001;
      }
      const refused = replicas.reduce((sum, one) => sum + one.refused(), 0);
      expect(refused).toBeLessThanOrEqual(5);
      expect(refused).toBeGreaterThanOrEqual(authFailures);
    },
  );
});

describe("the first project of a worker, refused before any other was asked about", () => {
  it("gives way to the next: commands of that one go on, and the user is not blamed", async () => {
    const { api, state, look, refused } = connect({ projects: [STRANGE, A] });
    const before = on.gateway.logIns(A);
    await look(STRANGE);
    state.passedMs += 5_001;
    await look(STRANGE);
    expect(refused()).toBeLessThanOrEqual(2);
    expect([on.gateway.logIns(A), api.state().auth]).toEqual([before + 1, "closed"]);
    expect(await look(A)).toMatchObject({ kind: "seen" });
  });

  it("is not the one that the worker's question is about the next time", async () => {
    const { api, state, standing } = connect({ projects: [STRANGE, A] });
    await api.probe(STRANGE, signal());
    expect(standing("credentials")?.state).toBe("down");
    state.passedMs += AUTH_OPEN_MS;
    await api.probe(STRANGE, signal());
    expect(api.standings().map(({ name, state: is }) => `${name} ${is}`)).toEqual([
      "ecs up",
      "iam up",
      "credentials up",
    ]);
  });
});

describe("IAM that was away while a token was to be renewed", () => {
  it("is known to be back without a command: the worker's question asks for a token", async () => {
    const { api, state, look, standing } = connect({ failures: 3 });
    await look(A);
    state.passedMs += 23.5 * 3_600_000;
    on.cloud.faults.set({ operation: "token", status: 502, html: true });
    for (let round = 0; round < 3; round += 1) {
      expect(await look(A)).toMatchObject({ kind: "seen" });
      await eventually(() => on.cloud.calls().token === 2 + round);
      state.passedMs += 61_000;
    }
    expect(standing("iam")?.state).toBe("down");
    on.cloud.faults.clear();
    await api.probe(A, signal());
    expect(standing("iam")).toMatchObject({ state: "up" });
  });

  it.each([
    ["a page with 200", { status: 200, html: true }],
    ["a page with 403", { status: 403, html: true }],
    ["a page with 404", { status: 404, html: true }],
    ["a token that is none", { status: 201, body: "{}" }],
    ["a redirect", { redirectTo: "https://portal.example/login" }],
  ])("or answers %s, is down, and says with what", async (_name, fault) => {
    const { state, look, standing, requests } = connect({ failures: 3 });
    on.cloud.faults.set({ operation: "token", ...fault });
    for (let round = 0; round < 3; round += 1) {
      expect(await look(A)).toMatchObject({ kind: "unreadable" });
      state.passedMs += 5_001;
    }
    expect(standing("iam")).toMatchObject({
      state: "down",
      cause: expect.stringMatching(/^the API only answers with errors \(HTTP [234]0/),
    });
    expect(requests.map(({ outcome }) => outcome)).toEqual(["error", "error", "error"]);
    expect(await look(A)).toMatchObject({ message: expect.stringContaining("held back") });
  });
});
