import { expect, it } from "vitest";
import type { AuditEntry } from "../../../../src/contract/audit.ts";
import { toOperatorEvent } from "../../../../src/core/messages/operator-event.ts";
import { PROJECT } from "../builders.ts";

const RESUMED: AuditEntry = {
  id: "a-1",
  number: 1,
  at: Date.UTC(2026, 10, 27, 10, 30),
  action: "resume",
  by: "ada",
  reason: "refresh",
  scope: "storm-asks",
};

const dataOf = (entry: AuditEntry) => toOperatorEvent("eu-west-0", PROJECT, entry).data;

it("says until when a storm is kept off, where it is", () => {
  const eightHours = { ...RESUMED, forMs: 8 * 3_600_000 };
  expect(dataOf(eightHours)).toMatchObject({ until: "2026-11-27T18:30:00.000Z" });
  expect(dataOf(RESUMED)).not.toHaveProperty("until");
});
