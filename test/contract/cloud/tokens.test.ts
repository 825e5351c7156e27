import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CloudAdapter } from "../../../src/adapters/cloud/cloud-api.ts";
import { ProjectId, ServerId } from "../../../src/contract/ids.ts";
import {
  DEFAULT_IAM_DOMAIN,
  DEFAULT_IAM_PASSWORD,
  DEFAULT_IAM_USER,
  DEFAULT_PROJECT_ID,
} from "../../../src/simulator/defaults.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudAt, REAL_CLOCK, signal } from "./setup.ts";

/*
 * Tokens of one user for several projects (ECS API notes §6.1): what IAM says of one project says nothing of the others, except
 * where it throttles the user.
 */

const A = ProjectId.parse(DEFAULT_PROJECT_ID);
const B = ProjectId.parse("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
/** Of which the cloud knows nothing: a mistake in ECS_PROJECTS. */
const STRANGE = ProjectId.parse("cccccccccccccccccccccccccccccccc");
const AUTH_OPEN_MS = 300_000;

let cloud: Simulator;
const apis: CloudAdapter[] = [];

beforeAll(async () => {
  const projects = [A, B].map((id) => ({ id, name: id.slice(0, 4) }));
  cloud = await startSimulator({ projects });
});
afterAll(() => cloud.close());
afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()));
  cloud.reset();
});

/** An adapter with a clock of its own, and a password that can be changed. */
function connect() {
  const state = { passedMs: 0, password: DEFAULT_IAM_PASSWORD };
  const { api } = cloudAt(cloud.url, {
    clock: { ...REAL_CLOCK, monotonicMs: () => performance.now() + state.passedMs },
    credentials: {
      kind: "iam-user",
      username: () => DEFAULT_IAM_USER,
      password: () => state.password,
      domain: () => DEFAULT_IAM_DOMAIN,
    },
    breaker: { failures: 100, openMs: 30_000, authOpenMs: AUTH_OPEN_MS },
  });
  apis.push(api);
  const id = ServerId.parse(cloud.addServer({ state: "SHUTOFF", projectId: A }).id);
  const look = (project: ProjectId) => api.look(project, id, signal());
  return { api, state, look };
}

describe("IAM that throttles a user", () => {
  it("is asked again when its time is over, not by each project in turn", async () => {
    const { state, look } = connect();
    cloud.faults.set({ operation: "token", error: "IAM.0012", retryAfterSeconds: 60 });
    for (let round = 0; round < 4; round += 1) {
      for (const project of [A, B]) {
        expect(await look(project)).toMatchObject({ kind: "unreadable", waitsFor: "throttled" });
      }
    }
    expect(cloud.calls().token).toBe(1);
    state.passedMs += 45_000;
    // What is left of the minute, not another one.
    const late = await look(B);
    expect(late.kind === "unreadable" && late.retryAfterMs).toBeLessThanOrEqual(15_000);
    cloud.faults.clear();
    state.passedMs += 16_000;
    expect(await look(A)).toMatchObject({ kind: "seen" });
    expect(cloud.calls().token).toBe(2);
  });

  it("and breaks is asked once in five seconds for each project, whoever else is answered", async () => {
    const { look } = connect();
    cloud.faults.set({ operation: "token", status: 500, html: true });
    for (let round = 0; round < 4; round += 1) for (const project of [A, B]) await look(project);
    expect(cloud.calls().token).toBe(2);
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
    expect(cloud.calls().token).toBe(2);
    // The other's token dies meanwhile: a renewal, and no outage.
    cloud.revokeTokens();
    expect(await look(A)).toMatchObject({ kind: "seen" });
    expect(cloud.calls().token).toBe(3);
    expect(api.state().auth).toBe("closed");
    expect(api.standings().find(({ name }) => name === "credentials")?.state).toBe("up");
    state.passedMs += AUTH_OPEN_MS + 60_000;
    await look(STRANGE);
    expect(cloud.calls().token).toBe(4);
  });

  it("and that is known later has its commands go on", async () => {
    const { state, look } = connect();
    await look(A);
    cloud.faults.set({ operation: "token", error: "IAM.0062", times: 1 });
    expect(await look(B)).toMatchObject({ kind: "unreadable" });
    state.passedMs += AUTH_OPEN_MS + 61_000;
    // It has no such server; what counts is that the cloud was asked.
    expect(await look(B)).toMatchObject({ kind: "absent" });
  });

  it("and that it gave one for before counts as always: then the password may be the cause", async () => {
    const { api, state, look } = connect();
    await look(A);
    await look(B);
    cloud.revokeTokens();
    cloud.faults.set({ operation: "token", error: "IAM.0062" });
    for (let round = 0; round < 4; round += 1) {
      for (const project of [A, B, STRANGE]) await look(project);
      state.passedMs += 5_001;
    }
    // Two that stop everything; and the one of the project that was never known, before they did.
    expect(cloud.calls().token).toBeLessThanOrEqual(2 + 3);
    expect(api.state().auth).toBe("open");
    expect(api.standings().find(({ name }) => name === "credentials")).toMatchObject({
      state: "down",
      cause: expect.stringContaining("no new token is asked for (HTTP 401 IAM.0062"),
    });
  });
});
