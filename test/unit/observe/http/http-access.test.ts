import { afterEach, describe, expect, it } from "vitest";
import type { HttpAccess } from "../../../../src/observe/http/http-access.ts";
import type { HttpAppDeps } from "../../../../src/observe/http/http-app.ts";
import { ROUTES } from "../../../../src/observe/http/http-routes.ts";
import { createHttpServer, type HttpServer } from "../../../../src/observe/http/http-server.ts";
import { busyNight, PROJECT } from "../../../support/page-scenes.ts";

const TOKEN = "a-token-of-24-characters";
const PROBES = ["/metrics", "/livez", "/readyz"];
const API = [
  "/",
  "/openapi.json",
  "/v1/commands",
  "/v1/locks",
  "/v1/brakes",
  "/v1/audit",
  "/commands/heal-web-04-5e0d",
  "/v1/commands/heal-web-04-5e0d",
  "/v1/commands/heal-web-04-5e0d?view=evidence",
  `/servers/${PROJECT}/4f4b3dfa-eb70-47cf-a60a-998a53bd5989`,
  `/v1/servers/${PROJECT}/4f4b3dfa-eb70-47cf-a60a-998a53bd5989`,
  `/v1/servers/${PROJECT}/4f4b3dfa-eb70-47cf-a60a-998a53bd5989/look`,
  "/find?id=heal-web-04-5e0d",
];

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.stop()));
});

async function serve(more: Pick<HttpAppDeps, "access" | "serves">) {
  const onError = () => undefined;
  const server = createHttpServer({ host: "127.0.0.1", port: 0, ...busyNight(), onError, ...more });
  open.push(server);
  await server.start();
  return async (path: string, authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization };
    const url = `http://127.0.0.1:${server.address()?.port}${path}`;
    const response = await fetch(url, { headers, redirect: "manual" });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

const statuses = async (ask: Awaited<ReturnType<typeof serve>>, paths: readonly string[]) =>
  new Set(await Promise.all(paths.map(async (path) => (await ask(path)).status)));

const withTokens = (...tokens: string[]): HttpAccess => ({ kind: "token", tokens: () => tokens });
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

it("every route is asked for here", () => {
  const asked = [...PROBES, ...API].map((path) => path.replace(/\?.*/, ""));
  for (const { path } of ROUTES) {
    const pattern = new RegExp(`^${path.replaceAll(/:\w+/g, "[^/]+")}$`);
    expect([path, asked.some((one) => pattern.test(one))]).toEqual([path, true]);
  }
});

describe("with tokens", () => {
  it("probes and metrics answer everybody, all else nobody", async () => {
    const ask = await serve({ access: withTokens(TOKEN) });
    expect(await statuses(ask, PROBES)).toEqual(new Set([200]));
    expect(await statuses(ask, API)).toEqual(new Set([401]));
    const { headers, text } = await ask("/");
    expect(headers.get("www-authenticate")).toBe(
      'Basic realm="ecs-reinstall", charset="UTF-8", Bearer realm="ecs-reinstall"',
    );
    expect(JSON.parse(text).error).toBe("unauthorized");
  });

  it.each([
    ["a token", `Bearer ${TOKEN}`],
    ["another one", "bearer another/token+of~27.chars=="],
    ["a token as a browser sends it", basic(`ada:${TOKEN}`)],
    ["without a name", basic(`:${TOKEN}`)],
  ])("who brings %s is answered", async (_what, authorization) => {
    const ask = await serve({ access: withTokens(TOKEN, "another/token+of~27.chars==") });
    for (const path of API) expect((await ask(path, authorization)).status).toBeLessThan(400);
  });

  it.each([
    ["nothing", undefined],
    ["an empty token", "Bearer "],
    ["a part of it", `Bearer ${TOKEN.slice(0, -1)}`],
    ["more than it", `Bearer ${TOKEN}x`],
    ["another case", `Bearer ${TOKEN.toUpperCase()}`],
    ["it as a name", basic(`${TOKEN}:`)],
    ["it without a scheme", TOKEN],
    ["no base64", "Basic !!!"],
    ["a scheme of its own", `Token ${TOKEN}`],
  ])("who brings %s is not", async (_what, authorization) => {
    const ask = await serve({ access: withTokens(TOKEN) });
    expect((await ask("/v1/commands", authorization)).status).toBe(401);
  });

  it("takes those that are in the file now, and without any lets nobody in", async () => {
    let tokens = [TOKEN];
    const ask = await serve({ access: { kind: "token", tokens: () => tokens } });
    expect((await ask("/v1/locks", `Bearer ${TOKEN}`)).status).toBe(200);
    tokens = ["the-next-token-1234"];
    expect((await ask("/v1/locks", `Bearer ${TOKEN}`)).status).toBe(401);
    expect((await ask("/v1/locks", "Bearer the-next-token-1234")).status).toBe(200);
    tokens = [];
    expect((await ask("/v1/locks", "Bearer ")).status).toBe(401);
  });
});

it("off: there are only metrics and probes", async () => {
  const ask = await serve({ access: { kind: "off" } });
  expect(await statuses(ask, PROBES)).toEqual(new Set([200]));
  expect(await statuses(ask, API)).toEqual(new Set([404]));
  expect((await ask("/")).text).toContain("one of /metrics, /livez, /readyz");
});

it("a port of its own for probes has nothing else, and the other port has no probes", async () => {
  const probes = await serve({ serves: "probes" });
  expect(await statuses(probes, PROBES)).toEqual(new Set([200]));
  expect(await statuses(probes, API)).toEqual(new Set([404]));
  const api = await serve({ serves: "api" });
  expect(await statuses(api, PROBES)).toEqual(new Set([404]));
  expect(await statuses(api, API)).toEqual(new Set([200, 302]));
});
