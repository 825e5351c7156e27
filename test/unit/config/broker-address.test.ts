import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logIn } from "../../../src/adapters/amqp/connection/log-in.ts";
import type { Config } from "../../../src/config/assemble.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { maskedConfig } from "../../../src/config/masked.ts";
import { formatProblems } from "../../../src/config/problem.ts";
import { secretsOf } from "../../../src/config/secrets-of.ts";

const ENOUGH = {
  ECS_PROJECTS: "0123456789abcdef0123456789abcdef",
  ECS_ACCESS_KEY: "AK",
  ECS_SECRET_KEY: "hunter2-hunter2",
};
type Env = Readonly<Record<string, string>>;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "address-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const load = (env: Env) => loadConfig({ ...ENOUGH, ...env }, 512 * 1024 * 1024);

function config(env: Env): Config {
  const loaded = load(env);
  if (loaded.kind === "invalid") throw new Error(formatProblems(loaded.problems));
  return loaded.config;
}

function problems(env: Env): string[] {
  const loaded = load(env);
  if (loaded.kind === "ok") return [];
  return formatProblems(loaded.problems).split("\n").slice(1);
}

/** What the broker is told, byte for byte. */
const tells = (url: string | undefined) =>
  logIn(url ?? "")
    .credentials?.response()
    .toString();
const asks = (env: Env) => config(env).amqp.urlsNow().map(tells);

describe("AMQP_URL with a password that is not percent-encoded", () => {
  it.each([
    "p#ss",
    "12#ss",
    "p/ss",
    "12/ss",
    "p,ss",
    "12,ss",
    "p?ss",
    "12?ss",
    "a,amqp",
    "#",
    "p/s,s#",
  ])("%s: says how to write it, once, without the password", (password) => {
    const found = problems({ AMQP_URL: `amqp://me:${password}@broker:5672/vhost` });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^ {2}AMQP_URL \(amqp\.urls\): /);
    expect(found[0]).toContain("percent-encoded");
    expect(found[0]).toContain("AMQP_USERNAME and AMQP_PASSWORD");
    expect(found[0]).not.toContain(password.length > 1 ? password : "me:#");
  });

  it.each([
    ["p@ss", "p@ss"],
    ["50%off", "50%off"],
    ["p%23%2F%2C%40%3F%25ss", "p#/,@?%ss"],
    ["a:b+c d", "a:b+c d"],
    ["%C3%A9t%C3%A9", "été"],
  ])("%s: has one meaning, and is taken", (written, meant) => {
    expect(asks({ AMQP_URL: `amqp://me:${written}@broker` })).toEqual([`\0me\0${meant}`]);
  });

  it("says the plain rule where nobody logs in", () => {
    expect(problems({ AMQP_URL: "http://host" })).toEqual([
      "  AMQP_URL (amqp.urls): must be amqp:// or amqps:// URLs with a host, separated by commas",
    ]);
    expect(problems({ AMQP_URL: "amqp://a,b" })).toHaveLength(1);
    expect(problems({ AMQP_URL: "amqp://a, amqp://a" })[0]).toContain("must name each entry once");
  });
});

describe("values one by one", () => {
  const PASSWORD = "p#/,@?%:s";
  const parts = { AMQP_HOST: "broker", AMQP_USERNAME: "me@work", AMQP_PASSWORD: PASSWORD };

  it("need no encoding, and none of them is shown", () => {
    const { amqp } = config({ ...parts, AMQP_VHOST: "a/b c", AMQP_PORT: "5673" });
    expect(amqp.urls).toEqual(["amqp://broker:5673/a%2Fb%20c"]);
    expect(amqp.urlsNow().map(tells)).toEqual([`\0me@work\0${PASSWORD}`]);
    const all = config(parts);
    expect(JSON.stringify(maskedConfig(all))).not.toContain("p#/");
    expect(secretsOf(all).map((secret) => secret())).toContain(PASSWORD);
  });

  it.each([
    [{}, "amqp://broker:5672"],
    [{ AMQP_SCHEME: "amqps" }, "amqps://broker:5671"],
    [{ AMQP_VHOST: "/" }, "amqp://broker:5672"],
    [{ AMQP_VHOST: "%2F" }, "amqp://broker:5672/%252F"],
    [{ AMQP_HOST: "::1" }, "amqp://[::1]:5672"],
    [{ AMQP_HOST: "[fd00::2]", AMQP_PORT: "1" }, "amqp://[fd00::2]:1"],
    [{ AMQP_PORT: "tcp://10.0.0.1:5672" }, "amqp://broker:5672"],
  ])("%j", (change, url) => {
    expect(config({ ...parts, ...change }).amqp.urls).toEqual([url]);
  });

  it("are hosts of a cluster, too", () => {
    expect(config({ AMQP_HOST: "a, b" }).amqp.urlsNow()).toEqual([
      "amqp://a:5672",
      "amqp://b:5672",
    ]);
  });

  it("may each be a file", () => {
    const { amqp } = config({
      AMQP_HOST_FILE: file("host", "broker\n"),
      AMQP_PORT_FILE: file("port", "5673\n"),
      AMQP_VHOST_FILE: file("vhost", "ecs\n"),
      AMQP_USERNAME_FILE: file("user", "me\n"),
      AMQP_PASSWORD_FILE: file("password", `${PASSWORD}\n`),
    });
    expect(amqp.urls).toEqual(["amqp://broker:5673/ecs"]);
    expect(amqp.urlsNow().map(tells)).toEqual([`\0me\0${PASSWORD}`]);
    file("password", "renewed");
    expect(amqp.urlsNow().map(tells)).toEqual([`\0me\0renewed`]);
  });

  it("log in to an AMQP_URL that names nobody", () => {
    const { AMQP_HOST: _, ...logInAlone } = parts;
    expect(asks({ ...logInAlone, AMQP_URL: "amqp://a/vhost,amqps://b" })).toEqual([
      `\0me@work\0${PASSWORD}`,
      `\0me@work\0${PASSWORD}`,
    ]);
  });

  it.each([
    [{ AMQP_URL: "amqp://other" }, /AMQP_HOST .*excludes AMQP_URL/],
    [{ AMQP_HOST: "broker:5672" }, /AMQP_HOST .*without a port/],
    [{ AMQP_HOST: "10.0.0.1:5672" }, /AMQP_HOST .*without a port/],
    [{ AMQP_HOST: "cafe:5672" }, /AMQP_HOST .*without a port/],
    [{ AMQP_HOST: "[::1" }, /AMQP_HOST .*without a port/],
    [{ AMQP_HOST: "[::1]:5672" }, /AMQP_HOST .*without a port/],
    [{ AMQP_PORT: "0" }, /AMQP_PORT .*1 to 65535/],
    [{ AMQP_PASSWORD: "" }, /AMQP_PASSWORD .*is missing.*AMQP_USERNAME is given/],
    [{ AMQP_USERNAME: "" }, /AMQP_USERNAME .*is missing.*AMQP_PASSWORD is given/],
    [{ AMQP_HOST: "", AMQP_VHOST: "x" }, /AMQP_VHOST .*with AMQP_HOST only/],
    [{ AMQP_HOST: "", AMQP_URL: "amqp://me:x@a" }, /AMQP_USERNAME .*given twice.*AMQP_URL/],
    [{ AMQP_PASSWORD_FILE: "/dev/null" }, /AMQP_PASSWORD .*given twice/],
    [{ AMQP_TLS_SERVERNAME: "x" }, /AMQP_TLS_SERVERNAME .*amqp\.scheme has no amqps/],
  ] as const)("%j does not go together: %s", (change, message) => {
    expect(problems({ ...parts, ...change }).join("\n")).toMatch(message);
  });
});

describe("a file of URLs", () => {
  it("is read again; what is of no use changes nothing", () => {
    const AMQP_URL_FILE = file("url", "amqp://me:first@a/v\n");
    const { amqp } = config({ AMQP_URL_FILE });
    expect(amqp.urlsNow().map(tells)).toEqual([`\0me\0first`]);
    file("url", "amqp://me:half#way@b");
    expect(amqp.urlsNow()).toEqual(["amqp://me:first@a/v"]);
    file("url", "amqp://me:second@a/v,amqp://me:second@b/v\n");
    expect(amqp.urlsNow().map(tells)).toEqual([`\0me\0second`, `\0me\0second`]);
  });
});

it.each(["", "/", "/%2F", "/%2f"])("the path %j is the vhost /", (path) => {
  expect(problems({ AMQP_URL: `amqp://broker${path}` })).toEqual([]);
});
