import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerId } from "../../../src/contract/ids.ts";
import type { FaultSpec } from "../../../src/simulator/faults/fault-schema.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { cloudAt, powerCall, PROJECT, signal, SIMULATED_KEYS, closedAfterEach } from "./setup.ts";

/*
 * Between us and the cloud stand gateways, firewalls and portals. What they say comes with any status; it is not the cloud's word,
 * and a cloud of which nobody else is heard is away.
 */

let cloud: Simulator;
const apis = closedAfterEach(() => cloud.reset());

beforeAll(async () => {
  cloud = await startSimulator({});
});
afterAll(() => cloud.close());

function connect() {
  const breaker = { failures: 3, openMs: 60_000, authOpenMs: 60_000 };
  const { api, requests } = cloudAt(cloud.url, { credentials: SIMULATED_KEYS, breaker });
  apis.push(api);
  const id = ServerId.parse(cloud.addServer({ state: "SHUTOFF" }).id);
  const ecs = () => api.standings().find(({ name }) => name === "ecs");
  return { api, requests, id, ecs, look: () => api.look(PROJECT, id, signal()) };
}

const PAGES: readonly (readonly [string, Omit<FaultSpec, "operation">])[] = [
  ["a page with 200", { status: 200, html: true }],
  ["a page with 403", { status: 403, html: true }],
  ["a page with 404", { status: 404, html: true }],
  ["a page with 410", { status: 410, html: true }],
  ["a redirect", { redirectTo: "https://portal.example/login" }],
  ["half an object", { truncatedJson: true }],
];

describe("where somebody else answers for the cloud, with", () => {
  it.each(PAGES)(
    "%s, it is down after as many as any failures, and says why",
    async (_n, fault) => {
      const { requests, ecs, look } = connect();
      cloud.faults.set({ operation: "any", ...fault });
      for (let i = 0; i < 3; i += 1) expect(await look()).toMatchObject({ kind: "unreadable" });
      expect(ecs()).toMatchObject({
        state: "down",
        cause: expect.stringMatching(/^the API only answers with errors \(HTTP [234]/),
      });
      expect(requests.map(({ outcome }) => outcome)).toEqual(["error", "error", "error"]);
      expect(await look()).toMatchObject({ message: expect.stringContaining("held back") });
      expect(cloud.calls().server).toBe(3);
    },
  );

  it.each(PAGES)("%s, to a reinstall: nothing is known of it", async (_name, fault) => {
    const { api, id, ecs } = connect();
    cloud.faults.set({ operation: "reinstall", executed: true, ...fault });
    const signing = await api.sign(PROJECT, id, { keyname: "k", userid: "u" }, signal());
    if (signing.kind !== "signed") throw new Error("not signed");
    expect(await signing.request.send(signal())).toMatchObject({ kind: "unknown" });
    expect(ecs()?.state).not.toBe("down");
  });

  it("%s now and then, it is up: one answer of its own is enough", async () => {
    const { ecs, look } = connect();
    for (let i = 0; i < 4; i += 1) {
      cloud.faults.set({ operation: "server", status: 200, html: true, times: 2 });
      for (let n = 0; n < 3; n += 1) await look();
    }
    expect(ecs()?.state).toBe("up");
  });
});

describe("the cloud's own words", () => {
  it("are none of somebody else: a missing server, an empty answer, a refusal", async () => {
    const { api, id, ecs } = connect();
    const nobody = ServerId.parse("00000000-0000-4000-8000-000000000000");
    cloud.faults.set({ operation: "stop", status: 202, emptyBody: true });
    for (let i = 0; i < 4; i += 1) {
      expect(await api.look(PROJECT, nobody, signal())).toMatchObject({ kind: "absent" });
      await api.stop(PROJECT, id, "SOFT", powerCall());
    }
    cloud.faults.set({ operation: "server", error: "Pdp.0001" });
    for (let i = 0; i < 4; i += 1) {
      expect(await api.look(PROJECT, id, signal())).toMatchObject({ kind: "refused" });
    }
    expect(ecs()?.state).toBe("up");
  });
});
