import { describe, expect, it } from "vitest";
import { proxyFor } from "../../../../src/adapters/cloud/proxy.ts";

const ECS = new URL("https://ecs.eu-west-0.example.com");

describe("the proxy of the environment", () => {
  it.each([
    ["none", {}, null],
    ["https_proxy", { https_proxy: "http://p:3128" }, "http://p:3128/"],
    ["HTTPS_PROXY", { HTTPS_PROXY: "http://p:3128" }, "http://p:3128/"],
    ["lower case first", { HTTPS_PROXY: "http://a:1", https_proxy: "http://b:2" }, "http://b:2/"],
    ["a bare host and port", { https_proxy: "p:3128" }, "http://p:3128/"],
    ["not that of http", { http_proxy: "http://p:3128" }, null],
    ["an empty one is none", { https_proxy: "" }, null],
  ])("is found: %s", (_what, environment, expected) => {
    expect(proxyFor(ECS, environment)?.href ?? null).toBe(expected);
  });

  it.each([
    ["ecs.eu-west-0.example.com", true],
    ["example.com", true],
    [".example.com", true],
    ["*.example.com", true],
    ["other.com, example.com", true],
    ["*", true],
    ["EXAMPLE.COM", true],
    ["example.com:443", true],
    ["example.com:8443", false],
    ["ample.com", false],
    ["example.co", false],
    ["", false],
  ])("is left out for hosts that no_proxy names: %s", (no_proxy, exempt) => {
    const proxy = proxyFor(ECS, { https_proxy: "http://p:3128", no_proxy });
    expect(proxy === null).toBe(exempt);
  });

  it("is left out for addresses too", () => {
    const environment = { http_proxy: "http://p:3128", no_proxy: "127.0.0.1,::1" };
    expect(proxyFor(new URL("http://127.0.0.1:8080"), environment)).toBeNull();
    expect(proxyFor(new URL("http://[::1]:8080"), environment)).toBeNull();
    expect(proxyFor(new URL("http://127.0.0.2"), environment)).not.toBeNull();
  });
});
