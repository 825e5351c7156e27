import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { maskedConfig } from "../../../src/config/masked.ts";
import { formatProblems } from "../../../src/config/problem.ts";
import { secretsOf } from "../../../src/config/secrets-of.ts";

const ENOUGH = {
  ECS_PROJECTS: "0123456789abcdef0123456789abcdef",
  ECS_ACCESS_KEY: "AK",
  ECS_SECRET_KEY: "hunter2-hunter2",
  ECS_ENDPOINT: "https://ecs.eu-west-0.example.com",
  ECS_PROXY: "true",
};
const HEAP_BYTES = 512 * 1024 * 1024;

function load(env: Record<string, string>) {
  return loadConfig({ ...ENOUGH, ...env }, HEAP_BYTES);
}

function config(env: Record<string, string>) {
  const loaded = load(env);
  if (loaded.kind === "invalid") throw new Error(formatProblems(loaded.problems));
  return loaded.config;
}

function problems(env: Record<string, string>): string[] {
  const loaded = load(env);
  return loaded.kind === "ok"
    ? []
    : loaded.problems.map(({ variable, message }) => `${variable}: ${message}`);
}

/** The proxy of the ECS endpoint; null: directly. */
function proxyOf(env: Record<string, string>): string | null {
  return config(env).cloud.proxies.ecs ?? null;
}

describe("the proxy of the environment", () => {
  it.each([
    ["none", {}, null],
    ["https_proxy", { https_proxy: "http://p:3128" }, "http://p:3128/"],
    ["HTTPS_PROXY", { HTTPS_PROXY: "http://p:3128" }, "http://p:3128/"],
    ["lower case first", { HTTPS_PROXY: "http://a:1", https_proxy: "http://b:2" }, "http://b:2/"],
    ["one over TLS", { https_proxy: "https://p" }, "https://p/"],
    ["an upper-case scheme", { https_proxy: "HTTP://p:3128" }, "http://p:3128/"],
    ["not that of http", { http_proxy: "http://p:3128" }, null],
    ["an empty one is none", { https_proxy: "" }, null],
    [
      "an empty one leaves it to upper case",
      { https_proxy: "", HTTPS_PROXY: "http://p:1" },
      "http://p:1/",
    ],
    ["not without the setting", { https_proxy: "http://p:1", ECS_PROXY: "false" }, null],
    ["encoded credentials", { https_proxy: "http://me:p%40ss%2F@p:1" }, "http://me:p%40ss%2F@p:1/"],
  ])("is found: %s", (_what, environment, expected) => {
    expect(proxyOf(environment)).toBe(expected);
  });

  it.each([
    ["no scheme", "p:3128"],
    ["nothing but words", "proxy on the left"],
    ["a bad port", "http://p:99999"],
    ["port 0", "http://p:0"],
    ["a port of letters", "http://p:port"],
    ["no host", "http://"],
    ["SOCKS 5", "socks5://p:1080"],
    ["SOCKS 5 by name", "socks5h://p:1080"],
    ["a path", "http://p:3128/pac"],
    ["a / in the password", "http://me:pa/ss@p:3128"],
    ["a # in the password", "http://me:12#ss@p:3128"],
    ["a ? in the password", "http://me:12?ss@p:3128"],
    ["an @ in the password", "http://me:pa@ss@p:3128"],
    ["a % in the password that encodes nothing", "http://me:50%@p:3128"],
    ["a blank in the password", "http://me:pa ss@p:3128"],
  ])("is refused by its own name: %s", (_what, value) => {
    for (const variable of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]) {
      const found = problems({ [variable]: value });
      expect(found).toEqual([expect.stringMatching(`^${variable}: must be http://host:port`)]);
      // What may be a password is not shown.
      expect(found.join()).not.toContain(value.replace(/^http:\/\/$/, "none"));
    }
  });

  it("is refused together with everything else that is wrong", () => {
    const found = problems({ HTTPS_PROXY: "socks5://p", NO_PROXY: "10.*", HTTP_PORT: "x" });
    expect(new Set(found.map((one) => one.split(":")[0]))).toEqual(
      new Set(["HTTPS_PROXY", "HTTP_PORT", "NO_PROXY"]),
    );
  });

  it("is not looked for in ALL_PROXY, which is said", () => {
    expect(problems({ ALL_PROXY: "http://p:3128" })).toEqual([
      "ALL_PROXY: is not looked at: name the proxy in HTTPS_PROXY",
    ]);
    expect(proxyOf({ ALL_PROXY: "socks5://p", HTTPS_PROXY: "http://p:1" })).toBe("http://p:1/");
  });

  it("is shown for each endpoint without its password, which no log line may hold", () => {
    const made = config({
      https_proxy: "http://me:hidden%2Fpass@p:3128",
      IMS_ENDPOINT: "https://ims.example.com",
      no_proxy: "ims.example.com",
    });
    expect(maskedConfig(made)).toMatchObject({
      cloud: { proxies: { ecs: "http://me:***@p:3128/" } },
    });
    expect(made.cloud.proxies).not.toHaveProperty("ims");
    expect(secretsOf(made).map((secret) => secret())).toEqual(
      expect.arrayContaining(["hidden%2Fpass", "hidden/pass"]),
    );
  });
});

describe("no_proxy", () => {
  const host = "ecs.eu-west-0.example.com";

  it.each([
    ["ecs.eu-west-0.example.com", true],
    ["example.com", true],
    [".example.com", true],
    ["*.example.com", true],
    ["other.com, example.com", true],
    ["other.com example.com", true],
    ["*", true],
    ["other.com,*", true],
    ["EXAMPLE.COM", true],
    ["example.com.", true],
    ["example.com:443", true],
    ["example.com:8443", false],
    ["ample.com", false],
    ["example.co", false],
    ["10.0.0.0/8,fd00::/8", false],
    ["", false],
    [" , ", false],
  ])("names hosts that are reached directly: %s", (no_proxy, exempt) => {
    expect(proxyOf({ https_proxy: "http://p:3128", no_proxy }) === null).toBe(exempt);
  });

  it.each([
    ["http://127.0.0.1:8080", "127.0.0.1,::1", true],
    ["http://127.0.0.1:8080", "127.0.0.1:8080", true],
    ["http://127.0.0.1:8080", "127.0.0.1:80", false],
    ["http://127.0.0.1:8080", "127.0.0.0/8", true],
    ["http://127.0.0.1:8080", "127.0.0.2/31", false],
    ["http://127.0.0.1:8080", "0.0.0.0/0", true],
    ["http://[::1]:8080", "127.0.0.1,::1", true],
    ["http://[::1]:8080", "[::1]", true],
    ["http://[::1]:8080", "[::1]:8080", true],
    ["http://[::1]:8080", "[::1]:81", false],
    ["http://[::1]:8080", "::/64", true],
    ["http://[::1]:8080", "127.0.0.1", false],
    ["http://localhost:8080", "127.0.0.0/8", false],
    ["http://localhost:8080", "localhost", true],
  ])("names addresses and ranges: %s with %s", (ECS_ENDPOINT, no_proxy, exempt) => {
    const environment = { http_proxy: "http://p:3128", no_proxy, ECS_ENDPOINT };
    expect(proxyOf(environment) === null).toBe(exempt);
  });

  it("is read in lower case first", () => {
    const environment = { https_proxy: "http://p:3128", NO_PROXY: host };
    expect(proxyOf(environment)).toBeNull();
    expect(proxyOf({ ...environment, no_proxy: "other.com" })).toBe("http://p:3128/");
  });

  it.each([
    "10.0.0.0/33",
    "10.0.0.0/8/8",
    "300.0.0.0/8",
    "fd00::/129",
    "10.*",
    "192.168.1.",
    "*example.com",
    "http://example.com",
    "example.com/path",
    "example.com:99999",
    "example.com:port",
    "[::1",
    "10.0.0.0-10.0.0.9",
  ])("is refused by name where it cannot be read: %s", (entry) => {
    for (const variable of ["NO_PROXY", "no_proxy"]) {
      const found = problems({ https_proxy: "http://p:3128", [variable]: `a.com,${entry}` });
      expect(found).toEqual([expect.stringMatching(`^${variable}: entry 2 of 2 is none of: `)]);
    }
  });
});
