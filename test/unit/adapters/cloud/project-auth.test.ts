import { describe, expect, it } from "vitest";
import { createAuth } from "../../../../src/adapters/cloud/credentials/auth.ts";
import type { AuthBreaker } from "../../../../src/adapters/cloud/credentials/auth-breaker.ts";
import type { AuthResult, Grant } from "../../../../src/adapters/cloud/credentials/auth-record.ts";
import { ALONE } from "../../../../src/adapters/cloud/credentials/shared-refusals.ts";
import type { CloudSettings } from "../../../../src/adapters/cloud/settings.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";

const projects = ["a", "b", "c"].map((one) => ProjectId.parse(one.repeat(32)));
const [A, B, C] = projects as [ProjectId, ProjectId, ProjectId];
const quiet = new AbortController().signal;
const GRANT: Grant = {
  identity: "key-1",
  sharedName: "name",
  proof: "key-1",
  isCurrent: () => true,
};

/** A cloud that refuses some projects, and what is asked of it beside the calls. */
function setUp(authFailures = 2) {
  const clock = { ms: 0 };
  const refused = new Set<ProjectId>();
  const asked: ProjectId[] = [];
  const answer = (project: ProjectId): AuthResult => (refused.has(project) ? "denied" : "proven");
  const breaker = { authFailures, authOpenMs: 300_000 };
  const credentials = { kind: "ak-sk" };
  const settings = { breaker, credentials, projects } as unknown as CloudSettings;
  const { auth } = createAuth(settings, {
    nowMs: () => clock.ms,
    names: () => ({ identity: "key-1", publicName: "name" }),
    refusals: ALONE,
    async ask(project, through) {
      if ((await pass(through, answer(project))) === "go") asked.push(project);
    },
  });

  async function pass(through: AuthBreaker, result: AuthResult) {
    const entry = await through.enter(GRANT, quiet);
    if (entry.kind === "go") entry.leave(result, `HTTP 401, for project ${A}`);
    return entry.kind;
  }

  const settled = () => new Promise((resolve) => setImmediate(resolve));
  async function call(project: ProjectId) {
    const kind = await pass(auth.of(project), answer(project));
    await settled();
    return kind;
  }
  return { clock, refused, asked, auth, call, settled };
}

describe("projects that are refused", () => {
  it("are asked about by another: that one is taken, and it stops nobody", async () => {
    const { refused, asked, auth, call } = setUp();
    for (const one of projects) await call(one);
    refused.add(B);
    expect(await call(B)).toBe("go");
    expect([asked, auth.state(), auth.alone()]).toEqual([[A], "closed", []]);
    // Once may be chance; the second time it is alone, and no question is needed.
    expect(await call(B)).toBe("go");
    expect([asked, auth.alone()]).toMatchObject([[A], [{ project: B }]]);
    expect([await call(B), await call(A), await call(C)]).toEqual(["wait", "go", "go"]);
  });

  it("wait where a question is due, and where one was refused", async () => {
    const { clock, refused, auth, call } = setUp(5);
    for (const one of projects) refused.add(one);
    const first = await auth.of(B).enter(GRANT, quiet);
    const second = auth.of(B).enter(GRANT, quiet);
    if (first.kind === "go") first.leave("denied", "HTTP 401");
    expect(await second).toMatchObject({
      kind: "wait",
      why: expect.stringContaining("asked about"),
    });
    expect(await call(B)).toBe("wait");
    expect(clock.ms).toBe(0);
  });

  it("are not asked about again for a pause, where the other was refused too", async () => {
    const { clock, refused, asked, auth, call } = setUp(5);
    for (const one of [A, B]) refused.add(one);
    await call(B);
    expect(asked).toEqual([A]);
    for (let i = 0; i < 5; i += 1) {
      clock.ms += 2_000;
      auth.settle();
      await call(B);
    }
    expect([asked, auth.state()]).toEqual([[A], "closed"]);
    clock.ms += 300_000;
    auth.settle();
    await call(C);
    expect(asked).toEqual([A, C]);
    // Taken: the others are refused, each by itself, and may try once more.
    expect([await call(A), await call(B), await call(A)]).toEqual(["go", "go", "wait"]);
  });

  it("stop everything when they are two, and nothing more is asked", async () => {
    const { clock, refused, asked, auth, call } = setUp();
    for (const one of projects) await call(one);
    for (const one of projects) refused.add(one);
    await call(B);
    expect([asked, auth.state()]).toEqual([[A], "open"]);
    for (let i = 0; i < 5; i += 1) {
      clock.ms += 2_000;
      auth.settle();
      expect(await Promise.all(projects.map(call))).toEqual(["wait", "wait", "wait"]);
    }
    expect(asked).toEqual([A]);
  });

  it("have one question beside, where one refusal stops everything", async () => {
    const { refused, asked, auth, call, settled } = setUp(1);
    for (const one of projects) await call(one);
    refused.add(B);
    await call(B);
    await settled();
    expect([asked, auth.state(), auth.alone()]).toMatchObject([[A], "closed", [{ project: B }]]);
    expect(await call(C)).toBe("go");
  });
});
