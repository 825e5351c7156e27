import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../../src/contract/event.ts";
import { contractFaults } from "../../support/emitter/event-contract.ts";

const EVENT = JSON.parse(
  readFileSync(new URL("../../contract/samples/event-rejected.json", import.meta.url), "utf8"),
) as ProgressEvent;

function withData(data: object): ProgressEvent {
  return { ...EVENT, data: { ...EVENT.data, ...data } };
}

describe("the judge of events in tests", () => {
  it("has nothing against a sample", () => {
    expect(contractFaults(EVENT)).toEqual([]);
  });

  it.each([
    ["data.more is not", withData({ more: 1 })],
    ["more is not", { ...EVENT, more: 1 }],
    [
      "data.problems.0.value is not",
      withData({ problems: [{ path: "", code: "c", message: "m", value: "v" }] }),
    ],
    ["data.problems", withData({ problems: [] })],
    ["data.project_id", withData({ project_id: 7 })],
    ["type", { ...EVENT, type: "ecs.reinstall.accepted.v1" }],
    ["time", { ...EVENT, time: "yesterday" }],
  ])("names what is wrong: %s", (said, event) => {
    const faults = contractFaults(event);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(said);
  });
});
