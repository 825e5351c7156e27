import { describe, expect, it } from "vitest";
import type { ListLook } from "../../../src/core/server/observations.ts";
import { reinstall, view } from "./asking.ts";
import { type CloudRig, OTHER, RIGS } from "./rig.ts";
import { PROJECT, SERVER, signal } from "./setup.ts";

describe.each(RIGS)("a list of servers %s", (_name, rigs) => {
  const open = rigs();

  it("shows by its id whether something runs on each, and its system disk, as a look does", async () => {
    const rig = await open({ mark: "never" });
    const listed = await page(rig);
    expect(listed).toMatchObject({ listed: 2, total: 2 });
    expect([...listed.servers.keys()].toSorted()).toEqual([SERVER, OTHER]);
    const { status, taskState, systemDiskId } = await view(rig);
    expect(listed.servers.get(SERVER)).toEqual({ status, taskState, systemDiskId });
  });

  it("comes in pages from 1, the last one short or empty", async () => {
    const rig = await open();
    const first = await page(rig, 1, 1);
    const second = await page(rig, 2, 1);
    const ids = [first, second].flatMap(({ servers }) => [...servers.keys()]);
    expect(ids.toSorted()).toEqual([SERVER, OTHER]);
    expect([first.total, second.total]).toEqual([2, 2]);
    expect(await page(rig, 3, 1)).toMatchObject({ listed: 0, total: 2 });
    expect(await page(rig, 1, 1_000)).toMatchObject({ listed: 2 });
  });

  it("shows a server while it is reinstalled, and none that is deleted", async () => {
    const rig = await open();
    await reinstall(rig);
    expect((await page(rig)).servers.get(SERVER)).toMatchObject({ taskState: "rebuilding" });
    const gone = await open();
    gone.outsider("delete");
    const listed = await page(gone);
    expect(listed).toMatchObject({ listed: 1, total: 1 });
    expect(listed.servers.has(SERVER)).toBe(false);
  });

  it("is unreadable when no answer comes, and only then", async () => {
    const rig = await open();
    await rig.befall("list-unreadable");
    expect(await list(rig, 1, 10)).toMatchObject({
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
    });
    expect(await list(rig, 1, 10)).toMatchObject({ kind: "seen" });
  });
});

async function list(rig: CloudRig, number: number, limit: number): Promise<ListLook> {
  if (rig.api.list === undefined) throw new Error("no list");
  return rig.api.list(PROJECT, { page: number, limit }, signal());
}

/** A page that must be seen. */
async function page(rig: CloudRig, number = 1, limit = 25) {
  const answer = await list(rig, number, limit);
  if (answer.kind !== "seen") throw new Error(`not seen: ${JSON.stringify(answer)}`);
  return answer;
}
