import { describe, expect, it } from "vitest";
import { createRefusedProjects } from "../../../../src/adapters/cloud/credentials/refused-projects.ts";
import { ProjectId } from "../../../../src/contract/ids.ts";

const [A, B, C] = ["a", "b", "c"].map((one) => ProjectId.parse(one.repeat(32))) as [
  ProjectId,
  ProjectId,
  ProjectId,
];

function setUp(configured: readonly ProjectId[] = [A, B], aloneAfter = 2) {
  const clock = { ms: 0 };
  const options = { aloneAfter, pauseMs: 300_000 };
  const refused = createRefusedProjects(configured, options, () => clock.ms);
  refused.see("key-1");
  return { clock, refused };
}

describe("projects that are refused", () => {
  it("are suspects until another is taken: it is the key, or the project", () => {
    const { refused } = setUp();
    refused.refused(B, "no");
    expect([refused.suspects(), refused.isRefusedBeside(B), refused.alone()]).toEqual([
      [B],
      false,
      [],
    ]);
    refused.taken(A);
    expect([refused.suspects(), refused.isRefusedBeside(B)]).toEqual([[], true]);
  });

  it("are left alone at the second refusal in a row, for the pause and a minute, and no other is", () => {
    const { clock, refused } = setUp();
    refused.refused(B, "no");
    refused.taken(A);
    expect([refused.isAlone(B), refused.waitMs(B)]).toEqual([false, 0]);
    refused.refused(B, "no again");
    expect(refused.alone()).toEqual([{ project: B, why: "no again" }]);
    clock.ms = 359_999;
    expect([refused.waitMs(B), refused.waitMs(A)]).toEqual([1, 0]);
    clock.ms = 360_000;
    expect(refused.waitMs(B)).toBe(0);
    refused.taken(B);
    expect([refused.alone(), refused.why(B)]).toEqual([[], null]);
  });

  it("are left alone at the first where one refusal stops all", () => {
    const { refused } = setUp([A, B], 1);
    refused.refused(B, "no");
    expect(refused.isAlone(B)).toBe(false);
    refused.taken(A);
    expect(refused.isAlone(B)).toBe(true);
  });

  it("are suspects where another replica was refused for them, unless more is known here", () => {
    const { refused } = setUp();
    refused.heard(C, "of a replica with other projects");
    expect(refused.suspects()).toEqual([]);
    for (let i = 0; i < 3; i += 1) refused.heard(B, "no");
    expect([refused.suspects(), refused.why(B), refused.witness()]).toEqual([[B], "no", A]);
    refused.taken(A);
    refused.heard(B, "no");
    expect([refused.suspects(), refused.isRefusedBeside(B), refused.alone()]).toEqual([
      [],
      true,
      [],
    ]);
  });

  it("are not alone where all are refused, however often", () => {
    const { refused } = setUp();
    for (let i = 0; i < 4; i += 1) for (const one of [A, B]) refused.refused(one, "no");
    expect([refused.suspects(), refused.alone(), refused.witness()]).toEqual([[A, B], [], null]);
  });

  it("have another for a witness: one that was taken before, else any that was not refused", () => {
    const { refused } = setUp([A, B, C]);
    refused.refused(A, "no");
    expect(refused.witness()).toBe(B);
    refused.taken(C);
    expect(refused.witness()).toBe(C);
    refused.refused(C, "no");
    expect(refused.witness()).toBe(B);
  });

  it("are forgotten with the credentials that they were refused for", () => {
    const { refused } = setUp();
    refused.refused(B, "no");
    refused.taken(A);
    refused.refused(B, "no");
    refused.see("key-1");
    expect(refused.isAlone(B)).toBe(true);
    refused.see("key-2");
    expect([refused.isAlone(B), refused.witness()]).toEqual([false, A]);
  });
});
