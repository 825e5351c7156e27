import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { asEvent, createFollowed, heardEvent } from "../../../src/client/followed.ts";
import type { ReinstallEvent } from "../../../src/contract/event-data.ts";
import { ReinstallClientError } from "../../../src/client/failure.ts";

const ID = "heal-2026-11-23-web-01";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const PROJECT = "0123456789abcdef0123456789abcdef";

/** A sample of an event; its data changed. */
function sample(name: string, data: object = {}, id?: string): ReinstallEvent {
  const file = new URL(`../../contract/samples/event-${name}.json`, import.meta.url);
  const event = JSON.parse(readFileSync(file, "utf8")) as ReinstallEvent;
  return { ...event, id: id ?? event.id, data: { ...event.data, ...data } } as ReinstallEvent;
}

const follow = (project?: string) => createFollowed(ID, SERVER, project);

describe("what ends a command", () => {
  it.each([
    "succeeded",
    "failed",
    "unresolved",
    "rejected",
    "superseded",
    "expired",
    "cancelled",
    "planned",
    "quarantined",
  ])("%s", (name) => {
    const one = follow();
    one.take(sample(name));
    expect(one.result).toMatchObject({ kind: "ended", outcome: name, leader: undefined });
  });

  it.each(["accepted", "waiting", "joined", "stopping", "starting", "submitted", "progress"])(
    "not %s",
    (name) => {
      const one = follow();
      one.take(sample(name));
      expect([one.result, one.events.length]).toEqual([null, 1]);
    },
  );

  it("of another one, that it joined", () => {
    const one = follow();
    one.take(sample("succeeded", { leader: "other" }));
    expect(one.result).toMatchObject({ kind: "ended", leader: "other" });
  });

  it("a duplicate only when the original has ended", () => {
    const alias = { command_id: `${ID}~abc`, reused_command_id: ID };
    const one = follow();
    one.take(sample("duplicate", alias, "a/1"));
    expect(one.result).toBeNull();
    const original = { phase: "watch", outcome: "failed", job_id: null, updated_at: "" };
    one.take(sample("duplicate", { ...alias, original }, "a/2"));
    expect(one.result).toMatchObject({ kind: "ended-before", outcome: "failed" });
  });

  it("an answer that the id is another command's", () => {
    const one = follow();
    one.take(sample("rejected", { command_id: `${ID}~abc`, reused_command_id: ID }));
    expect(one.result).toMatchObject({ kind: "id-reused" });
  });

  it("the first of two: nothing follows a final event", () => {
    const one = follow();
    one.take(sample("failed"));
    one.take(sample("succeeded", {}, `${ID}/99`));
    expect(one.result).toMatchObject({ outcome: "failed" });
  });
});

describe("settled", () => {
  it("comes after unresolved, and changes nothing of it", () => {
    const one = follow();
    one.take(sample("unresolved"));
    expect(one.settled).toBeNull();
    one.take(sample("settled"));
    expect(one.settled).toMatchObject({ kind: "settled", as: "reinstalled" });
    expect(one.result).toMatchObject({ kind: "ended", outcome: "unresolved" });
  });
});

describe("whose an event is", () => {
  it("is told by the id, and by the project where it is known", () => {
    expect(follow().take(sample("accepted", { command_id: "other" }))).toBe(false);
    expect(follow(PROJECT).take(sample("accepted"))).toBe(true);
    expect(follow(PROJECT).take(sample("accepted", { project_id: "f".repeat(32) }))).toBe(false);
    expect(follow(PROJECT).take(sample("rejected", { project_id: null }))).toBe(true);
  });

  it("is kept once, however often it comes", () => {
    const one = follow();
    one.take(sample("accepted"));
    one.take(sample("accepted"));
    expect(one.events).toHaveLength(1);
  });

  it.each([
    ["no JSON", "{"],
    ["no event", '{"data":{}}'],
    [
      "an event that only later versions know",
      JSON.stringify(sample("accepted")).replaceAll('"event":"accepted"', '"event":"rebooted"'),
    ],
    [
      "a name that every object has",
      JSON.stringify(sample("accepted")).replaceAll('"event":"accepted"', '"event":"constructor"'),
    ],
  ])("is nobody's where it is %s", (_what, text) => {
    expect(heardEvent(Buffer.from(text))).toBeNull();
  });

  it("keeps members that later versions add", () => {
    expect(asEvent(sample("accepted", { newer: 1 }))?.data).toMatchObject({ newer: 1 });
  });
});

describe("who waits", () => {
  it("hears of an event, of a break, and of the caller's signal", async () => {
    const one = follow();
    const changed = one.changed(undefined);
    one.take(sample("accepted"));
    await changed;
    const broke = one.changed(undefined);
    one.breakOff(new ReinstallClientError("closed", "closed"));
    await broke;
    expect(one.broken?.code).toBe("closed");
    const aborting = new AbortController();
    const waiting = one.changed(aborting.signal);
    aborting.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(one.changed(aborting.signal)).rejects.toThrow("enough");
  });

  it("can have a refused command sent again under its id", () => {
    const one = follow();
    one.take(sample("rejected"));
    one.again();
    expect(one.result).toBeNull();
    one.take(sample("rejected"));
    expect(one.result).toBeNull();
    one.take(sample("succeeded"));
    expect(one.result).toMatchObject({ outcome: "succeeded" });
  });
});
