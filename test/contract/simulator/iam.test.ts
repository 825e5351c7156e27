import { afterEach, describe, expect, it } from "vitest";
import {
  DEFAULT_IAM_DOMAIN,
  DEFAULT_IAM_PASSWORD,
  DEFAULT_IAM_USER,
} from "../../../src/simulator/defaults.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudClient, P, standingClock } from "./cloud-client.ts";

let simulator: Simulator;
let clock: ReturnType<typeof standingClock>;

async function start() {
  clock = standingClock();
  simulator = await startSimulator({ clock, tokenLifetimeMs: 3_600_000 });
}

afterEach(async () => {
  await simulator.close();
});

async function logIn(
  scope: unknown = { project: { id: P } },
  password = DEFAULT_IAM_PASSWORD,
  search = "",
) {
  const user = { name: DEFAULT_IAM_USER, password, domain: { name: DEFAULT_IAM_DOMAIN } };
  const auth = {
    identity: { methods: ["password"], password: { user } },
    ...(scope !== undefined && { scope }),
  };
  return await cloudClient(simulator).post(
    `/v3/auth/tokens${search}`,
    { auth },
    { unsigned: true },
  );
}

async function listProjects(token: string, name = "eu-west-0") {
  const headers = { "X-Auth-Token": token };
  return await cloudClient(simulator).get("/v3/projects", {
    unsigned: true,
    headers,
    query: { name },
  });
}

async function lookAs(token: string) {
  const server = simulator.addServer();
  const headers = { "X-Auth-Token": token };
  return await cloudClient(simulator).get(`/v1/${P}/cloudservers/${server.id}`, {
    unsigned: true,
    headers,
  });
}

const tokenOf = (answer: Awaited<ReturnType<typeof logIn>>) =>
  String(answer.headers["x-subject-token"]);

describe("a token", () => {
  it("comes with 201 in X-Subject-Token, and its life in the body", async () => {
    await start();
    const answer = await logIn();
    expect(answer.status).toBe(201);
    expect(tokenOf(answer).length).toBeGreaterThan(1_000);
    expect(answer.json.token).toMatchObject({
      issued_at: "2024-01-10T08:09:10.000000Z",
      expires_at: "2024-01-10T09:09:10.000000Z",
      project: { id: P, name: "eu-west-0" },
      user: { name: DEFAULT_IAM_USER },
      roles: [expect.any(Object)],
    });
    expect(answer.json.token.catalog).not.toEqual([]);
    expect((await lookAs(tokenOf(answer))).status).toBe(200);
  });

  it("may be asked for by project name, and without the catalogue", async () => {
    await start();
    const answer = await logIn(
      { project: { name: "eu-west-0" }, domain: {} },
      undefined,
      "?nocatalog=true",
    );
    expect(answer).toMatchObject({
      status: 201,
      json: { token: { project: { id: P }, catalog: [] } },
    });
  });

  it("leads to the project id", async () => {
    await start();
    const token = tokenOf(await logIn());
    expect((await listProjects(token)).json.projects).toMatchObject([{ id: P, name: "eu-west-0" }]);
    expect((await listProjects(token, "nowhere")).json.projects).toEqual([]);
  });

  it("without a project is useless for ECS", async () => {
    await start();
    const answer = await lookAs(tokenOf(await logIn(null)));
    expect(answer.status).toBe(401);
    const global = await lookAs(tokenOf(await logIn({})));
    expect(global).toMatchObject({ status: 400, json: { error: { code: "Ecs.0023" } } });
  });

  it("dies when its time is over, and when it is revoked, with APIGW.0307", async () => {
    await start();
    const dead = {
      status: 401,
      json: { error_code: "APIGW.0307", request_id: expect.any(String) },
    };
    const first = tokenOf(await logIn());
    clock.advance(3_599_999);
    const second = tokenOf(await logIn());
    expect((await lookAs(first)).status).toBe(200);
    clock.advance(1);
    expect(await lookAs(first)).toMatchObject(dead);
    expect((await lookAs(second)).status).toBe(200);
    simulator.revokeTokens();
    expect(await lookAs(second)).toMatchObject(dead);
  });

  it("that nobody issued is refused", async () => {
    await start();
    expect(await lookAs("MIInvented")).toMatchObject({
      status: 401,
      json: { error_code: "APIGW.0301" },
    });
  });
});

describe("a log-in", () => {
  it("with a wrong password is a 401, and too many of them lock the user for a while", async () => {
    await start();
    for (let i = 0; i < 6; i += 1) {
      expect(await logIn(undefined, "wrong")).toMatchObject({
        status: 401,
        json: { error_code: "IAM.0062" },
      });
    }
    expect(await logIn()).toMatchObject({ status: 401, json: { error_code: "IAM.0061" } });
    clock.advance(5 * 60_000);
    expect((await logIn()).status).toBe(201);
  });

  it("for a project that does not exist is a 401", async () => {
    await start();
    expect(await logIn({ project: { id: "nobody" } })).toMatchObject({
      status: 401,
      json: { error: { code: 401, title: "Unauthorized" } },
    });
  });

  it("with a second factor, or without a body, is a 400", async () => {
    await start();
    const post = async (body: unknown) =>
      await cloudClient(simulator).post("/v3/auth/tokens", body, { unsigned: true });
    const identity = { methods: ["password", "totp"] };
    for (const body of [{ auth: { identity } }, {}]) {
      expect(await post(body)).toMatchObject({ status: 400, json: { error: { code: 400 } } });
    }
  });
});
