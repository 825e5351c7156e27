import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConnectProxy, startConnectProxy } from "../support/network/connect-proxy.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

let proxy: ConnectProxy;
let stage: SharedStage;

beforeAll(async () => {
  proxy = await startConnectProxy("me:p@ss");
  stage = await openOnSharedServices({
    env: {
      ECS_PROXY: "true",
      http_proxy: proxy.url.replace("://", "://me:p%40ss@"),
      HTTP_PROXY: "http://127.0.0.1:9",
      NO_PROXY: "10.0.0.0/8,example.com",
      ECS_BREAKER_OPEN_MS: "500",
    },
  });
});
afterAll(async () => {
  await stage?.close();
  await proxy?.close();
});

async function cloudDetail(url: string): Promise<string> {
  const body = (await (await fetch(`${url}/readyz`)).json()) as {
    dependencies: { name: string; detail: string | null }[];
  };
  return body.dependencies.find(({ name }) => name === "cloud")?.detail ?? "";
}

describe("a worker behind", () => {
  it("a proxy reinstalls through it, reads and POSTs alike", async () => {
    const worker = await stage.addWorker();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("proxied");
    await stage.emitter.send(stage.command(id, server.id));
    expect((await stage.emitter.outcome(id)).data["event"]).toBe("succeeded");
    expect(new Set(proxy.asked)).toEqual(new Set([`127.0.0.1:${stage.simulator.port}`]));
    expect(worker.log().find(({ msg }) => msg === "worker started")).toMatchObject({
      proxies: { ecs: proxy.url },
    });
    await stage.audit([id]);
  });

  it.each([
    ["a proxy that refuses its credentials", "407 Proxy Authentication Required"],
    ["a proxy that refuses the cloud", "403 Forbidden"],
    ["a proxy that does not reach the cloud", "502 Bad Gateway"],
  ])("%s says which, sends nothing, and goes on when it is let through", async (_what, status) => {
    const [worker] = stage.workers;
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("refused");
    proxy.refuse(status);
    await stage.emitter.send(stage.command(id, server.id));
    const { data } = await stage.emitter.event(id, "waiting");
    expect(data).toMatchObject({ waits_for: "cloud-unavailable" });
    expect(data["detail"]).toContain(`proxy ${proxy.url}: it refused CONNECT to 127.0.0.1:`);
    expect(data["detail"]).toContain(`with ${status.slice(0, 3)}`);
    expect(stage.simulator.calls(server.id).server).toBe(0);
    await eventually(async () =>
      expect(await cloudDetail(worker?.httpUrl ?? "")).toMatch(
        new RegExp(`ecs: down, the API does not answer \\(proxy ${proxy.url}: `),
      ),
    );
    proxy.refuse(null);
    expect((await stage.emitter.outcome(id)).data["event"]).toBe("succeeded");
    expect((await stage.emitter.event(id, "submitted")).data["attempt"]).toBe(1);
    for (const one of stage.workers) expect(one.output()).not.toMatch(/p%40ss|p@ss/);
    await stage.audit([id]);
  });

  it("variables that it cannot read does not start, and names them all", async () => {
    const worker = await stage.spawnWorker([], {
      HTTPS_PROXY: "socks5://proxy.example.com:1080",
      no_proxy: "10.0.0.0/8,192.168.*",
      PREFETCH: "none",
    });
    expect(await worker.ended()).toMatch(/78/);
    expect(worker.output()).toMatch(/HTTPS_PROXY \(cloud\.proxy\): must be http:\/\/host:port/);
    expect(worker.output()).toMatch(/no_proxy \(cloud\.proxy\): entry 2 of 2 is none of/);
    expect(worker.output()).toMatch(/PREFETCH/);
  });
});
