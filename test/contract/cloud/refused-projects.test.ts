import { describe, expect, it } from "vitest";
import type { Credentials } from "../../../src/adapters/cloud/credentials/credentials.ts";
import { type ProjectId, ServerId } from "../../../src/contract/ids.ts";
import {
  DEFAULT_IAM_DOMAIN,
  DEFAULT_IAM_PASSWORD,
  DEFAULT_IAM_USER,
} from "../../../src/simulator/defaults.ts";
import { eventually } from "../../support/eventually.ts";
import { refusalsTogether } from "../../support/emitter/refusals-together.ts";
import { A, AUTH_OPEN_MS, B, manyProjects, more } from "./many-projects.ts";
import { cloudAt, REAL_CLOCK, signal, SIMULATED_KEYS } from "./setup.ts";

/*
 * Calls about one project that the cloud refuses with 401, though it takes those about others: a right that was taken away, a key
 * that was never given any there. Only that project waits. Where all are refused it is the key, and not more than before is sent.
 */

const USER: Credentials = {
  kind: "iam-user",
  username: () => DEFAULT_IAM_USER,
  password: () => DEFAULT_IAM_PASSWORD,
  domain: () => DEFAULT_IAM_DOMAIN,
};

const on = manyProjects();

const time = { passedMs: 0 };

function connect(changes: Parameters<typeof cloudAt>[1] & { authFailures?: number } = {}) {
  const { authFailures, ...settings } = changes;
  const { api, requests } = cloudAt(on.gateway.url, {
    projects: [A, B],
    clock: { ...REAL_CLOCK, monotonicMs: () => performance.now() + time.passedMs },
    credentials: SIMULATED_KEYS,
    breaker: { failures: 100, openMs: 30_000, authOpenMs: AUTH_OPEN_MS, authFailures },
    poolConnections: 40,
    ...settings,
  });
  on.apis.push(api);
  const id = ServerId.parse(on.cloud.addServer({ state: "SHUTOFF", projectId: A }).id);
  const look = (project: ProjectId) => api.look(project, id, signal());
  const credentials = () => api.standings().find(({ name }) => name === "credentials");
  const refused = () => requests.filter(({ outcome }) => outcome === "unauthenticated").length;
  /** Asks about one until the cloud has been asked about the other, which takes a moment. */
  const settled = async (project: ProjectId) => {
    await look(project);
    await eventually(() => credentials()?.state !== "down", { intervalMs: 5 });
  };
  return { api, requests, look, credentials, refused, settled };
}

describe.each([
  ["an access key", SIMULATED_KEYS],
  ["an IAM user", USER],
] as const)("one project whose calls are refused, with %s,", (_name, credentials) => {
  it.each([1, 2, 5])(
    "waits alone, where %i refusals stop everything: the others go on at once",
    async (authFailures) => {
      const {
        api,
        look,
        settled,
        credentials: standing,
        refused,
      } = connect({ credentials, authFailures });
      for (const project of [A, B]) await look(project);
      on.gateway.refuseCalls([B]);
      for (let round = 0; round < 4; round += 1) {
        await settled(B);
        expect(await look(A)).toMatchObject({ kind: "seen" });
        expect(api.state().auth).toBe("closed");
      }
      const before = refused();
      // With tokens each is tried twice: the one that it had may have died.
      expect(before).toBeLessThanOrEqual(4);
      for (let round = 0; round < 9; round += 1) {
        expect(await look(B)).toMatchObject({
          kind: "unreadable",
          heldBack: true,
          message: expect.stringMatching(
            /does not accept our credentials for this project, and does for another \(HTTP 401.*for project bbbb/,
          ),
        });
        expect(await look(A)).toMatchObject({ kind: "seen" });
        time.passedMs += 30_000;
      }
      expect(refused()).toBe(before);
      expect(standing()).toMatchObject({
        state: "up",
        cause: expect.stringMatching(/^but the cloud refuses them for project bbbb.*HTTP 401/),
      });
    },
  );

  it("comes back by itself, and without a command: by the worker's own question", async () => {
    const { api, look, settled, credentials: standing } = connect({ credentials });
    for (const project of [A, B]) await look(project);
    on.gateway.refuseCalls([B]);
    for (let round = 0; round < 3; round += 1) await settled(B);
    expect(standing()?.alone).toMatchObject([{ project: B }]);
    on.gateway.refuseCalls([]);
    await api.probe(A, signal());
    expect(standing()?.alone).toHaveLength(1);
    time.passedMs += AUTH_OPEN_MS + 61_000;
    await api.probe(A, signal());
    expect(standing()).toMatchObject({ state: "up", cause: null, alone: [] });
    expect(await look(B)).toMatchObject({ kind: "absent" });
  });

  it("is tried once in a pause, and stops nobody by that", async () => {
    const { api, look, settled, refused } = connect({ credentials });
    for (const project of [A, B]) await look(project);
    on.gateway.refuseCalls([B]);
    for (let round = 0; round < 3; round += 1) await settled(B);
    const before = refused();
    time.passedMs += AUTH_OPEN_MS + 61_000;
    for (let i = 0; i < 5; i += 1) await look(B);
    expect(refused() - before).toBeLessThanOrEqual(2);
    expect([api.state().auth, (await look(A)).kind]).toEqual(["closed", "seen"]);
  });

  it("costs one refusal where many calls about it are under way", async () => {
    const { api, look, credentials: standing } = connect({ credentials });
    for (let i = 0; i < 20; i += 1) for (const project of [A, B]) await look(project);
    on.gateway.refuseCalls([B]);
    await Promise.all(Array.from({ length: 20 }, () => look(B)));
    // Together they are no more than one: nothing was stopped, not for a moment.
    expect(api.state().auth).toBe("closed");
    await eventually(() => standing()?.state === "up");
    expect([api.state().auth, (await look(A)).kind]).toEqual(["closed", "seen"]);
  });

  it("goes on where it was refused by chance", async () => {
    const { look, settled, credentials: standing } = connect({ credentials });
    for (const project of [A, B]) await look(project);
    on.gateway.refuseCalls([B]);
    await settled(B);
    on.gateway.refuseCalls([]);
    expect(await look(B)).toMatchObject({ kind: "absent" });
    expect(standing()).toMatchObject({ state: "up", cause: null });
  });
});

describe("a key that is refused for all projects", () => {
  it.each([
    [1, 2],
    [2, 2],
    [3, 3],
  ])("stops everything, where %i refusals do so, after %i", async (authFailures, most) => {
    const { api, look, refused, credentials } = connect({ authFailures });
    for (const project of [A, B]) await look(project);
    on.gateway.refuseCalls([A, B]);
    for (let round = 0; round < 6; round += 1) {
      await Promise.all([A, B].map(look));
      time.passedMs += 1_100;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect([refused(), api.state().auth, credentials()?.state]).toEqual([most, "open", "down"]);
    expect(await look(A)).toMatchObject({
      message: expect.stringMatching(
        /^held back: the cloud does not accept our credentials \(HTTP 401/,
      ),
    });
    // Both are taken again: nobody has to do anything.
    on.gateway.refuseCalls([]);
    time.passedMs += AUTH_OPEN_MS;
    await eventually(async () => {
      time.passedMs += 1_100;
      const kinds = [(await look(A)).kind, (await look(B)).kind];
      return kinds.join() === "seen,absent";
    });
  });

  it("is not blamed at the start where the first project alone is refused", async () => {
    const { api, look, settled } = connect();
    on.gateway.refuseCalls([A]);
    await settled(A);
    expect(await look(B)).toMatchObject({ kind: "absent" });
    expect(api.state().auth).toBe("closed");
  });

  it.each([
    [1, 2],
    [2, 2],
    [4, 1],
    [4, 2],
  ])(
    "%i replicas, %i refusals stop all: not so often that it is locked",
    async (count, authFailures) => {
      const refusals = refusalsTogether(AUTH_OPEN_MS);
      const projects = [A, B, ...more];
      const replicas = Array.from({ length: count }, () =>
        connect({ authFailures, refusals, projects }),
      );
      for (const project of projects) for (const { look } of replicas) await look(project);
      on.gateway.refuseCalls(projects);
      for (let round = 0; round < 8; round += 1) {
        // As commands arrive: each replica has one in hand.
        await Promise.all(
          replicas.map(({ look }, index) => look(projects[(round + index) % 8] ?? A)),
        );
        await new Promise((resolve) => setTimeout(resolve, 20));
        time.passedMs += 1_100;
      }
      const refused = replicas.reduce((sum, one) => sum + one.refused(), 0);
      expect(refused).toBeLessThanOrEqual(5);
      expect(replicas.map(({ api }) => api.state().auth)).toEqual(replicas.map(() => "open"));
    },
  );
});

describe("replicas", () => {
  it.each([
    [2, 2],
    [4, 1],
    [4, 2],
  ])(
    "%i of them, %i refusals stop all: none stays stopped by one project",
    async (count, authFailures) => {
      const refusals = refusalsTogether(AUTH_OPEN_MS);
      const replicas = Array.from({ length: count }, () => connect({ authFailures, refusals }));
      for (const project of [A, B]) for (const { look } of replicas) await look(project);
      on.gateway.refuseCalls([B]);
      for (let round = 0; round < 6; round += 1) {
        // One of them has no command of that project: it only hears of the refusals.
        await Promise.all(replicas.slice(1).map(({ look }) => look(B)));
        await Promise.all(replicas.map(({ look }) => look(A)));
        await new Promise((resolve) => setTimeout(resolve, 50));
        time.passedMs += 1_100;
      }
      expect(replicas.map(({ api }) => api.state().auth)).toEqual(replicas.map(() => "closed"));
      const kinds = (await Promise.all(replicas.map(({ look }) => look(A)))).map(
        ({ kind }) => kind,
      );
      expect(kinds).toEqual(replicas.map(() => "seen"));
    },
  );
});

describe("replicas that start with a key that nothing has proven yet", () => {
  it.each([
    [2, 2, [A, B]],
    [4, 1, [A, B]],
    [4, 2, [A, B]],
    [4, 2, [A, B, ...more]],
  ])(
    "%i of them, %i refusals stop all: the first project is refused, and none stays stopped by it",
    async (count, authFailures, projects) => {
      const refusals = refusalsTogether(AUTH_OPEN_MS);
      on.gateway.refuseCalls([A]);
      const replicas = Array.from({ length: count }, () =>
        connect({ authFailures, refusals, projects }),
      );
      const states = () => replicas.map(({ credentials }) => credentials()?.state);
      // As the worker's own question does, without any command.
      await Promise.all(replicas.map(({ api }) => api.probe(A, signal())));
      await eventually(
        async () => {
          time.passedMs += 1_000;
          for (const { api } of replicas) api.settle();
          const unproven = replicas.filter(({ credentials }) => credentials()?.state !== "up");
          await Promise.all(unproven.map(({ api }) => api.probe(A, signal())));
          expect(states()).toEqual(replicas.map(() => "up"));
        },
        { timeoutMs: 5_000, intervalMs: 5 },
      );
      expect(replicas.map(({ api }) => api.state().auth)).toEqual(replicas.map(() => "closed"));
      const refused = replicas.reduce((sum, one) => sum + one.refused(), 0);
      expect(refused).toBeLessThanOrEqual(authFailures);
      for (const { look } of replicas) expect(await look(B)).toMatchObject({ kind: "absent" });
    },
  );
});
